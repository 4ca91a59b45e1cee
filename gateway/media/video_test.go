package media

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v3"

	"cordboard/gateway/sdp"
)

// camera is what a party sees with.
type camera struct {
	track *webrtc.TrackLocalStaticRTP
	seq   uint16
}

// newCamera gives a browser video.
func newCamera(b *browser) *camera {
	b.t.Helper()
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}, "video", "face")
	if err == nil {
		_, err = b.pc.AddTrack(track)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return &camera{track: track}
}

// show sends a packet of a picture.
func (c *camera) show(payload string) {
	c.seq++
	c.track.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: c.seq, Timestamp: 3000 * uint32(c.seq)}, Payload: []byte(payload)})
}

// screen is a phone's second pair of sockets, with a description for both.
type screen struct {
	*phone // of the pictures
	sound  *phone
}

func newScreen(sound *phone) screen { return screen{newPhone(sound.t), sound} }

// description is that of the sound with the pictures behind it.
func (s screen) description(direction string) []byte {
	return fmt.Appendf(s.sound.description("sendrecv"), "m=video %d RTP/AVP 96\r\na=rtcp:%d\r\na=rtpmap:96 VP8/90000\r\na=%s\r\n", port(s.media), port(s.control), direction)
}

// hear reads where the other side looks and listens.
func (s screen) hear(description []byte) {
	s.t.Helper()
	s.sound.hear(description)
	if s.sound.remote.Video == nil {
		s.t.Fatalf("no video in\n%s", description)
	}
	s.remote = sdp.Remote{Audio: s.sound.remote.Video.RTP, RTCP: s.sound.remote.Video.RTCP}
}

// show sends a packet of a picture.
func (s screen) show(payload string) {
	s.seq++
	p := packet(s.t, rtp.Header{PayloadType: 96, SequenceNumber: s.seq, Timestamp: 3000 * uint32(s.seq), SSRC: s.ssrc}, payload)
	s.media.WriteToUDPAddrPort(p, s.remote.Audio)
}

func TestVideoBetweenBrowserAndPhone(t *testing.T) {
	for _, calls := range []string{"browser", "phone"} {
		t.Run(calls+" calls", func(t *testing.T) {
			e := startEngine(t, "21700-21719")
			b, p := newBrowser(t), newPhone(t)
			c, s := newCamera(b), newScreen(p)
			if calls == "browser" {
				s.hear(must(t)(e.Offer(t.Context(), "call", alice, pbx, b.offer())))
				b.accept(must(t)(e.Answer(t.Context(), "call", pbx, alice, s.description("sendrecv"))))
			} else {
				answer := b.answer(must(t)(e.Offer(t.Context(), "call", pbx, alice, s.description("sendrecv"))))
				s.hear(must(t)(e.Answer(t.Context(), "call", alice, pbx, answer)))
			}
			reaches(t, b.say, p, "the browser's voice")
			reaches(t, p.mouth, b, "the phone's voice")
			if got := reaches(t, c.show, s, "the browser's face"); got.PayloadType != 96 {
				t.Errorf("the phone sees %+v", got.Header)
			}
			if got := reaches(t, s.show, b, "the phone's face"); got.PayloadType != 96 {
				t.Errorf("the browser sees %+v", got.Header)
			}
			silent(t, c.show, p, "a face on the ear")
		})
	}
}

// Pictures come and go in a call, and those who have none are not shown any.
func TestVideoComesAndGoes(t *testing.T) {
	e := startEngine(t, "21700-21719")
	b, p := newBrowser(t), newPhone(t)
	s := newScreen(p)
	c := newCamera(b)
	offer := b.offer()
	p.hear(must(t)(e.Offer(t.Context(), "call", alice, pbx, offer)))
	b.accept(must(t)(e.Answer(t.Context(), "call", pbx, alice, p.description("sendrecv"))))
	reaches(t, b.say, p, "voice alone")

	answer := b.answer(must(t)(e.Offer(t.Context(), "call", pbx, alice, s.description("sendrecv"))))
	s.hear(must(t)(e.Answer(t.Context(), "call", alice, pbx, answer)))
	reaches(t, c.show, s, "face")
	reaches(t, s.show, b, "face")
	reaches(t, b.say, p, "voice still")

	without := strings.Replace(string(s.description("inactive")), fmt.Sprintf("m=video %d", port(s.media)), "m=video 0", 1)
	answer = b.answer(must(t)(e.Offer(t.Context(), "call", pbx, alice, []byte(without))))
	must(t)(e.Answer(t.Context(), "call", alice, pbx, answer))
	silent(t, c.show, s, "camera off")
	reaches(t, b.say, p, "voice to the end")
}

// Video between two browsers is bundled on both sides, and its counters are its own.
func TestVideoBetweenBrowsers(t *testing.T) {
	e := startEngine(t, "21700-21719")
	a, b := newBrowser(t), newBrowser(t)
	from, to := newCamera(a), newCamera(b)
	answer := b.answer(must(t)(e.Offer(t.Context(), "call", alice, bob, a.offer())))
	a.accept(must(t)(e.Answer(t.Context(), "call", bob, alice, answer)))
	reaches(t, from.show, b, "alice's face")
	reaches(t, to.show, a, "bob's face")
	reaches(t, a.say, b, "alice's voice")
}

// The ports of the video are free again when the call ends, and when there are none the call goes on without it.
func TestVideoPorts(t *testing.T) {
	e := startEngine(t, "21700-21703") // two pairs: one for the sound, one for the video
	for range 3 {
		b, p := newBrowser(t), newPhone(t)
		newCamera(b)
		newScreen(p).hear(must(t)(e.Offer(t.Context(), "call", alice, pbx, b.offer())))
		e.Delete("call", "")
	}
	e = startEngine(t, "21704-21705")
	b, p := newBrowser(t), newPhone(t)
	newCamera(b)
	p.hear(must(t)(e.Offer(t.Context(), "call", alice, pbx, b.offer())))
	if p.remote.Video != nil {
		t.Errorf("video at %v", p.remote.Video.RTP)
	}
	b.accept(must(t)(e.Answer(t.Context(), "call", pbx, alice, p.description("sendrecv"))))
	reaches(t, b.say, p, "voice")
}
