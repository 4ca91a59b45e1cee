package signaling

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
)

// with answers a request with further headers.
func (e *end) with(req *sip.Request, status int, reason, tag, contact, body string, headers ...string) {
	e.send(respondText(req, status, reason, tag, contact, body, headers...))
}

// respondText writes a response with further headers.
func respondText(req *sip.Request, status int, reason, tag, contact, body string, headers ...string) string {
	res := sip.NewResponseFromRequest(req, status, reason, nil)
	if tag != "" {
		res.To().Params.Add("tag", tag)
	}
	if contact != "" {
		res.AppendHeader(sip.NewHeader("Contact", contact))
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		res.AppendHeader(sip.NewHeader(name, value))
	}
	if body != "" {
		res.AppendHeader(sip.NewHeader("Content-Type", sdpType))
	}
	res.SetBody([]byte(body))
	return res.String()
}

// more adds headers to a request as text.
func more(text string, headers ...string) string {
	return strings.Replace(text, "\r\nContent-Length", "\r\n"+strings.Join(headers, "\r\n")+"\r\nContent-Length", 1)
}

// phone is the PBX's contact.
func (w *world) phone() string { return "<sip:phone@" + w.pbx.addr() + ">" }

// ring writes an INVITE of the PBX for a user.
func (w *world) ring(user, body string, headers ...string) string {
	text := "INVITE " + w.pbx.contact(user) + " SIP/2.0\r\nVia: SIP/2.0/UDP " + w.pbx.addr() + ";branch=z9hG4bK" + token() + "\r\n" +
		"From: <sip:300@pbx>;tag=carol\r\nTo: <sip:" + user + "@pbx>\r\nCall-ID: c1\r\nCSeq: 7 INVITE\r\nContact: <sip:carol@" + w.pbx.addr() + ">\r\n" +
		"Max-Forwards: 70\r\n"
	if body != "" {
		text += "Content-Type: application/sdp\r\n"
	}
	return more(text+"Content-Length: "+itoa(len(body))+"\r\n\r\n"+body, headers...)
}

// inRing writes a request of the PBX inside the call that ring began.
func (w *world) inRing(method string, res *sip.Response, seq int, body string, headers ...string) string {
	text := method + " " + res.Contact().Address.String() + " SIP/2.0\r\nVia: SIP/2.0/UDP " + w.pbx.addr() + ";branch=z9hG4bK" + token() + "\r\n" +
		"From: <sip:300@pbx>;tag=carol\r\nTo: " + res.To().Value() + "\r\nCall-ID: c1\r\nCSeq: " + itoa(seq) + " " + method + "\r\nMax-Forwards: 70\r\n"
	if body != "" {
		text += "Content-Type: application/sdp\r\n"
	}
	text += "Content-Length: " + itoa(len(body)) + "\r\n\r\n" + body
	if len(headers) == 0 {
		return text
	}
	return more(text, headers...)
}

