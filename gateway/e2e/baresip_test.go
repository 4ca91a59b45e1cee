//go:build e2e

package e2e

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cordboard/audio"
)

// phone is a baresip: a desk phone registered at the PBX.
type phone struct {
	*process
	*control
	number string
	dir    string
	pbx    *pbx
}

// phoneOptions are what tests vary about a phone. The zero value answers only
// when told and speaks PCMU and PCMA.
type phoneOptions struct {
	Name       string        // that its callees see; empty: none
	Answer     bool          // answers each call at once
	Tone       float64       // Hz; 0: tonePhone
	Talks      time.Duration // then it hangs up; 0: 3 minutes
	Codecs     []string      // in order of preference: "g722", "pcma", "pcmu"; empty: pcmu, pcma
	Packets    time.Duration // length of the sound in a packet that it sends and asks for; 0: 20 ms
	On         *machine      // that it runs on, behind a rough way; nil: this one
	Buffer     string        // packets that wait for late ones, least and most; empty: "1-5"
	Encryption string        // baresip's mediaenc: "srtp" (keys that need not be used), "srtp-mand", "dtls_srtp"; empty: none
}

// phoneCodecs maps baresip's names of codecs to the modules that hold them.
var phoneCodecs = map[string]string{"pcmu": "g711.so", "pcma": "g711.so", "g722": "g722.so"}

const phoneConfig = `poll_method		epoll
sip_listen		%[1]s
call_local_timeout	60
call_max_calls		4
audio_source		aufile,%[2]s
audio_player		aubridge,ear
audio_alert		aubridge,bell
audio_buffer		20-160
ausrc_srate		16000
auplay_srate		16000
rtp_ports		%[3]d-%[4]d
jitter_buffer_delay	%[9]s
module_path		%[8]s
%[5]smodule			sndfile.so
module			aufile.so
module			aubridge.so
module_tmp		account.so
module_app		menu.so
module_app		ctrl_tcp.so
ctrl_tcp_listen		%[6]s
snd_path		%[7]s
menu_bell		no
ringback_disabled	yes
`

// startPhone runs a phone and waits for its registration.
func startPhone(t *testing.T, k *pbx, number string, o phoneOptions) *phone {
	t.Helper()
	if o.Tone == 0 {
		o.Tone = tonePhone
	}
	if len(o.Codecs) == 0 {
		o.Codecs = []string{"pcmu", "pcma"}
	}
	var modules []string
	for _, codec := range o.Codecs {
		if line := "module			" + phoneCodecs[codec] + "\n"; !slices.Contains(modules, line) {
			modules = append(modules, line)
		}
	}
	if o.Encryption != "" {
		module, _, _ := strings.Cut(o.Encryption, "-")
		modules = append(modules, "module			"+module+".so\n")
	}
	answer, encryption, display := "manual", "", ""
	if o.Name != "" {
		display = fmt.Sprintf("%q ", o.Name)
	}
	if o.Encryption != "" {
		encryption = ";mediaenc=" + o.Encryption
	}
	if o.Answer {
		answer = "auto"
	}
	if o.Packets > 0 {
		encryption += fmt.Sprintf(";ptime=%d", o.Packets.Milliseconds())
	}
	p := &phone{number: number, dir: t.TempDir(), pbx: k}
	listen := freePorts(t, 2) // for SIP, and its neighbour for SIP over TLS
	sip, ctrl := listen[0], freePort(t)
	first, last := freeRange(t, 40)
	host, control := k.host, ctrl.addr()
	if o.On != nil {
		host, control = roughFar, fmt.Sprintf("%s:%d", o.On.addr(), ctrl.number)
		modules = append(modules, "net_interface		"+roughCard+"\n")
	}
	p.write(t, "config", fmt.Sprintf(phoneConfig, fmt.Sprintf("%s:%d", host, sip.number), toneFile(t, o.Tone, 16000, cmp.Or(o.Talks, 3*time.Minute)),
		first, last, strings.Join(modules, ""), control, p.dir, phoneModules(t), cmp.Or(o.Buffer, "1-5")))
	p.write(t, "accounts", fmt.Sprintf("%s<sip:%s@%s>;auth_user=%s;auth_pass=%s;answermode=%s;regint=60;audio_codecs=%s%s\n",
		display, number, k.addr(), number, pbxPassword(number), answer, strings.Join(o.Codecs, ","), encryption))
	p.write(t, "contacts", "")
	for _, held := range append(listen, ctrl) {
		held.release()
	}
	args := []string{program(t, "baresip"), "-f", p.dir, "-v"}
	cmd := exec.Command(args[0], args[1:]...)
	if o.On != nil {
		cmd = o.On.command(args...)
	}
	cmd.Env = append(os.Environ(), "HOME="+p.dir)
	p.process = start(t, "baresip-"+number, cmd)
	p.control = dialControl(t, control)
	k.wantRegistered(t, number)
	return p
}

// phoneModules is the folder of baresip's modules.
func phoneModules(t *testing.T) string {
	t.Helper()
	for _, pattern := range []string{"/usr/lib/baresip/modules", "/usr/lib/*/baresip/modules", "/usr/local/lib/baresip/modules"} {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return found[0]
		}
	}
	missing(t, "baresip's modules are not installed")
	return ""
}

func (p *phone) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
		t.Fatalf("write baresip's %s: %v", name, err)
	}
}

// startOver leaves events and recordings of earlier calls behind. Not for use
// within a call: its recording would be lost.
func (p *phone) startOver() {
	p.forget()
	files, _ := filepath.Glob(filepath.Join(p.dir, "dump-*.wav"))
	for _, file := range files {
		os.Remove(file)
	}
}

// dial calls a number at the PBX.
func (p *phone) dial(t *testing.T, number string) {
	t.Helper()
	p.command(t, "dial", p.pbx.uri(number))
}

func (p *phone) answer(t *testing.T) { t.Helper(); p.command(t, "accept", "") }

// hangUp ends the call, or refuses one that rings with 486.
func (p *phone) hangUp(t *testing.T) { t.Helper(); p.command(t, "hangup", "") }

// heard is the newest recording of what the phone's ear got; nothing when no
// sound arrives at the moment.
func (p *phone) heard(t *testing.T) sound {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(p.dir, "dump-*-dec.wav"))
	if len(files) == 0 {
		return sound{}
	}
	slices.SortFunc(files, func(a, b string) int {
		return modified(a).Compare(modified(b))
	})
	newest := files[len(files)-1]
	if time.Since(modified(newest)) > 500*time.Millisecond {
		return sound{}
	}
	file, err := os.Open(newest)
	if err != nil {
		t.Fatalf("read a recording: %v", err)
	}
	defer file.Close()
	samples, rate, channels, err := audio.ReadWAV(file)
	if err != nil {
		return sound{} // not yet begun
	}
	return sound{audio.Mono(samples, channels), rate}
}

func modified(path string) time.Time {
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}
