// Package recording decides which calls are recorded, and keeps the recordings: who may hear them, and for how long.
package recording

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"cordboard/gateway/auth"
	"cordboard/gateway/call"
)

// Take says how the media engine is to record a call.
type Take struct {
	Path     string
	Left     string
	Began    time.Time
	Announce bool
	Paused   bool
	Ended    func(error)
}

// Media records.
type Media interface {
	// Record records a call to a file, which may be there and goes on then; Ended is told when it has its name.
	Record(ctx context.Context, call string, t Take) error
	// Pause interrupts a recording, or lets it go on.
	Pause(call string, pause bool) error
	// Repair finishes a file that a crash has cut off; fs.ErrNotExist when there is nothing in it.
	Repair(path string) error
}

// Rules say when calls are recorded.
type Rules struct {
	Default string            // a mode
	Users   map[string]string // those that have one of their own
	PBXs    map[string]string // the same, by name
}

// mode is that of a call: never when anybody in it is never recorded, else always when anybody always is.
func (r Rules) mode(up call.Up) string {
	if up.Builtin || len(up.Users) == 0 {
		return Never
	}
	var modes []string
	own := func(modesOf map[string]string, names []string) {
		for _, name := range names {
			if m := modesOf[name]; m != "" {
				modes = append(modes, m)
			}
		}
	}
	own(r.Users, up.Users)
	own(r.PBXs, up.PBXs)
	if len(modes) == 0 {
		modes = append(modes, r.Default)
	}
	for _, m := range []string{Never, Always, Ask} {
		if slices.Contains(modes, m) {
			return m
		}
	}
	return Never
}

// Keeper records calls as the rules and their users say.
type Keeper struct {
	cfg   Config
	rules Rules
	dir   string
	media Media
	store call.Recordings
	log   *slog.Logger

	work chan *taped // calls to look at

	mu       sync.Mutex
	calls    map[string]*taped         // that are up
	before   map[string]call.Recording // that were not finished when the program started
	watchers map[*watcher]bool
}

// taped is a call that may be recorded.
type taped struct {
	id     string
	acting sync.Mutex // held while something is done about it; taken before Keeper.mu

	// guarded by Keeper.mu
	up     call.Up
	mode   string
	want   bool // it is to be recorded now
	over   bool
	failed bool
	kept   call.Recording // ID empty: not begun
}

// maxWork is how many calls wait to be looked at.
const maxWork = 4096

// New makes a keeper. Recordings that the last run left unfinished are made whole first.
func New(ctx context.Context, cfg Config, rules Rules, data string, media Media, store call.Recordings, log *slog.Logger) (*Keeper, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	if rules.Default == "" {
		rules.Default = Never
	}
	if cfg.Format == "" {
		cfg.Format = WAV
	}
	k := &Keeper{cfg: cfg, rules: rules, dir: cfg.dir(data), media: media, store: store, log: log, work: make(chan *taped, maxWork),
		calls: make(map[string]*taped), before: make(map[string]call.Recording), watchers: make(map[*watcher]bool)}
	unfinished, err := store.UnfinishedRecordings(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range unfinished {
		if err := k.repair(ctx, r); err != nil {
			log.Error("recording not repaired", "call", r.ID, "file", r.File, "error", err)
		}
	}
	return k, nil
}

// repair makes an unfinished recording whole. Its call may come back, and then it goes on.
func (k *Keeper) repair(ctx context.Context, r call.Recording) error {
	path := filepath.Join(k.dir, r.File)
	k.before[r.ID] = r
	switch err := k.media.Repair(path); {
	case err == nil:
		k.log.Warn("recording was cut off and is repaired", "call", r.ID, "file", r.File)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) { // nothing was in it, or it was taken away
		return k.store.ForgetRecording(ctx, r.ID)
	}
	if err != nil {
		return err
	}
	r.Ended = info.ModTime()
	return k.store.SaveRecording(ctx, r)
}

// Up says that a call is up, or that other parties are in it now. It never waits.
func (k *Keeper) Up(up call.Up) {
	k.mu.Lock()
	defer k.mu.Unlock()
	t := k.calls[up.ID]
	if t == nil {
		t = &taped{id: up.ID}
		k.calls[up.ID] = t
		if r, ok := k.before[up.ID]; ok { // it was up before a crash
			t.kept, t.want = r, !r.Paused
			t.kept.Ended = time.Now() // until it goes on
			delete(k.before, up.ID)
		}
	}
	t.up, t.mode = up, k.rules.mode(up)
	switch {
	case t.mode == Never:
		t.want = false
	case t.mode == Always && t.kept.ID == "":
		t.want = true
	}
	k.enqueue(t)
	k.tell(up.Users...)
}

// enqueue lets Run look at a call. The caller holds mu.
func (k *Keeper) enqueue(t *taped) {
	select {
	case k.work <- t:
	default:
		k.log.Error("call not recorded: too many wait", "call", t.id)
	}
}

// Change takes over whose calls are recorded, Default empty: Never, for calls that come up or change from now on, and of cfg whether they
// hear it and how long recordings are kept.
func (k *Keeper) Change(cfg Config, r Rules) {
	k.mu.Lock()
	defer k.mu.Unlock()
	r.Default = cmp.Or(r.Default, Never)
	k.rules = r
	k.cfg.Announce, k.cfg.Keep = cfg.Announce, cfg.Keep
}

// how is whether those who are recorded hear it, and how long recordings are kept.
func (k *Keeper) how() (announce bool, keep time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.cfg.Announce, time.Duration(cmp.Or(k.cfg.Keep, DefaultKeep))
}

// Over says that a call has ended. It never waits; the media engine finishes the file.
func (k *Keeper) Over(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if t := k.calls[id]; t != nil {
		t.over = true
		delete(k.calls, id)
	}
}

// Run looks after calls and deletes old recordings until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	k.sweep(ctx)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-sweep.C:
			k.sweep(ctx)
		case t := <-k.work:
			if err := k.settle(ctx, t, ""); err != nil {
				k.log.Warn("call not recorded", "call", t.id, "error", err)
			}
		}
	}
}

