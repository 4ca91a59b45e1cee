package media

import (
	"bytes"
	"strings"
	"testing"

	"github.com/pion/webrtc/v3"

	"cordboard/gateway/sdp"
)

func TestHoldAndResume(t *testing.T) {
	e := startEngine(t, "20240-20259")
	b, p := newBrowser(t), newPhone(t)
	dial(t, e, b, p)
	reaches(t, b.say, p, "before")
	before := p.remote.Audio
	// pion answers sendrecv whatever is offered (RFC 3264 §6.1 forbids it), so its answers are corrected to what
	// browsers say.
	offered := b.pc.LocalDescription().SDP
	reoffer := func(direction, answer string) {
		t.Helper()
		must(t)(e.Offer(t.Context(), "call", pbx, alice, p.description(direction)))
		text := strings.NewReplacer("a=sendrecv", "a="+answer, "a=setup:actpass", "a=setup:active").Replace(offered)
		p.hear(must(t)(e.Answer(t.Context(), "call", alice, pbx, []byte(text))))
	}
	reoffer("sendonly", "recvonly")
	if p.remote.Audio != before || p.remote.Direction != "recvonly" {
		t.Errorf("held at %v, %s", p.remote.Audio, p.remote.Direction)
	}
	silent(t, b.say, p, "held")
	reaches(t, p.mouth, b, "music")
	reoffer("inactive", "inactive")
	silent(t, p.mouth, b, "held too")
	reoffer("sendrecv", "sendrecv")
	reaches(t, b.say, p, "after")
	reaches(t, p.mouth, b, "after")
	if s := stats(t, e, "call", "alice"); s.Dropped == 0 || s.Lost > 0 {
		t.Errorf("stats %+v", s)
	}
}

// The one stream that a browser is sent is declared, so that those who look at SSRCs make one of it at every offer.
func TestBrowserReoffers(t *testing.T) {
	e := startEngine(t, "20260-20279")
	b, p := newBrowser(t), newPhone(t)
	p.hear(must(t)(e.Offer(t.Context(), "call", alice, pbx, b.offer())))
	b.accept(must(t)(e.Answer(t.Context(), "call", pbx, alice, p.description("sendrecv"))))
	reaches(t, b.say, p, "before")
	reaches(t, p.mouth, b, "before")
	for _, restart := range []bool{false, true} {
		old := b.pc.RemoteDescription().SDP
		offer, err := b.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: restart})
		if err != nil {
			t.Fatal(err)
		}
		p.hear(must(t)(e.Offer(t.Context(), "call", alice, pbx, b.set(offer))))
		answer := must(t)(e.Answer(t.Context(), "call", pbx, alice, p.description("sendrecv")))
		ufrag := func(text string) string {
			_, rest, _ := strings.Cut(text, "a=ice-ufrag:")
			ufrag, _, _ := strings.Cut(rest, "\r\n")
			return ufrag
		}
		if changed := ufrag(string(answer)) != ufrag(old); changed != restart {
			t.Errorf("ICE restart %v: new credentials %v", restart, changed)
		}
		b.accept(answer)
		reaches(t, b.say, p, "after")
		reaches(t, p.mouth, b, "after")
	}
}

func TestRefusedReofferChangesNothing(t *testing.T) {
	e := startEngine(t, "20280-20299")
	b, p := newBrowser(t), newPhone(t)
	dial(t, e, b, p)
	reaches(t, b.say, p, "before")
	must(t)(e.Offer(t.Context(), "call", pbx, alice, p.description("inactive")))
	reaches(t, b.say, p, "after")
	reaches(t, p.mouth, b, "after")
}

