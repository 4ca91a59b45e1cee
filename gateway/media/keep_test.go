package media

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"cordboard/gateway/call"
	"cordboard/gateway/sdp"
)

// A refresh of the phone from another port is answered without the browser, and the sound follows.
func TestKeep(t *testing.T) {
	e := startEngine(t, "20360-20379")
	b, p := newBrowser(t), newPhone(t)
	dial(t, e, b, p)
	reaches(t, b.say, p, "before")
	reaches(t, p.mouth, b, "before")
	if e.Changes("call", pbx, alice, p.description("sendrecv")) {
		t.Error("the same again is a change")
	}
	for _, direction := range []string{"sendonly", "inactive", "recvonly"} {
		if !e.Changes("call", pbx, alice, p.description(direction)) {
			t.Errorf("%s is no change", direction)
		}
	}
	if !e.Changes("call", pbx, alice, bytes.Replace(p.description("sendrecv"), []byte("IP4 127.0.0.1\r\nt="), []byte("IP4 0.0.0.0\r\nt="), 1)) {
		t.Error("a hold of old is no change")
	}
	if !e.Changes("call", alice, alice, p.description("sendrecv")) || !e.Changes("other", pbx, alice, p.description("sendrecv")) {
		t.Error("no change for who is not there")
	}
	moved := newPhone(t)
	moved.version = 10
	moved.hear(must(t)(e.Keep(t.Context(), "call", pbx, alice, moved.description("sendrecv"))))
	if moved.remote.Audio != p.remote.Audio || moved.remote.Direction != "sendrecv" {
		t.Errorf("kept at %v, %s; was %v", moved.remote.Audio, moved.remote.Direction, p.remote.Audio)
	}
	reaches(t, b.say, moved, "after")
	reaches(t, moved.mouth, b, "after")

	// What is kept on this side alone: a hold that the browser isn't told of.
	moved.hear(must(t)(e.Keep(t.Context(), "call", pbx, alice, moved.description("sendonly"))))
	if moved.remote.Direction != "recvonly" {
		t.Errorf("held, %s", moved.remote.Direction)
	}
	silent(t, b.say, moved, "held")
	reaches(t, moved.mouth, b, "music")
	if !e.Changes("call", pbx, alice, moved.description("sendrecv")) {
		t.Error("resuming is no change")
	}
	moved.hear(must(t)(e.Keep(t.Context(), "call", pbx, alice, moved.description("sendrecv"))))
	reaches(t, b.say, moved, "resumed")

	other := strings.NewReplacer("0 8 101", "3 101", "a=rtpmap:0 PCMU/8000\r\n", "").Replace(string(moved.description("sendrecv")))
	if _, err := e.Keep(t.Context(), "call", pbx, alice, []byte(other)); !errors.Is(err, sdp.ErrNoCodec) {
		t.Errorf("another codec: %v", err)
	}
	reaches(t, b.say, moved, "undisturbed")
	if _, err := e.Keep(t.Context(), "call", pbx, call.Party{Leg: "nobody", Profile: sdp.RTP}, moved.description("sendrecv")); !errors.Is(err, ErrUnknownCall) {
		t.Errorf("with nobody: %v", err)
	}
}

// Refreshes by us offer the phone what it knows, and its answer may come from another port.
func TestAgain(t *testing.T) {
	e := startEngine(t, "20380-20399")
	b, p := newBrowser(t), newPhone(t)
	dial(t, e, b, p)
	reaches(t, b.say, p, "before")
	before := p.remote
	moved := newPhone(t)
	moved.version = 10
	for _, answering := range []*phone{p, moved} {
		answering.hear(must(t)(e.Again(t.Context(), "call", alice, pbx)))
		if answering.remote.Audio != before.Audio || answering.remote.Direction != "sendrecv" {
			t.Errorf("offered %v, %s", answering.remote.Audio, answering.remote.Direction)
		}
		must(t)(e.Answer(t.Context(), "call", pbx, alice, answering.description("sendrecv")))
		reaches(t, b.say, answering, "after")
		reaches(t, answering.mouth, b, "after")
	}
	if _, err := e.Again(t.Context(), "call", call.Party{Leg: "nobody", Profile: sdp.RTP}, pbx); !errors.Is(err, ErrUnknownCall) {
		t.Errorf("from nobody: %v", err)
	}
}

// A phone holds as RFC 2543 had it, by an address of zeros (RFC 3264 §8.4), and comes back.
func TestHoldOfOld(t *testing.T) {
	e := startEngine(t, "20400-20419")
	b, p := newBrowser(t), newPhone(t)
	dial(t, e, b, p)
	reaches(t, b.say, p, "before")
	own := b.pc.LocalDescription().SDP
	answer := func(direction string) []byte {
		return []byte(strings.NewReplacer("a=sendrecv", "a="+direction, "a=setup:actpass", "a=setup:active").Replace(own))
	}
	held := bytes.Replace(p.description("sendrecv"), []byte("IP4 127.0.0.1\r\nt="), []byte("IP4 0.0.0.0\r\nt="), 1)
	offer := must(t)(e.Offer(t.Context(), "call", pbx, alice, held))
	if r, err := sdp.Parse(offer); err != nil || r.Direction != "sendonly" {
		t.Errorf("the browser is told %s, %v", r.Direction, err)
	}
	p.hear(must(t)(e.Answer(t.Context(), "call", alice, pbx, answer("recvonly"))))
	silent(t, b.say, p, "held")
	offer = must(t)(e.Offer(t.Context(), "call", pbx, alice, p.description("sendrecv")))
	if r, err := sdp.Parse(offer); err != nil || r.Direction != "sendrecv" {
		t.Errorf("the browser is told %s, %v", r.Direction, err)
	}
	p.hear(must(t)(e.Answer(t.Context(), "call", alice, pbx, answer("sendrecv"))))
	reaches(t, b.say, p, "after")
	reaches(t, p.mouth, b, "after")
}
