package media

import (
	"net"
	"strings"
	"testing"

	"cordboard/gateway/call"
)

// What is told of a call fits what two real parties do.
func TestMediaOfACall(t *testing.T) {
	e := startEngine(t, "21600-21619")
	b, p := newBrowser(t), newPhone(t)
	dial(t, e, b, p)
	e.Answered("call")
	reaches(t, b.say, p, "from the browser")
	reaches(t, p.mouth, b, "from the phone")

	other, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	var m call.Media
	legs := func() (browser, phone call.MediaLeg) {
		m, _ = e.Media("call")
		if len(m.Legs) != 2 {
			t.Fatalf("media %+v", m)
		}
		if m.Legs[0].Side == "browser" {
			return m.Legs[0], m.Legs[1]
		}
		return m.Legs[1], m.Legs[0]
	}
	waitFor(t, "both ways to be counted, and what another host sends", func() bool {
		p.say(other, "who is this")
		browser, phone := legs()
		return browser.Steps.FirstOut > 0 && phone.Steps.FirstOut > 0 && stats(t, e, "call", "pbx").Foreign > 0
	})
	browser, phone := legs()
	if browser.State != "up" || browser.Codec != "PCMU/8000" || !strings.HasPrefix(browser.Security, "DTLS-SRTP A") || phone.Security != "none" ||
		browser.Local != e.Addr().String() || phone.Remote != p.media.LocalAddr().String() || phone.Announced != phone.Remote || !phone.Talks || !phone.Hears {
		t.Errorf("browser %+v\nphone %+v", browser, phone)
	}
	s := browser.Steps
	if s.Agreed < s.Began || s.Checked < s.Began || s.Keyed < s.Checked || s.FirstIn < s.Keyed || phone.Steps.Checked != 0 || m.Answered < s.Agreed {
		t.Errorf("answered %d, steps %+v and %+v", m.Answered, s, phone.Steps)
	}
	if n := e.Legs(); n[[2]string{"browser", "up"}] != 1 || n[[2]string{"pbx", "up"}] != 1 {
		t.Errorf("legs %v", n)
	}
	if _, there := e.Media("another"); there {
		t.Error("there is media of a call that is not there")
	}
	e.Answered("another") // does nothing
	if q := e.Verdict("another"); len(q.Legs) > 0 {
		t.Errorf("verdict of no call: %+v", q)
	}
}

// A browser with the wrong certificate is told of at once.
func TestWrongCertificateIsTrouble(t *testing.T) {
	e := startEngine(t, "21620-21639")
	b, p := newBrowser(t), newPhone(t)
	offer := []byte(wrongFingerprint(string(b.offer())))
	p.hear(must(t)(e.Offer(t.Context(), "call", alice, pbx, offer)))
	b.accept(must(t)(e.Answer(t.Context(), "call", pbx, alice, p.description("sendrecv"))))
	e.Answered("call")
	waitFor(t, "the trouble to be known", func() bool {
		m, _ := e.Media("call")
		for _, x := range m.Troubles {
			if x.Kind == call.TroubleDTLS && strings.Contains(x.Cause, "certificate") {
				return true
			}
		}
		return false
	})
}

// wrongFingerprint makes a description that announces another certificate.
func wrongFingerprint(text string) string {
	at := strings.Index(text, "sha-256 ") + len("sha-256 ")
	digit := byte('0')
	if text[at] == digit {
		digit = '1'
	}
	return text[:at] + string(digit) + text[at+1:]
}