// settle makes a call recorded or not, as is wanted. by is who asks for it.
func (k *Keeper) settle(ctx context.Context, t *taped, by string) error {
	t.acting.Lock()
	defer t.acting.Unlock()
	k.mu.Lock()
	up, mode, want, over, kept := t.up, t.mode, t.want, t.over, t.kept
	k.mu.Unlock()
	if over || kept.ID == "" && !want {
		return nil
	}
	now := kept
	now.Users, now.Paused = up.Users, !want
	running := kept.ID != "" && kept.Ended.IsZero()
	var err error
	switch {
	case !running && want:
		if now, err = k.begin(ctx, t, up, mode, kept); err != nil {
			break
		}
		k.log.Info("recording", "call", up.ID, "file", now.File, "by", by)
	case running && kept.Paused != now.Paused:
		if err = k.media.Pause(up.ID, now.Paused); err == nil {
			k.log.Info("recording switched", "call", up.ID, "on", want, "by", by)
			err = k.store.SaveRecording(ctx, now)
		}
	case running:
		err = k.store.SaveRecording(ctx, now)
	default:
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil {
		t.want, t.failed = false, want
	} else {
		t.kept, t.failed = now, false
	}
	k.tell(up.Users...)
	return err
}

// begin begins to record, or goes on with what there is.
func (k *Keeper) begin(ctx context.Context, t *taped, up call.Up, mode string, kept call.Recording) (call.Recording, error) {
	r := kept
	if r.ID == "" {
		r = call.Recording{ID: up.ID, From: up.From, FromDisplay: up.FromDisplay, To: up.To, ToDisplay: up.ToDisplay,
			Began: time.Now().UTC(), Rule: mode == Always}
		r.File = r.Began.Format("2006-01-02T15-04-05Z") + "-" + r.ID + "." + k.cfg.Format
	}
	r.Ended, r.Paused, r.Users = time.Time{}, false, up.Users
	if err := os.MkdirAll(k.dir, 0o700); err != nil {
		return kept, err
	}
	if err := k.store.SaveRecording(ctx, r); err != nil { // first, so that no file is without its row
		return kept, err
	}
	announce, _ := k.how()
	take := Take{Path: filepath.Join(k.dir, r.File), Left: up.Left, Began: r.Began, Announce: announce,
		Ended: func(err error) { k.ended(t, r.ID, err) }}
	if err := k.media.Record(ctx, up.ID, take); err != nil {
		if kept.ID == "" {
			return kept, errors.Join(err, k.store.ForgetRecording(ctx, r.ID))
		}
		return kept, errors.Join(err, k.store.SaveRecording(ctx, kept))
	}
	return r, nil
}

// ended notes that a file is finished; fault is why before its call.
func (k *Keeper) ended(t *taped, id string, fault error) {
	t.acting.Lock()
	defer t.acting.Unlock()
	ctx := context.Background()
	r, err := k.store.Recording(ctx, id)
	if err == nil {
		r.Ended, r.Paused = time.Now().UTC(), false
		err = k.store.SaveRecording(ctx, r)
	}
	if err != nil {
		k.log.Error("end of recording not noted", "call", id, "error", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	t.kept, t.want, t.failed = r, false, fault != nil
	k.tell(t.up.Users...)
}

// Set switches the recording of a call that is up on or off, for a user who takes part or an administrator. Off, it pauses. A
// call that is recorded by rule only administrators switch. The error is call.ErrNoRecording for a call that is not up or none
// of the user's, call.ErrNotAllowed, or a fault.
func (k *Keeper) Set(ctx context.Context, id string, u auth.User, on bool) (call.RecordingState, error) {
	k.mu.Lock()
	t := k.calls[id]
	if t == nil || !u.Admin && !slices.Contains(t.up.Users, u.Name) {
		k.mu.Unlock()
		return call.RecordingState{}, call.ErrNoRecording
	}
	if !t.allowed(u) {
		k.mu.Unlock()
		return call.RecordingState{}, call.ErrNotAllowed
	}
	t.want = on
	k.mu.Unlock()
	err := k.settle(context.WithoutCancel(ctx), t, u.Name)
	k.mu.Lock()
	defer k.mu.Unlock()
	return t.state(u), err
}

// State is how it stands with the recording of a call, under the same conditions as Set.
func (k *Keeper) State(id string, u auth.User) (call.RecordingState, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	t := k.calls[id]
	if t == nil || !u.Admin && !slices.Contains(t.up.Users, u.Name) {
		return call.RecordingState{}, call.ErrNoRecording
	}
	return t.state(u), nil
}

func (t *taped) allowed(u auth.User) bool { return t.mode == Ask || t.mode == Always && u.Admin }

// state is the call as a user sees it. The caller holds the keeper's mu.
func (t *taped) state(u auth.User) call.RecordingState {
	begun := t.kept.ID != ""
	return call.RecordingState{ID: t.up.ID, Dialog: t.up.Dialogs[u.Name], On: begun && t.kept.Ended.IsZero() && !t.kept.Paused, Begun: begun,
		Allowed: t.allowed(u), Failed: t.failed}
}
