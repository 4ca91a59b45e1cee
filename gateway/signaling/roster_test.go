package signaling

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/call"
)

// set has the PBXs be those of list.
func (w *world) set(list ...PBX) {
	w.t.Helper()
	if err := w.srv.SetPBXs(list, "127.0.0.1:0", ""); err != nil {
		w.t.Fatalf("set PBXs: %v", err)
	}
}

// gone waits until no PBX leaves any more.
func (w *world) gone() {
	w.t.Helper()
	eventually(w.t, "nothing left of PBXs that were taken out", func() bool { return len(w.srv.roster().leaving) == 0 })
}

// registrations counts the REGISTERs that begin or refresh a registration from now on.
func (p *fakePBX) registrations() func() int {
	var mu sync.Mutex
	n := 0
	p.mu.Lock()
	defer p.mu.Unlock()
	p.registrar = func(req *sip.Request) {
		mu.Lock()
		if valueOf(req, "Expires") != "0" && req.GetHeader("Authorization") != nil {
			n++
		}
		mu.Unlock()
		p.register(req)
	}
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return n
	}
}

// unregistered waits until nobody is registered at the PBX.
func (p *fakePBX) unregistered() {
	p.t.Helper()
	eventually(p.t, "end of all registrations", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.regs) == 0
	})
}

func tableOf(p *fakePBX, name, mode string) PBX {
	return PBX{Name: name, URI: "sip:" + p.addr(), Mode: mode, Username: "trunk", Password: "pbx-trunk"}
}

// The first PBX opens the SIP ports, which are served at once; a call within Cordboard goes on meanwhile.
func TestFirstPBX(t *testing.T) {
	w := newWorld(t, "")
	alice, bob := w.dial("alice", true), w.dial("bob", true)
	alice.register()
	bob.register()
	bob.invite("echo")
	echo := bob.response(200, sip.INVITE)
	bob.ackOf(echo)
	if w.srv.Addr().IsValid() {
		t.Fatalf("SIP at %s without a PBX", w.srv.Addr())
	}

	taken, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	w.pbx = newFakePBX(t)
	office := tableOf(w.pbx, "office", ModeExtension)
	if err := w.srv.SetPBXs([]PBX{office}, taken.LocalAddr().String(), ""); err == nil || len(w.srv.pbxes()) > 0 || w.srv.Addr().IsValid() {
		t.Fatalf("with a port that is taken: %v, %d PBXs, SIP at %s", err, len(w.srv.pbxes()), w.srv.Addr())
	}
	if err := w.srv.SetPBXs([]PBX{{Name: "none", URI: "mailto:x"}}, "127.0.0.1:0", ""); err == nil || len(w.srv.pbxes()) > 0 {
		t.Fatalf("a PBX that is none: %v", err)
	}
	w.set(office)
	w.pbx.contact("101")
	toAlice, _ := w.up(alice)
	w.down(alice, toAlice)
	if calls := w.srv.Calls(); len(calls) != 1 || calls[0].State != call.Talking {
		t.Errorf("calls %+v, want that with the echo", calls)
	}
	at := w.srv.Addr()
	w.set()
	w.pbx.unregistered()
	w.set(office)
	w.pbx.contact("101")
	if w.srv.Addr() != at {
		t.Errorf("SIP at %s and then at %s", at, w.srv.Addr())
	}
	bob.send(bob.within("BYE", echo, 20, ""))
	bob.response(200, sip.BYE)
	w.over()
}

