package signaling

import (
	"context"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/call"
)

// slowMedia takes its time for an answer.
type slowMedia struct{ *fakeMedia }

func (m slowMedia) Answer(ctx context.Context, id string, from, to call.Party, answer []byte) ([]byte, error) {
	time.Sleep(50 * time.Millisecond)
	return m.fakeMedia.Answer(ctx, id, from, to, answer)
}

// first gives what comes first at the PBX of an ACK and a request, and waits for the other one, too.
func (w *world) first(method sip.RequestMethod) (first sip.RequestMethod, req *sip.Request) {
	w.t.Helper()
	for range 2 {
		got := w.pbx.await("ACK or "+string(method), func(m sip.Message) bool {
			r, ok := m.(*sip.Request)
			return ok && (r.IsAck() || r.Method == method)
		}).(*sip.Request)
		if first == "" {
			first = got.Method
		}
		if !got.IsAck() {
			req = got
		}
	}
	return first, req
}

// What somebody says right behind an ACK goes on behind ours.
func TestNothingOvertakesAnAck(t *testing.T) {
	for _, tt := range []struct {
		name         string
		offer, again string // in the INVITE that makes the call, and in the one that changes it
	}{
		{"call and change with an offer", "v=0 of alice", "v=0 hold"},
		{"call and change without", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := buildWorld(t, ModePeer, func(_ *Config, deps *Deps) { deps.Media = slowMedia{deps.Media.(*fakeMedia)} })
			w.start()
			alice := w.dial("alice", true)
			answer := map[bool]string{false: "v=0 answer in ACK"}[tt.offer != ""]
			behind := func(ok *sip.Response, seq int, method string) {
				t.Helper()
				alice.send(alice.within("ACK", ok, seq, answer))
				alice.send(alice.within(method, ok, seq+1, ""))
				first, req := w.first(sip.RequestMethod(method))
				if first != sip.ACK {
					t.Errorf("the PBX heard %s before the ACK", first)
				}
				w.pbx.answer(req, 200, "OK", "", "", "")
				alice.response(200, sip.RequestMethod(method))
			}
			for range 5 {
				alice.send(alice.build("INVITE", "sip:200@office.example", "<sip:200@office.example>", token(), token(), tt.offer))
				w.pbx.answer(w.pbx.request(sip.INVITE), 200, "OK", "phone", w.phone(), "v=0 of phone")
				ok := alice.response(200, sip.INVITE)
				seq := int(ok.CSeq().SeqNo)
				behind(ok, seq, "INFO")
				alice.send(alice.within("INVITE", ok, seq+2, tt.again))
				w.pbx.answer(w.pbx.request(sip.INVITE), 200, "OK", "", w.phone(), "v=0 changed")
				alice.response(200, sip.INVITE)
				behind(ok, seq+2, "BYE")
				w.over()
			}
		})
	}
}

// A change with an offer is acknowledged to the PBX before the browser is answered, even where it has crossed as another request.
func TestAckBeforeTheAnswer(t *testing.T) {
	w := newWorld(t, ModePeer)
	alice := w.dial("alice", true)
	ok, _ := w.up(alice)
	seq := int(ok.CSeq().SeqNo)
	for _, method := range []string{"INVITE", "UPDATE"} {
		seq++
		alice.send(alice.within(method, ok, seq, "v=0 hold"))
		if method == "UPDATE" {
			w.pbx.answer(w.pbx.request(sip.UPDATE), 405, "Method Not Allowed", "", "", "")
		}
		w.pbx.answer(w.pbx.request(sip.INVITE), 200, "OK", "", w.phone(), "v=0 held")
		w.pbx.request(sip.ACK)
		alice.response(200, sip.RequestMethod(method))
		if method == "INVITE" {
			alice.send(alice.within("ACK", ok, seq, ""))
		}
	}
	alice.send(alice.within("BYE", ok, seq+1, ""))
	w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
}

// To the PBX the change is over with our ACK, however long the browser takes for its own: what the PBX changes then is not refused.
func TestChangeBehindAnAck(t *testing.T) {
	t.Parallel() // it waits
	w := newWorld(t, ModePeer)
	alice := w.dial("alice", true)
	ok, req := w.up(alice)
	seq := int(ok.CSeq().SeqNo) + 1
	alice.send(alice.within("INVITE", ok, seq, "v=0 hold"))
	w.pbx.answer(w.pbx.request(sip.INVITE), 200, "OK", "", w.phone(), "v=0 held")
	w.pbx.request(sip.ACK)
	w.pbx.send(w.within("INVITE", req, 1, "v=0 goes on"))
	alice.response(200, sip.INVITE)
	time.Sleep(2 * sip.T1)
	alice.send(alice.within("ACK", ok, seq, ""))
	alice.answer(alice.request(sip.INVITE), 200, "OK", "", "", "v=0 too")
	if res := w.pbx.response(200, sip.INVITE); res == nil {
		t.Error("the PBX's change is not answered")
	}
}

// A request whose ACK is missing does not wait for ever.
func TestMissingAckHoldsNothingUp(t *testing.T) {
	t.Parallel() // it waits
	w := newWorld(t, ModePeer)
	alice := w.dial("alice", true)
	alice.invite("200")
	w.pbx.answer(w.pbx.request(sip.INVITE), 200, "OK", "phone", w.phone(), "v=0 of phone")
	ok := alice.response(200, sip.INVITE)
	for i := range 3 {
		alice.send(alice.within("INFO", ok, int(ok.CSeq().SeqNo)+1+i, ""))
		w.pbx.answer(w.pbx.request(sip.INFO), 200, "OK", "", "", "")
		alice.response(200, sip.INFO)
	}
	alice.send(alice.within("BYE", ok, int(ok.CSeq().SeqNo)+4, ""))
	w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
}

// A description that comes when its call is over begins no media again.
func TestNothingCrossesAfterTheEnd(t *testing.T) {
	w := newWorld(t, ModePeer)
	b := w.srv.newBridge("alice", "200", func(error) {})
	from, to := &leg{call: b, srv: w.srv}, &leg{call: b, srv: w.srv}
	if _, err := b.across(from, to, []byte("an offer"), false); err != nil || w.media.alive() != 1 {
		t.Fatalf("%v, %d calls, want one", err, w.media.alive())
	}
	b.die()
	w.media.Delete(b.id, "")
	if _, err := b.across(from, to, []byte("an offer"), false); err == nil || w.media.alive() != 0 {
		t.Errorf("after the end: %v, %d calls", err, w.media.alive())
	}
}
