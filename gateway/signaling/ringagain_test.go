package signaling

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/call"
)

// lose closes the browser's connection and waits until the server knows.
func (w *world) lose(b *browser) {
	w.t.Helper()
	had := flowsOf(w.srv)
	_ = b.conn.CloseNow()
	eventually(w.t, "the flow is gone", func() bool { return flowsOf(w.srv) == had-1 })
}

// A call goes on ringing while its callee's page is loaded again, and rings there.
func TestCallRingsAgainWhenItsBrowserIsBack(t *testing.T) {
	const otherDevice = `+sip.instance="<urn:uuid:0b9c5a1e-11aa-4c38-9f3e-7d2a6f1c0002>";reg-id=1`
	device := fmt.Sprintf(deskDevice, 1)
	for _, tt := range []struct {
		name          string
		first, second string // how the browser names itself
		before        bool   // it is back before its old connection is known to be gone
	}{
		{"named device", device, device, false},
		{"named device, old connection open", device, device, true},
		{"named anew", device, otherDevice, false},
		{"named anew, old connection open", device, otherDevice, true},
		{"other flow of the device", device, fmt.Sprintf(deskDevice, 2), true},
		{"without a name", "x", "x", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, "")
			alice, bob := w.dial("alice", true), w.dial("bob", true)
			alice.registerAs(200, tt.first)
			callID, tag, _ := bob.invite("alice")
			first := alice.request(sip.INVITE)
			alice.answer(first, 180, "Ringing", "one", "<sip:alice@"+alice.host+">", "")
			bob.response(180, sip.INVITE)
			var again *browser
			back := func() {
				again = w.dial("alice", true)
				again.registerAs(200, tt.second)
			}
			if tt.before {
				back()
			}
			w.lose(alice)
			if !tt.before {
				back()
			}
			invite := again.request(sip.INVITE)
			got, _ := invite.From().Params.Get("tag")
			if invite.CallID().Value() != callID || got != tag || invite.CSeq().SeqNo <= first.CSeq().SeqNo || invite.To().Params.Has("tag") || string(invite.Body()) != string(first.Body()) {
				t.Errorf("after\n%s\nthe second INVITE\n%s", first, invite)
			}
			again.answer(invite, 180, "Ringing", "two", "<sip:alice@"+again.host+">", "")
			bob.response(180, sip.INVITE)
			again.answer(invite, 200, "OK", "two", "<sip:alice@"+again.host+">", "v=0 of alice")
			ok := bob.response(200, sip.INVITE)
			if to, _ := ok.To().Params.Get("tag"); to != "two" {
				t.Errorf("answered by %q", to)
			}
			bob.send(bob.within("ACK", ok, int(ok.CSeq().SeqNo), ""))
			again.request(sip.ACK)
			again.quiet(sip.INVITE)
			bob.send(bob.within("BYE", ok, int(ok.CSeq().SeqNo)+1, ""))
			again.answer(again.request(sip.BYE), 200, "OK", "", "", "")
			bob.response(200, sip.BYE)
			w.over()
		})
	}
}

// While a browser is waited for, the call ends as it would if it rang there.
func TestCallEndsWhileItsBrowserIsGone(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(w *world, bob, desk *browser, text string, rings *sip.Request)
	}{
		{"caller hangs up", func(_ *world, bob, desk *browser, text string, rings *sip.Request) {
			bob.send(cancelOf(text))
			bob.response(487, sip.INVITE)
			desk.answer(desk.request(sip.CANCEL), 200, "OK", "", "", "")
			desk.answer(rings, 487, "Request Terminated", "d", "", "")
		}},
		{"caller's connection is lost", func(w *world, bob, desk *browser, _ string, rings *sip.Request) {
			w.lose(bob)
			desk.answer(desk.request(sip.CANCEL), 200, "OK", "", "", "")
			desk.answer(rings, 487, "Request Terminated", "d", "", "")
		}},
		{"another device answers", func(_ *world, bob, desk *browser, _ string, rings *sip.Request) {
			desk.answer(rings, 200, "OK", "d", "<sip:alice@"+desk.host+">", "v=0 of alice")
			ok := bob.response(200, sip.INVITE)
			bob.send(bob.within("ACK", ok, int(ok.CSeq().SeqNo), ""))
			desk.request(sip.ACK)
			bob.send(bob.within("BYE", ok, int(ok.CSeq().SeqNo)+1, ""))
			desk.answer(desk.request(sip.BYE), 200, "OK", "", "", "")
			bob.response(200, sip.BYE)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, "")
			desk, phone, bob := w.dial("alice", true), w.dial("alice", true), w.dial("bob", true)
			desk.registerAs(200, fmt.Sprintf(deskDevice, 1))
			phone.registerAs(200, fmt.Sprintf(phoneDevice, 1))
			_, _, text := bob.invite("alice")
			rings := desk.request(sip.INVITE)
			desk.answer(rings, 180, "Ringing", "d", "", "")
			phone.answer(phone.request(sip.INVITE), 180, "Ringing", "p", "", "")
			bob.response(180, sip.INVITE)
			bob.response(180, sip.INVITE)
			w.lose(phone)
			tt.end(w, bob, desk, text, rings)
			w.over()
			back := w.dial("alice", true)
			back.registerAs(200, fmt.Sprintf(phoneDevice, 1))
			back.registerAs(200, fmt.Sprintf(phoneDevice, 1))
			back.quiet(sip.INVITE)
		})
	}
}

