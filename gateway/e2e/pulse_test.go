//go:build e2e

package e2e

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cordboard/audio"
)

// pulse is a PulseAudio of the test's own, without hardware: what is played to a sink can be recorded from its monitor, and
// what is played to a microphone's feed is what that microphone hears.
type pulse struct {
	t       *testing.T
	dir     string // its socket, and the home of its clients
	proc    *process
	voice   *process      // who talks into the microphone, of plug
	latency time.Duration // that who plays and records asks for
	fast    float64       // by which its devices' clock is too fast, in millionths
}

// startPulse runs a PulseAudio without any device until the test ends.
func startPulse(t *testing.T) *pulse {
	t.Helper()
	return startFastPulse(t, 0)
}

// startFastPulse is startPulse with devices whose clock is fast by so many millionths: a second of the server's is as much shorter.
func startFastPulse(t *testing.T, fast float64) *pulse {
	t.Helper()
	program(t, "pulseaudio")
	program(t, "pactl")
	dir, err := os.MkdirTemp("", "pulse") // a socket's path must be short
	if err != nil {
		t.Fatalf("start pulseaudio: %v", err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p := &pulse{t: t, dir: dir, latency: 20 * time.Millisecond, fast: fast}
	p.start()
	return p
}

// start runs the server, again after kill; then it has no devices any more.
func (p *pulse) start() {
	p.t.Helper()
	socket := filepath.Join(p.dir, "native")
	os.Remove(socket)
	cmd := exec.Command(program(p.t, "pulseaudio"), "--system=false", "--daemonize=no", "--exit-idle-time=-1", "-n",
		"--use-pid-file=no", "--realtime=no", "--high-priority=no", "--log-level=error",
		"-L", "module-native-protocol-unix auth-anonymous=1 socket="+socket)
	cmd.Env = append(os.Environ(), p.env()...)
	if p.fast != 0 {
		cmd.Env = append(cmd.Env, "LD_PRELOAD="+faketime(p.t), fmt.Sprintf("FAKETIME=+0 x%.6f", 1+p.fast/1e6))
	}
	p.proc = start(p.t, "pulseaudio", cmd)
	eventually(p.t, 10*time.Second, "answer of PulseAudio", func() bool {
		_, err := p.try("info")
		return err == nil
	})
}

// faketime is the library that has a program's clocks run at another speed.
func faketime(t *testing.T) string {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
	if len(found) == 0 {
		missing(t, "libfaketime is not installed")
	}
	return found[0]
}

// kill ends the server at once, as a crash would.
func (p *pulse) kill() { p.proc.kill() }

// env is what a program needs in its environment to find this server and no other.
func (p *pulse) env() []string {
	return []string{"HOME=" + p.dir, "XDG_RUNTIME_DIR=" + p.dir, "PULSE_RUNTIME_PATH=" + p.dir, "PULSE_SERVER=unix:" + filepath.Join(p.dir, "native")}
}

// guard opens a door of the server's for who has its cookie, which nobody has, and gives its address. By the other door, its socket,
// everybody of the same account comes in.
func (p *pulse) guard() (address string) {
	p.t.Helper()
	door := freePort(p.t)
	door.release()
	p.pactl("load-module", "module-native-protocol-tcp", "listen=127.0.0.1", fmt.Sprint("port=", door.number), "auth-cookie="+filepath.Join(p.t.TempDir(), "cookie"))
	return fmt.Sprint("tcp:", door.addr())
}

// use makes this server that of programs the test starts, and of sound in the test's own process.
func (p *pulse) use() {
	p.t.Helper()
	if _, err := buildGateway(); err != nil { // while Go still finds its cache, which is in the home folder
		p.t.Fatal(err)
	}
	for _, pair := range p.env() {
		key, value, _ := strings.Cut(pair, "=")
		p.t.Setenv(key, value)
	}
}

func (p *pulse) try(args ...string) (string, error) {
	cmd := exec.Command("pactl", args...)
	cmd.Env = append(os.Environ(), p.env()...)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// pactl has the server do something and gives its answer.
func (p *pulse) pactl(args ...string) string {
	p.t.Helper()
	out, err := p.try(args...)
	if err != nil {
		p.t.Fatalf("pactl %v: %v: %s", args, err, out)
	}
	return out
}

// sink adds a loudspeaker, by which name it is chosen too. What is returned takes it away, by unload. Without norewinds a null
// sink that idles is up to 2 s ahead, and begins to sound as late.
func (p *pulse) sink(name string) (module string) {
	p.t.Helper()
	return p.pactl("load-module", "module-null-sink", "sink_name="+name, "rate=48000", "norewinds=1", "sink_properties=device.description="+name)
}

// microphone adds a microphone, which hears what is played to NAME_feed. What is returned takes it away, by unload.
func (p *pulse) microphone(name string) (module string) {
	p.t.Helper()
	feed := p.sink(name + "_feed")
	p.pactl("load-module", "module-remap-source", "source_name="+name, "master="+name+"_feed.monitor", "source_properties=device.description="+name)
	return feed // takes the source with it
}

func (p *pulse) unload(module string) {
	p.t.Helper()
	p.pactl("unload-module", module)
}

// pull takes a sink away by its name.
func (p *pulse) pull(name string) {
	p.t.Helper()
	for line := range strings.Lines(p.pactl("list", "short", "modules")) {
		if f := strings.Fields(line); slices.Contains(f, "sink_name="+name) {
			p.unload(f[0])
			return
		}
	}
	p.t.Fatalf("no sink %s to pull out", name)
}

// play sounds a tone of freq Hz, in pulses as toneFile's, at a sink until the process is stopped or the test ends.
func (p *pulse) play(sink string, freq float64) *process {
	p.t.Helper()
	return p.sound(sink, &pulses{tone: audio.NewTone(freq, 48000, 9000)})
}

// sound plays 16-bit samples at 48 kHz.
func (p *pulse) sound(sink string, samples io.Reader) *process {
	p.t.Helper()
	cmd := exec.Command(program(p.t, "pacat"), "--playback", "--raw", "--rate=48000", "--channels=1", "--format=s16le", fmt.Sprint("--latency-msec=", p.latency.Milliseconds()), "-d", sink)
	cmd.Env = append(os.Environ(), p.env()...)
	cmd.Stdin = samples
	return start(p.t, "pacat", cmd)
}

// pulses are an endless tone of 400 ms with pauses of 100 ms, as 16-bit little endian at 48 kHz.
type pulses struct {
	tone *audio.Tone
	at   int // samples
}

func (p *pulses) Read(b []byte) (int, error) {
	if len(b) < 2 {
		return 0, io.ErrShortBuffer
	}
	samples := make([]int16, min(len(b)/2, 4800))
	p.tone.Fill(samples)
	for i := range samples {
		if p.at++; p.at/4800%5 == 4 {
			samples[i] = 0
		}
	}
	n, err := binary.Encode(b, binary.LittleEndian, samples)
	return n, err
}

// tape records a source, as a sink's monitor; it is a listener.
type tape struct{ file string }

// record listens to a source until the test ends: "NAME.monitor" is what the sink NAME sounds.
func (p *pulse) record(source string) *tape {
	p.t.Helper()
	tape := &tape{file: filepath.Join(p.t.TempDir(), source+".raw")}
	p.copy(source, tape.file)
	return tape
}

// copy writes what a source hears to a file, or a pipe, as 16-bit samples at 48 kHz.
func (p *pulse) copy(source, file string) {
	p.t.Helper()
	cmd := exec.Command(program(p.t, "parec"), "--raw", "--rate=48000", "--channels=1", "--format=s16le", fmt.Sprint("--latency-msec=", p.latency.Milliseconds()), "-d", source, file)
	cmd.Env = append(os.Environ(), p.env()...)
	start(p.t, "parec", cmd)
}

func (a *tape) heard(t *testing.T) sound {
	t.Helper()
	raw, err := os.ReadFile(a.file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatalf("read what was recorded: %v", err)
	}
	samples := make([]int16, len(raw)/2)
	_, _ = binary.Decode(raw[:2*len(samples)], binary.LittleEndian, samples)
	return sound{samples: samples, rate: 48000}
}

// TestPulse shows that the sound path of other tests works by itself.
func TestPulse(t *testing.T) {
	p := startPulse(t)
	p.sink("loudspeaker")
	p.microphone("microphone")
	p.play("loudspeaker", toneAlice)
	p.play("microphone_feed", toneBob)
	wantTone(t, "the loudspeaker's monitor", p.record("loudspeaker.monitor"), toneAlice)
	wantTone(t, "the microphone", p.record("microphone"), toneBob)
}
