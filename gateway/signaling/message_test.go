package signaling

import (
	"fmt"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
)

// text writes a MESSAGE outside of a dialog.
func (b *browser) text(target, body string, more ...string) string {
	return strings.Replace(b.build("MESSAGE", "sip:"+target+"@office.example", "<sip:"+target+"@office.example>", token(), token(), body, more...),
		"application/sdp", "text/plain;charset=UTF-8", 1)
}

func TestMessageGoesToAllDevices(t *testing.T) {
	w := newWorld(t, "")
	alice, desk, laptop := w.dial("alice", true), w.dial("bob", true), w.dial("bob", true)
	desk.register()
	laptop.register()
	alice.send(alice.text("bob", "lunch? ☺", "X-Passed: through"))
	for _, device := range []*browser{desk, laptop} {
		got := device.request(sip.MESSAGE)
		if string(got.Body()) != "lunch? ☺" || got.ContentType().Value() != "text/plain;charset=UTF-8" || valueOf(got, "X-Passed") != "through" {
			t.Errorf("bob got\n%s", got)
		}
		if got.From().Address.User != "alice" || got.From().DisplayName != "Alice Doe" || got.Contact() != nil || valueOf(got, "Max-Forwards") != "68" {
			t.Errorf("headers of the message:\n%s", got)
		}
		if device == desk {
			device.answer(got, 480, "Not Now", "x", "", "")
		} else {
			device.answer(got, 202, "Accepted", "y", "", "")
		}
	}
	alice.response(202, sip.MESSAGE)
}

func TestMessageThroughThePBX(t *testing.T) {
	w := newWorld(t, ModeExtension)
	alice := w.dial("alice", true)
	alice.register()
	contact := w.pbx.contact("101")

	alice.send(alice.text("300", "hello phone"))
	out := w.pbx.request(sip.MESSAGE)
	if out.From().Address.User != "101" || out.Recipient.User != "300" || string(out.Body()) != "hello phone" {
		t.Errorf("the PBX got\n%s", out)
	}
	challenge := sip.NewResponseFromRequest(out, 407, "Proxy Authentication Required", nil)
	challenge.AppendHeader(sip.NewHeader("Proxy-Authenticate", `Digest realm="pbx", nonce="n1", algorithm=MD5, qop="auth"`))
	w.pbx.send(challenge.String())
	again := w.pbx.request(sip.MESSAGE)
	if !strings.Contains(valueOf(again, "Proxy-Authorization"), `username="101"`) {
		t.Errorf("no answer to the challenge:\n%s", again)
	}
	w.pbx.answer(again, 200, "OK", "p", "", "")
	alice.response(200, sip.MESSAGE)

	w.pbx.send(fmt.Sprintf("MESSAGE %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s\r\nMax-Forwards: 70\r\nFrom: \"Phone\" <sip:300@pbx>;tag=f\r\nTo: <sip:101@pbx>\r\n"+
		"Call-ID: %s\r\nCSeq: 1 MESSAGE\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi", contact, w.pbx.addr(), token(), token()))
	in := alice.request(sip.MESSAGE)
	if in.From().Address.User != "300" || in.From().DisplayName != "Phone" || in.From().Address.Host != "office.example" || string(in.Body()) != "hi" {
		t.Errorf("alice got\n%s", in)
	}
	alice.answer(in, 200, "OK", "a", "", "")
	w.pbx.response(200, sip.MESSAGE)
}

func TestMessageRefused(t *testing.T) {
	w := newWorld(t, ModeExtension)
	alice := w.dial("alice", true)
	for _, tt := range []struct {
		name, target, body string
		status             int
	}{
		{"nobody there", "bob", "x", 480},
		{"no such name", "carol", "x", 404},
		{"a callee without ears for text", "echo", "x", 404},
		{"too long", "bob", strings.Repeat("x", maxMessageBody+1), 413},
		{"too long for UDP", "300", strings.Repeat("x", maxMessageDatagram), 413},
	} {
		t.Run(tt.name, func(t *testing.T) {
			alice.send(alice.text(tt.target, tt.body))
			alice.response(tt.status, sip.MESSAGE)
		})
	}
	t.Run("not signed in", func(t *testing.T) {
		stranger := w.dial("alice", false)
		stranger.send(stranger.text("bob", "x"))
		stranger.response(407, sip.MESSAGE)
	})
	t.Run("as somebody else", func(t *testing.T) {
		alice.user = "bob"
		alice.send(alice.text("300", "x"))
		alice.response(403, sip.MESSAGE)
	})
}