func TestPBXSendsReliably(t *testing.T) {
	w := newWorld(t, ModePeer)
	alice := w.dial("alice", true)
	alice.invite("200")
	invite := w.pbx.request(sip.INVITE)
	if n := len(invite.GetHeaders("Supported")); n != 1 { // SIP.js reads the first one only
		t.Errorf("%d headers Supported, want one", n)
	}
	if !hasOption(invite, "Supported", "100rel") {
		t.Errorf("Supported: %q, want 100rel in it", optionTags(invite, "Supported"))
	}
	acked := func(tag, rack string) *sip.Request {
		t.Helper()
		prack := w.pbx.request(sip.PRACK)
		if got := valueOf(prack, "RAck"); got != rack || tagOf(t, prack.To().Params) != tag || prack.Recipient.User != tag {
			t.Errorf("PRACK %q to %s at %s, want %q to %s", got, prack.To().Value(), prack.Recipient.String(), rack, tag)
		}
		if prack.CSeq().SeqNo <= invite.CSeq().SeqNo {
			t.Errorf("PRACK has CSeq %d after INVITE's %d", prack.CSeq().SeqNo, invite.CSeq().SeqNo)
		}
		w.pbx.answer(prack, 200, "OK", "", "", "")
		return prack
	}
	seq := itoa(int(invite.CSeq().SeqNo))
	at := func(tag string) string { return "<sip:" + tag + "@" + w.pbx.addr() + ">" }
	first := respondText(invite, 183, "Session Progress", "one", at("one"), "v=0 of one", "Require: 100rel", "RSeq: 41")
	w.pbx.send(first)
	acked("one", "41 "+seq+" INVITE")
	r := alice.response(183, sip.INVITE)
	if string(r.Body()) != "answer for WebRTC of v=0 of one" || r.GetHeader("RSeq") != nil || r.GetHeader("Require") != nil {
		t.Errorf("the browser got\n%s", r)
	}
	w.pbx.send(first)                                                                                                             // again: neither acknowledged nor passed
	w.pbx.with(invite, 183, "Early", "one", at("one"), "v=0 too early", "Require: 100rel", "RSeq: 43")                            // a gap: waited for
	w.pbx.with(invite, 180, "Ringing", "two", at("two"), "", "Require: 100rel", "RSeq: 7")                                        // another branch counts for itself
	acked("two", "7 "+seq+" INVITE")                                                                                              //
	w.pbx.with(invite, 183, "Session Progress", "two", at("two"), "v=0 of two", "Require: 100rel", "RSeq: 8", "Other: something") //
	acked("two", "8 "+seq+" INVITE")
	if r := alice.response(183, sip.INVITE); string(r.Body()) != "answer for WebRTC of v=0 of two" || tagOf(t, r.To().Params) != "two" {
		t.Errorf("after two branches the browser got\n%s", r)
	}
	w.pbx.answer(invite, 199, "Early Dialog Terminated", "two", at("two"), "")
	// The other branch takes the call. Its answer came before.
	w.pbx.with(invite, 200, "OK", "one", at("one"), "")
	ok := alice.response(200, sip.INVITE)
	if string(ok.Body()) != "answer for WebRTC of v=0 of one" || tagOf(t, ok.To().Params) != "one" {
		t.Errorf("the browser got\n%s", ok)
	}
	alice.send(alice.within("ACK", ok, int(ok.CSeq().SeqNo), ""))
	if ack := w.pbx.request(sip.ACK); ack.Recipient.User != "one" || tagOf(t, ack.To().Params) != "one" {
		t.Errorf("ACK went to %s", ack.Recipient.String())
	}
	alice.send(alice.within("BYE", ok, int(ok.CSeq().SeqNo)+1, ""))
	bye := w.pbx.request(sip.BYE)
	if tagOf(t, bye.To().Params) != "one" {
		t.Errorf("BYE to %s", bye.To().Value())
	}
	w.pbx.answer(bye, 200, "OK", "", "", "")
	w.over()
	for _, m := range append(slices.Clone(alice.kept), drain(alice.in)...) {
		if r, ok := m.(*sip.Response); ok && (r.StatusCode == 199 || r.StatusCode == 183) {
			t.Errorf("the browser got %s", r.StartLine())
		}
	}
	for _, m := range append(slices.Clone(w.pbx.kept), drain(w.pbx.in)...) {
		if r, ok := m.(*sip.Request); ok && r.Method == sip.PRACK {
			t.Errorf("one PRACK too many: %s", valueOf(r, "RAck"))
		}
	}
}

func drain(in chan sip.Message) (rest []sip.Message) {
	for {
		select {
		case m := <-in:
			rest = append(rest, m)
		default:
			return rest
		}
	}
}

