package signaling

import (
	"fmt"
	"testing"

	"github.com/emiago/sipgo/sip"
)

// A browser that takes a second change while its own is under way gets the answer to what it says then; one that says nothing has its answer all the same.
func TestUntangleOtherBrowsers(t *testing.T) {
	for _, method := range []sip.RequestMethod{sip.INVITE, sip.UPDATE} {
		t.Run(string(method), func(t *testing.T) {
			w := newWorld(t, ModePeer)
			alice := w.dial("alice", true)
			ok, invite := w.up(alice)
			w.pbx.send(w.within("INVITE", invite, 2, "v=0 PBX holds"))
			theirs := alice.request(sip.INVITE)
			alice.send(alice.within(string(method), ok, 2, "v=0 hold"))
			l := w.srv.legs[ok.Contact().Address.User]
			eventually(t, "the browser's change waits", l.waited)
			alice.answer(theirs, 491, "Request Pending", "", "", "")
			alice.request(sip.ACK)
			w.pbx.response(491, sip.INVITE)
			w.pbx.answer(w.pbx.request(method), 200, "OK", "", w.phone(), "v=0 held")
			asked := alice.request(sip.INVITE)
			if method == sip.INVITE {
				alice.answer(asked, 200, "OK", "", "<sip:alice@"+alice.host+">", "v=0 another")
				if ack := alice.request(sip.ACK); string(ack.Body()) != "kept for WebRTC of v=0 another" {
					t.Errorf("acknowledged with %q", ack.Body())
				}
			} // else it is silent
			alice.response(200, method)
			if method == sip.INVITE {
				alice.send(alice.within("ACK", ok, 2, ""))
				w.pbx.request(sip.ACK)
			}
			alice.send(alice.within("BYE", ok, 3, ""))
			w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
			w.over()
		})
	}
}

func TestWidened(t *testing.T) {
	text := func(direction string) []byte {
		return fmt.Appendf(nil, "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=%s\r\n", direction)
	}
	for _, tt := range []struct {
		offered, told, answer string
		want                  bool
	}{
		{"recvonly", "sendrecv", "sendrecv", true},
		{"recvonly", "sendrecv", "recvonly", true},
		{"recvonly", "sendrecv", "sendonly", false}, // it still holds
		{"recvonly", "recvonly", "sendrecv", false}, // who has no microphone
		{"sendrecv", "sendrecv", "sendrecv", false},
		{"inactive", "inactive", "inactive", false},
	} {
		if got := widened(text(tt.offered), text(tt.told), text(tt.answer)); got != tt.want {
			t.Errorf("%s told as %s, answered %s: %v", tt.offered, tt.told, tt.answer, got)
		}
	}
	if widened([]byte("x"), nil, nil) {
		t.Error("nonsense widens")
	}
}
