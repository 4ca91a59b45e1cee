package media

import (
	"net"
	"testing"
	"time"
)

// What a phone says before its peer, a browser, has keys is heard by nobody, neither then nor later, but shows where the phone is.
func TestTooEarlyToBeHeard(t *testing.T) {
	e := startEngine(t, "23000-23019")
	b, p := newBrowser(t), newPhone(t)
	elsewhere, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer elsewhere.Close()
	p.hear(must(t)(e.Offer(t.Context(), "call", alice, pbx, b.offer())))
	answer := must(t)(e.Answer(t.Context(), "call", pbx, alice, p.description("sendrecv")))
	for range 3 {
		p.say(elsewhere, "early")
	}
	b.accept(answer)
	waitFor(t, "the browser's keys", func() bool { return stats(t, e, "call", "alice").State == "up" })
	buf := make([]byte, bufferSize)
	waitFor(t, "sound where the phone speaks from", func() bool {
		b.say("hello")
		elsewhere.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		_, _, err := elsewhere.ReadFromUDPAddrPort(buf)
		return err == nil
	})
	p.say(elsewhere, "now")
	for {
		heard := b.next(patience)
		if heard == nil {
			t.Fatal("the browser hears nothing")
		}
		if string(heard.Payload) == "now" {
			break
		}
		t.Errorf("the browser hears %q", heard.Payload)
	}
}

// A browser that never gets keys does not make the phone look mute.
func TestPhoneIsHeardWithoutBrowser(t *testing.T) {
	e := startEngine(t, "23020-23039")
	b, p := newBrowser(t), newPhone(t)
	p.hear(must(t)(e.Offer(t.Context(), "call", alice, pbx, b.offer())))
	must(t)(e.Answer(t.Context(), "call", pbx, alice, p.description("sendrecv")))
	waitFor(t, "the phone to be heard", func() bool {
		p.mouth("anybody?")
		return stats(t, e, "call", "pbx").PacketsIn > 0
	})
}