// Restarts of ICE that are never answered leave nothing behind, and the credentials in force stay good.
func TestRefusedRestarts(t *testing.T) {
	e := startEngine(t, "20620-20639")
	b, p := newBrowser(t), newPhone(t)
	offer := b.offer()
	p.hear(must(t)(e.Offer(t.Context(), "call", alice, pbx, offer)))
	answer := must(t)(e.Answer(t.Context(), "call", pbx, alice, p.description("sendrecv")))
	b.accept(answer)
	_, rest, _ := bytes.Cut(offer, []byte("a=ice-ufrag:"))
	ufrag, _, _ := bytes.Cut(rest, []byte("\r\n"))
	for _, other := range []string{"first", "second", "second", "third"} {
		restart := bytes.ReplaceAll(offer, append([]byte("a=ice-ufrag:"), ufrag...), []byte("a=ice-ufrag:"+other))
		must(t)(e.Offer(t.Context(), "call", alice, pbx, restart))
		e.table.mu.RLock()
		if len(e.table.names) != 2 {
			t.Errorf("after restart %q: %d user fragments", other, len(e.table.names))
		}
		e.table.mu.RUnlock()
	}
	must(t)(e.Offer(t.Context(), "call", alice, pbx, offer))
	if again := must(t)(e.Answer(t.Context(), "call", pbx, alice, p.description("sendrecv"))); !bytes.Equal(again, answer) {
		t.Errorf("then the old offer is answered by\n%s, before\n%s", again, answer)
	}
	reaches(t, b.say, p, "after")
}

// A party that is held says only that it hears, and would be heard again: whoever it is offered to is told so. One that holds is offered no more than it wishes,
// by whatever the other side ends its own hold.
func TestOfferWhileHeld(t *testing.T) {
	e := startEngine(t, "20300-20319")
	b, p := newBrowser(t), newPhone(t)
	dial(t, e, b, p)
	own := b.pc.LocalDescription().SDP
	browser := func(direction, setup string) []byte {
		return []byte(strings.NewReplacer("a=sendrecv", "a="+direction, "a=setup:actpass", "a=setup:"+setup).Replace(own))
	}
	told := func(text []byte, err error) string {
		t.Helper()
		r, wrong := sdp.Parse(must(t)(text, err))
		if wrong != nil {
			t.Fatal(wrong)
		}
		return r.Direction
	}
	offers := func(direction, want, answer, back string) {
		t.Helper()
		if got := told(e.Offer(t.Context(), "call", alice, pbx, browser(direction, "actpass"))); got != want {
			t.Errorf("the browser offers %s, the phone is told %s, want %s", direction, got, want)
		}
		if got := told(e.Answer(t.Context(), "call", pbx, alice, p.description(answer))); got != back {
			t.Errorf("the phone answers %s, the browser is told %s, want %s", answer, got, back)
		}
	}
	isOffered := func(direction, want, answer string) {
		t.Helper()
		if got := told(e.Offer(t.Context(), "call", pbx, alice, p.description(direction))); got != want {
			t.Errorf("the phone offers %s, the browser is told %s, want %s", direction, got, want)
		}
		must(t)(e.Answer(t.Context(), "call", alice, pbx, browser(answer, "active")))
	}
	isOffered("sendonly", "sendonly", "recvonly")
	offers("recvonly", "sendrecv", "sendonly", "sendonly") // it asks, and is still held
	offers("recvonly", "sendrecv", "sendrecv", "sendonly") // it is not any more, but must be told
	if got := told(e.Again(t.Context(), "call", pbx, alice)); got != "sendrecv" {
		t.Errorf("told again %s", got)
	}
	must(t)(e.Answer(t.Context(), "call", alice, pbx, browser("sendrecv", "active")))
	reaches(t, p.mouth, b, "after")

	isOffered("sendonly", "sendonly", "recvonly")
	offers("inactive", "inactive", "inactive", "inactive") // both hold
	isOffered("sendrecv", "recvonly", "sendonly")
	if got := told(e.Again(t.Context(), "call", pbx, alice)); got != "recvonly" {
		t.Errorf("who holds is told again %s", got)
	}
	must(t)(e.Answer(t.Context(), "call", alice, pbx, browser("sendonly", "active")))
	offers("sendrecv", "sendrecv", "sendrecv", "sendrecv")
	reaches(t, p.mouth, b, "after")

	offers("sendonly", "sendonly", "recvonly", "recvonly")
	isOffered("inactive", "inactive", "inactive")
	isOffered("sendrecv", "recvonly", "sendonly")
	offers("sendrecv", "sendrecv", "sendrecv", "sendrecv")
	isOffered("inactive", "inactive", "inactive")
	offers("inactive", "inactive", "inactive", "inactive") // as it was told
	isOffered("sendrecv", "sendrecv", "sendrecv")

	offers("recvonly", "recvonly", "sendonly", "sendonly") // nobody holds it: it has no microphone
	isOffered("sendrecv", "sendonly", "recvonly")
}