// A device that refused the call does not ring again, and neither does one that a call for another device does not mean.
func TestOthersDoNotRingForABrowserThatIsGone(t *testing.T) {
	t.Run("refused", func(t *testing.T) {
		w := newWorld(t, "")
		desk, phone, bob := w.dial("alice", true), w.dial("alice", true), w.dial("bob", true)
		desk.registerAs(200, fmt.Sprintf(deskDevice, 1))
		phone.registerAs(200, fmt.Sprintf(phoneDevice, 1))
		bob.invite("alice")
		desk.answer(desk.request(sip.INVITE), 486, "Busy Here", "d", "", "")
		phone.answer(phone.request(sip.INVITE), 180, "Ringing", "p", "", "")
		bob.response(180, sip.INVITE)
		w.lose(phone)
		back := w.dial("alice", true)
		back.registerAs(200, fmt.Sprintf(phoneDevice, 1))
		back.answer(back.request(sip.INVITE), 603, "Decline", "p", "", "")
		bob.response(603, sip.INVITE)
		desk.quiet(sip.INVITE)
		w.over()
	})
	t.Run("named by its GRUU", func(t *testing.T) {
		w := newWorld(t, "")
		desk, bob := w.dial("alice", true), w.dial("bob", true)
		public, _ := desk.gruus(desk.registerAs(200, fmt.Sprintf(deskDevice, 1)))
		bob.send(bob.build("INVITE", public, "<"+public+">", token(), token(), "v=0 of bob"))
		desk.answer(desk.request(sip.INVITE), 180, "Ringing", "d", "", "")
		bob.response(180, sip.INVITE)
		w.lose(desk)
		phone, back := w.dial("alice", true), w.dial("alice", true)
		phone.registerAs(200, fmt.Sprintf(phoneDevice, 1))
		back.registerAs(200, fmt.Sprintf(deskDevice, 1))
		back.answer(back.request(sip.INVITE), 486, "Busy Here", "d", "", "")
		bob.response(486, sip.INVITE)
		phone.quiet(sip.INVITE)
		w.over()
	})
}

// A browser that stays away ends its branch after a while.
func TestBrowserThatIsGoneIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &setup{bridge: &bridge{log: slog.New(slog.DiscardHandler)}, events: make(chan event), done: make(chan struct{})}
		busy := event{leg: &leg{user: "alice", flow: noFlow}, res: sip.NewResponse(486, "Busy Here")}
		there := event{leg: &leg{user: "alice", flow: &flow{done: make(chan struct{})}}, err: errNoAnswer}
		pbx := event{leg: &leg{pbx: &pbx{}}, err: sip.ErrTransactionTransport}
		for _, e := range []event{busy, there, pbx} {
			if u.waits(e) {
				t.Errorf("waits after %v, %v", e.res, e.err)
			}
		}
		gone := event{leg: &leg{user: "alice", flow: noFlow}, err: sip.ErrTransactionTransport}
		start := time.Now()
		if !u.waits(gone) {
			t.Fatal("does not wait")
		}
		late := <-u.events
		if took := time.Since(start); took != backTime || late.leg != gone.leg || u.waits(late) {
			t.Errorf("given up after %s, %+v", took, late)
		}
		if f := failureOn(late.leg, late.err); f.status != sip.StatusTemporarilyUnavailable || f.why != call.ReasonLost {
			t.Errorf("failure %+v", f)
		}
		u.waits(gone)
		ctx, stop := context.WithTimeout(t.Context(), 2*backTime)
		defer stop()
		close(u.done) // the call is over: nobody is left behind
		<-ctx.Done()
	})
}