// A PBX that is taken out in mid-call goes on with the call, and nothing else.
func TestPBXTakenOut(t *testing.T) {
	t.Parallel() // it waits for seconds
	w := newWorld(t, ModeExtension)
	alice, bob := w.dial("alice", true), w.dial("bob", true)
	alice.register()
	bob.register()
	contact := w.pbx.contact("102")
	toAlice, invite := w.up(alice)
	w.set()
	w.pbx.unregistered()
	if list := w.srv.PBXStatus(); len(list) > 0 {
		t.Errorf("still told of: %+v", list)
	}
	w.pbx.send(w.fromPhone(contact, "c-new", "new", "v=0 of another"))
	w.pbx.response(403, sip.INVITE)
	alice.invite("300")
	alice.response(404, sip.INVITE)

	alice.send(alice.within("INVITE", toAlice, 30, "v=0 of alice on hold"))
	hold := w.pbx.request(sip.INVITE)
	w.pbx.answer(hold, 200, "OK", "", w.phone(), "v=0 held")
	alice.ackOf(alice.response(200, sip.INVITE))
	w.pbx.request(sip.ACK)
	w.pbx.send(w.within("BYE", invite, 9, ""))
	w.pbx.response(200, sip.BYE)
	alice.answer(alice.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
	w.gone()
	if p := w.srv.roster(); len(p.all) > 0 || w.srv.knows(w.srv.Addr().Addr()) {
		t.Errorf("known still: %d PBXs", len(p.all))
	}
}

// A PBX that is another now registers anew after the old one's registrations have ended, and takes calls while one of before goes on.
func TestPBXChanged(t *testing.T) {
	w := newWorld(t, ModeExtension)
	alice := w.dial("alice", true)
	alice.register()
	w.pbx.contact("101")
	w.pbx.contact("102")
	w.srv.pbxes()[0].facts.set(call.FactServer, "Test")
	toAlice, invite := w.up(alice)
	n := w.pbx.registrations()
	table := tableOf(w.pbx, "office", ModeExtension)
	table.Prefixes, table.Strip = []string{"0"}, true
	w.set(table)
	eventually(t, "two new registrations", func() bool { return n() == 2 })
	w.pbx.contact("101")
	w.pbx.contact("102")
	if got := w.srv.pbxes()[0].facts.get(call.FactServer); !slices.Equal(got, []string{"Test"}) {
		t.Errorf("of a PBX at the same address is known %q", got)
	}

	bob := w.dial("bob", true)
	bob.register()
	bob.invite("0300")
	second := w.pbx.request(sip.INVITE)
	if second.Recipient.User != "300" {
		t.Errorf("the PBX is asked for %s, want the prefix taken off", second.Recipient.User)
	}
	w.pbx.answer(second, 486, "Busy Here", "busy", "", "")
	w.pbx.request(sip.ACK)
	bob.response(486, sip.INVITE)

	w.pbx.send(w.within("INVITE", invite, 5, "v=0 changed"))
	alice.answer(alice.request(sip.INVITE), 200, "OK", "", "<sip:alice@"+alice.host+";transport=ws>", "v=0 of alice")
	w.pbx.response(200, sip.INVITE)
	w.pbx.send(w.within("ACK", invite, 5, ""))
	alice.request(sip.ACK)
	w.down(alice, toAlice)
	w.over()
}

// What is as it was stays untouched; the order counts.
func TestPBXsInAnotherOrder(t *testing.T) {
	w := newWorld(t, ModeExtension)
	second := newFakePBX(t)
	w.pbx.contact("101")
	w.pbx.contact("102")
	n := w.pbx.registrations()
	office, other := w.srv.pbxes()[0], tableOf(second, "other", ModePeer)
	w.set(other, office.cfg)
	list := w.srv.pbxes()
	if len(list) != 2 || list[1] != office || list[0].cfg.Name != "other" {
		t.Fatalf("PBXs: %v", list)
	}
	eventually(t, "the other PBX answers", func() bool { return list[0].status()[0].State == stateReachable })
	table := office.cfg
	table.Domains, table.Record = []string{}, "always" // which is not for signaling
	w.set(other, table)
	if again := w.srv.pbxes(); !slices.Equal(again, list) {
		t.Error("tables that say the same made PBXs anew")
	}
	alice := w.dial("alice", true)
	alice.register()
	alice.invite("300")
	req := second.request(sip.INVITE)
	second.answer(req, 486, "Busy Here", "busy", "", "")
	second.request(sip.ACK)
	alice.response(486, sip.INVITE)
	if n() > 0 {
		t.Errorf("%d registrations anew", n())
	}
}

// Changes that come while calls begin and end, from several sides, find nothing half done.
func TestPBXsChangeAllTheTime(t *testing.T) {
	w := newWorld(t, ModeExtension)
	alice := w.dial("alice", true)
	alice.register()
	first := w.srv.pbxes()[0].cfg
	var work sync.WaitGroup
	for i := range 2 {
		work.Go(func() {
			for n := range 10 {
				table := first
				table.Prefixes = []string{fmt.Sprint(i, n)}
				if err := w.srv.SetPBXs([]PBX{table}, "", ""); err != nil {
					t.Errorf("set PBXs: %v", err)
				}
				w.srv.PBXStatus()
				w.srv.PBXs()
			}
		})
	}
	work.Wait()
	w.set(first)
	w.pbx.contact("101")
	toAlice, _ := w.up(alice)
	w.down(alice, toAlice)
	w.over()
	w.stop()
	if err := w.srv.SetPBXs(nil, "", ""); !errors.Is(err, errOver) {
		t.Errorf("after the end: %v", err)
	}
}

// By WebSocket a call goes on by its connection, while the account has another one for what comes.
func TestWebPBXChanged(t *testing.T) {
	t.Parallel() // it waits for seconds
	c := talkingAcross(t, unchanged)
	table := c.home.srv.pbxes()[0].cfg
	table.Prefixes, table.Strip = []string{"0"}, true
	c.home.set(table)
	c.home.stands(stateRegistered)
	c.anna.send(infoOf(c.anna, c.ok, 4, relayType, "Signal=5\r\nDuration=160\r\n"))
	c.bob.answer(c.bob.request(sip.INFO), 200, "OK", "", "", "")
	c.anna.response(200, sip.INFO)
	c.ends(true)
	c.home.gone()
	c.anna.calls("0102@home.example")
	c.bob.answers("v=0 of bob")
	ok := c.anna.response(200, sip.INVITE)
	c.anna.ackOf(ok)
	c.bob.request(sip.ACK)
	hangUp(c.anna, ok, c.bob)
	c.home.over()
	c.office.over()
}

// A connection by TLS that is there serves the PBX that has come in the place of another.
func TestConnectionIsInherited(t *testing.T) {
	ca := newTestCA(t, "Office CA")
	w, s := streamWorld(t, ModeExtension, tlsPBX(t, ca, "127.0.0.1", time.Now().Add(time.Hour), nil), "sip:%s;transport=tls", func(cfg *Config, _ *Deps) {
		cfg.PBX[0].CA = ca.file
	})
	alice := w.dial("alice", true)
	alice.register()
	w.pbx.contact("101")
	w.pbx.contact("102")
	n := w.pbx.registrations()
	table := w.srv.pbxes()[0].cfg
	table.Prefixes = []string{"9"}
	w.set(table)
	eventually(t, "two new registrations", func() bool { return n() == 2 })
	w.pbx.contact("101")
	w.bothWays(alice, "TLS")
	if n := s.connections(); n != 1 {
		t.Errorf("%d connections, want one for both", n)
	}
}

// A guest of a PBX that is another now is sent away, and comes back as one of the new.
func TestGuestsOfAPBXThatChanged(t *testing.T) {
	w, a := passWorld(t, func(*authority) {})
	b := w.guest()
	b.signIn("600")
	table := w.srv.pbxes()[0].cfg
	table.Domains = append(slices.Clone(table.Domains), "other.example")
	w.set(table)
	eventually(t, "end of the guest's registration", func() bool {
		select {
		case req := <-a.came:
			return strings.Contains(req.String(), "expires=0") || valueOf(req, "Expires") == "0"
		default:
			return false
		}
	})
	<-b.closed
	again := w.guest()
	again.signIn("600")
	if g := w.srv.guests.all(func(*guest) bool { return true }); len(g) != 1 || g[0].pbx != w.srv.pbxes()[0] {
		t.Errorf("%d guests", len(g))
	}
}

// Watched numbers are asked of the PBX that is first now.
func TestWatchFollowsThePBX(t *testing.T) {
	t.Parallel() // it waits for seconds
	w := newWorld(t, ModeTrunk)
	s := w.spectator("alice", "300")
	up := w.dialogsOfNumber("300")
	up.tell(7, false)
	s.lamp("300", call.LampIdle)
	old := w.pbx
	w.pbx = newFakePBX(t)
	w.set(tableOf(w.pbx, "other", ModeTrunk))
	s.lamp("300", call.LampUnknown)
	last := old.await("end of the subscription", func(m sip.Message) bool {
		r, ok := m.(*sip.Request)
		return ok && r.Method == sip.SUBSCRIBE && valueOf(r, "Expires") == "0" && r.To().Params.Has("tag")
	}).(*sip.Request)
	old.grant(last, "0")
	w.dialogsOfNumber("300").tell(1, false)
	s.lamp("300", call.LampIdle)
}
