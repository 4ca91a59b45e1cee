package gateway

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cordboard/audio"
	"cordboard/discovery"
	"cordboard/gateway/auth"
	"cordboard/gateway/call"
	"cordboard/gateway/signaling"
)

// judged compares a finding with what is wanted of it; "" stands for well.
func judged(t *testing.T, name string, got Finding, text, do string) {
	t.Helper()
	if !strings.Contains(got.Text, text) || !strings.Contains(got.Do, do) || got.Well != (do == "") || got.Well != (got.Do == "") {
		t.Errorf("%s: %+v, want %q, to do %q", name, got, text, do)
	}
}

// hinted judges what is well, with what could be done.
func hinted(t *testing.T, name string, got Finding, text, do string) {
	t.Helper()
	if !got.Well || !strings.Contains(got.Text, text) || !strings.Contains(got.Do, do) {
		t.Errorf("%s: %+v, want %q, could do %q", name, got, text, do)
	}
}

func TestExaminePorts(t *testing.T) {
	held, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	cfg := loopback(t, "")
	cfg.Listen.HTTPS, cfg.Listen.RTP = held.Addr().String(), "31100-31103"
	judged(t, "a port in use", cfg.examinePorts()[0], "The HTTPS port "+held.Addr().String()+" is in use by another program (TCP).", "Set [listen] https in cordboard.toml to another port")
	cfg.Listen.HTTPS = "192.0.2.1:0"
	judged(t, "an address of another machine", cfg.examinePorts()[0], "is on an address that this machine does not have (TCP).", "Mend [listen] https")
}

func TestExamineCertificate(t *testing.T) {
	now := time.Now()
	leaf := func(from, until time.Duration, names ...string) *x509.Certificate {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		made := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(from), NotAfter: now.Add(until), DNSNames: names}
		der, err := x509.CreateCertificate(rand.Reader, made, made, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		read, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return read
	}
	const day = 24 * time.Hour
	own, files := Config{}, Config{}
	files.TLS.Cert = "server.pem"
	names := []string{"office.example", "pc.local"}
	for _, tt := range []struct {
		name     string
		leaf     *x509.Certificate
		err      error
		cfg      Config
		runs     bool
		text, do string
	}{
		{"none yet", nil, nil, own, false, "will be made", ""},
		{"own, ended, to be renewed", leaf(-9*day, -day, names...), nil, own, false, "will be made", ""},
		{"own, ended", leaf(-9*day, -day, names...), nil, own, true, "It ended on", "Renew it"},
		{"own", leaf(-day, 30*day, names...), nil, own, true, "good until", ""},
		{"own, other names", leaf(-day, 30*day, "pc.local"), nil, own, true, "It is not for office.example.", "start Cordboard again"},
		{"files, one of the names", leaf(-day, 30*day, "office.example"), nil, files, false, "good until", ""},
		{"files, none of the names", leaf(-day, 30*day, "other.example"), nil, files, false, "It is not for office.example, pc.local.", "for office.example"},
		{"files, soon over", leaf(-day, 3*day, "office.example"), nil, files, true, "It ends on", "Renew it"},
		{"files, not yet good", leaf(day, 30*day, "office.example"), nil, files, true, "only from", "clock"},
		{"no files", nil, os.ErrNotExist, files, false, "can't be used", "Mend [tls]"},
	} {
		judged(t, tt.name, examineCertificate(tt.leaf, tt.err, tt.cfg, names, nil, tt.runs), tt.text, tt.do)
	}
}

func TestExamineAccounts(t *testing.T) {
	cfg := loopback(t, `
[[pbx]]
name = "office"
uri = "sip:127.0.0.1:1"
[[pbx]]
name = "trunk"
uri = "sip:127.0.0.1:1"
mode = "trunk"
username = "t"
[[pbx]]
name = "other"
uri = "sip:127.0.0.1:1"
[[pbx]]
name = "peer"
uri = "sip:127.0.0.1:1"
mode = "peer"
[[user]]
name = "alice"
extension = "101"
pbx_password = "secret"
[[user]]
name = "bob"
pbx = "other"
pbx_username = "b"
pbx_password = "secret"
[[user]]
name = "carol"
extension = "103"
`)
	var got []string
	for _, a := range cfg.trials() {
		got = append(got, pbxOf(a.pbx.Name, a.user)+" as "+a.creds.Username)
	}
	if want := "PBX office, alice as 101; PBX trunk as t; PBX other, bob as b; PBX peer as "; strings.Join(got, "; ") != want {
		t.Errorf("tries %q, want %q", strings.Join(got, "; "), want)
	}
	a := account{pbx: signaling.PBX{Name: "office"}, user: "alice", creds: auth.Credentials{Username: "101"}}
	if got := remedy(call.TrialWrongPassword, a); got != "Set the right pbx_password in [[user]] alice." {
		t.Error(got)
	}
	for _, s := range []struct {
		status   signaling.PBXStatus
		text, do string
	}{
		{signaling.PBXStatus{Name: "office", State: "registered", Server: "udp:192.0.2.10:5060"}, "Registered at udp:192.0.2.10:5060.", ""},
		{signaling.PBXStatus{Name: "office", User: "alice", State: "wrong password", Detail: "office refuses the password of 101"}, "Wrong password: office refuses", "pbx_password in [[user]] alice"},
		{signaling.PBXStatus{Name: "office", State: "wrong password"}, "Wrong password.", "password in [[pbx]] office"},
		{signaling.PBXStatus{Name: "office", State: "unreachable", Detail: "no answer in 5 s"}, "Unreachable: no answer in 5 s.", "Check the PBX"},
		{signaling.PBXStatus{Name: "office", State: "registering"}, "Registering.", "Wait"},
	} {
		judged(t, s.status.State, examineStatus(s.status), s.text, s.do)
	}
}

