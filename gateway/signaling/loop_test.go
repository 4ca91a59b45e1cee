package signaling

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/guard"
)

func TestHopsAreCounted(t *testing.T) {
	w := newWorld(t, ModeExtension)
	alice := w.dial("alice", true)
	w.pbx.contact("101")
	for _, tt := range []struct {
		header string
		want   int // at the PBX; 0: refused
	}{
		{"Max-Forwards: 69", 68}, {"Max-Forwards: 1", 0 + 0}, {"Max-Forwards: 0", 0}, {"", 70}, {"Max-Forwards: 255", 69},
	} {
		text := alice.build("INVITE", "sip:200@office.example", "<sip:200@office.example>", token(), token(), "v=0 of alice")
		text = strings.Replace(text, "Max-Forwards: 69\r\n", strings.TrimSpace(tt.header+"\r\n")+map[bool]string{true: "", false: "\r\n"}[tt.header == ""], 1)
		alice.send(text)
		if tt.header == "Max-Forwards: 0" {
			alice.response(483, sip.INVITE)
			continue
		}
		invite := w.pbx.request(sip.INVITE)
		if got := int(invite.MaxForwards().Val()); got != tt.want {
			t.Errorf("%q goes on with %d, want %d", tt.header, got, tt.want)
		}
		w.pbx.answer(invite, 486, "Busy Here", "b", "", "")
		alice.response(486, sip.INVITE)
	}
	ok, _ := w.up(alice)
	seq := int(ok.CSeq().SeqNo)
	for _, method := range []string{"INFO", "MESSAGE", "REFER", "NOTIFY", "UPDATE"} {
		seq++
		alice.send(strings.Replace(alice.within(method, ok, seq, "v=0 x"), "Max-Forwards: 69", "Max-Forwards: 0", 1))
		alice.response(483, sip.RequestMethod(method))
	}
	seq++
	alice.send(alice.within("INFO", ok, seq, "v=0 x"))
	info := w.pbx.request(sip.INFO)
	if got := info.MaxForwards().Val(); got != 68 {
		t.Errorf("INFO goes on with %d, want 68", got)
	}
	w.pbx.answer(info, 200, "OK", "", "", "")
	alice.response(200, sip.INFO)
	seq++
	alice.send(strings.Replace(alice.within("BYE", ok, seq, ""), "Max-Forwards: 69", "Max-Forwards: 0", 1))
	alice.response(200, sip.BYE)
	w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
}

// back sends an INVITE of the PBX to the extension's contact, as a proxy would pass on what it got from us, or as a PBX with a new Call-ID.
func (w *world) back(invite *sip.Request, extension, callID string) {
	tag, _ := invite.From().Params.Get("tag")
	w.pbx.send(strings.Join([]string{
		"INVITE " + w.pbx.contact(extension) + " SIP/2.0",
		"Via: SIP/2.0/UDP " + w.pbx.addr() + ";branch=z9hG4bK" + token() + ";rport",
		"Max-Forwards: 60",
		"From: <sip:101@pbx>;tag=" + tag,
		"To: <sip:" + extension + "@pbx>",
		"Call-ID: " + callID,
		"CSeq: 1 INVITE",
		"Contact: <sip:" + w.pbx.addr() + ">",
		"Content-Type: application/sdp", "Content-Length: 3", "", "v=0"}, "\r\n"))
}

// A call from one of our users to another goes out to the PBX and comes back: that is right once, and no more.
func TestSpiralYesLoopNo(t *testing.T) {
	w := newWorld(t, ModeExtension)
	alice, bob := w.dial("alice", true), w.dial("bob", true)
	bob.register()
	w.pbx.contact("101")
	w.pbx.contact("102")
	alice.invite("102")
	out := w.pbx.request(sip.INVITE)
	w.back(out, "102", out.CallID().Value())
	in := bob.request(sip.INVITE)

	w.back(out, "102", out.CallID().Value()) // the proxy sends it round again
	w.pbx.response(482, sip.INVITE)

	bob.answer(in, 486, "Busy Here", "b", "", "")
	w.pbx.response(486, sip.INVITE)
	w.back(out, "102", out.CallID().Value()) // tried again after it has failed: no loop
	bob.answer(bob.request(sip.INVITE), 486, "Busy Here", "b", "", "")
	w.pbx.response(486, sip.INVITE)
	w.pbx.answer(out, 486, "Busy Here", "b", "", "")
	alice.response(486, sip.INVITE)
	w.over()
}

// A PBX that gives each round a new Call-ID is found by numbers.
func TestLoopWithNewIdentifiers(t *testing.T) {
	w := newWorld(t, ModeExtension)
	alice, bob := w.dial("alice", true), w.dial("bob", true)
	bob.register()
	w.pbx.contact("101")
	alice.invite("102")
	out := w.pbx.request(sip.INVITE)
	for range maxAlike {
		w.back(out, "102", token())
		bob.request(sip.INVITE)
	}
	w.back(out, "102", token())
	w.pbx.response(482, sip.INVITE)
}

func TestLoopsForgetsWhatIsOver(t *testing.T) {
	var l loops
	req := sip.NewRequest(sip.INVITE, sip.Uri{Scheme: "sip", User: "102", Host: "x"})
	req.AppendHeader(&sip.FromHeader{Address: sip.Uri{Scheme: "sip", User: "101", Host: "x"}, Params: tagParam("t")})
	id := sip.CallIDHeader("c")
	req.AppendHeader(&id)
	for _, from := range []caller{{pbx: &pbx{cfg: PBX{Name: "p"}}}, {}} {
		for range 3 {
			leave, ok := l.enter(from, req)
			if !ok {
				t.Fatal("refused")
			}
			if _, ok := l.enter(from, req); ok {
				t.Error("let in twice")
			}
			leave()
		}
	}
	if len(l.under) != 0 {
		t.Errorf("left over: %v", l.under)
	}
}