func TestPBXWantsReliably(t *testing.T) {
	t.Parallel() // it waits for seconds
	for _, header := range []string{"Supported: 100rel", "Require: 100rel"} {
		t.Run(header, func(t *testing.T) {
			w := newWorld(t, ModeExtension)
			bob := w.dial("bob", true)
			bob.register()
			w.pbx.send(w.ring("102", "v=0 of carol", header))
			invite := bob.request(sip.INVITE)
			bob.answer(invite, 180, "Ringing", "b", "<sip:bob@"+bob.host+">", "")
			ringing := w.pbx.response(180, sip.INVITE)
			again := w.pbx.response(180, sip.INVITE) // it is repeated
			rseq := valueOf(ringing, "RSeq")
			if rseq == "" || rseq != valueOf(again, "RSeq") || !hasOption(ringing, "Require", "100rel") {
				t.Fatalf("RSeq %q and %q, Require %q", rseq, valueOf(again, "RSeq"), valueOf(ringing, "Require"))
			}
			w.pbx.send(w.inRing("PRACK", ringing, 8, "", "RAck: 1 7 INVITE"))
			w.pbx.response(481, sip.PRACK)
			// What comes meanwhile waits its turn.
			bob.with(invite, 183, "Session Progress", "b", "<sip:bob@"+bob.host+">", "v=0 early", "Require: 100rel", "RSeq: 9")
			prack := bob.request(sip.PRACK)
			bob.answer(prack, 200, "OK", "", "", "")
			w.pbx.send(w.inRing("PRACK", ringing, 9, "", "RAck: "+rseq+" 7 INVITE"))
			w.pbx.response(200, sip.PRACK)
			early := w.pbx.response(183, sip.INVITE)
			number, _ := strconv.Atoi(rseq)
			if valueOf(early, "RSeq") != itoa(number+1) || string(early.Body()) != "answer for RTP of v=0 early" {
				t.Errorf("after %s came\n%s", rseq, early)
			}
			// The answer of the call waits for the acknowledgement of the description, and has none itself.
			bob.answer(invite, 200, "OK", "b", "<sip:bob@"+bob.host+">", "v=0 of bob")
			w.pbx.response(183, sip.INVITE)
			w.pbx.send(w.inRing("PRACK", early, 10, "", "RAck: "+valueOf(early, "RSeq")+" 7 INVITE"))
			w.pbx.response(200, sip.PRACK)
			ok := w.pbx.response(200, sip.INVITE)
			if len(ok.Body()) > 0 {
				t.Errorf("a second answer: %q", ok.Body())
			}
			w.pbx.send(w.inRing("ACK", ok, 7, ""))
			bob.request(sip.ACK)
			w.pbx.send(w.inRing("BYE", ok, 11, ""))
			w.pbx.response(200, sip.BYE)
			bob.answer(bob.request(sip.BYE), 200, "OK", "", "", "")
			w.over()
		})
	}
}

