package signaling

import (
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
)

// A phone asks for a whole picture by INFO, and the browser is asked in its media; where the media can't, the INFO passes.
func TestInfoAsksForPicture(t *testing.T) {
	const body = `<?xml version="1.0"?><media_control><vc_primitive><to_encoder><picture_fast_update></picture_fast_update></to_encoder></vc_primitive></media_control>`
	w := newWorld(t, ModePeer)
	w.media.plays = true
	alice := w.dial("alice", true)
	ok, invite := w.up(alice)
	ask := func(seq int) {
		text := w.within("INFO", invite, seq, "")
		w.pbx.send(strings.Replace(text, "Content-Length: 0\r\n\r\n", "Content-Type: "+pictureType+"\r\nContent-Length: "+itoa(len(body))+"\r\n\r\n"+body, 1))
	}
	ask(7)
	w.pbx.response(200, sip.INFO)
	w.srv.mu.Lock()
	l := w.srv.legs[ok.Contact().Address.User]
	w.srv.mu.Unlock()
	w.media.mu.Lock()
	if got := strings.Join(w.media.pictures, ","); got != l.call.id+" "+l.token {
		t.Errorf("asked %q, want %s %s", got, l.call.id, l.token)
	}
	w.media.plays = false
	w.media.mu.Unlock()
	ask(8)
	if got := alice.request(sip.INFO); string(got.Body()) != body {
		t.Errorf("the browser gets %q", got.Body())
	} else {
		alice.answer(got, 200, "OK", "", "", "")
	}
	w.pbx.response(200, sip.INFO)
	alice.send(alice.within("BYE", ok, int(ok.CSeq().SeqNo)+1, ""))
	w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
}

// A browser lost a picture of a phone that speaks no feedback: the phone is asked by INFO.
func TestPictureAskedByInfo(t *testing.T) {
	w := newWorld(t, ModePeer)
	alice := w.dial("alice", true)
	ok, _ := w.up(alice)
	w.srv.mu.Lock()
	l := w.srv.legs[ok.Contact().Address.User]
	w.srv.mu.Unlock()
	peer := l.call.peer(l)
	w.srv.Picture("another", peer.token)
	w.srv.Picture(l.call.id, "nobody")
	w.srv.Picture(l.call.id, peer.token)
	got := w.pbx.request(sip.INFO)
	if string(got.Body()) != pictureBody || got.ContentType().Value() != pictureType {
		t.Errorf("the phone gets\n%s", got)
	}
	w.pbx.answer(got, 200, "OK", "", "", "")
	alice.send(alice.within("BYE", ok, int(ok.CSeq().SeqNo)+1, ""))
	w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
}
