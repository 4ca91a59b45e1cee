package desk

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cordboard/audio"
	"cordboard/gateway/auth"
	"cordboard/gateway/call"
	"cordboard/gateway/sdp"
	"cordboard/gateway/signaling"
)

// patient is how long a test waits for what must come.
const patient = 20 * time.Second

// office is a SIP server whose users all have a phone in this process.
type office struct {
	t      *testing.T
	srv    *signaling.Server
	media  *fakeMedia
	phones map[string]*Phone
	cards  map[string]*fakeCard
}

// newOffice starts a server, and a phone for each user.
func newOffice(t *testing.T, names ...string) *office {
	t.Helper()
	o := &office{t: t, media: &fakeMedia{voices: map[string]*fakeVoice{}}, phones: map[string]*Phone{}, cards: map[string]*fakeCard{}}
	var users []auth.User
	for i, n := range names {
		u, err := auth.NewUser(n, strings.ToUpper(n), fmt.Sprint(101+i), "password-of-"+n)
		if err != nil {
			t.Fatal(err)
		}
		users = append(users, u)
	}
	log := slog.New(slog.DiscardHandler) // the server may say a last word after its end
	srv, err := signaling.New(signaling.Config{Name: "Test", Domain: "office.example", Version: "test"}, signaling.Deps{
		Users: auth.Static(users), Ephemeral: auth.Ephemeral{Secrets: [][]byte{[]byte("0123456789abcdef")}, Hash: crypto.SHA1},
		Digest: auth.NewDigest([]byte("digest secret of test")), Sessions: auth.Sessions{Secret: []byte("session secret of test")}, Media: o.media,
	}, log)
	if err != nil {
		t.Fatal(err)
	}
	o.srv = srv
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := srv.Run(ctx); err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	phonesStop := func() {}
	t.Cleanup(func() {
		phonesStop()
		cancel()
		running.Wait()
	})
	phones, stop := context.WithCancel(context.Background())
	var ringing sync.WaitGroup
	phonesStop = func() { stop(); ringing.Wait() }
	for _, n := range names {
		card := &fakeCard{}
		p := New(Config{Domain: "office.example", Version: "test"}, Deps{
			Attach: func(user string) (Line, error) { return srv.Attach(user) },
			Owner:  func(context.Context) (string, string, error) { return n, strings.ToUpper(n), nil },
			Voice:  o.media.voice, Card: card,
		}, log.With("phone", n))
		o.phones[n], o.cards[n] = p, card
		ringing.Go(func() { _ = p.Run(phones) })
		o.await(n, "ready", func(s call.DeskState) bool { return s.Ready })
	}
	return o
}

// await waits until the state of somebody's phone is as wanted, and gives it.
func (o *office) await(name, what string, ok func(call.DeskState) bool) call.DeskState {
	o.t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), patient)
	defer stop()
	var s call.DeskState
	news := o.phones[name].Watch(ctx)
	for {
		select {
		case s = <-news:
			if ok(s) {
				return s
			}
		case <-ctx.Done():
			o.t.Fatalf("%s: not %s; is %+v", name, what, s)
		}
	}
}

// with waits until somebody has a call with peer as wanted, and gives it.
func (o *office) with(name, peer, what string, ok func(call.DeskCall) bool) call.DeskCall {
	o.t.Helper()
	var found call.DeskCall
	o.await(name, what+" with "+peer, func(s call.DeskState) bool {
		for _, c := range s.Calls {
			if c.Peer == peer && ok(c) {
				found = c
				return true
			}
		}
		return false
	})
	return found
}

func (o *office) in(name, peer string, state call.State) call.DeskCall {
	o.t.Helper()
	return o.with(name, peer, string(state), func(c call.DeskCall) bool { return c.State == state })
}

// up lets one call the other, who answers, and gives the call as each sees it.
func (o *office) up(from, to string) (made, taken call.DeskCall) {
	o.t.Helper()
	o.must(first(o.phones[from].Call(to)))
	o.must(o.phones[to].Answer(o.in(to, from, call.Ringing).ID))
	made, taken = o.in(from, to, call.Talking), o.in(to, from, call.Talking)
	o.quiet(from, to)
	return made, taken
}

