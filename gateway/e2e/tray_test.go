//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// The window starts hidden, with an icon in the tray that tells of calls and answers them, comes up when somebody calls, opens a page about
// the caller, and takes links from a second start.
func TestTray(t *testing.T) {
	binary, err := buildWindow() // before the sound takes HOME, and Go's cache with it
	if err != nil {
		t.Fatalf("build the window: %v", err)
	}
	screen, b := startScreen(t), startBus(t)
	b.serve("org.kde.StatusNotifierWatcher", "/StatusNotifierWatcher", tray{b})
	b.serve("org.freedesktop.Notifications", "/org/freedesktop/Notifications", bulletin{b})
	browser := t.TempDir() // what opens pages writes down which
	opened := filepath.Join(browser, "opened")
	if err := os.WriteFile(filepath.Join(browser, "xdg-open"), []byte("#!/bin/sh\necho \"$1\" >>"+opened+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	screen.env = []string{"DBUS_SESSION_BUS_ADDRESS=" + b.address, "PATH=" + browser + ":" + os.Getenv("PATH")}
	screen.args = []string{"--hidden"}
	p := deskSound(t)
	k := startPBX(t, pbxOptions{})
	phone := startPhone(t, k, "201", phoneOptions{})
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice, bob}, PBX: extensionPBX(k), On: screen,
		Extra: withDesk + "[window]\npop = \"https://crm.example/find?number={number}&to={to}\"\n\n"})
	k.wantRegistered(t, "101", "102")
	d := openDesk(t, p, g, alice)
	owner := receive(t, b.items, "icon in the tray")
	shown := func() bool {
		out, err := screen.does("search", "--onlyvisible", "--name", "Front office")
		return err == nil && out != ""
	}
	const quiet = "Do not disturb,Show Cordboard,,Quit"
	wants := func(words string) {
		t.Helper()
		got := ""
		if !within(patience, func() bool { got, _ = b.menu(owner); return got == words }) {
			t.Fatalf("the tray's menu is %s, want %s", got, words)
		}
	}
	wants(quiet)
	width, idle := b.icon(owner)
	if width < 32 || idle[0] != 0xFF {
		t.Errorf("the tray's icon is %d pixels wide, its ground %v", width, idle)
	}
	if shown() {
		t.Fatal("the window is there although it started hidden")
	}
	b.press(owner, "Do not disturb")
	wants("*" + quiet)
	b.press(owner, "*Do not disturb")
	wants(quiet)

	proves(t, "Call in", window)
	phone.dial(t, "101")
	d.with(t, "201", "ringing")
	if notice := receive(t, b.notices, "notification"); notice != "Incoming call: 201" {
		t.Errorf("notification %q", notice)
	}
	eventually(t, patience, "window that comes up", shown)
	wants("Answer,Decline,," + quiet)
	if _, ringing := b.icon(owner); ringing == idle {
		t.Error("the tray's icon is the same while it rings")
	}
	b.press(owner, "Answer")
	d.with(t, "201", "talking")
	phone.wantEvent(t, "CALL_ESTABLISHED")
	wants(quiet)
	screen.fill("Front office")
	screen.closes() // hides, and the call goes on
	d.with(t, "201", "talking")
	b.press(owner, "Show Cordboard")
	eventually(t, patience, "window again", shown)
	phone.hangUp(t)
	d.wantFree(t)
	eventually(t, patience, "page about the caller", func() bool {
		text, _ := os.ReadFile(opened)
		return string(text) == "https://crm.example/find?number=201&to=alice\n"
	})

	second := func(args ...string) (string, error) {
		cmd := exec.Command(binary, append([]string{"--data", g.data}, args...)...)
		cmd.Env = append(os.Environ(), "DISPLAY="+screen.name)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	proves(t, "Link of another program", window)
	phone.startOver()
	if out, err := second("sip:2-0-1@" + domain); err != nil || out != "Cordboard runs already. Its window takes 201@"+domain+".\n" {
		t.Fatalf("a second start with a link: %v\n%s", err, out)
	}
	screen.fill("Front office")
	if calls := d.calls(t); len(calls) > 0 {
		t.Fatalf("a link calls by itself: %v", calls)
	}
	screen.until(t, "key", "Return", func() bool { return len(d.calls(t)) == 1 })
	phone.wantEvent(t, "CALL_INCOMING")
	phone.answer(t)
	phone.hangUp(t)
	d.wantFree(t)
	b.press(owner, "Quit")
	select {
	case <-g.done:
	case <-time.After(patience):
		t.Fatal("it does not quit")
	}
	if out := g.output(); fyneFault(out) || g.err != nil {
		t.Errorf("the window ended with %v and said:\n%s", g.err, out)
	}
}

// receive waits for something.
func receive[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatalf("no %s", what)
		panic("not reached")
	}
}
