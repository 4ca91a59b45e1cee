package signaling

import (
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

func TestPutOff(t *testing.T) {
	res := func(status int, headers ...string) *sip.Response {
		r := sip.NewResponse(status, "x")
		for _, h := range headers {
			name, value, _ := strings.Cut(h, ": ")
			r.AppendHeader(sip.NewHeader(name, value))
		}
		return r
	}
	const last = 0.999999
	for _, tt := range []struct {
		name   string
		owner  bool
		res    *sip.Response
		chance float64
		want   time.Duration
		ok     bool
	}{
		{"owner, soonest", true, res(491), 0, 2100 * time.Millisecond, true},
		{"owner, latest", true, res(491), last, 4 * time.Second, true},
		{"other, soonest", false, res(491), 0, 0, true},
		{"other, latest", false, res(491), last, 2 * time.Second, true},
		{"in steps of 10 ms", false, res(491), 0.5, time.Second, true},
		{"as asked", true, res(500, "Retry-After: 3"), last, 3 * time.Second, true},
		{"with a comment", true, res(500, "Retry-After: 3 (busy);duration=9"), 0, 3 * time.Second, true},
		{"too long", true, res(500, "Retry-After: 3600"), 0, time.Hour, false},
		{"a fault", true, res(500), 0, 0, false},
		{"refused", true, res(488, "Retry-After: 3"), 0, 0, false},
	} {
		if wait, ok := (&leg{owner: tt.owner}).putOff(tt.res, tt.chance); wait != tt.want || ok != tt.ok {
			t.Errorf("%s: %v, %v, want %v, %v", tt.name, wait, ok, tt.want, tt.ok)
		}
	}
}

func TestUnchangedStopsHere(t *testing.T) {
	w := newWorld(t, ModePeer)
	alice := w.dial("alice", true)
	ok, invite := w.up(alice)
	w.pbx.send(w.within("INVITE", invite, 2, "v=0 same"))
	if r := w.pbx.response(200, sip.INVITE); string(r.Body()) != "kept for RTP of v=0 same" {
		t.Errorf("answer %q", r.Body())
	}
	w.pbx.send(w.within("ACK", invite, 2, ""))
	w.pbx.send(w.within("UPDATE", invite, 3, "v=0 same again"))
	if r := w.pbx.response(200, sip.UPDATE); string(r.Body()) != "kept for RTP of v=0 same again" {
		t.Errorf("answer %q", r.Body())
	}
	alice.send(alice.within("INVITE", ok, 2, "v=0 same, on another network"))
	if r := alice.response(200, sip.INVITE); string(r.Body()) != "kept for WebRTC of v=0 same, on another network" {
		t.Errorf("answer %q", r.Body())
	}
	alice.send(alice.within("ACK", ok, 2, ""))
	alice.send(alice.within("BYE", ok, 3, ""))
	bye := w.pbx.request(sip.BYE) // the first it hears
	if len(w.pbx.kept) > 0 {
		t.Errorf("the PBX heard of %v", w.pbx.kept)
	}
	w.pbx.answer(bye, 200, "OK", "", "", "")
	w.over()
}

// What the PBX does not take, and what it puts off, does not end the browser's call.
func TestHoldOfABrowser(t *testing.T) {
	t.Parallel() // it waits for seconds
	for _, tt := range []struct {
		name, method string
		answers      []int // of the PBX, the last one for ever
		want         string
	}{
		{"taken", "INVITE", []int{200}, "answer for WebRTC of v=0 held"},
		{"at a second try", "INVITE", []int{491, 200}, "answer for WebRTC of v=0 held"},
		{"later", "INVITE", []int{500, 200}, "answer for WebRTC of v=0 held"},
		{"refused", "INVITE", []int{488}, "kept for WebRTC of v=0 hold"},
		{"by UPDATE", "UPDATE", []int{200}, "answer for WebRTC of v=0 held"},
		{"UPDATE refused", "UPDATE", []int{603}, "kept for WebRTC of v=0 hold"},
		{"UPDATE not known", "UPDATE", []int{405, 200}, "answer for WebRTC of v=0 held"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, ModePeer)
			alice := w.dial("alice", true)
			ok, _ := w.up(alice)
			alice.send(alice.within(tt.method, ok, 2, "v=0 hold"))
			for _, status := range tt.answers {
				method := sip.RequestMethod(tt.method)
				if len(tt.answers) == 2 && status == 200 {
					method = sip.INVITE
				}
				req := w.pbx.request(method)
				body := ""
				if status == 200 {
					body = "v=0 held"
				}
				w.pbx.with(req, status, "Whatever", "", w.phone(), body, "Retry-After: 0")
				if method == sip.INVITE && status != 200 {
					w.pbx.request(sip.ACK)
				}
			}
			if r := alice.response(200, sip.RequestMethod(tt.method)); string(r.Body()) != tt.want {
				t.Errorf("answer %q, want %q", r.Body(), tt.want)
			}
			if tt.method == "INVITE" {
				alice.send(alice.within("ACK", ok, 2, ""))
			}
			if tt.answers[len(tt.answers)-1] == 200 && (tt.method == "INVITE" || len(tt.answers) == 2) {
				w.pbx.request(sip.ACK)
			}
			alice.send(alice.within("BYE", ok, 3, ""))
			w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
			w.over()
		})
	}
}