// quiet waits until the phones have told all that there is to tell.
func (o *office) quiet(names ...string) {
	o.t.Helper()
	eventually(o.t, "nothing is under way", func() bool {
		for _, n := range names {
			p := o.phones[n]
			p.mu.Lock()
			busy := slices.ContainsFunc(p.calls, func(c *conversation) bool { return c.state != call.Ended && !c.settled() })
			p.mu.Unlock()
			if busy {
				return false
			}
		}
		return true
	})
}

func first(_ string, err error) error { return err }

func (o *office) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

// says checks that what one says into the microphone is heard, or not, by the call of that leg.
func (o *office) says(name string, want bool, c call.DeskCall) {
	o.t.Helper()
	o.phones[name].mu.Lock()
	i := slices.IndexFunc(o.phones[name].calls, func(x *conversation) bool { return x.id == c.ID })
	voice := o.phones[name].calls[i].voice.(*fakeVoice)
	o.phones[name].mu.Unlock()
	said := []int16{1000, 2000}
	frame := make([]int16, audio.CardFrame)
	copy(frame, said)
	deadline := time.Now().Add(patient)
	for {
		voice.reset()
		if o.cards[name].capture(frame) && voice.hears(said) == want || !want && !o.cards[name].open() {
			return
		}
		if time.Now().After(deadline) {
			o.t.Fatalf("%s in call with %s: heard = %v, want %v", name, c.Peer, !want, want)
		}
		time.Sleep(time.Millisecond)
	}
}

// fakeCard is a card without sound.
type fakeCard struct {
	mu      sync.Mutex
	talk    audio.Duplex
	rings   int
	refuses error
	missing bool
}

func (c *fakeCard) Devices() ([]audio.Device, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.missing {
		return nil, nil
	}
	return []audio.Device{{Name: "headset", Purpose: audio.Microphone}, {Name: "headset", Purpose: audio.Loudspeaker}}, nil
}

func (c *fakeCard) Talk(d audio.Duplex) (func(), error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refuses != nil {
		return nil, c.refuses
	}
	c.talk = d
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.talk = nil
	}, nil
}

func (c *fakeCard) Ring(func([]int16)) (func(), error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rings++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.rings--
	}, nil
}

func (c *fakeCard) open() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.talk != nil
}

func (c *fakeCard) ringing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rings > 0
}

func (c *fakeCard) capture(frame []int16) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.talk == nil {
		return false
	}
	c.talk.Play(make([]int16, audio.CardFrame))
	c.talk.Capture(frame)
	return true
}

// play gives what the loudspeaker would sound; nil when the card is closed.
func (c *fakeCard) play() []int16 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.talk == nil {
		return nil
	}
	frame := make([]int16, audio.CardFrame)
	c.talk.Play(frame)
	return frame
}

func (*fakeCard) Choose(audio.Purpose, string) error { return nil }
func (*fakeCard) Mute(bool)                          {}
func (*fakeCard) Gain(audio.Purpose, float64) error  { return nil }
func (*fakeCard) Levels() audio.Levels               { return audio.Levels{} }
func (*fakeCard) State() string                      { return "" }

// fakeVoice is the sound of a leg: it keeps what it was told.
type fakeVoice struct {
	mu     sync.Mutex
	told   []int16
	heard  func(rune)
	closed bool
	media  *fakeMedia
	label  string
}

func (v *fakeVoice) Capture(frame []int16) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.told = slices.Clone(frame)
}

func (v *fakeVoice) Play(frame []int16) { clear(frame) }

func (v *fakeVoice) reset() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.told = nil
}

func (v *fakeVoice) hears(said []int16) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.told) >= len(said) && slices.Equal(v.told[:len(said)], said)
}

// Digit gives the key to all others of the call.
func (v *fakeVoice) Digit(digit rune, _ time.Duration) error {
	v.media.press(v.label, digit)
	return nil
}

func (v *fakeVoice) Close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return errors.New("closed twice")
	}
	v.closed = true
	return nil
}

// fakeMedia hands descriptions from one leg to the other, with a label for each.
type fakeMedia struct {
	mu     sync.Mutex
	voices map[string]*fakeVoice
	calls  map[string][]string // legs by call
	faults []string
}

