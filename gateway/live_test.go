package gateway

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"cordboard/audio"
	"cordboard/gateway/call"
	"cordboard/gateway/web"
)

// stillCard has devices that are never heard.
type stillCard struct{}

func (stillCard) Devices() ([]audio.Device, error) {
	return []audio.Device{{Purpose: audio.Loudspeaker, Name: "x"}, {Purpose: audio.Microphone, Name: "y"}}, nil
}
func (stillCard) Choose(audio.Purpose, string) error         { return nil }
func (stillCard) Talk(audio.Duplex) (stop func(), err error) { return func() {}, nil }
func (stillCard) Ring(func([]int16)) (stop func(), err error) {
	return func() {}, nil
}
func (stillCard) Mute(bool)                         {}
func (stillCard) Gain(audio.Purpose, float64) error { return nil }
func (stillCard) Levels() audio.Levels              { return audio.Levels{} }
func (stillCard) State() string                     { return "" }

// withCard runs a gateway whose machine has sound, with a configuration file.
func withCard(t *testing.T, text string) *Gateway {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ConfigName), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := Load(filepath.Join(dir, ConfigName))
	if err != nil {
		t.Fatal(err)
	}
	g, err := New(cfg, Host{Dir: dir, Version: "test", Page: fstest.MapFS{"index.html": {}}, Card: stillCard{}}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	return g
}

// takenOver has the gateway take changes over, all at once.
func takenOver(t *testing.T, g *Gateway, changes ...web.SettingsChange) {
	t.Helper()
	now, err := g.Settings()
	if err != nil {
		t.Fatal(err)
	}
	if done, err := g.Change(now.Version, changes); err != nil || len(done.Waiting) > 0 {
		t.Fatalf("changed: %+v, %v", done, err)
	}
}

// deskIs waits until the machine's phone is as wanted.
func deskIs(t *testing.T, g *Gateway, what string, ok func(call.DeskState) bool) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	var s call.DeskState
	for news := g.desk.Watch(ctx); ; {
		select {
		case s = <-news:
			if ok(s) {
				return
			}
		case <-ctx.Done():
			t.Fatalf("not %s, but %+v", what, s)
		}
	}
}

// talks says whether a call is up.
func talks(s call.DeskState) bool {
	return slices.ContainsFunc(s.Calls, func(c call.DeskCall) bool { return c.State == call.Talking })
}

// The machine becomes another user's at once, and during a call after it; calls are those of whose it was then.
func TestOwnerHoldsAtOnce(t *testing.T) {
	g := withCard(t, atHome+"[[user]]\nname = \"alice\"\n[[user]]\nname = \"bob\"\n")
	ctx := t.Context()
	ready := func(owner string) {
		t.Helper()
		deskIs(t, g, owner+"'s", func(s call.DeskState) bool { return s.Ready && s.Owner == owner })
		if now, err := g.Owner(ctx); now != owner || err != nil {
			t.Errorf("the owner is %q, %v, want %s", now, err, owner)
		}
	}
	ready("alice")
	takenOver(t, g, set("audio.owner", `"bob"`))
	ready("bob")
	if _, err := g.desk.Call("alice"); err != nil { // who has no phone now
		t.Fatal(err)
	}
	deskIs(t, g, "refused", func(s call.DeskState) bool { return len(s.Calls) == 1 && s.Calls[0].State == call.Ended })
	id, err := g.desk.Call("echo")
	if err != nil {
		t.Fatal(err)
	}
	deskIs(t, g, "in a call", func(s call.DeskState) bool { return talks(s) })
	takenOver(t, g, set("audio.owner", `"alice"`))
	if s := g.desk.State(); s.Owner != "bob" || !talks(s) {
		t.Errorf("during a call the phone is %+v", s)
	}
	if now, err := g.Owner(ctx); now != "bob" || err != nil {
		t.Errorf("during a call the owner is %q, %v", now, err)
	}
	if err := g.desk.HangUp(id); err != nil {
		t.Fatal(err)
	}
	ready("alice")
	deadline := time.Now().Add(20 * time.Second)
	all, err := g.History(ctx, "bob", 5)
	for ; err == nil && len(all) == 0 && time.Now().Before(deadline); all, err = g.History(ctx, "bob", 5) {
		time.Sleep(time.Millisecond)
	}
	if len(all) == 0 || all[0].From != "bob" {
		t.Errorf("bob's calls are %+v, %v", all, err)
	}
	// The first user of the file is the owner where none is named.
	takenOver(t, g, set("audio.owner", "null"), web.SettingsChange{Remove: "user[0]"})
	ready("bob")
}

// A new name is told at once: by the API, on the page of trust, at the start's greeting.
func TestNameHoldsAtOnce(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ConfigName), []byte(atHome), 0o600); err != nil {
		t.Fatal(err)
	}
	g, _ := fromFile(t, dir)
	takenOver(t, g, set("name", `"Reception"`))
	if hello := g.Greeting(); hello.Name != "Reception" || len(hello.Pages) == 0 {
		t.Errorf("greets with %+v", hello)
	}
	if status, text, _ := byControl(t, dir, "GET", "/api/v1/status", ""); status != 200 || !strings.Contains(text, `"name":"Reception"`) {
		t.Errorf("status: %d %s", status, text)
	}
	if status, text := newBrowser(t, g).ask(t, "/trust", nil); status != 200 || !strings.Contains(text, "Reception") {
		t.Errorf("page of trust: %d", status)
	}
}
