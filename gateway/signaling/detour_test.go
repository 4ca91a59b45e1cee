package signaling

import (
	"net/netip"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/locate"
)

// upBy brings up a call whose PBX stays in its way by the name of its two servers.
func (w *world) upBy(b *browser, p *fakePBX, recordRoute string) *sip.Response {
	w.t.Helper()
	b.invite("200")
	invite := p.request(sip.INVITE)
	res := sip.NewResponseFromRequest(invite, 200, "OK", nil)
	res.To().Params.Add("tag", "phone")
	res.AppendHeader(sip.NewHeader("Contact", "<sip:phone@192.0.2.1>"))
	res.AppendHeader(sip.NewHeader("Record-Route", recordRoute))
	res.AppendHeader(sip.NewHeader("Content-Type", sdpType))
	res.SetBody([]byte("v=0 of phone"))
	p.send(res.String())
	ok := b.response(200, sip.INVITE)
	b.send(b.within("ACK", ok, int(ok.CSeq().SeqNo), ""))
	p.request(sip.ACK)
	return ok
}

// A request inside a call goes to the next server when the first one keeps silent, and so do those that follow.
func TestDetourOfASilentServer(t *testing.T) {
	t.Parallel() // it waits for seconds
	w, first, second := pairWorld(t, ModePeer)
	alice := w.dial("alice", true)
	w.inUse(first)
	ok := w.upBy(alice, first, "<sip:pbx.test;transport=udp;lr>")
	first.setMute(true)
	alice.send(alice.within("INFO", ok, 2, ""))
	info := second.request(sip.INFO)
	if info.Recipient.Host != "192.0.2.1" || info.Route() == nil {
		t.Errorf("at the second server:\n%s", info)
	}
	second.answer(info, 200, "OK", "", "", "")
	alice.response(200, sip.INFO)

	w.srv.away.mu.Lock()
	clear(w.srv.away.until)
	w.srv.away.mu.Unlock()
	alice.send(alice.within("INVITE", ok, 3, "v=0 hold"))
	hold := second.request(sip.INVITE)
	if n := hold.CSeq().SeqNo; n != info.CSeq().SeqNo+1 {
		t.Errorf("number %d after %d: the same request goes another way", n, info.CSeq().SeqNo)
	}
	second.answer(hold, 200, "OK", "", "<sip:phone@192.0.2.1>", "v=0 held")
	alice.response(200, sip.INVITE)
	alice.send(alice.within("ACK", ok, 3, ""))
	second.request(sip.ACK)
	alice.send(alice.within("BYE", ok, 4, ""))
	second.answer(second.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
}

// The same when it is busy. Who is the only one has its answer passed on.
func TestDetourOfABusyServer(t *testing.T) {
	w, first, second := pairWorld(t, ModePeer)
	alice := w.dial("alice", true)
	w.inUse(first)
	ok := w.upBy(alice, first, "<sip:pbx.test;transport=udp;lr>")
	alice.send(alice.within("INVITE", ok, 2, "v=0 hold"))
	busy := first.request(sip.INVITE)
	first.answer(busy, 503, "Service Unavailable", "", "", "")
	first.request(sip.ACK)
	hold := second.request(sip.INVITE)
	a, _ := busy.Via().Params.Get("branch")
	if b, _ := hold.Via().Params.Get("branch"); a == b || hold.CSeq().SeqNo != busy.CSeq().SeqNo || string(hold.Body()) != string(busy.Body()) {
		t.Errorf("at the first server\n%s\nat the second\n%s", busy, hold)
	}
	second.answer(hold, 503, "Service Unavailable", "", "", "")
	second.request(sip.ACK)
	if r := alice.response(200, sip.INVITE); string(r.Body()) != "kept for WebRTC of v=0 hold" {
		t.Errorf("answer %q", r.Body())
	}
	alice.send(alice.within("ACK", ok, 2, ""))
	alice.send(alice.within("BYE", ok, 3, ""))
	first.answer(first.request(sip.BYE), 200, "OK", "", "", "") // both are away, so the best one has it
	w.over()
}

// A server that is known by its address is the only one.
func TestNoDetourFromAnAddress(t *testing.T) {
	w, first, second := pairWorld(t, ModePeer)
	alice := w.dial("alice", true)
	w.inUse(first)
	ok := w.upBy(alice, first, "<sip:"+first.addr()+";lr>")
	alice.send(alice.within("INFO", ok, 2, ""))
	first.answer(first.request(sip.INFO), 503, "Service Unavailable", "", "", "")
	alice.response(503, sip.INFO)
	alice.send(alice.within("BYE", ok, 3, ""))
	first.answer(first.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
	select {
	case m := <-second.in:
		t.Errorf("the second server got\n%s", m)
	default:
	}
}

// A server that stood in for another one and does not know the call does not end it: its own server is asked again, then and from then on.
func TestStandInWithoutTheCall(t *testing.T) {
	t.Parallel() // it waits for seconds
	w, first, second := pairWorld(t, ModePeer)
	alice := w.dial("alice", true)
	w.inUse(first)
	ok := w.upBy(alice, first, "<sip:pbx.test;transport=udp;lr>")
	first.setMute(true)
	alice.send(alice.within("INFO", ok, 2, ""))
	astray := second.request(sip.INFO)
	first.setMute(false)
	second.answer(astray, 481, "Call/Transaction Does Not Exist", "", "", "")
	info := first.request(sip.INFO)
	if info.CSeq().SeqNo != astray.CSeq().SeqNo {
		t.Errorf("number %d after %d: it is the same request", info.CSeq().SeqNo, astray.CSeq().SeqNo)
	}
	first.answer(info, 200, "OK", "", "", "")
	alice.response(200, sip.INFO)

	alice.send(alice.within("INVITE", ok, 3, "v=0 hold"))
	first.answer(first.request(sip.INVITE), 200, "OK", "", "<sip:phone@192.0.2.1>", "v=0 held")
	alice.response(200, sip.INVITE)
	alice.send(alice.within("ACK", ok, 3, ""))
	first.request(sip.ACK)
	alice.send(alice.within("INVITE", ok, 4, "v=0 hold")) // now the call is over where it was
	first.answer(first.request(sip.INVITE), 481, "Call/Transaction Does Not Exist", "", "", "")
	alice.response(481, sip.INVITE)
	alice.answer(alice.request(sip.BYE), 200, "OK", "", "", "")
	first.answer(first.request(sip.BYE), 481, "Call/Transaction Does Not Exist", "", "", "")
	w.over()
}

// While its own server is busy the call lives on, and the change that it asked for is answered here.
func TestCallOutlivesAStandIn(t *testing.T) {
	w, first, second := pairWorld(t, ModePeer)
	alice := w.dial("alice", true)
	w.inUse(first)
	ok := w.upBy(alice, first, "<sip:pbx.test;transport=udp;lr>")
	alice.send(alice.within("INVITE", ok, 2, "v=0 hold"))
	for _, at := range []struct {
		p      *fakePBX
		status int
	}{{first, 503}, {second, 481}, {first, 503}} {
		at.p.answer(at.p.request(sip.INVITE), at.status, "No", "", "", "")
		at.p.request(sip.ACK)
	}
	if r := alice.response(200, sip.INVITE); string(r.Body()) != "kept for WebRTC of v=0 hold" {
		t.Errorf("answer %q", r.Body())
	}
	alice.send(alice.within("ACK", ok, 2, ""))
	if c := w.srv.Calls(); len(c) != 1 || c[0].State != "talking" {
		t.Errorf("calls = %+v, want the one that is up", c)
	}
	alice.send(alice.within("INFO", ok, 3, ""))
	first.answer(first.request(sip.INFO), 200, "OK", "", "", "")
	alice.response(200, sip.INFO)
	alice.send(alice.within("BYE", ok, 4, ""))
	first.answer(first.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
}

func TestAwayIsForgotten(t *testing.T) {
	var a away
	now := time.Now()
	one, two := netip.MustParseAddrPort("192.0.2.1:5060"), netip.MustParseAddrPort("192.0.2.2:5060")
	a.add(one, "", now)
	if !a.has(one, "", now.Add(awayTime)) || a.has(one, "", now.Add(awayTime+1)) || a.has(two, "", now) {
		t.Error("away for another time, or another one")
	}
	a.add(two, "call", now.Add(awayTime+1))
	if len(a.until) != 1 {
		t.Errorf("%d are kept", len(a.until))
	}
}

func TestBestServer(t *testing.T) {
	one, two, three := netip.MustParseAddrPort("192.0.2.1:5060"), netip.MustParseAddrPort("192.0.2.2:5060"), netip.MustParseAddrPort("192.0.2.3:5060")
	list := []locate.Target{{Addr: one}, {Addr: two}, {Addr: three}}
	for _, tt := range []struct {
		name           string
		away, stranger []netip.AddrPort
		want           netip.AddrPort
	}{
		{"none away", nil, nil, one},
		{"the first away", []netip.AddrPort{one}, nil, two},
		{"the next one a stranger", []netip.AddrPort{one}, []netip.AddrPort{two}, three},
		{"only strangers there", []netip.AddrPort{one}, []netip.AddrPort{two, three}, one},
		{"all away", []netip.AddrPort{one, two, three}, nil, one},
		{"all strangers", nil, []netip.AddrPort{one, two, three}, one},
	} {
		var a away
		for _, addr := range tt.away {
			a.add(addr, "", time.Now())
		}
		for _, addr := range tt.stranger {
			a.add(addr, "call", time.Now())
		}
		if got := a.best(list, "call").Addr; got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
