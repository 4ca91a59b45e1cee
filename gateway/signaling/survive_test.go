package signaling

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/auth"
	"cordboard/gateway/call"
	"cordboard/gateway/sdp"
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
	m.note(id)
	return nil
}

// Reoffer implements Media.
func (m *fakeMedia) Reoffer(_ context.Context, id, leg string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.calls[id] == 0 {
		return nil, errors.New("unknown call")
	}
	if m.settled {
		return nil, nil
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
	for _, p := range s.pbxes {
		p.mu.Lock()
		for _, r := range p.regs {
			r.stop()
		}
		clear(p.regs)
		p.mu.Unlock()
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
	w.world.media = &fakeMedia{broken: w.media.broken, settled: w.media.settled}
	w.world.kept = &fakeHistory{}
	w.deps.Live, w.deps.Media, w.deps.History = w.live, w.world.media, w.world.kept
	if at := w.srv.Addr(); at.IsValid() {
		w.cfg.Listen = at.String()
	}
	again := buildServer(w.t, w.cfg, w.deps)
	w.world.srv = again
	w.start()
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

// A browser that connects again and registers goes on with its call; so does the PBX.
func TestCallSurvivesACrash(t *testing.T) {
	w := newLasting(t, ModeExtension)
	alice := w.dial("alice", true)
	alice.register()
	ok, invite := w.up(alice)
	w.pbx.send(w.within("INFO", invite, 2, ""))
	before := alice.request(sip.INFO)
	alice.answer(before, 200, "OK", "", "", "")
	w.pbx.response(200, sip.INFO)
	id := w.srv.Calls()[0].ID
	state := w.live.state(id)
	for _, secret := range []string{"password", "pbx-101"} {
		if strings.Contains(state, secret) {
			t.Errorf("%q is in what is kept: %s", secret, state)
		}
	}
	w.crash()
	_ = alice.conn.CloseNow()
	w.restart()

	eventually(t, "the call as before", func() bool { return len(w.srv.Calls()) == 1 })
	if c := w.srv.Calls(); len(c) != 1 || c[0].ID != id || c[0].State != call.Talking || c[0].From != "alice" || c[0].To != "200" {
		t.Fatalf("calls = %+v, want the one as before", c)
	}
	w.pbx.send(w.within("UPDATE", invite, 9, "")) // finds its leg, though numbers were missed
	w.pbx.response(200, sip.UPDATE)
	w.pbx.send(w.within("INFO", invite, 10, ""))
	w.pbx.response(408, sip.INFO)

	again := w.again(alice)
	again.register()
	offer := w.comesBack(again, ok)
	if offer.CSeq().SeqNo <= before.CSeq().SeqNo {
		t.Errorf("CSeq %d after %d", offer.CSeq().SeqNo, before.CSeq().SeqNo)
	}
	leg := ok.Contact().Address.User
	w.wantWaits(id+" "+leg+" true", id+" "+leg+" false")
	again.send(again.within("INFO", ok, int(ok.CSeq().SeqNo)+7, ""))
	info := w.pbx.request(sip.INFO)
	if info.CSeq().SeqNo <= invite.CSeq().SeqNo || tagOf(t, info.To().Params) != "phone" || tagOf(t, info.From().Params) != tagOf(t, invite.From().Params) {
		t.Errorf("INFO to the PBX after INVITE %d:\n%s", invite.CSeq().SeqNo, info)
	}
	w.pbx.answer(info, 200, "OK", "", "", "")
	again.response(200, sip.INFO)
	w.pbx.send(w.within("BYE", invite, 11, ""))
	again.answer(again.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
	if states, _, _ := w.live.Kept(); len(states) > 0 {
		t.Errorf("still kept: %v", states)
	}
	if r := w.kept.records(); len(r) != 1 || r[0].ID != id || r[0].Reason != call.ReasonAnswered || r[0].Direction != call.Out {
		t.Errorf("recorded %+v", r)
	}
}

// A crash comes a second time, and nobody's numbers go back.
func TestCallSurvivesTwice(t *testing.T) {
	w := newLasting(t, ModeExtension)
	alice := w.dial("alice", true)
	alice.register()
	ok, _ := w.up(alice)
	last := uint32(0)
	for range 2 {
		w.crash()
		_ = alice.conn.CloseNow()
		w.restart()
		alice = w.again(alice)
		alice.register()
		offer := w.comesBack(alice, ok)
		if offer.CSeq().SeqNo <= last {
			t.Errorf("CSeq %d after %d", offer.CSeq().SeqNo, last)
		}
		last = offer.CSeq().SeqNo
	}
	alice.send(alice.within("BYE", ok, int(ok.CSeq().SeqNo)+1, ""))
	alice.response(200, sip.BYE)
	w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
}

// A client that does not register is back with its next request.
func TestRequestBringsALegBack(t *testing.T) {
	for _, method := range []string{"INFO", "INVITE"} {
		t.Run(method, func(t *testing.T) {
			w := newLasting(t, ModeExtension)
			alice := w.dial("alice", true)
			ok, _ := w.up(alice)
			w.media.settled = method == "INVITE" // its own offer brings new ICE and DTLS
			w.crash()
			w.restart()
			again := w.again(alice)
			seq := int(ok.CSeq().SeqNo) + 1
			if method == "INFO" {
				again.send(again.within("INFO", ok, seq, ""))
				w.pbx.answer(w.pbx.request(sip.INFO), 200, "OK", "", "", "")
				again.response(200, sip.INFO)
				w.comesBack(again, ok)
			} else {
				again.send(again.within("INVITE", ok, seq, "v=0 with new ICE"))
				w.pbx.answer(w.pbx.request(sip.INVITE), 200, "OK", "", "<sip:phone@"+w.pbx.addr()+">", "v=0 of phone")
				again.response(200, sip.INVITE)
				again.send(again.within("ACK", ok, seq, ""))
				w.pbx.request(sip.ACK)
			}
			eventually(t, "leg warm", func() bool { return len(w.media.waited()) == 2 })
			again.send(again.within("BYE", ok, seq+1, ""))
			again.response(200, sip.BYE)
			w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
			w.over()
		})
	}
}

// A page that was loaded again meanwhile takes over.
func TestTakeOverAfterACrash(t *testing.T) {
	w := newLasting(t, ModeExtension)
	alice := w.dial("alice", true)
	alice.register()
	ok, invite := w.up(alice)
	w.crash()
	_ = alice.conn.CloseNow()
	w.restart()
	again := w.dial("alice", true)
	again.register()
	replaces := "Replaces: " + ok.CallID().Value() + ";from-tag=" + tagOf(t, ok.From().Params) + ";to-tag=" + tagOf(t, ok.To().Params)
	again.send(again.build("INVITE", "sip:200@office.example", "<sip:200@office.example>", token(), token(), "v=0 after reload", replaces))
	taken := again.response(200, sip.INVITE)
	again.send(again.within("ACK", taken, int(taken.CSeq().SeqNo), ""))
	w.pbx.send(w.within("BYE", invite, 3, ""))
	again.answer(again.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
}

// Two browsers both come back, and a call to a built-in callee does too.
func TestBrowsersComeBack(t *testing.T) {
	t.Run("both", func(t *testing.T) {
		w := newLasting(t, "")
		alice, bob := w.dial("alice", true), w.dial("bob", true)
		bob.register()
		alice.invite("bob")
		atBob := bob.request(sip.INVITE)
		bob.answer(atBob, 200, "OK", "bob", "<sip:bob@"+bob.host+">", "v=0 of bob")
		ok := alice.response(200, sip.INVITE)
		alice.send(alice.within("ACK", ok, int(ok.CSeq().SeqNo), ""))
		bob.request(sip.ACK)
		w.crash()
		w.restart()
		alice, bob = w.again(alice), w.again(bob)
		alice.register()
		w.comesBack(alice, ok)
		bob.register()
		offer := bob.request(sip.INVITE)
		bob.answer(offer, 200, "OK", "", "<sip:bob@"+bob.host+">", "v=0 of bob again")
		bob.request(sip.ACK)
		alice.send(alice.within("BYE", ok, int(ok.CSeq().SeqNo)+1, ""))
		alice.response(200, sip.BYE)
		bob.answer(bob.request(sip.BYE), 200, "OK", "", "", "")
		w.over()
	})
	t.Run("echo", func(t *testing.T) {
		w := newLasting(t, "")
		alice := w.dial("alice", true)
		alice.invite("echo")
		ok := alice.response(200, sip.INVITE)
		alice.send(alice.within("ACK", ok, int(ok.CSeq().SeqNo), ""))
		eventually(t, "the call is up", func() bool { return w.srv.Calls()[0].State == call.Talking })
		w.crash()
		w.restart()
		alice = w.again(alice)
		alice.register()
		w.comesBack(alice, ok)
		alice.send(alice.within("BYE", ok, int(ok.CSeq().SeqNo)+1, ""))
		alice.response(200, sip.BYE)
		w.over()
	})
}

// A browser that has hung up meanwhile, or can't, ends the call.
func TestBrowserRefusesToComeBack(t *testing.T) {
	w := newLasting(t, ModeExtension)
	alice := w.dial("alice", true)
	w.up(alice)
	w.crash()
	w.restart()
	again := w.again(alice)
	again.register()
	busy := again.request(sip.INVITE)
	again.answer(busy, 491, "Request Pending", "", "", "") // its own offer is under way: asked again
	again.request(sip.ACK)
	gone := again.request(sip.INVITE)
	again.answer(gone, 481, "Call/Transaction Does Not Exist", "", "", "")
	w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
	again.answer(again.request(sip.BYE), 481, "Call/Transaction Does Not Exist", "", "", "")
	w.over()
	if r := w.kept.records(); len(r) != 1 || r[0].Reason != call.ReasonLost {
		t.Errorf("recorded %+v", r)
	}
}

// Calls that can't go on are ended at the PBX and recorded.
func TestCallDoesNotSurvive(t *testing.T) {
	for _, tt := range []struct {
		name    string
		meddle  func(*lasting)
		silence bool // nothing can be said to the PBX
	}{
		{"down for too long", func(w *lasting) { w.live.alive = w.live.alive.Add(-lostTime) }, false},
		{"clock went back", func(w *lasting) { w.live.alive = w.live.alive.Add(time.Hour) }, false},
		{"media can't be restored", func(w *lasting) { w.media.broken = true }, false},
		{"PBX is another", func(w *lasting) { w.cfg.PBX[0].Name = "new" }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newLasting(t, ModeExtension)
			alice := w.dial("alice", true)
			_, invite := w.up(alice)
			id := w.srv.Calls()[0].ID
			w.crash()
			tt.meddle(w)
			w.restart()
			if !tt.silence {
				bye := w.pbx.request(sip.BYE)
				if got := valueOf(bye, "Reason"); got != `SIP;cause=503;text="Cordboard was stopped"` || bye.CallID().Value() != invite.CallID().Value() {
					t.Errorf("Reason %s in\n%s", got, bye)
				}
				w.pbx.answer(bye, 200, "OK", "", "", "")
			}
			w.over()
			eventually(t, "recorded", func() bool { return len(w.kept.records()) == 1 })
			if r := w.kept.records()[0]; r.ID != id || r.Reason != call.ReasonStopped || r.By != "Cordboard" || r.Answered.IsZero() || r.From != "alice" {
				t.Errorf("recorded %+v", r)
			}
			if states, _, _ := w.live.Kept(); len(states) > 0 {
				t.Errorf("still kept: %v", states)
			}
		})
	}
}

// A call is written down once, when it is answered, and not before; when the server stops nothing is left of it.
func TestWhatIsKept(t *testing.T) {
	w := newLasting(t, ModeExtension)
	alice := w.dial("alice", true)
	alice.invite("200")
	invite := w.pbx.request(sip.INVITE)
	w.pbx.answer(invite, 180, "Ringing", "phone", "<sip:phone@"+w.pbx.addr()+">", "")
	alice.response(180, sip.INVITE)
	count := func() int {
		w.live.mu.Lock()
		defer w.live.mu.Unlock()
		return w.live.writes
	}
	if n := count(); n != 0 {
		t.Errorf("%d writes for a call that rings", n)
	}
	w.pbx.answer(invite, 200, "OK", "phone", "<sip:phone@"+w.pbx.addr()+">", "v=0 of phone")
	ok := alice.response(200, sip.INVITE)
	if n := count(); n != 1 {
		t.Errorf("%d writes when the caller hears of the answer, want 1", n)
	}
	alice.send(alice.within("ACK", ok, int(ok.CSeq().SeqNo), ""))
	w.pbx.request(sip.ACK)
	if n := count(); n != 1 {
		t.Errorf("%d writes for a call that is up, want 1", n)
	}
	w.pbx.send(strings.Replace(w.within("UPDATE", invite, 2, ""), "<sip:phone@", "<sip:moved@", 2))
	w.pbx.response(200, sip.UPDATE)
	if state := w.live.state(w.srv.Calls()[0].ID); !strings.Contains(state, `"target":"sip:moved@`) {
		t.Errorf("after the phone has moved: %s", state)
	}
	stopped := make(chan struct{})
	go func() { w.stop(); close(stopped) }()
	w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
	alice.answer(alice.request(sip.BYE), 200, "OK", "", "", "")
	<-stopped
	if states, _, _ := w.live.Kept(); len(states) > 0 {
		t.Errorf("kept after a stop: %v", states)
	}
}

// A leg is after a restart what it was, but for the number of its next request.
func TestLegIsRevived(t *testing.T) {
	uri := func(text string) sip.Uri {
		t.Helper()
		u, err := parseURI(text)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	s := &Server{}
	p := &pbx{cfg: PBX{Name: "office"}, srv: s}
	s.pbxes = []*pbx{p}
	host := netip.MustParseAddr("192.0.2.7")
	for _, l := range []*leg{
		{token: "t1", pbx: p, party: call.Party{Leg: "t1", Profile: sdp.RTP, Host: host}, callID: "id@[::1]",
			local:  address{`Alice "A" Doe`, uri("sip:101@192.0.2.1"), "here"},
			remote: address{"", uri("sip:%2B49;isub=3@192.0.2.7:5070;user=phone"), "there"},
			target: uri("sip:x@192.0.2.7:5090;transport=udp;ob"), routes: []sip.Uri{uri("sip:192.0.2.8;lr"), uri("sip:[2001:db8::1]:5062;lr;r2=on")},
			localSeq: 7, remoteSeq: 9, referrals: []referral{{4, 5}}, host: host},
		{token: "t2", user: "alice", party: call.Party{Leg: "t2", Profile: sdp.WebRTC, Host: host}, callID: "c",
			local: address{"", uri("sip:200@office.example"), "x"}, remote: address{"Alice", uri("sip:alice@office.example"), "y"},
			target: uri("sips:k3j2@p9.invalid;transport=ws"), localSeq: 1, remoteSeq: 2},
	} {
		l.srv, l.confirmed = s, true
		saved, ok := l.save()
		if !ok {
			t.Fatal("not saved")
		}
		got, err := s.reviveLeg(t.Context(), saved)
		if err != nil {
			t.Fatal(err)
		}
		again, ok := got.save()
		if saved.LocalSeq += seqJump; !ok || fmt.Sprintf("%+v", again) != fmt.Sprintf("%+v", saved) || got.pbx != l.pbx || got.host != l.host {
			t.Errorf("revived as %+v, saved as %+v", again, saved)
		}
		if l.pbx == nil && !got.flow.gone() {
			t.Error("has a flow")
		}
	}
	for _, broken := range []savedLeg{{PBX: "gone"}, {Target: "sip:x@y"}, {Local: savedAddress{URI: "sip:x@y"}, Remote: savedAddress{URI: "sip:x@y"}}} {
		if _, err := s.reviveLeg(t.Context(), broken); err == nil {
			t.Errorf("%+v is revived", broken)
		}
	}
}

// Many registrations that begin together come one after another.
func TestRegistrationsAreSpread(t *testing.T) {
	w := newWorld(t, ModeExtension)
	p := w.srv.pbxes[0]
	w.pbx.contact("101")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	users, _ := w.srv.deps.Users.List(ctx)
	want := make(map[string]auth.Credentials)
	for _, u := range users {
		want[u.Name] = u.PBX
	}
	for i := range 2 * atOnce {
		name := fmt.Sprint("user", i)
		want[name] = auth.Credentials{Username: fmt.Sprint(300 + i), Password: "x"}
	}
	p.register(ctx, want)
	p.mu.Lock()
	var turns []time.Duration
	for user, r := range p.regs {
		if strings.HasPrefix(user, "user") {
			turns = append(turns, r.turn)
		}
	}
	p.mu.Unlock()
	slices.Sort(turns)
	if len(turns) != 2*atOnce || turns[atOnce-1] != 0 || turns[2*atOnce-1] != (atOnce-1)*registerEvery {
		t.Errorf("turns %v", turns)
	}
	for i := range 2 * atOnce {
		w.pbx.contact(fmt.Sprint(300 + i))
	}
}

// A client whose connection broke, while we lived, is back with its registration; its media went on all the time.
func TestRegistrationBringsALegBack(t *testing.T) {
	w := newLasting(t, ModeExtension)
	alice := w.dial("alice", true)
	alice.register()
	ok, _ := w.up(alice)
	id, leg := w.srv.Calls()[0].ID, ok.Contact().Address.User
	_ = alice.conn.CloseNow()
	w.wantWaits(id + " " + leg + " true")
	stranger := w.dial("alice", true) // another program of hers
	stranger.register()
	again := w.again(alice)
	again.register()
	w.wantWaits(id+" "+leg+" true", id+" "+leg+" false")
	again.send(again.within("BYE", ok, int(ok.CSeq().SeqNo)+1, ""))
	again.response(200, sip.BYE)
	w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
}

// What writing a call down costs, but for the disk.
func BenchmarkKeep(b *testing.B) {
	s := &Server{deps: Deps{Live: &fakeLive{calls: make(map[string][]byte)}, Media: &fakeMedia{}}}
	uri := sip.Uri{Scheme: "sip", User: "someone", Host: "office.example"}
	leg := func() *leg {
		return &leg{srv: s, token: token(), confirmed: true, local: address{uri: uri, tag: token()}, remote: address{uri: uri, tag: token()}, target: uri}
	}
	c := &bridge{id: token(), srv: s, log: slog.New(slog.DiscardHandler), a: leg(), b: leg()}
	b.ReportAllocs()
	for b.Loop() {
		c.a.localSeq++
		c.keep()
	}
}