func (m *fakeMedia) voice(label string, heard func(rune)) (Voice, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v := &fakeVoice{heard: heard, media: m, label: label}
	m.voices[label] = v
	return v, nil
}

func (m *fakeMedia) press(label string, digit rune) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, legs := range m.calls {
		if !slices.Contains(legs, label) {
			continue
		}
		for _, leg := range legs {
			if v := m.voices[leg]; v != nil && leg != label {
				v.heard(digit)
			}
		}
	}
}

// relabel writes a description for a leg.
func (m *fakeMedia) relabel(id string, to call.Party, text []byte) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if to.Profile != sdp.PCM {
		m.faults = append(m.faults, "profile "+to.Profile.String())
	}
	if m.calls == nil {
		m.calls = map[string][]string{}
	}
	if !slices.Contains(m.calls[id], to.Leg) {
		m.calls[id] = append(m.calls[id], to.Leg)
	}
	var b strings.Builder
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "a=label:") {
			b.WriteString(line)
		}
	}
	return []byte(b.String() + "a=label:" + to.Leg + "\r\n"), nil
}

func (m *fakeMedia) Offer(_ context.Context, id string, _, to call.Party, offer []byte) ([]byte, error) {
	return m.relabel(id, to, offer)
}

func (m *fakeMedia) Answer(_ context.Context, id string, _, to call.Party, answer []byte) ([]byte, error) {
	return m.relabel(id, to, answer)
}

func (m *fakeMedia) Local(_ context.Context, id string, party call.Party, _ string, offer []byte) ([]byte, error) {
	return m.relabel(id, party, offer)
}

func (m *fakeMedia) Meet(context.Context, string, call.Party, call.Party, []byte) (toFirst, toParty []byte, err error) {
	return nil, nil, errors.ErrUnsupported
}

func (m *fakeMedia) Replace(_ context.Context, id, _ string, party call.Party, offer []byte) ([]byte, error) {
	return m.relabel(id, party, offer)
}

func (m *fakeMedia) Changes(string, call.Party, call.Party, []byte) bool { return true }

func (m *fakeMedia) Keep(_ context.Context, id string, from, _ call.Party, offer []byte) ([]byte, error) {
	return m.relabel(id, from, offer)
}

func (m *fakeMedia) Again(context.Context, string, call.Party, call.Party) ([]byte, error) {
	return nil, errors.ErrUnsupported
}

func (*fakeMedia) Wait(string, string, bool)                                        {}
func (*fakeMedia) Digit(context.Context, string, string, rune, time.Duration) error { return nil }
func (*fakeMedia) Picture(context.Context, string, string) error                    { return nil }
func (*fakeMedia) Save(string) ([]byte, error)                                      { return nil, errors.ErrUnsupported }
func (*fakeMedia) Restore(string, []byte) error                                     { return errors.ErrUnsupported }
func (*fakeMedia) Introduce(string, call.Party) error                               { return nil }
func (*fakeMedia) Reoffer(context.Context, string, string) ([]byte, error)          { return nil, io.EOF }
func (*fakeMedia) Reanswer(context.Context, string, string, []byte) error           { return nil }
func (*fakeMedia) Delete(string, string)                                            {}

// another is one more phone of a user's. Without a card it never gets ready.
func (o *office) another(name string, card *fakeCard) *Phone {
	o.t.Helper()
	p := New(Config{Domain: "office.example", Version: "test"}, Deps{
		Attach: func(user string) (Line, error) { return o.srv.Attach(user) },
		Owner:  func(context.Context) (string, string, error) { return name, strings.ToUpper(name), nil },
		Voice:  o.media.voice, Card: card,
	}, slog.New(slog.DiscardHandler))
	p.host = "other.invalid" // else it would be taken for the first one, which has come back
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = p.Run(ctx) })
	o.t.Cleanup(func() { cancel(); running.Wait() })
	eventually(o.t, "the second phone is ready", func() bool { s := p.State(); return s.Ready || card.missing && s.Problem != "" })
	return p
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patient); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not yet: %s", what)
		}
	}
}
