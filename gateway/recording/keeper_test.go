package recording

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"cordboard/gateway/auth"
	"cordboard/gateway/call"
	"cordboard/gateway/store"
)

// engine is media that notes what it is asked for.
type engine struct {
	mu    sync.Mutex
	takes map[string]Take
	did   []string
	err   error // of Record
}

func (e *engine) Record(_ context.Context, id string, t Take) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err != nil {
		return e.err
	}
	e.did = append(e.did, "record "+id)
	e.takes[id] = t
	return os.WriteFile(t.Path+".part", []byte("sound"), 0o600)
}

func (e *engine) Pause(id string, pause bool) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.did = append(e.did, fmt.Sprintf("pause %s %v", id, pause))
	return nil
}

func (e *engine) Repair(path string) error {
	if err := os.Rename(path+".part", path); err != nil {
		return err
	}
	if b, err := os.ReadFile(path); err == nil && len(b) == 0 {
		return errors.Join(fs.ErrNotExist, os.Remove(path))
	}
	return nil
}

// end finishes a recording as the end of its call does.
func (e *engine) end(id string, fault error) {
	e.mu.Lock()
	t := e.takes[id]
	e.mu.Unlock()
	_ = os.Rename(t.Path+".part", t.Path)
	t.Ended(fault)
}

// bench is a keeper with a real store.
type bench struct {
	*Keeper
	t      *testing.T
	engine *engine
	store  *store.Store
	data   string
}

func newBench(t *testing.T, cfg Config, rules Rules) *bench {
	t.Helper()
	b := &bench{t: t, engine: &engine{takes: make(map[string]Take)}, data: t.TempDir()}
	b.start(cfg, rules)
	return b
}

// start begins the program, again.
func (b *bench) start(cfg Config, rules Rules) {
	b.t.Helper()
	if b.store != nil {
		b.store.Close()
	}
	var err error
	if b.store, err = store.Open(filepath.Join(b.data, "cordboard.db")); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { b.store.Close() })
	if b.Keeper, err = New(b.t.Context(), cfg, rules, b.data, b.engine, b.store, slog.New(slog.NewTextHandler(io.Discard, nil))); err != nil {
		b.t.Fatal(err)
	}
}

// work does what waits.
func (b *bench) work() {
	for {
		select {
		case t := <-b.Keeper.work:
			_ = b.settle(b.t.Context(), t, "")
		default:
			return
		}
	}
}

func (b *bench) wantDone(want ...string) {
	b.t.Helper()
	if got := b.engine.did; len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
		b.t.Errorf("the engine was asked to %q, want %q", got, want)
	}
	b.engine.did = nil
}

func (b *bench) wantState(u auth.User, id string, want call.RecordingState) {
	b.t.Helper()
	if got, err := b.State(id, u); err != nil || got != want {
		b.t.Errorf("state = %+v, %v, want %+v", got, err, want)
	}
}

var (
	alice = auth.User{Name: "alice"}
	bob   = auth.User{Name: "bob"}
	boss  = auth.User{Name: "boss", Admin: true}
)

func talk(id string, users ...string) call.Up {
	return call.Up{ID: id, From: users[0], To: "300", Users: users, Left: "leg", PBXs: []string{"office"}, Dialogs: map[string]string{users[0]: "dialog"}}
}

func TestRules(t *testing.T) {
	rules := Rules{Default: Ask, Users: map[string]string{"never": Never, "always": Always, "plain": ""}, PBXs: map[string]string{"recorded": Always, "open": Ask}}
	for _, tt := range []struct {
		up   call.Up
		want string
	}{
		{call.Up{Users: []string{"plain"}}, Ask},
		{call.Up{Users: []string{"plain"}, PBXs: []string{"recorded"}}, Always},
		{call.Up{Users: []string{"never", "always"}}, Never},
		{call.Up{Users: []string{"never"}, PBXs: []string{"recorded"}}, Never},
		{call.Up{Users: []string{"plain", "always"}}, Always},
		{call.Up{Users: []string{"always"}, PBXs: []string{"open"}}, Always},
		{call.Up{Users: []string{"always"}, Builtin: true}, Never},
		{call.Up{PBXs: []string{"recorded"}}, Never}, // nobody here
	} {
		if got := rules.mode(tt.up); got != tt.want {
			t.Errorf("%+v: %s, want %s", tt.up, got, tt.want)
		}
	}
	if got := (Rules{Default: Never}).mode(call.Up{Users: []string{"a"}}); got != Never {
		t.Errorf("by default %s", got)
	}
}

