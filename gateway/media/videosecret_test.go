package media

import (
	"regexp"
	"strings"
	"testing"

	"cordboard/gateway/call"
	"cordboard/gateway/sdp"
)

// cryptoLines are those of SDES in a description.
var cryptoLines = regexp.MustCompile(`a=crypto:[^\r]*\r\n`)

// sight is a call with pictures through two engines, each of which takes the other one for its PBX, between two phones.
type sight struct {
	t          *testing.T
	near, far  *Engine
	here, away screen
	between    call.Party
	change     func(string) string // of what one engine tells the other
}

func newSight(t *testing.T, profile sdp.Profile, change func(string) string) *sight {
	t.Helper()
	between := call.Party{Leg: "between", Profile: profile, Host: loopback}
	return &sight{t: t, near: startEngine(t, "23130-23139"), far: startEngine(t, "23140-23149"), here: newScreen(newPhone(t)), away: newScreen(newPhone(t)),
		between: between, change: change}
}

// call sets the call up, or offers anew.
func (p *sight) call() {
	p.t.Helper()
	ctx := p.t.Context()
	cross := func(text []byte) []byte { return []byte(p.change(string(text))) }
	offer := cross(must(p.t)(p.near.Offer(ctx, "call", desk, p.between, p.here.description("sendrecv"))))
	p.away.hear(must(p.t)(p.far.Offer(ctx, "call", p.between, desk, offer)))
	answer := cross(must(p.t)(p.far.Answer(ctx, "call", desk, p.between, p.away.description("sendrecv"))))
	p.here.hear(must(p.t)(p.near.Answer(ctx, "call", p.between, desk, answer)))
}

// meet checks sound and pictures both ways.
func (p *sight) meet() {
	p.t.Helper()
	reaches(p.t, p.here.sound.mouth, p.away.sound, "there")
	reaches(p.t, p.away.sound.mouth, p.here.sound, "back")
	reaches(p.t, p.here.show, p.away, "a face there")
	reaches(p.t, p.away.show, p.here, "a face back")
}

// encrypted checks that nothing passes between the engines in the clear.
func (p *sight) encrypted() {
	p.t.Helper()
	for _, e := range []*Engine{p.near, p.far} {
		s, err := e.lock("call", false)
		if err != nil {
			p.t.Fatal(err)
		}
		line := s.legs[p.between.Leg].video.Load().line.(*plainLine)
		if k := line.secret.Load(); k == nil || !k.up() {
			p.t.Errorf("the pictures are in the clear, or have no keys: %+v", k)
		}
		s.mu.Unlock()
	}
}

// Pictures are encrypted as the sound is, by keys of their own, and go on after another offer.
func TestVideoEncrypted(t *testing.T) {
	same := func(text string) string { return text }
	for _, tt := range []struct {
		name    string
		profile sdp.Profile
		change  func(string) string
	}{
		{"SDES", sdp.SDES, same},
		{"OSRTP", sdp.OSRTP, same},
		{"DTLS", sdp.DTLS, same},
		{"DTLS without mux", sdp.DTLS, func(text string) string { return strings.ReplaceAll(text, "a=rtcp-mux\r\n", "") }},
		{"DTLS in place of SDES", sdp.SDES, func(text string) string {
			if strings.Contains(text, "a=setup:actpass") {
				return cryptoLines.ReplaceAllString(text, "")
			}
			return text
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newSight(t, tt.profile, tt.change)
			p.call()
			p.meet()
			p.encrypted()
			p.call()
			p.meet()
		})
	}
}

// A call with pictures comes back after a crash: in the clear at once, encrypted by new keys.
func TestVideoRestored(t *testing.T) {
	for _, profile := range []sdp.Profile{sdp.RTP, sdp.SDES, sdp.DTLS} {
		t.Run(profile.String(), func(t *testing.T) {
			p := newSight(t, profile, func(text string) string { return text })
			p.call()
			p.meet()
			p.near = restart(t, p.near, "call", "23130-23139")
			if profile != sdp.RTP {
				silent(t, p.here.show, p.away, "too early")
				offer := must(t)(p.near.Reoffer(t.Context(), "call", p.between.Leg))
				answer := must(t)(p.far.Keep(t.Context(), "call", p.between, desk, offer))
				if err := p.near.Reanswer(t.Context(), "call", p.between.Leg, answer); err != nil {
					t.Fatal(err)
				}
			}
			p.meet()
			if profile != sdp.RTP {
				p.encrypted()
			}
			p.near.Delete("call", "")
			for range 3 { // the ports are free again
				p.near.Offer(t.Context(), "next", desk, p.between, p.here.description("sendrecv"))
				p.near.Delete("next", "")
			}
		})
	}
}

