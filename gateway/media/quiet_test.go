package media

import (
	"testing"
	"time"

	"github.com/pion/rtp"

	"cordboard/audio"
	"cordboard/audio/codec"
	"cordboard/gateway/sdp"
)

// A phone that describes the noise behind it and then sends nothing (RFC 3389 §4) is passed on as it is to a browser that knows that: the
// pause is as long there, and no packet is missing. To one that doesn't the noise is played.
func TestComfortNoiseOfAPhone(t *testing.T) {
	const level = 50 // dB under full scale
	for _, knows := range []bool{true, false} {
		e := startEngine(t, "23190-23199")
		codecs := []sdp.Codec{pcmuCodec, eventSlow}
		if knows {
			codecs = append(codecs, noiseCodec)
		}
		b, p := newBrowserOf(t, codecs), newPhone(t)
		p.hear(must(t)(e.Offer(t.Context(), "call", alice, pbx, b.offer())))
		b.accept(must(t)(e.Answer(t.Context(), "call", pbx, alice, p.only("sendrecv", pcmuCodec, noiseCodec, eventSlow))))
		reaches(t, p.mouth, b, "voice")
		p.speak(pcmuCodec.PT, 160, false, []byte("the last word"))
		first := b.next(patience)
		for ; first != nil && string(first.Payload) != "the last word"; first = b.next(patience) { // what was said before, more than once
		}
		if first == nil {
			t.Fatal("the last word is not heard")
		}
		noise := p.speak(noiseCodec.PT, 160, false, []byte{level})
		if knows {
			if got := b.next(patience); got == nil || got.PayloadType != noiseCodec.PT || string(got.Payload) != string(noise) || got.Timestamp-first.Timestamp != 160 {
				t.Errorf("the browser hears %v, want noise", got)
			}
			p.speak(noiseCodec.PT, 4000, false, noise) // again, for the level may change
			if got := b.next(patience); got == nil || got.PayloadType != noiseCodec.PT || got.Timestamp-first.Timestamp != 4160 {
				t.Errorf("the browser hears %v, want noise", got)
			}
			p.speak(pcmuCodec.PT, 12000, true, []byte("the first word"))
			got := b.next(patience)
			if got == nil || string(got.Payload) != "the first word" || !got.Marker || got.Timestamp-first.Timestamp != 16160 || got.SequenceNumber-first.SequenceNumber != 3 ||
				got.SSRC != first.SSRC {
				t.Errorf("after the pause the browser hears %v, before it %v", got, first)
			}
			continue
		}
		var pcm []int16
		last := first
		for range 10 {
			got := b.next(patience)
			if got == nil || got.PayloadType != pcmuCodec.PT || got.SequenceNumber != last.SequenceNumber+1 || int32(got.Timestamp-last.Timestamp) <= 0 {
				t.Fatalf("%v follows %v", got, last)
			}
			pcm, last = codec.PCMU.Decode(pcm, got.Payload), got
		}
		if rms := audio.RMS(pcm); rms < 60 || rms > 150 {
			t.Errorf("noise of RMS %.0f, want 104: %d dB under 32768", rms, level)
		}
		p.speak(pcmuCodec.PT, 16000, true, []byte("the first word"))
		for end := time.Now().Add(patience); ; {
			got := b.next(patience)
			if got == nil || got.SequenceNumber != last.SequenceNumber+1 || int32(got.Timestamp-last.Timestamp) <= 0 || time.Now().After(end) {
				t.Fatalf("%v follows %v", got, last)
			}
			if last = got; string(got.Payload) == "the first word" {
				break
			}
		}
		b.next(calm) // one packet of noise may have been under way
		if got := b.next(calm); got != nil {
			t.Errorf("after the pause the browser still hears %v", got)
		}
	}
}

// speak sends the next packet of a phone, whose timestamp is greater by ticks, and gives its payload.
func (p *phone) speak(pt uint8, ticks uint32, marked bool, payload []byte) []byte {
	p.seq++
	p.paused += ticks - 160
	p.write(&rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: pt, Marker: marked, SequenceNumber: p.seq, Timestamp: 160*uint32(p.seq) + p.paused, SSRC: p.ssrc},
		Payload: payload})
	return payload
}