func TestAsked(t *testing.T) {
	b := newBench(t, Config{Announce: true}, Rules{Default: Ask})
	b.Up(talk("one", "alice"))
	b.work()
	b.wantDone()
	b.wantState(alice, "one", call.RecordingState{ID: "one", Dialog: "dialog", Allowed: true})
	if _, err := b.Set(t.Context(), "one", bob, true); !errors.Is(err, call.ErrNoRecording) {
		t.Errorf("a stranger: %v", err)
	}
	if _, err := b.Set(t.Context(), "none", alice, true); !errors.Is(err, call.ErrNoRecording) {
		t.Errorf("no such call: %v", err)
	}
	on := call.RecordingState{ID: "one", Dialog: "dialog", Allowed: true, On: true, Begun: true}
	if got, err := b.Set(t.Context(), "one", alice, true); err != nil || got != on {
		t.Errorf("switched on: %+v, %v, want %+v", got, err, on)
	}
	take := b.engine.takes["one"]
	if take.Left != "leg" || !take.Announce || filepath.Dir(take.Path) != filepath.Join(b.data, "recordings") || filepath.Ext(take.Path) != ".wav" {
		t.Errorf("taken as %+v", take)
	}
	off := on
	off.On = false
	if got, err := b.Set(t.Context(), "one", boss, false); err != nil || got.On || !got.Begun {
		t.Errorf("switched off: %+v, %v", got, err)
	}
	b.wantState(alice, "one", off)
	b.Set(t.Context(), "one", alice, true)
	b.wantDone("record one", "pause one true", "pause one false")

	// Bob takes over, and may hear it too, when it is whole.
	b.Up(talk("one", "bob"))
	b.work()
	if _, err := b.Set(t.Context(), "one", alice, false); !errors.Is(err, call.ErrNoRecording) {
		t.Errorf("who has left: %v", err)
	}
	if _, _, err := b.Open(t.Context(), alice, "one"); !errors.Is(err, call.ErrNoRecording) {
		t.Errorf("before its end: %v", err)
	}
	b.Over("one")
	b.engine.end("one", nil)
	for _, u := range []auth.User{alice, bob, boss} {
		list, err := b.List(t.Context(), u, time.Time{}, 10)
		if err != nil || len(list) != 1 || list[0].ID != "one" || list[0].Rule {
			t.Errorf("%s lists %+v, %v", u.Name, list, err)
		}
		_, f, err := b.Open(t.Context(), u, "one")
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	carol := auth.User{Name: "carol"}
	if list, err := b.List(t.Context(), carol, time.Time{}, 10); err != nil || len(list) != 0 {
		t.Errorf("a stranger lists %+v, %v", list, err)
	}
	if _, _, err := b.Open(t.Context(), carol, "one"); !errors.Is(err, call.ErrNoRecording) {
		t.Errorf("a stranger opens it: %v", err)
	}
	if err := b.Delete(t.Context(), carol, "one"); !errors.Is(err, call.ErrNoRecording) {
		t.Errorf("a stranger deletes it: %v", err)
	}
	if err := b.Delete(t.Context(), bob, "one"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(take.Path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file after it was deleted: %v", err)
	}
}

func TestAlways(t *testing.T) {
	b := newBench(t, Config{Format: Opus}, Rules{Default: Always})
	b.Up(talk("one", "alice"))
	b.work()
	b.wantDone("record one")
	b.wantState(alice, "one", call.RecordingState{ID: "one", Dialog: "dialog", On: true, Begun: true})
	if _, err := b.Set(t.Context(), "one", alice, false); !errors.Is(err, call.ErrNotAllowed) {
		t.Errorf("switched off by its user: %v", err)
	}
	if got, err := b.Set(t.Context(), "one", boss, false); err != nil || got.On {
		t.Errorf("switched off by an administrator: %+v, %v", got, err)
	}
	b.Up(talk("one", "bob")) // stays off
	b.work()
	b.wantDone("pause one true")
	b.Over("one")
	b.engine.end("one", nil)
	if err := b.Delete(t.Context(), alice, "one"); !errors.Is(err, call.ErrNotAllowed) {
		t.Errorf("deleted by its user: %v", err)
	}
	if err := b.Delete(t.Context(), boss, "one"); err != nil {
		t.Error(err)
	}
}

func TestNever(t *testing.T) {
	b := newBench(t, Config{}, Rules{})
	b.Up(talk("one", "alice"))
	b.work()
	for _, u := range []auth.User{alice, boss} {
		if _, err := b.Set(t.Context(), "one", u, true); !errors.Is(err, call.ErrNotAllowed) {
			t.Errorf("%s switches it on: %v", u.Name, err)
		}
	}
	b.wantDone()
}

func TestFaults(t *testing.T) {
	b := newBench(t, Config{}, Rules{Default: Ask})
	b.Up(talk("one", "alice"))
	b.engine.err = errors.New("no such leg")
	got, err := b.Set(t.Context(), "one", alice, true)
	if err == nil || got.On || !got.Failed {
		t.Errorf("when the engine refuses: %+v, %v", got, err)
	}
	if left, err := b.store.UnfinishedRecordings(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("left behind: %+v, %v", left, err)
	}
	b.engine.err = nil
	if got, err = b.Set(t.Context(), "one", alice, true); err != nil || !got.On || got.Failed {
		t.Errorf("again: %+v, %v", got, err)
	}
	b.engine.end("one", errors.New("disk full"))
	b.wantState(alice, "one", call.RecordingState{ID: "one", Dialog: "dialog", Begun: true, Allowed: true, Failed: true})
	if list, err := b.List(t.Context(), alice, time.Time{}, 10); err != nil || len(list) != 1 {
		t.Errorf("what was written before is listed as %+v, %v", list, err)
	}
}

// What a crash has cut off is whole again after the start, and goes on when its call comes back: as it was, on or off.
func TestCrash(t *testing.T) {
	cfg, rules := Config{}, Rules{Default: Ask}
	b := newBench(t, cfg, rules)
	for _, id := range []string{"on", "off", "gone", "empty"} {
		b.Up(talk(id, "alice"))
		b.Set(t.Context(), id, alice, true)
	}
	b.Set(t.Context(), "off", alice, false)
	began := b.engine.takes["on"].Began
	if err := os.Truncate(b.engine.takes["empty"].Path+".part", 0); err != nil {
		t.Fatal(err)
	}
	b.engine.did = nil

	b.start(cfg, rules)
	list, err := b.List(t.Context(), alice, time.Time{}, 10)
	if err != nil || len(list) != 3 {
		t.Errorf("after the crash: %+v, %v", list, err)
	}
	b.Up(talk("on", "alice"))
	b.Up(talk("off", "alice"))
	b.work()
	b.wantDone("record on")
	if take := b.engine.takes["on"]; !take.Began.Equal(began.Truncate(time.Millisecond)) {
		t.Errorf("it goes on from %v, want %v", take.Began, began)
	}
	b.wantState(alice, "off", call.RecordingState{ID: "off", Dialog: "dialog", Begun: true, Allowed: true})
	b.Set(t.Context(), "off", alice, true)
	b.wantDone("record off")
}

func TestSweep(t *testing.T) {
	b := newBench(t, Config{Keep: Age(48 * time.Hour)}, Rules{})
	b.Change(Config{Keep: Age(24 * time.Hour)}, Rules{})
	folder := filepath.Join(b.data, "recordings")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for id, age := range map[string]time.Duration{"old": 25 * time.Hour, "new": 23 * time.Hour} {
		at := time.Now().Add(-age)
		if err := b.store.SaveRecording(t.Context(), call.Recording{ID: id, File: id + ".wav", Began: at, Ended: at}); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, id+".wav"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b.sweep(t.Context())
	list, err := b.List(t.Context(), boss, time.Time{}, 10)
	files, _ := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil || len(list) != 1 || list[0].ID != "new" || len(files) != 1 {
		t.Errorf("left are %+v, %v, files %v", list, err, files)
	}
}

func TestWatch(t *testing.T) {
	b := newBench(t, Config{}, Rules{Default: Ask})
	b.Up(talk("one", "alice"))
	ctx, leave := context.WithCancel(t.Context())
	states := b.Watch(ctx, alice)
	want := func(on bool) {
		t.Helper()
		if s := <-states; s.ID != "one" || s.On != on || !s.Allowed {
			t.Errorf("told %+v, want on = %v", s, on)
		}
	}
	want(false)
	b.Up(talk("two", "bob")) // is not hers
	if _, err := b.Set(t.Context(), "one", alice, true); err != nil {
		t.Fatal(err)
	}
	want(true)
	leave()
	for range states {
	}
}

// Run looks after calls by itself.
func TestRun(t *testing.T) {
	b := newBench(t, Config{}, Rules{Default: Always})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- b.Run(ctx) }()
	states := b.Watch(ctx, alice)
	b.Up(talk("one", "alice"))
	for s := range states {
		if s.On {
			break
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestAge(t *testing.T) {
	for text, want := range map[string]time.Duration{"90d": 90 * 24 * time.Hour, "12h": 12 * time.Hour, "1h30m": 90 * time.Minute,
		"": 0, "0d": 0, "-1h": 0, "-1d": 0, "d": 0, "1.5d": 0, "99999d": 0, "forever": 0} {
		var a Age
		if err := a.UnmarshalText([]byte(text)); time.Duration(a) != want || (err == nil) != (want > 0) {
			t.Errorf("%q = %v, %v, want %v", text, time.Duration(a), err, want)
		}
	}
}

func TestConfig(t *testing.T) {
	for _, tt := range []struct {
		cfg Config
		ok  bool
	}{
		{Config{}, true}, {Config{Enabled: Ask, Format: Opus}, true}, {Config{Enabled: "sometimes"}, false}, {Config{Format: "mp3"}, false},
	} {
		if err := tt.cfg.Validate(); (err == nil) != tt.ok {
			t.Errorf("%+v: %v", tt.cfg, err)
		}
	}
	for folder, want := range map[string]string{"": "/data/recordings", "calls": "/data/calls", "/srv/calls": "/srv/calls"} {
		if got := (Config{Folder: folder}).dir("/data"); got != want {
			t.Errorf("folder %q is %s, want %s", folder, got, want)
		}
	}
}
