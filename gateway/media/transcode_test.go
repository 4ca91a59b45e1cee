package media

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"

	"cordboard/audio"
	"cordboard/audio/codec"
	"cordboard/gateway/sdp"
)

// only is a phone's description with some codecs.
func (p *phone) only(direction string, codecs ...sdp.Codec) []byte {
	p.version++
	var types, maps strings.Builder
	for _, c := range codecs {
		fmt.Fprintf(&types, " %d", c.PT)
		fmt.Fprintf(&maps, "a=rtpmap:%d %s/%d\r\n", c.PT, c.Name, c.ClockRate)
	}
	return fmt.Appendf(nil, "v=0\r\no=- 1 %d IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP%s\r\na=rtcp:%d\r\n%sa=%s\r\n",
		p.version, port(p.media), types.String(), port(p.control), maps.String(), direction)
}

// tells speaks a tone of one party to another, in their codecs, until it is heard.
func tells(t *testing.T, from sdp.Codec, freq float64, write func(*rtp.Packet), to sdp.Codec, hear party) {
	t.Helper()
	mouth := newCoder(t, from, freq, packetTime)
	ear, rate, err := codec.NewDecoder(to.Name, to.ClockRate, 1)
	if err != nil {
		t.Fatal(err)
	}
	ssrc, seq := random32(), uint16(0)
	var pcm []int16
	for end := time.Now().Add(patience); time.Now().Before(end); {
		write(&rtp.Packet{
			Header:  rtp.Header{Version: 2, PayloadType: from.PT, SSRC: ssrc, SequenceNumber: seq, Timestamp: uint32(seq) * mouth.ticks},
			Payload: mouth.next(t),
		})
		seq++
		for p := hear.next(5 * time.Millisecond); p != nil; p = hear.next(time.Millisecond) {
			if p.PayloadType != to.PT {
				continue // comes from before
			}
			if pcm, err = ear.Decode(pcm, p.Payload); err != nil {
				t.Fatalf("%s came that can't be decoded: %v", to.Name, err)
			}
		}
		if n := len(pcm) - rate/5; n > 0 && audio.RMS(pcm[n:]) > toneVolume/4 && audio.Goertzel(pcm[n:], rate, freq) > 0.9 {
			return
		}
	}
	t.Fatalf("of %.0f Hz in %s nothing is heard in %s after %d packets; %d samples came", freq, from.Name, to.Name, seq, len(pcm))
}

// write sends a packet as it is.
func (p *phone) write(packet *rtp.Packet) {
	raw, err := packet.Marshal()
	if err != nil {
		p.t.Fatal(err)
	}
	p.media.WriteToUDPAddrPort(raw, p.remote.Audio)
}

func (b *browser) write(packet *rtp.Packet) { b.voice.WriteRTP(packet) }

// A browser that has only Opus, and a phone that has not, hear one another, whoever calls.
func TestTranscode(t *testing.T) {
	for i, theirs := range []sdp.Codec{pcmaCodec, pcmuCodec, g722Codec} {
		t.Run(theirs.Name, func(t *testing.T) {
			e := startEngine(t, fmt.Sprintf("%d-%d", 21400+20*i, 21419+20*i))
			b, p := newBrowserOf(t, []sdp.Codec{opusCodec, eventFast}), newPhone(t)
			told := must(t)(e.Offer(t.Context(), "call", alice, pbx, b.offer()))
			if !strings.Contains(string(told), " RTP/AVP 9 8 0 101\r\n") || strings.Contains(string(told), "opus") {
				t.Errorf("the phone is offered\n%s", told)
			}
			p.hear(told)
			answer := must(t)(e.Answer(t.Context(), "call", pbx, alice, p.only("sendrecv", theirs, eventSlow)))
			if !strings.Contains(string(answer), " 111 110\r\n") || !strings.Contains(string(answer), "a=fmtp:111 minptime=10;useinbandfec=1\r\n") {
				t.Errorf("the browser is answered\n%s", answer)
			}
			b.accept(answer)
			tells(t, opusCodec, 440, b.write, theirs, p)
			tells(t, theirs, 1004, p.write, opusCodec, b)

			// Hold and back: all goes on.
			p.hear(must(t)(e.Offer(t.Context(), "call", alice, pbx, b.offer())))
			b.accept(must(t)(e.Answer(t.Context(), "call", pbx, alice, p.only("inactive", theirs, eventSlow))))
			p.hear(must(t)(e.Offer(t.Context(), "call", alice, pbx, b.offer())))
			b.accept(must(t)(e.Answer(t.Context(), "call", pbx, alice, p.only("sendrecv", theirs, eventSlow))))
			tells(t, opusCodec, 700, b.write, theirs, p)

			// The phone chooses another codec in mid-call; the browser need not know.
			other := pcmuCodec
			if theirs == pcmuCodec {
				other = pcmaCodec
			}
			b2 := b.answer(must(t)(e.Offer(t.Context(), "call", pbx, alice, p.only("sendrecv", other, eventSlow))))
			p.hear(must(t)(e.Answer(t.Context(), "call", alice, pbx, b2)))
			tells(t, opusCodec, 440, b.write, other, p)
			tells(t, other, 1004, p.write, opusCodec, b)
		})
	}
}

