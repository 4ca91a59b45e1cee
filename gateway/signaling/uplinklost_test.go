package signaling

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/emiago/sipgo/sip"
)

// cutUplinks breaks the gateway's connections to its PBX.
func cutUplinks(w *world) {
	us := w.srv.uplinks
	us.mu.Lock()
	defer us.mu.Unlock()
	for _, u := range us.source {
		u.mu.Lock()
		u.flow.raw.Close()
		u.mu.Unlock()
	}
}

// TestClientComesBack: the connection breaks in a call, the account registers again by itself, and the call goes on: either side ends it.
func TestClientComesBack(t *testing.T) {
	for _, bobEnds := range []bool{true, false} {
		t.Run(fmt.Sprint("by the office ", bobEnds), func(t *testing.T) {
			c := talkingAcross(t, unchanged)
			cutUplinks(c.home)
			eventually(t, "leg waits at the office", func() bool { return len(c.office.media.waited()) == 1 })
			eventually(t, "leg goes on at the office", func() bool { return len(c.office.media.waited()) == 2 })
			c.home.stands(stateRegistered)
			c.ends(bobEnds)
		})
	}
}

// TestClientOutlivesItsServer: the office's gateway stops and another one takes its place.
func TestClientOutlivesItsServer(t *testing.T) {
	var mu sync.Mutex
	var now http.Handler
	front := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		h := now
		mu.Unlock()
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	use := func(h http.Handler) {
		mu.Lock()
		defer mu.Unlock()
		now = h
	}
	first := newWorld(t, "")
	use(first.srv)
	office := &world{t: t, web: front}
	home := homeOf(t, office, "", unchanged)
	home.stands(stateRegistered)
	use(http.NotFoundHandler())
	first.stop()
	if st := home.stands(stateUnreachable); !strings.Contains(st.Detail, "no WebSocket") && !strings.Contains(st.Detail, "closed") {
		t.Errorf("detail = %q", st.Detail)
	}
	second := newWorld(t, "")
	use(second.srv)
	home.stands(stateRegistered)
	bob, anna := second.member("bob"), home.member("anna")
	invite := bob.calls("101@office.example")
	in := anna.request(sip.INVITE)
	anna.answer(in, 180, "Ringing", "t", "<sip:anna@"+anna.host+";transport=ws>", "")
	bob.response(180, sip.INVITE)
	bob.send(cancelOf(invite))
	anna.answer(anna.request(sip.CANCEL), 200, "OK", "", "", "")
	anna.answer(in, 487, "Request Terminated", "t", "", "")
	bob.response(487, sip.INVITE)
	home.over()
	second.over()
}

// TestClientFindsAnotherWay: when the media has lost its way it gets another one by an offer, which the far side does not notice.
func TestClientFindsAnotherWay(t *testing.T) {
	c := talkingAcross(t, unchanged)
	home, bob := c.home, c.bob
	id := home.srv.Calls()[0].ID
	for _, token := range home.legsToPBX() {
		home.media.Wait(id, token, true) // has the fake want an offer
		home.srv.Restart("another call", token)
		home.srv.Restart(id, token)
	}
	again := bob.request(sip.INVITE)
	if got := string(again.Body()); got != "offer for WebRTC of v=0 offered anew" {
		t.Errorf("bob is offered %q", got)
	}
	bob.answer(again, 200, "OK", "", "<sip:bob@"+bob.host+";transport=ws>", "v=0 of bob again")
	eventually(t, "answer", func() bool {
		home.media.mu.Lock()
		defer home.media.mu.Unlock()
		return len(home.media.answers) == 1 && home.media.answers[0] == "answer for WebRTC of v=0 of bob again"
	})
	c.ends(true)
}

// legsToPBX are the legs of the gateway's calls toward its PBX.
func (w *world) legsToPBX() (tokens []string) {
	w.srv.mu.Lock()
	defer w.srv.mu.Unlock()
	for token, l := range w.srv.legs {
		if l.pbx != nil {
			tokens = append(tokens, token)
		}
	}
	return tokens
}

func TestPauseGrows(t *testing.T) {
	u := &uplink{retry: firstPause}
	for range 10 {
		if p := u.pause(); p >= lastRetry {
			t.Errorf("pause = %v, want less than %v", p, lastRetry)
		}
	}
	if u.retry != lastRetry {
		t.Errorf("the longest pause is %v at last, want %v", u.retry, lastRetry)
	}
}