// A PBX that forks a call sends it to each device of an account.
func TestForkIsNoLoop(t *testing.T) {
	asks := func(device, route, caller, id string) *sip.Request {
		req := sip.NewRequest(sip.INVITE, sip.Uri{Scheme: "sip", User: "100", Host: "x", UriParams: sip.HeaderParams{{K: guestParam, V: device}}})
		req.AppendHeader(&sip.FromHeader{Address: sip.Uri{Scheme: "sip", User: caller, Host: "x"}, Params: tagParam("t")})
		if route != "" {
			req.AppendHeader(&sip.RouteHeader{Address: sip.Uri{Scheme: "sip", User: route, Host: "x"}})
		}
		call := sip.CallIDHeader(id)
		req.AppendHeader(&call)
		return req
	}
	from := caller{pbx: &pbx{cfg: PBX{Name: "p"}}}
	var l loops
	for _, tt := range []struct {
		req  *sip.Request
		want bool
	}{
		{asks("a", "", "101", "c"), true}, {asks("b", "", "101", "c"), true}, {asks("b", "", "101", "c"), false},
		{asks("", "a", "101", "d"), true}, {asks("", "b", "101", "d"), true}, {asks("", "a", "101", "d"), false},
	} {
		if _, ok := l.enter(from, tt.req); ok != tt.want {
			t.Errorf("entered: %v, want %v\n%s", ok, tt.want, tt.req)
		}
	}
	for i := range 3 * maxAlike { // who hides the number is not one caller
		if _, ok := l.enter(from, asks("", "", "Anonymous", "n"+itoa(i))); !ok {
			t.Fatalf("nameless call %d refused", i)
		}
	}
}

func TestOverloadTells(t *testing.T) {
	start := time.Now()
	type step struct {
		at, waited time.Duration
		busy       bool
	}
	const ms = time.Millisecond
	for name, steps := range map[string][]step{
		"all wait long":         {{0, 300 * ms, false}, {500 * ms, 400 * ms, false}, {1000 * ms, 250 * ms, true}, {1500 * ms, 900 * ms, true}},
		"one is lucky":          {{0, 300 * ms, false}, {500 * ms, 10 * ms, false}, {1000 * ms, 300 * ms, false}, {1400 * ms, 300 * ms, false}},
		"over as soon as it is": {{0, 300 * ms, false}, {1000 * ms, 300 * ms, true}, {1100 * ms, 199 * ms, false}, {1200 * ms, 300 * ms, false}},
		"two far apart":         {{0, 300 * ms, false}, {10_000 * ms, 300 * ms, false}},
	} {
		var o overload
		for i, s := range steps {
			o.begins(s.waited, start.Add(s.at))
			if o.is() != s.busy {
				t.Errorf("%s: step %d: %v, want %v", name, i, o.is(), s.busy)
			}
		}
	}
}

func TestOverloadRefusesNewWorkOnly(t *testing.T) {
	w := buildWorld(t, ModeExtension, func(_ *Config, deps *Deps) {
		deps.Toll = guard.NewToll(nil)
		deps.Toll.SetRules(guard.Rules{Emergency: []string{"112"}})
	})
	w.start()
	alice := w.dial("alice", true)
	ok, _ := w.up(alice)
	w.srv.SetBusy(10)
	w.srv.load.under.Add(11)
	for _, method := range []string{"REGISTER", "INVITE", "OPTIONS", "MESSAGE"} {
		alice.send(alice.build(method, "sip:200@office.example", "<sip:200@office.example>", token(), token(), ""))
		res := alice.response(503, sip.RequestMethod(method))
		var after int
		if _, err := fmt.Sscan(valueOf(res, "Retry-After"), &after); err != nil || after < 5 || after > 15 {
			t.Errorf("Retry-After: %q", valueOf(res, "Retry-After"))
		}
	}
	alice.invite("112")
	w.pbx.answer(w.pbx.request(sip.INVITE), 486, "Busy Here", "x", "", "")
	alice.response(486, sip.INVITE)
	again := "Replaces: " + ok.CallID().Value() + ";from-tag=" + tagOf(t, ok.From().Params) + ";to-tag="
	alice.send(alice.build("INVITE", "sip:200@office.example", "<sip:200@office.example>", token(), token(), "v=0 x", again+"another"))
	alice.response(503, sip.INVITE)
	alice.send(alice.build("INVITE", "sip:200@office.example", "<sip:200@office.example>", token(), token(), "v=0 x", again+tagOf(t, ok.To().Params)))
	taken := alice.response(200, sip.INVITE)
	alice.send(alice.within("ACK", taken, int(taken.CSeq().SeqNo), ""))
	alice.answer(alice.request(sip.BYE), 200, "OK", "", "", "")
	ok = taken
	seq := int(ok.CSeq().SeqNo) + 1
	alice.send(alice.within("INFO", ok, seq, "v=0 x"))
	w.pbx.answer(w.pbx.request(sip.INFO), 200, "OK", "", "", "")
	alice.response(200, sip.INFO)
	alice.send(alice.within("BYE", ok, seq+1, ""))
	w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
	alice.response(200, sip.BYE)
	w.srv.load.under.Add(-11)
	alice.invite("200")
	w.pbx.request(sip.INVITE)
}