// A browser comes back with its pictures after a crash; one that has none any more is shown none, and shows none.
func TestVideoRestoredToBrowser(t *testing.T) {
	for _, camera := range []bool{true, false} {
		const ports = "23150-23159"
		e := startEngine(t, ports)
		b, p := newBrowser(t), newPhone(t)
		c, s := newCamera(b), newScreen(p)
		s.hear(must(t)(e.Offer(t.Context(), "call", alice, pbx, b.offer())))
		b.accept(must(t)(e.Answer(t.Context(), "call", pbx, alice, s.description("sendrecv"))))
		reaches(t, c.show, s, "before")
		e = restart(t, e, "call", ports)
		after := newBrowser(t)
		offer := must(t)(e.Reoffer(t.Context(), "call", alice.Leg))
		if r, err := sdp.Parse(offer); err != nil || r.Video == nil {
			t.Fatalf("%v, without video:\n%s", err, offer)
		}
		if camera {
			c = newCamera(after)
		}
		answer := after.answer(offer)
		if !camera {
			answer = []byte(strings.Replace(string(answer), "m=video 9", "m=video 0", 1))
		}
		if err := e.Reanswer(t.Context(), "call", alice.Leg, answer); err != nil {
			t.Fatal(err)
		}
		reaches(t, after.say, p, "voice after")
		if camera {
			reaches(t, c.show, s, "after")
			reaches(t, s.show, after, "after")
		} else {
			silent(t, s.show, after, "unseen")
		}
	}
}

// A browser that takes over a call after a crash, before the PBX has new keys, is seen when it has them.
func TestVideoRestoredAndReplaced(t *testing.T) {
	for _, profile := range []sdp.Profile{sdp.RTP, sdp.SDES, sdp.DTLS} {
		t.Run(profile.String(), func(t *testing.T) {
			ctx := t.Context()
			p := newSight(t, profile, nil)
			b := newBrowser(t)
			c := newCamera(b)
			p.away.hear(must(t)(p.far.Offer(ctx, "call", p.between, desk, must(t)(p.near.Offer(ctx, "call", alice, p.between, b.offer())))))
			b.accept(must(t)(p.near.Answer(ctx, "call", p.between, alice, must(t)(p.far.Answer(ctx, "call", desk, p.between, p.away.description("sendrecv"))))))
			reaches(t, c.show, p.away, "before")
			p.near = restart(t, p.near, "call", "23130-23139")
			next := newBrowser(t)
			c = newCamera(next)
			next.accept(must(t)(p.near.Replace(ctx, "call", alice.Leg, bob, next.offer())))
			if offer := must(t)(p.near.Reoffer(ctx, "call", p.between.Leg)); profile != sdp.RTP {
				if err := p.near.Reanswer(ctx, "call", p.between.Leg, must(t)(p.far.Keep(ctx, "call", p.between, desk, offer))); err != nil {
					t.Fatal(err)
				}
			}
			reaches(t, next.say, p.away.sound, "voice after")
			reaches(t, c.show, p.away, "a face there")
			reaches(t, p.away.show, next, "a face back")
		})
	}
}

// Who encrypts the sound and not the pictures, or in another way, gets none.
func TestVideoInTheClearIsNotShown(t *testing.T) {
	e := startEngine(t, "23160-23169")
	p, other := newDeskPhone(t, "RTP/SAVP", "AES_CM_128_HMAC_SHA1_80"), newPhone(t)
	s := screen{newPhone(t), p.phone}
	for _, video := range []string{"RTP/AVP 96", "RTP/SAVP 96", "UDP/TLS/RTP/SAVP 96\r\na=setup:actpass\r\na=fingerprint:" + e.fingerprint} {
		pictures := strings.Replace(string(s.description("sendrecv")), "RTP/AVP 96", video, 1)
		_, pictures, _ = strings.Cut(pictures, "m=video")
		other.hear(must(t)(e.Offer(t.Context(), "call", trunk, desk, append(p.description("sendrecv"), "m=video"+pictures...))))
		if other.remote.Video != nil {
			t.Errorf("pictures of %q are offered", video)
		}
		answer := must(t)(e.Answer(t.Context(), "call", desk, trunk, other.description("sendrecv")))
		if !strings.Contains(string(answer), "m=video 0 ") {
			t.Errorf("pictures of %q are taken:\n%s", video, answer)
		}
		e.Delete("call", "")
	}
}
