package signaling

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/call"
)

// Save implements Media: it says how often media of the call was asked for, so that it changes.
func (m *fakeMedia) Save(id string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return fmt.Appendf(nil, "%d", m.calls[id]), nil
}

// Restore implements Media.
func (m *fakeMedia) Restore(id string, state []byte) error {
	if m.broken {
		return errors.New("ports are in use")
	}
	return m.note(context.Background(), id)
}

// Introduce implements Media.
func (m *fakeMedia) Introduce(id string, party call.Party) error {
	return m.note(context.Background(), id)
}

// Reoffer implements Media.
func (m *fakeMedia) Reoffer(_ context.Context, id, leg string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.calls[id] == 0 {
		return nil, errors.New("unknown call")
	}
	if m.settled || !m.keyless && !slices.ContainsFunc(m.waits, func(w string) bool { return strings.HasPrefix(w, id+" "+leg) }) {
		return nil, nil // nobody waits for the PBX
	}
	return []byte("v=0 offered anew"), nil
}

// Reanswer implements Media.
func (m *fakeMedia) Reanswer(_ context.Context, id, leg string, answer []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answers = append(m.answers, string(answer))
	return nil
}

// fakeLive keeps calls in memory. Once dead it takes nothing more: that is what a crash leaves.
type fakeLive struct {
	mu     sync.Mutex
	dead   bool
	calls  map[string][]byte
	alive  time.Time
	writes int
}

func (l *fakeLive) write(f func()) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.dead {
		l.writes++
		f()
	}
	return nil
}

func (l *fakeLive) Keep(id string, state []byte) error {
	return l.write(func() { l.calls[id], l.alive = state, time.Now() })
}

func (l *fakeLive) Forget(id string) error    { return l.write(func() { delete(l.calls, id) }) }
func (l *fakeLive) Alive(now time.Time) error { return l.write(func() { l.alive = now }) }

func (l *fakeLive) Kept() (map[string][]byte, time.Time, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.calls), l.alive, nil
}

func (l *fakeLive) state(id string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.calls[id])
}

// lasting is a world whose server can crash.
type lasting struct {
	*world
	live *fakeLive
	cfg  Config
	deps Deps
}

func newLasting(t *testing.T, mode string) *lasting {
	t.Helper()
	w := &lasting{live: &fakeLive{calls: make(map[string][]byte)}}
	w.world = buildWorld(t, mode, func(cfg *Config, deps *Deps) {
		deps.Live = w.live
		w.cfg, w.deps = *cfg, *deps
	})
	w.start()
	return w
}

// crash ends the server without a word to anybody.
func (w *lasting) crash() {
	w.t.Helper()
	w.live.mu.Lock()
	w.live.dead = true
	w.live.mu.Unlock()
	s := w.srv
	s.mu.Lock()
	clear(s.legs)
	s.mu.Unlock()
	for _, p := range s.pbxes() {
		p.mu.Lock()
		regs := maps.Clone(p.regs)
		clear(p.regs)
		p.mu.Unlock()
		for _, r := range regs { // one that sent later would have sipgo open the port once more
			r.stop()
			<-r.done
		}
	}
	if err := s.closeSockets(); err != nil {
		w.t.Error(err)
	}
	w.stop()
}

// restart begins another server after crash, at the same port, with what is kept.
func (w *lasting) restart() {
	w.t.Helper()
	w.live = &fakeLive{calls: w.live.calls, alive: w.live.alive}
	w.world.media = &fakeMedia{broken: w.media.broken, settled: w.media.settled, keyless: w.media.keyless}
	w.world.kept = &fakeHistory{}
	w.deps.Live, w.deps.Media, w.deps.History = w.live, w.world.media, w.world.kept
	if at := w.srv.Addr(); at.IsValid() {
		w.cfg.Listen = at.String()
	}
	again := buildServer(w.t, w.cfg, w.deps)
	w.world.srv = again
	w.start()
}

// recorded waits for the record of the one call.
func (w *lasting) recorded() call.Record {
	w.t.Helper()
	eventually(w.t, "one record", func() bool { return len(w.kept.records()) == 1 })
	return w.kept.records()[0]
}

// again is a browser's program that connects anew: it kept its contact and its dialogs.
func (w *lasting) again(b *browser) *browser {
	w.t.Helper()
	c := w.dial(b.user, true)
	c.host = b.host
	return c
}

// comesBack takes the new offer for the call of res.
func (w *lasting) comesBack(b *browser, res *sip.Response) *sip.Request {
	w.t.Helper()
	offer := b.request(sip.INVITE)
	if got := string(offer.Body()); got != "v=0 offered anew" {
		w.t.Errorf("offer %q", got)
	}
	if offer.CallID().Value() != res.CallID().Value() || tagOf(w.t, offer.From().Params) != tagOf(w.t, res.To().Params) ||
		tagOf(w.t, offer.To().Params) != tagOf(w.t, res.From().Params) || offer.Contact().Address.User != res.Contact().Address.User {
		w.t.Errorf("the offer is of another dialog:\n%s", offer)
	}
	b.answer(offer, 200, "OK", "", "<sip:"+b.user+"@"+b.host+";transport=ws>", "v=0 of "+b.user+" again")
	b.request(sip.ACK)
	return offer
}
