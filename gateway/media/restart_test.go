package media

import (
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v3"
)

// While ICE restarts, again and again, what comes goes on to the other side: every packet of the phone is sent to the
// browser, and every packet that the browser gets out to the phone.
func TestRestartLosesNothing(t *testing.T) {
	e := startEngine(t, "21110-21129")
	b, p := newBrowser(t), newPhone(t)
	p.hear(must(t)(e.Offer(t.Context(), "call", alice, pbx, b.offer())))
	b.accept(must(t)(e.Answer(t.Context(), "call", pbx, alice, p.description("sendrecv"))))
	reaches(t, b.say, p, "before")
	reaches(t, p.mouth, b, "before")
	quiet := func(what string) {
		var last LegStats
		waitFor(t, what, func() bool { // for what is still on its way
			before := last
			last = stats(t, e, "call", "alice")
			time.Sleep(50 * time.Millisecond)
			return before == last
		})
	}
	quiet("calm before")
	browserBefore, phoneBefore := stats(t, e, "call", "alice"), stats(t, e, "call", "pbx")

	over := make(chan struct{})
	var talk sync.WaitGroup
	talk.Go(func() {
		for {
			select {
			case <-over:
				return
			case <-time.After(10 * time.Millisecond):
				b.say("from the browser")
				p.mouth("from the phone")
			}
		}
	})
	for range 5 {
		offer, err := b.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
		if err != nil {
			t.Fatal(err)
		}
		description := p.description("sendrecv")
		must(t)(e.Offer(t.Context(), "call", alice, pbx, b.set(offer)))
		before := stats(t, e, "call", "alice")
		b.accept(must(t)(e.Answer(t.Context(), "call", pbx, alice, description)))
		waitFor(t, "sound of the browser after a restart", func() bool {
			now := stats(t, e, "call", "alice")
			return now.State == "up" && now.PacketsIn > before.PacketsIn+10 && now.PacketsOut > before.PacketsOut+10
		})
	}
	close(over)
	talk.Wait()
	quiet("calm after")
	browser, phone := stats(t, e, "call", "alice"), stats(t, e, "call", "pbx")
	if in, out := phone.PacketsIn-phoneBefore.PacketsIn, browser.PacketsOut-browserBefore.PacketsOut; in != out || browser.Unsent > browserBefore.Unsent {
		t.Errorf("of %d packets of the phone %d went to the browser, %d not", in, out, browser.Unsent-browserBefore.Unsent)
	}
	if in, out := browser.PacketsIn-browserBefore.PacketsIn, phone.PacketsOut-phoneBefore.PacketsOut; in != out || browser.Dropped > browserBefore.Dropped {
		t.Errorf("of %d packets of the browser %d went to the phone, %d were not taken", in, out, browser.Dropped-browserBefore.Dropped)
	}
}
