package media

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v3"

	"cordboard/gateway/sdp"
)

// camera is what a party sees with.
type camera struct {
	track *webrtc.TrackLocalStaticRTP
	lost  chan struct{} // a whole picture is asked for
	seq   uint16
}

// newCamera gives a browser video.
func newCamera(b *browser) *camera {
	b.t.Helper()
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}, "video", "face")
	if err != nil {
		b.t.Fatal(err)
	}
	sender, err := b.pc.AddTrack(track)
	if err != nil {
		b.t.Fatal(err)
	}
	c := &camera{track: track, lost: make(chan struct{}, 10)}
	go func() { // until the connection is closed
		for {
			parts, _, err := sender.ReadRTCP()
			if err != nil {
				return
			}
			for _, part := range parts {
				if loss, ok := part.(*rtcp.PictureLossIndication); ok && loss.MediaSSRC == uint32(sender.GetParameters().Encodings[0].SSRC) {
					c.lost <- struct{}{}
				}
			}
		}
	}()
	return c
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

// A browser asks for a whole picture in feedback: another browser is asked by feedback of ours about its own stream, a phone without
// feedback by whoever can.
func TestPictureIsAskedFor(t *testing.T) {
	asked := make(chan string, 10)
	e, err := New(Config{Listen: "127.0.0.1:0", Ports: "21700-21719", Pictures: func(id, leg string) { asked <- id + " " + leg }}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	ctx, stop := context.WithCancel(context.Background())
	go func() { ended <- e.Run(ctx) }()
	t.Cleanup(func() { stop(); <-ended })

	b, p := newBrowser(t), newPhone(t)
	newCamera(b)
	s := newScreen(p)
	s.hear(must(t)(e.Offer(t.Context(), "call", alice, pbx, b.offer())))
	b.accept(must(t)(e.Answer(t.Context(), "call", pbx, alice, s.description("sendrecv"))))
	seen := reaches(t, s.show, b, "the phone's face")
	lose := func(b *browser, ssrc uint32) {
		b.pc.WriteRTCP([]rtcp.Packet{&rtcp.ReceiverReport{}, &rtcp.PictureLossIndication{MediaSSRC: ssrc}})
	}
	lose(b, seen.SSRC+1) // of a stream that is none of ours
	lose(b, seen.SSRC)
	wantAsked := func(how string) {
		t.Helper()
		select {
		case got := <-asked:
			if got != "call pbx" {
				t.Errorf("%s: asked is %q", how, got)
			}
		case <-time.After(patience):
			t.Errorf("%s: nobody is asked", how)
		}
	}
	wantAsked("PLI")
	time.Sleep(pictureTime)     // before it nobody is asked again
	full := func(ssrc uint32) { // names its stream in an entry alone (RFC 5104 §4.3.1.2)
		b.pc.WriteRTCP([]rtcp.Packet{&rtcp.ReceiverReport{}, &rtcp.FullIntraRequest{FIR: []rtcp.FIREntry{{SSRC: ssrc, SequenceNumber: 1}}}})
	}
	full(seen.SSRC + 1)
	select {
	case got := <-asked:
		t.Errorf("FIR of a stream that is none of ours: asked is %q", got)
	case <-time.After(calm):
	}
	full(seen.SSRC)
	wantAsked("FIR")
	if err := e.Picture(t.Context(), "call", pbx.Leg); !errors.Is(err, ErrPicturesByInfo) {
		t.Errorf("the phone is asked in its media: %v", err)
	}

	a, c := newBrowser(t), newBrowser(t)
	from := newCamera(a)
	newCamera(c)
	answer := c.answer(must(t)(e.Offer(t.Context(), "other", alice, bob, a.offer())))
	a.accept(must(t)(e.Answer(t.Context(), "other", bob, alice, answer)))
	seen = reaches(t, from.show, c, "alice's face")
	lose(c, seen.SSRC)
	from.wantLoss(t)
	if err := e.Picture(t.Context(), "other", alice.Leg); err != nil {
		t.Error(err)
	}
	from.wantLoss(t)
}

// wantLoss waits until the camera is asked for a whole picture.
func (c *camera) wantLoss(t *testing.T) {
	t.Helper()
	select {
	case <-c.lost:
	case <-time.After(patience):
		t.Error("no whole picture is asked for")
	}
}
