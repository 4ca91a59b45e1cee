//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// window is the client of the table of features that is worked by mouse and keyboard.
const window = "the window"

// buildWindow builds ./app with its window once.
var buildWindow = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(workshop, "cordboard-window")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", binary, "cordboard/app").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return binary, nil
})

// screen is a display of the test's own, without hardware and without a window manager.
type screen struct {
	t    *testing.T
	name string   // as DISPLAY has it
	env  []string // of the program whose window is on it, beside that
	args []string // that the program gets
}

// startScreen runs Xvfb until the test ends; it chooses a display that is free.
func startScreen(t *testing.T) *screen {
	t.Helper()
	program(t, "xdotool")
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatalf("start a screen: %v", err)
	}
	defer read.Close()
	cmd := exec.Command(program(t, "Xvfb"), "-displayfd", "3", "-screen", "0", "1280x800x24", "-nolisten", "tcp")
	cmd.ExtraFiles = []*os.File{write}
	start(t, "xvfb", cmd)
	write.Close()
	var number int
	if _, err := fmt.Fscan(read, &number); err != nil { // ends with Xvfb, too
		t.Fatalf("start a screen: Xvfb tells no display: %v", err)
	}
	return &screen{t: t, name: fmt.Sprintf(":%d", number)}
}

// does sends mouse and keyboard events, in xdotool's words, and gives what it prints.
func (s *screen) does(args ...string) (string, error) {
	cmd := exec.Command("xdotool", args...)
	cmd.Env = append(os.Environ(), "DISPLAY="+s.name)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// must fails the test when it can't be done.
func (s *screen) must(args ...string) string {
	s.t.Helper()
	out, err := s.does(args...)
	if err != nil {
		s.t.Fatalf("xdotool %q: %v\n%s", args, err, out)
	}
	return out
}

// fill waits for a window and makes it as large as the screen, with the pointer in it, where the keyboard works then.
func (s *screen) fill(title string) {
	s.t.Helper()
	id := ""
	eventually(s.t, patience, "window "+title, func() bool {
		out, err := s.does("search", "--onlyvisible", "--name", title)
		id, _, _ = strings.Cut(out, "\n")
		return err == nil && id != ""
	})
	s.must("windowsize", "--sync", id, "1280", "800", "windowmove", id, "0", "0", "mousemove", "640", "780")
}

// The window is worked by mouse and keyboard, while a phone at the PBX and the machine's devices tell what is heard.
func TestWindow(t *testing.T) {
	if _, err := buildWindow(); err != nil { // before the sound takes HOME, and Go's cache with it
		t.Fatalf("build the window: %v", err)
	}
	screen := startScreen(t)
	p := deskSound(t)
	k := startPBX(t, pbxOptions{})
	phone := startPhone(t, k, "201", phoneOptions{})
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice, bob}, PBX: extensionPBX(k), Extra: withDesk, On: screen})
	k.wantRegistered(t, "101", "102")
	d := openDesk(t, p, g, alice)
	screen.fill("Front office")
	run := func(name string, f func(*testing.T)) {
		if !t.Failed() {
			t.Run(name, f)
		}
	}
	run("calls by keyboard", func(t *testing.T) {
		proves(t, "Call out", window)
		proves(t, "DTMF (RFC 4733)", window)
		proves(t, "Hold and resume", window)
		phone.startOver()
		screen.must("type", "201")
		screen.must("key", "Return")
		phone.wantEvent(t, "CALL_INCOMING")
		phone.answer(t)
		d.with(t, "201", "talking")
		wantTone(t, "the phone", phone, toneDesk)
		wantTone(t, "the loudspeaker", d, tonePhone)
		screen.must("key", "7")
		phone.wantEvent(t, "CALL_DTMF_START")
		screen.must("key", "h")
		wantNoTone(t, "the loudspeaker", d, tonePhone)
		screen.must("key", "h")
		wantTone(t, "the loudspeaker", d, tonePhone)
		phone.hangUp(t)
		d.wantFree(t)
	})
	run("answers by space", func(t *testing.T) {
		proves(t, "Call in", window)
		phone.startOver()
		phone.dial(t, "101")
		d.with(t, "201", "ringing")
		screen.until(t, "key", "space", func() bool { return len(d.calls(t)) == 1 && d.calls(t)[0]["state"] == "talking" })
		phone.wantEvent(t, "CALL_ESTABLISHED")
		wantTone(t, "the phone", phone, toneDesk)
		phone.hangUp(t)
		d.wantFree(t)
	})
	run("declines by escape", func(t *testing.T) {
		phone.startOver()
		phone.dial(t, "101")
		d.with(t, "201", "ringing")
		screen.until(t, "key", "Escape", func() bool { return len(d.calls(t)) == 0 })
		phone.wantEvent(t, "CALL_CLOSED")
	})
	run("calls back by mouse", func(t *testing.T) {
		phone.startOver()
		screen.must("mousemove", "1100", "140") // the newest of the earlier calls
		screen.until(t, "click", "1", func() bool { return len(d.calls(t)) == 1 })
		phone.wantEvent(t, "CALL_INCOMING")
		phone.answer(t)
		wantTone(t, "the phone", phone, toneDesk)
		phone.hangUp(t)
		d.wantFree(t)
	})
	if text, err := os.ReadFile(filepath.Join(g.data, "window.json")); err == nil {
		t.Errorf("the window kept settings that nobody changed: %s", text)
	}
	g.stop()
	if out := g.output(); strings.Contains(out, "Fyne error") || g.err != nil {
		t.Errorf("the window ended with %v and said:\n%s", g.err, out)
	}
}

// until does something until it has worked: what the API tells is on the screen a moment later.
func (s *screen) until(t *testing.T, verb, what string, worked func() bool) {
	t.Helper()
	eventually(t, patience, verb+" "+what, func() bool {
		s.must(verb, what)
		return within(patience/8, worked)
	})
}
