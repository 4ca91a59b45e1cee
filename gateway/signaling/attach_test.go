package signaling

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/sdp"
)

// attach is a browser's like, on a line in memory.
func (w *world) attach(user string) (*browser, *Line) {
	w.t.Helper()
	line, err := w.srv.Attach(user)
	if err != nil {
		w.t.Fatal(err)
	}
	b := &browser{user: user, domain: "office.example", host: "desk.invalid", closed: make(chan error, 1)}
	b.end = end{t: w.t, name: user, in: make(chan sip.Message, 100), send: func(text string) { _ = line.Send([]byte(text)) }}
	w.t.Cleanup(func() { _ = line.Close() })
	go func() {
		for {
			msg, err := line.Receive()
			if err != nil {
				b.closed <- err
				return
			}
			b.parsed(msg)
		}
	}()
	return b, line
}

func TestDeskIsRungAlone(t *testing.T) {
	w := newWorld(t, "")
	bob := w.dial("bob", true)
	page := w.dial("alice", true)
	page.register()
	bob.invite("desk")
	if res := bob.response(480, sip.INVITE); !strings.Contains(res.GetHeader("Warning").Value(), "The sound of this machine is not available") {
		t.Errorf("without a phone: %v", res)
	}
	phone, line := w.attach("alice")
	bob.invite("desk")
	bob.response(480, sip.INVITE) // it has not registered
	phone.register()
	callID, _, _ := bob.invite("desk")
	req := phone.request(sip.INVITE)
	if req.CallID().Value() != callID || req.To().Address.User != "desk" {
		t.Errorf("rung by %v", req)
	}
	w.srv.mu.Lock()
	for _, l := range w.srv.legs {
		if want := map[string]sdp.Profile{"alice": sdp.PCM, "bob": sdp.WebRTC}[l.user]; l.party.Profile != want {
			t.Errorf("leg of %s has profile %v", l.user, l.party.Profile)
		}
	}
	w.srv.mu.Unlock()
	phone.answer(req, 486, "Busy Here", "tag", "", "")
	bob.response(486, sip.INVITE)
	bob.invite("alice") // rings both
	phone.answer(phone.request(sip.INVITE), 486, "Busy Here", "tag", "", "")
	page.answer(page.request(sip.INVITE), 486, "Busy Here", "tag", "", "")
	bob.response(486, sip.INVITE)

	_ = line.Close()
	if err := <-phone.closed; !errors.Is(err, io.EOF) {
		t.Errorf("line closed with %v", err)
	}
	if err := line.Send([]byte("x")); err == nil {
		t.Error("a closed line takes messages")
	}
	eventually(t, "desk gone", func() bool { return len(w.srv.reg.all("alice", time.Now())) == 1 })
	bob.invite("desk")
	bob.response(480, sip.INVITE)
}

func TestLineOfAnotherUserIsClosed(t *testing.T) {
	w := newWorld(t, "")
	phone, _ := w.attach("alice")
	phone.user = "bob"
	phone.send(phone.build("REGISTER", "sip:office.example", "<sip:bob@office.example>", token(), token(), "", "Expires: 600"))
	phone.response(403, sip.REGISTER)
	<-phone.closed
}