// listed is a card that only lists its devices.
type listed struct {
	audio.Card
	devices []audio.Device
	err     error
	state   string
}

func (l listed) Devices() ([]audio.Device, error) { return l.devices, l.err }
func (l listed) State() string                    { return l.state }

func TestExamineSound(t *testing.T) {
	both := []audio.Device{{Name: "Mic", Purpose: audio.Microphone}, {Name: "Box", Purpose: audio.Loudspeaker, Default: true}}
	on := Audio{Enabled: true}
	for _, tt := range []struct {
		name     string
		cfg      Audio
		host     Host
		text, do string
	}{
		{"off", Audio{}, Host{}, "switched off", ""},
		{"good", on, Host{Card: listed{devices: both}}, `microphone "Mic", loudspeaker "Box"`, ""},
		{"missing", on, Host{Card: listed{devices: append(both, audio.Device{Name: "Bell", Purpose: audio.Ringer, Chosen: true, Missing: true})}}, `The ringer "Bell"`, "Plug it in"},
		{"hangs", on, Host{Card: listed{err: errors.New("no answer")}}, "does not answer", "Start PulseAudio"},
		{"broken", on, Host{Card: listed{devices: both, state: "The microphone is in use."}}, "The microphone is in use.", "another device"},
	} {
		judged(t, tt.name, examineSound(tt.cfg, tt.host), tt.text, tt.do)
	}
	hinted(t, "no card", examineSound(on, Host{NoCard: "this build has no sound."}), "This build has no sound. Browsers", "Plug a headset in")
	hinted(t, "no microphone", examineSound(on, Host{Card: listed{devices: both[1:]}}), "There is no microphone.", "Plug a headset in")
}

func TestExamineClock(t *testing.T) {
	now := built.AddDate(1, 0, 0)
	told := func(ahead time.Duration) map[string]call.Trial {
		return map[string]call.Trial{"office": {Date: now.Add(-ahead), At: now}}
	}
	judged(t, "nobody", examineClock(now, nil), "nothing nearby", "")
	judged(t, "right", examineClock(now, told(time.Minute)), "as the PBX has it", "")
	judged(t, "ahead", examineClock(now, told(time.Hour)), "1h0m0s ahead of that of the PBX office", "timedatectl")
	judged(t, "behind", examineClock(now, told(-time.Hour)), "1h0m0s behind", "timedatectl")
	judged(t, "1970", examineClock(time.Unix(0, 0), nil), "1970", "timedatectl")
}

func TestJudgeName(t *testing.T) {
	ours := []netip.Addr{netip.MustParseAddr("192.168.1.20")}
	other := []netip.Addr{ours[0], netip.MustParseAddr("192.168.1.21")}
	judged(t, "ours", judgeName("pc.local", ours, nil, ours, true), "leads here", "")
	judged(t, "another's too", judgeName("pc.local", other, nil, ours, true), "Another machine, 192.168.1.21", "another name")
	judged(t, "nobody's", judgeName("pc.local", nil, nil, ours, true), "Nobody answers", "5353")
	judged(t, "nobody's yet", judgeName("pc.local", nil, nil, ours, false), "is free", "")
	judged(t, "no network", judgeName("pc.local", nil, discovery.ErrNoMulticast, nil, true), "no network", "Connect")
}

func TestExamineFolder(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	judged(t, "there", examineFolder(dir), "can be written", "")
	judged(t, "to be made", examineFolder(filepath.Join(dir, "a", "b")), "will be made", "")
	judged(t, "a file", examineFolder(file), "is no folder", "--data")
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("made %v", left)
	}
}

// A gateway that runs has its ports, and knows how its PBXs are.
func TestExamineWhatRuns(t *testing.T) {
	dir := t.TempDir()
	cfg := loopback(t, "[audio]\nenabled = false\n[discovery]\nenabled = false\n[[pbx]]\nname = \"office\"\nuri = \"sip:127.0.0.1:1\"\nmode = \"peer\"\n")
	g, _ := start(t, cfg, dir)
	for _, f := range g.Examine(t.Context()) {
		if f.Well == strings.HasPrefix(f.What, "PBX") {
			t.Errorf("%+v", f)
		}
	}
}
