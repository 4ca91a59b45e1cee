package signaling

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"golang.org/x/time/rate"

	"cordboard/gateway/call"
)

var office2 = Neighbour{strangeID, "office-2.local", "Office 2"}

// knocks has the stranger open a connection.
func (w *world) knocks() *near {
	n := newNear(w.t)
	conn := n.pair(w.t)
	go w.srv.LinkStranger(conn, office2)
	eventually(w.t, "link", func() bool {
		p := w.srv.neighbour(strangeID)
		return p != nil && w.srv.lines.of(p, "") != nil
	})
	return n
}

func TestStrangerRings(t *testing.T) {
	w, _ := nearWorld(t)
	alice, bob := w.dial("alice", true), w.dial("bob", true)
	alice.register()
	bob.register()
	n := w.knocks()
	for user, at := range map[string]*browser{"Alice": alice, ownerName: bob} {
		n.send(n.build("INVITE", user, token(), "v=0 of bob", "P-Asserted-Identity: \"Chief\" <sip:chief@"+ownID+">"))
		invite := at.request(sip.INVITE)
		if f := invite.From(); f.DisplayName != "Office 2, not paired" || f.Address.String() != "sip:bob@office-2.local" || invite.GetHeader("P-Asserted-Identity") != nil {
			t.Errorf("the call is from %s, asserted %v", f.Value(), invite.GetHeader("P-Asserted-Identity"))
		}
		if got := string(invite.Body()); got != "offer for WebRTC of v=0 of bob" {
			t.Errorf("offer %q", got)
		}
		at.answer(invite, 486, "Busy Here", "x", "", "")
		n.response(480, sip.INVITE)
		w.over()
	}
}

// Whom a stranger may not ring, who is not there and who does not exist: it hears the same.
func TestStrangerLearnsNothing(t *testing.T) {
	w, _ := nearWorld(t)
	w.srv.lobby.admits(strangeID, netip.Addr{}, time.Now()) // makes the limiters
	forget := func() {
		w.srv.lobby.mu.Lock()
		defer w.srv.lobby.mu.Unlock()
		clear(w.srv.lobby.by)
		w.srv.lobby.all.SetLimit(rate.Inf)
	}
	bob := w.dial("bob", true)
	bob.register()
	n := w.knocks()
	w.pbx.taking(func(req *sip.Request) bool {
		if req.Method == sip.INVITE {
			t.Errorf("a stranger's call reaches the PBX: %s", req.Recipient.String())
		}
		return false
	})
	var heard string
	for i, user := range []string{"alice", "nobody", "0301234", "300", "101", "102", "echo", "desk", "*8102", "bob"} {
		forget()
		if user == "bob" { // redirects to a number that costs
			n.send(n.build("INVITE", user, token(), "v=0"))
			bob.answer(bob.request(sip.INVITE), 302, "Moved", "x", "<sip:0301234@office.example>", "")
		} else {
			n.send(n.build("INVITE", user, token(), "v=0"))
		}
		var names []string
		res := n.response(480, sip.INVITE)
		for _, h := range res.Headers() {
			names = append(names, h.Name())
		}
		text := res.Reason + " " + strings.Join(names, ",")
		if i == 0 {
			heard = text
		}
		if text != heard {
			t.Errorf("%s: %s, want %s", user, text, heard)
		}
		w.over()
	}
	forget()
	n.send(n.build("INVITE", "alice", token(), "v=0", "Replaces: x;to-tag=a;from-tag=b"))
	n.response(480, sip.INVITE)
	for _, method := range []sip.RequestMethod{sip.SUBSCRIBE, sip.PUBLISH, sip.MESSAGE, sip.REGISTER, sip.REFER, sip.INFO, sip.NOTIFY, sip.OPTIONS} {
		n.send(n.build(string(method), "alice", token(), "", "Event: dialog", "Expires: 60", "Refer-To: <sip:0301234@office.example>"))
		n.response(403, method)
	}
}

func TestStrangerIsRungAndSendsNobodyOn(t *testing.T) {
	n := newNear(t)
	w := buildWorld(t, ModeExtension, func(_ *Config, d *Deps) {
		d.Neighbours = dialer(func(string) (net.Conn, error) { return n.pair(t), nil })
	})
	w.srv.SetNeighbours(ownID, paired)
	w.start()
	alice := w.dial("alice", true)
	alice.send(alice.build("INVITE", "sip:bob@office-2.local", "<sip:bob@office-2.local>", token(), token(), "v=0 of alice"))
	invite := n.request(sip.INVITE)
	if invite.Recipient.Host != strangeID || string(invite.Body()) != "offer for DTLS of v=0 of alice" {
		t.Errorf("the stranger gets\n%s", invite)
	}
	n.answer(invite, 200, "OK", "bob", "<sips:bob@127.0.0.1:9>", "v=0 of bob")
	ok := alice.response(200, sip.INVITE)
	alice.send(alice.within("ACK", ok, int(ok.CSeq().SeqNo), ""))
	n.request(sip.ACK)
	n.send("REFER " + invite.Contact().Address.String() + " SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bK" + token() + "\r\nFrom: " + invite.To().Value() +
		";tag=bob\r\nTo: " + invite.From().Value() + "\r\nCall-ID: " + invite.CallID().Value() + "\r\nCSeq: 5 REFER\r\nMax-Forwards: 70\r\n" +
		"Contact: <sips:bob@127.0.0.1:9>\r\nRefer-To: <sip:carol@" + strangeID + ">\r\nContent-Length: 0\r\n\r\n")
	n.response(403, sip.REFER)
	text := alice.within("REFER", ok, int(ok.CSeq().SeqNo)+1, "")
	alice.send(strings.Replace(text, "Content-Length", "Refer-To: <sip:bob@office.example>\r\nContent-Length", 1))
	alice.response(403, sip.REFER)
	alice.send(alice.within("BYE", ok, int(ok.CSeq().SeqNo)+2, ""))
	n.answer(n.request(sip.BYE), 200, "OK", "", "", "")
	alice.response(200, sip.BYE)
	w.over()

	w.srv.SetNeighbours(ownID, append([]Neighbour{{strangeID, "office-2", "Office 2"}}, paired...)) // paired now
	if p := w.srv.neighbour(strangeID); p == nil || p.strange || len(w.srv.near.strangers) != 0 {
		t.Error("once paired it is a stranger still")
	}
	eventually(t, "bob@office-2.local in the history", func() bool {
		c := w.kept.records()
		return len(c) == 1 && c[0].To == "bob@office-2.local" && c[0].Direction == call.Out
	})
}

func TestLobby(t *testing.T) {
	var o lobby
	now := time.Now()
	one, two := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	for i := range strangerBurst {
		if !o.admits("a", one, now) {
			t.Errorf("call %d refused", i)
		}
	}
	if o.admits("a", two, now) {
		t.Error("the certificate calls from elsewhere")
	}
	if o.admits("b", one, now) {
		t.Error("the address calls with another certificate")
	}
	if !o.admits("b", two, now) {
		t.Error("another machine refused")
	}
	if !o.admits("a", one, now.Add(strangerEvery)) {
		t.Error("refused after a while")
	}
	now = now.Add(time.Hour)
	all := 0
	for i := range 2 * maxLobby {
		addr := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
		if o.admits(addr.String(), addr, now) {
			all++
		}
	}
	if all != strangersBurst || len(o.by) > maxLobby {
		t.Errorf("%d calls at once, %d remembered", all, len(o.by))
	}
}