// A dialog that the PBX has lost ends the call.
func TestChangeOfALostDialog(t *testing.T) {
	w := newWorld(t, ModePeer)
	alice := w.dial("alice", true)
	ok, _ := w.up(alice)
	alice.send(alice.within("INVITE", ok, 2, "v=0 hold"))
	w.pbx.answer(w.pbx.request(sip.INVITE), 481, "Call Does Not Exist", "", "", "")
	alice.response(481, sip.INVITE)
	w.pbx.answer(w.pbx.request(sip.BYE), 481, "Call Does Not Exist", "", "", "")
	alice.answer(alice.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
}

// A browser's change that crosses one of the PBX waits for that to end; the browser never sees a 491. Before the answer it is asked for an offer, from which JsSIP
// has its own again, and after it it is told what is in force.
func TestBrowserWaits(t *testing.T) {
	w := newWorld(t, ModePeer)
	alice := w.dial("alice", true)
	ok, invite := w.up(alice)
	contact := "<sip:alice@" + alice.host + ">"
	refuses := func() {
		t.Helper()
		asked := alice.request(sip.INVITE)
		if len(asked.Body()) > 0 {
			t.Errorf("asked by %s", asked.Body())
		}
		alice.answer(asked, 491, "Request Pending", "", "", "")
		alice.request(sip.ACK)
	}
	catchesUp := func() {
		t.Helper()
		told := alice.request(sip.INVITE)
		if string(told.Body()) != "again for WebRTC" {
			t.Errorf("told %q", told.Body())
		}
		alice.answer(told, 200, "OK", "", contact, "v=0 as it is")
		alice.request(sip.ACK)
	}
	w.pbx.send(w.within("INVITE", invite, 2, "v=0 PBX holds"))
	theirs := alice.request(sip.INVITE)
	alice.send(alice.within("INVITE", ok, 2, "v=0 hold"))
	l := w.srv.legs[ok.Contact().Address.User]
	eventually(t, "the browser's change waits", l.waited)
	alice.answer(theirs, 491, "Request Pending", "", "", "")
	alice.request(sip.ACK)
	w.pbx.response(491, sip.INVITE) // so the PBX is to try again
	ours := w.pbx.request(sip.INVITE)
	w.pbx.answer(ours, 200, "OK", "", w.phone(), "v=0 held")
	refuses()
	if r := alice.response(200, sip.INVITE); string(r.Body()) != "answer for WebRTC of v=0 held" {
		t.Errorf("answer %q", r.Body())
	}
	alice.send(alice.within("ACK", ok, 2, ""))
	w.pbx.request(sip.ACK)
	catchesUp()

	// The same, but the browser takes the PBX's first.
	w.pbx.send(w.within("INVITE", invite, 3, "v=0 PBX holds"))
	theirs = alice.request(sip.INVITE)
	alice.send(alice.within("INVITE", ok, 3, "v=0 resume"))
	eventually(t, "the browser's change waits", l.waited)
	alice.answer(theirs, 200, "OK", "", contact, "v=0 held")
	if r := w.pbx.response(200, sip.INVITE); string(r.Body()) != "answer for RTP of v=0 held" {
		t.Errorf("answer %q", r.Body())
	}
	w.pbx.send(w.within("ACK", invite, 3, ""))
	alice.request(sip.ACK)
	ours = w.pbx.request(sip.INVITE)
	w.pbx.answer(ours, 200, "OK", "", w.phone(), "v=0 resumed")
	refuses()
	if r := alice.response(200, sip.INVITE); string(r.Body()) != "answer for WebRTC of v=0 resumed" {
		t.Errorf("answer %q", r.Body())
	}
	alice.send(alice.within("ACK", ok, 3, ""))
	w.pbx.request(sip.ACK)
	catchesUp()
	alice.send(alice.within("BYE", ok, 4, ""))
	w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
}

// A change that puts the browser's off is asked of it again.
func TestBrowserPutsOff(t *testing.T) {
	t.Parallel() // it waits for seconds
	w := newWorld(t, ModePeer)
	alice := w.dial("alice", true)
	ok, invite := w.up(alice)
	w.pbx.send(w.within("INVITE", invite, 2, "v=0 PBX holds"))
	first := alice.request(sip.INVITE)
	alice.answer(first, 491, "Request Pending", "", "", "")
	alice.request(sip.ACK)
	second := alice.request(sip.INVITE)
	if second.CSeq().SeqNo != first.CSeq().SeqNo+1 || string(second.Body()) != string(first.Body()) {
		t.Errorf("asked again by\n%s", second)
	}
	alice.answer(second, 200, "OK", "", "<sip:alice@"+alice.host+">", "v=0 held")
	w.pbx.response(200, sip.INVITE)
	w.pbx.send(w.within("ACK", invite, 2, ""))
	alice.request(sip.ACK)
	alice.send(alice.within("BYE", ok, 3, ""))
	w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
}

func TestUpdateBeforeTheAnswer(t *testing.T) {
	w := newWorld(t, ModePeer)
	alice := w.dial("alice", true)
	alice.invite("200")
	invite := w.pbx.request(sip.INVITE)
	w.pbx.answer(invite, 180, "Ringing", "phone", w.phone(), "")
	ringing := alice.response(180, sip.INVITE)
	// Without an offer, in both directions.
	w.pbx.send(w.within("UPDATE", invite, 2, ""))
	w.pbx.response(200, sip.UPDATE)
	alice.send(alice.within("UPDATE", ringing, 2, ""))
	alice.response(200, sip.UPDATE)
	// With one, before the first is answered, and only answered for now.
	w.pbx.send(w.within("UPDATE", invite, 3, "v=0 other"))
	w.pbx.response(491, sip.UPDATE)
	alice.send(alice.within("UPDATE", ringing, 3, "v=0 other"))
	alice.response(500, sip.UPDATE)
	w.pbx.with(invite, 183, "Session Progress", "phone", w.phone(), "v=0 early", "Require: 100rel", "RSeq: 1")
	w.pbx.answer(w.pbx.request(sip.PRACK), 200, "OK", "", "", "")
	alice.response(183, sip.INVITE)
	// The browser can't be asked yet.
	w.pbx.send(w.within("UPDATE", invite, 4, "v=0 other"))
	if r := w.pbx.response(200, sip.UPDATE); string(r.Body()) != "kept for RTP of v=0 other" {
		t.Errorf("answer %q", r.Body())
	}
	// Other requests pass before the answer, too.
	w.pbx.send(w.within("INFO", invite, 5, ""))
	info := alice.request(sip.INFO)
	if tagOf(t, info.From().Params) != "phone" {
		t.Errorf("INFO from %s", info.From().Value())
	}
	alice.answer(info, 200, "OK", "", "", "")
	w.pbx.response(200, sip.INFO)
	alice.send(alice.within("INFO", ringing, 4, ""))
	w.pbx.answer(w.pbx.request(sip.INFO), 200, "OK", "", "", "")
	alice.response(200, sip.INFO)
	// What the PBX said last is what the browser hears with the answer.
	w.pbx.answer(invite, 200, "OK", "phone", w.phone(), "")
	ok := alice.response(200, sip.INVITE)
	if string(ok.Body()) != "answer for WebRTC of v=0 other" {
		t.Errorf("answer %q", ok.Body())
	}
	alice.send(alice.within("ACK", ok, int(ok.CSeq().SeqNo), ""))
	w.pbx.request(sip.ACK)
	w.pbx.send(w.within("BYE", invite, 6, ""))
	alice.answer(alice.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
}

// Where both sides have agreed reliably, an early change crosses: by UPDATE, or in PRACK.
func TestEarlyChangeCrosses(t *testing.T) {
	w := newWorld(t, ModeExtension)
	bob := w.dial("bob", true)
	bob.register()
	w.pbx.send(w.ring("102", "v=0 of carol", "Supported: 100rel", "Allow: INVITE, UPDATE, PRACK"))
	invite := bob.request(sip.INVITE)
	at := "<sip:bob@" + bob.host + ">"
	bob.with(invite, 183, "Session Progress", "b", at, "v=0 early", "Require: 100rel", "RSeq: 9", "Allow: INVITE, UPDATE, PRACK")
	bob.answer(bob.request(sip.PRACK), 200, "OK", "", "", "")
	early := w.pbx.response(183, sip.INVITE)
	w.pbx.send(w.inRing("PRACK", early, 8, "v=0 in PRACK", "RAck: "+valueOf(early, "RSeq")+" 7 INVITE"))
	update := bob.request(sip.UPDATE)
	if string(update.Body()) != "offer for WebRTC of v=0 in PRACK" {
		t.Errorf("offer %q", update.Body())
	}
	bob.answer(update, 200, "OK", "", at, "v=0 of bob to PRACK")
	if r := w.pbx.response(200, sip.PRACK); string(r.Body()) != "answer for RTP of v=0 of bob to PRACK" {
		t.Errorf("answer %q", r.Body())
	}
	bob.seq = 20
	bob.send(bob.build("UPDATE", invite.Contact().Address.String(), invite.From().Value(), "c1", "b", "v=0 of bob in UPDATE"))
	crossed := w.pbx.request(sip.UPDATE)
	if string(crossed.Body()) != "offer for RTP of v=0 of bob in UPDATE" || tagOf(t, crossed.From().Params) != "b" {
		t.Errorf("crossed as\n%s", crossed)
	}
	w.pbx.answer(crossed, 200, "OK", "", "<sip:carol@"+w.pbx.addr()+">", "v=0 of carol")
	if r := bob.response(200, sip.UPDATE); string(r.Body()) != "answer for WebRTC of v=0 of carol" {
		t.Errorf("answer %q", r.Body())
	}
	bob.answer(invite, 200, "OK", "b", at, "")
	ok := w.pbx.response(200, sip.INVITE)
	w.pbx.send(w.inRing("ACK", ok, 7, ""))
	bob.request(sip.ACK)
	w.pbx.send(w.inRing("BYE", ok, 9, ""))
	bob.answer(bob.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
}

func TestEarlyDialogEnds(t *testing.T) {
	w := newWorld(t, ModeExtension)
	desk, phone := w.dial("bob", true), w.dial("bob", true)
	desk.register()
	phone.register()
	w.pbx.send(w.ring("102", "v=0 of carol", "Supported: 199"))
	a, b := desk.request(sip.INVITE), phone.request(sip.INVITE)
	desk.answer(a, 180, "Ringing", "d", "<sip:bob@"+desk.host+">", "")
	w.pbx.response(180, sip.INVITE)
	phone.answer(b, 180, "Ringing", "p", "<sip:bob@"+phone.host+">", "")
	w.pbx.response(180, sip.INVITE)
	desk.answer(a, 486, "Busy Here", "d", "", "")
	if r := w.pbx.response(199, sip.INVITE); tagOf(t, r.To().Params) != "d" {
		t.Errorf("199 of %s", r.To().Value())
	}
	phone.answer(b, 486, "Busy Here", "p", "", "")
	w.pbx.response(486, sip.INVITE)
	w.over()
}

func TestInfoPasses(t *testing.T) {
	w := newWorld(t, ModePeer)
	alice := w.dial("alice", true)
	alice.invite("200")
	invite := w.pbx.request(sip.INVITE)
	w.pbx.with(invite, 200, "OK", "phone", w.phone(), "v=0 of phone", "Recv-Info: foo, bar")
	ok := alice.response(200, sip.INVITE)
	if valueOf(ok, "Recv-Info") != "foo, bar" {
		t.Errorf("Recv-Info %q", valueOf(ok, "Recv-Info"))
	}
	alice.send(alice.within("ACK", ok, int(ok.CSeq().SeqNo), ""))
	w.pbx.request(sip.ACK)
	for i, tt := range []struct {
		kind, body string
		headers    []string
		status     int
	}{
		{"application/dtmf-relay", "Signal=5\r\nDuration=160", nil, 200},
		{"application/dtmf", "5", nil, 200},
		{"application/media_control+xml", "<media_control><vc_primitive><to_encoder><picture_fast_update/></to_encoder></vc_primitive></media_control>", nil, 200},
		{"application/octet-stream", "\x00\xff\r\n\r\n", []string{"Content-Encoding: gzip", "Content-Disposition: Info-Package", "Info-Package: foo"}, 200},
		{"text/plain", "what", []string{"Info-Package: nobody"}, 469},
		{"text/plain", "what", nil, 415},
	} {
		text := more(alice.within("INFO", ok, 2+i, ""), append(tt.headers, "Content-Type: "+tt.kind)...)
		alice.send(strings.Replace(text, "Content-Length: 0\r\n\r\n", "Content-Length: "+itoa(len(tt.body))+"\r\n\r\n"+tt.body, 1))
		got := w.pbx.request(sip.INFO)
		if string(got.Body()) != tt.body || got.ContentType().Value() != tt.kind {
			t.Errorf("%s passed as\n%s", tt.kind, got)
		}
		for _, h := range tt.headers {
			name, value, _ := strings.Cut(h, ": ")
			if valueOf(got, name) != value {
				t.Errorf("%s: %q, want %q", name, valueOf(got, name), value)
			}
		}
		w.pbx.answer(got, tt.status, "Whatever", "", "", "")
		alice.response(tt.status, sip.INFO)
	}
	alice.send(alice.within("BYE", ok, 20, ""))
	w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
}

func TestInfoToABuiltin(t *testing.T) {
	w := newWorld(t, "")
	alice := w.dial("alice", true)
	alice.invite("echo")
	ok := alice.response(200, sip.INVITE)
	alice.send(alice.within("ACK", ok, int(ok.CSeq().SeqNo), ""))
	for i, tt := range []struct {
		header string
		status int
	}{
		{"Content-Type: application/dtmf-relay;charset=utf-8", 200},
		{"Content-Type: text/plain", 415},
		{"Info-Package: foo\r\nContent-Type: application/dtmf", 469},
	} {
		text := more(alice.within("INFO", ok, 2+i, ""), tt.header)
		alice.send(strings.Replace(text, "Content-Length: 0\r\n\r\n", "Content-Length: 1\r\n\r\n5", 1))
		alice.response(tt.status, sip.INFO)
	}
	alice.send(alice.within("BYE", ok, 20, ""))
	w.over()
}