func TestTranscodeToBrowser(t *testing.T) {
	e := startEngine(t, "21460-21479")
	b, p := newBrowserOf(t, []sdp.Codec{opusCodec, eventFast}), newPhone(t)
	offer := must(t)(e.Offer(t.Context(), "call", pbx, alice, p.only("sendrecv", pcmaCodec, eventSlow)))
	answer := must(t)(e.Answer(t.Context(), "call", alice, pbx, b.answer(offer)))
	if !strings.Contains(string(answer), " RTP/AVP 8 101\r\n") {
		t.Errorf("the phone is answered\n%s", answer)
	}
	p.hear(answer)
	tells(t, opusCodec, 440, b.write, pcmaCodec, p)
	tells(t, pcmaCodec, 1004, p.write, opusCodec, b)
	if _, err := e.Offer(t.Context(), "other", pbx, alice, p.only("sendrecv", sdp.Codec{PT: 18, Name: "G729", ClockRate: 8000})); err == nil {
		t.Error("a phone that has only G.729 is put through")
	}
	e.Delete("call", "")
}

// What passes as it is, passes; a policy may say otherwise.
func TestTranscodePolicy(t *testing.T) {
	for i, tt := range []struct {
		opus     string
		browser  []sdp.Codec
		phone    sdp.Codec
		told     string // m= line of the answer to the browser ends so; empty: refused
		converts bool
	}{
		{OpusAuto, []sdp.Codec{pcmaCodec, opusCodec}, pcmaCodec, " 8\r\n", false},
		{OpusNever, []sdp.Codec{pcmaCodec, opusCodec}, pcmaCodec, " 8\r\n", false},
		{OpusNever, []sdp.Codec{opusCodec}, pcmaCodec, "", false},
		{OpusPrefer, []sdp.Codec{pcmaCodec, opusCodec}, pcmaCodec, " 111 8\r\n", true},
	} {
		t.Run(fmt.Sprint(tt.opus, i), func(t *testing.T) {
			e := startEngine(t, "21480-21499")
			e.opus = tt.opus
			b, p := newBrowserOf(t, tt.browser), newPhone(t)
			told, err := e.Offer(t.Context(), "call", alice, pbx, b.offer())
			if tt.told == "" {
				if err == nil {
					t.Errorf("the phone is offered\n%s", told)
				}
				return
			}
			p.hear(must(t)(told, err))
			answer := must(t)(e.Answer(t.Context(), "call", pbx, alice, p.only("sendrecv", tt.phone)))
			if !strings.Contains(string(answer), "UDP/TLS/RTP/SAVPF"+tt.told) {
				t.Errorf("the browser is answered\n%s", answer)
			}
			b.accept(answer)
			s, err := e.lock("call", false)
			if err != nil {
				t.Fatal(err)
			}
			defer s.mu.Unlock()
			for name, l := range s.legs {
				if l.party.Profile == sdp.RTP && (l.transcoder != nil) != tt.converts {
					t.Errorf("leg %s is converted: %t, want %t", name, !tt.converts, tt.converts)
				}
			}
		})
	}
}

// The built-in tone is played in what the caller has, though it be no G.711; and so is the comfort tone.
func TestToneInAnyCodec(t *testing.T) {
	e := startEngine(t, "21480-21499")
	p := newPhone(t)
	p.hear(must(t)(e.Local(t.Context(), "one", pbx, Tone, p.only("sendrecv", g722Codec))))
	hears(t, p, g722Codec, toneFrequency)
	b := newBrowserOf(t, []sdp.Codec{opusCodec, eventFast})
	b.accept(must(t)(e.Local(t.Context(), "two", alice, Tone, b.offer())))
	hears(t, b, opusCodec, toneFrequency)
}

// hears waits for a tone.
func hears(t *testing.T, to party, c sdp.Codec, freq float64) {
	t.Helper()
	ear, rate, err := codec.NewDecoder(c.Name, c.ClockRate, 1)
	if err != nil {
		t.Fatal(err)
	}
	var pcm []int16
	for end := time.Now().Add(patience); time.Now().Before(end); {
		p := to.next(patience)
		if p == nil {
			break
		}
		if pcm, err = ear.Decode(pcm, p.Payload); err != nil {
			t.Fatal(err)
		}
		if n := len(pcm) - rate/5; n > 0 && audio.RMS(pcm[n:]) > 1000 && audio.Goertzel(pcm[n:], rate, freq) > 0.9 {
			return
		}
	}
	t.Fatalf("%.0f Hz is not heard in %s", freq, c.Name)
}