// A caller that demands reliable responses but brings no offer gets none before the answer, since each would have to bring one.
func TestNoReliableResponseWithoutOffer(t *testing.T) {
	w := newWorld(t, ModeExtension)
	bob := w.dial("bob", true)
	bob.register()
	w.pbx.send(w.ring("102", "", "Require: 100rel"))
	invite := bob.request(sip.INVITE)
	if hasOption(invite, "Supported", "100rel") {
		t.Error("a callee that must offer may do so reliably")
	}
	bob.answer(invite, 180, "Ringing", "b", "<sip:bob@"+bob.host+">", "")
	bob.answer(invite, 200, "OK", "b", "<sip:bob@"+bob.host+">", "v=0 of bob")
	ok := w.pbx.response(200, sip.INVITE)
	for _, m := range w.pbx.kept {
		if r, isResponse := m.(*sip.Response); isResponse && r.StatusCode == 180 {
			t.Error("a provisional response came unreliably")
		}
	}
	w.pbx.send(more(w.inRing("ACK", ok, 7, "v=0 of carol"), "X: y"))
	if ack := bob.request(sip.ACK); string(ack.Body()) != "answer for WebRTC of v=0 of carol" {
		t.Errorf("answer %q", ack.Body())
	}
	w.pbx.send(w.inRing("BYE", ok, 8, ""))
	bob.answer(bob.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
}

func TestRelay(t *testing.T) {
	type sent struct {
		at   time.Duration
		rseq string
	}
	run := func(t *testing.T, steps func(r *relay, stop context.CancelFunc)) (out []sent, failed int) {
		var mu sync.Mutex
		start := time.Now()
		life, stop := context.WithCancel(t.Context())
		defer stop()
		var tasks sync.WaitGroup
		r := newRelay(life, 7, func(res *sip.Response) {
			mu.Lock()
			defer mu.Unlock()
			out = append(out, sent{time.Since(start), valueOf(res, "RSeq")})
		}, func(f func()) { tasks.Go(f) }, func() { failed++ })
		r.rseq = 0
		steps(r, stop)
		stop()
		tasks.Wait()
		return out, failed
	}
	req := requestOf(t, "INVITE", "More: x", "Require: 100rel")
	response := func(body string) *sip.Response { return sip.NewResponseFromRequest(req, 183, "x", []byte(body)) }
	want := func(t *testing.T, got []sent, want ...string) {
		t.Helper()
		var text []string
		for _, s := range got {
			text = append(text, fmt.Sprint(s.at, " ", s.rseq))
		}
		if !slices.Equal(text, want) {
			t.Errorf("sent %q, want %q", text, want)
		}
	}
	t.Run("never acknowledged", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			out, failed := run(t, func(r *relay, _ context.CancelFunc) {
				r.pass(response(""))
				r.pass(response(""))
				time.Sleep(time.Minute)
			})
			want(t, out, "0s 1", "500ms 1", "1.5s 1", "3.5s 1", "7.5s 1", "15.5s 1", "31.5s 1")
			if failed != 1 {
				t.Errorf("told %d times", failed)
			}
		})
	})
	t.Run("in turn", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			out, failed := run(t, func(r *relay, _ context.CancelFunc) {
				r.pass(response(""))
				r.pass(response("v=0"))
				for rack, ok := range map[string]bool{"2 7 INVITE": false, "1 8 INVITE": false, "1 7 BYE": false, "1 7": false, "x 7 INVITE": false} {
					if r.acknowledge(rack) != ok {
						t.Errorf("RAck %q taken", rack)
					}
				}
				time.Sleep(600 * time.Millisecond)
				if !r.acknowledge("1 7 invite") || r.acknowledge("1 7 INVITE") {
					t.Error("RAck not taken once")
				}
				go func() {
					time.Sleep(700 * time.Millisecond)
					r.acknowledge("2 7 INVITE")
				}()
				if answered, err := r.end(t.Context()); !answered || err != nil {
					t.Errorf("end: %v, %v", answered, err)
				}
				r.pass(response(""))
				time.Sleep(time.Minute)
			})
			want(t, out, "0s 1", "500ms 1", "600ms 2", "1.1s 2")
			if failed != 0 {
				t.Errorf("told of a failure")
			}
		})
	})
	t.Run("answered while ringing", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			out, failed := run(t, func(r *relay, _ context.CancelFunc) {
				r.pass(response(""))
				r.pass(response("v=0"))
				if answered, err := r.end(t.Context()); answered || err != nil {
					t.Errorf("end: %v, %v", answered, err)
				}
				if !r.acknowledge("1 7 INVITE") {
					t.Error("a late RAck is not taken")
				}
				time.Sleep(time.Minute)
			})
			want(t, out, "0s 1")
			if failed != 0 {
				t.Errorf("told of a failure")
			}
		})
	})
	t.Run("description not acknowledged", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			_, failed := run(t, func(r *relay, _ context.CancelFunc) {
				r.pass(response("v=0"))
				if _, err := r.end(t.Context()); err != errUnacknowledged {
					t.Errorf("end: %v", err)
				}
			})
			if failed > 1 {
				t.Errorf("told %d times", failed)
			}
		})
	})
}
