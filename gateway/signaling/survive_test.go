package signaling

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/call"
	"cordboard/gateway/sdp"
)

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
	s.known.Store(newRoster([]*pbx{p}, nil))
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
		text, err := json.Marshal(saved)
		if err != nil {
			t.Fatal(err)
		}
		var read savedLeg
		if err := json.Unmarshal(text, &read); err != nil {
			t.Fatal(err)
		}
		got, err := s.reviveLeg(t.Context(), read)
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
