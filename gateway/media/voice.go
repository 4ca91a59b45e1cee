package media

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"cordboard/audio"
	"cordboard/audio/codec"
	"cordboard/audio/jitter"
	"cordboard/gateway/sdp"
)

// captureGap is the pause between two frames from which the microphone is taken to have been away.
const captureGap = 100 * time.Millisecond

// Voice is the sound of a party within this process (sdp.PCM): what its microphone gives goes to its leg as packets, what the leg is sent
// comes out through a jitter buffer. While the party or the other side holds, nothing passes. Capture and Play are each for one
// goroutine at a time; they wait for nothing and allocate nothing.
type Voice struct {
	line   *pcmLine
	buffer *jitter.Buffer
	speaks atomic.Pointer[voiceCodec] // nil: nothing was agreed on yet
	events atomic.Pointer[eventClocks]
	heard  atomic.Pointer[func(digit rune)]
	closed atomic.Bool

	speech speaker
	sound  []int16       // captured, not sent yet
	rate   int           // of that, in Hz
	last   time.Duration // of the engine's clock: when a frame came
	bursts bursts        // of frames
	began  bool          // of the talk spurt
	clock  uint32        // of speech, in Hz

	silent bool // Play was silent
}

var (
	_ audio.Duplex = (*Voice)(nil)
	_ audio.Bander = (*Voice)(nil)
)

func newVoice(line *pcmLine) *Voice {
	v := &Voice{line: line, buffer: jitter.New(), speech: *newSpeaker(), sound: make([]int16, 0, longestVoice), rate: audio.CardRate}
	return v
}

// What is spoken waits until its packet is full. So a packet is as short as the other side takes it, unless that asks for another size
// (ptime): one frame, or two where the card gives two at a time, as each of them would have to wait for that anyway.
const (
	voiceTime    = 10 * time.Millisecond
	longestVoice = 4 * packetTime * audio.CardRate / time.Second // samples of the longest packet that hearing gives, and a frame
)

// packetOf is how much sound a packet of the party's has in a codec, of a card that gives so much at a time.
func (w *way) packetOf(m *voiceCodec, given time.Duration) time.Duration {
	if w.beeper != nil {
		return packetTime // it takes the place of such, in Opus
	}
	if w.peer != nil {
		if there := w.peer.way.Load(); there != nil && there.hearing.asked {
			return packetIn(m.codec, there.hearing.frame)
		}
	}
	return given
}

// Voice gives the sound of the party that was told of a stream with that label (RFC 4574). digit is told of each key that the other side
// presses, when it begins, from the threads that carry packets: it must not wait and not call the engine; nil: nobody is.
func (e *Engine) Voice(label string, digit func(digit rune)) (*Voice, error) {
	line := e.voices.find(label)
	if line == nil {
		return nil, fmt.Errorf("take the sound labelled %q: %w", label, ErrUnknownCall)
	}
	v := line.voice
	v.heard.Store(nil)
	if digit != nil {
		v.heard.Store(&digit)
	}
	v.closed.Store(false)
	return v, nil
}

// Close gives the sound back: nothing is captured and played any more. The leg stays.
func (v *Voice) Close() error {
	v.closed.Store(true)
	v.heard.Store(nil)
	return nil
}

// Digit presses a key, 0 to 9, *, # or A to D, for d. The other side gets it as it takes keys: as an event (RFC 4733), as a tone, or by
// INFO, for which Config.Digits is told.
func (v *Voice) Digit(digit rune, d time.Duration) error {
	l := v.line.leg
	code, ok := keyCode(digit)
	if !ok {
		return fmt.Errorf("press key %q: no such key", digit)
	}
	err := l.engine.Digit(context.Background(), l.call, l.name, digit, d)
	if informs := errors.Is(err, ErrKeysByInfo); informs || err == nil {
		l.engine.heard(l, key{code: code, ends: true, length: d}, !informs)
		return nil
	}
	return err
}

// Quality says how the sound that comes in is played.
func (v *Voice) Quality() jitter.Stats { return v.buffer.Stats() }

// Play implements audio.Duplex.
func (v *Voice) Play(frame []int16) {
	w := v.line.leg.way.Load()
	if w == nil || !w.hears || v.closed.Load() {
		clear(frame)
		if !v.silent {
			v.silent = true
			v.buffer.Reset()
		}
		return
	}
	if v.silent {
		v.silent = false
		v.buffer.Reset() // what came meanwhile
	}
	v.buffer.Play(frame, v.line.engine.now())
}

// Capture implements audio.Duplex.
func (v *Voice) Capture(frame []int16) { v.capture(frame, audio.CardRate) }

// CaptureBand implements audio.Bander.
func (v *Voice) CaptureBand(frame []int16) bool {
	v.capture(frame, audio.BandRate)
	return true
}

// capture takes a frame at a rate, in Hz.
func (v *Voice) capture(frame []int16, rate int) {
	if rate != v.rate {
		v.rest(v.waits())
		v.rate = rate
	}
	now := v.line.engine.now()
	away := now - v.last
	if v.last == 0 {
		away = 0
	}
	v.last = now
	given := v.bursts.frame(away)
	m, w := v.speaks.Load(), v.line.leg.way.Load()
	if m == nil || w == nil || !w.talks || v.closed.Load() {
		v.sound = append(v.sound, frame...)
		v.rest(v.waits())
		return
	}
	if away > captureGap {
		v.rest(away)
	}
	v.sound = append(v.sound, frame...)
	lasts := w.packetOf(m, given)
	for n := int(lasts * time.Duration(rate) / time.Second); len(v.sound) >= n; {
		v.say(m, w, v.sound[:n], lasts, now)
		v.sound = v.sound[:copy(v.sound, v.sound[n:])]
	}
}

// waits is how long what is not sent yet sounds.
func (v *Voice) waits() time.Duration {
	return time.Duration(len(v.sound)) * time.Second / time.Duration(v.rate)
}

// rest passes over time in which nothing is said.
func (v *Voice) rest(d time.Duration) {
	v.speech.stamp += ticks(d, v.clock)
	v.sound, v.began = v.sound[:0], false
}

// lossLooks is how often it is looked at how much the other side loses, in packets.
const lossLooks = 50

// say sends a packet of sound that lasts d.
func (v *Voice) say(m *voiceCodec, w *way, sound []int16, d, now time.Duration) {
	v.clock = m.codec.ClockRate
	v.speech.header.pt = m.codec.PT
	if m.opus != nil && m.sent%lossLooks == 0 {
		m.opus.ExpectLoss(v.loss())
	}
	m.sent++
	lasts := ticks(d, v.clock)
	payload, err := m.encode(sound, v.rate)
	if err != nil {
		v.speech.stamp += lasts
		return
	}
	if m.opus != nil && m.opus.Rests() && w.beeper == nil { // it takes the place of packets
		v.speech.stamp += lasts
		v.began = false
		return
	}
	hushes := m.opus != nil && m.opus.Hushes()
	p, h := v.speech.say(payload, lasts, !v.began && !hushes)
	v.began = v.began || !hushes
	v.line.leg.receive(p, h, now)
}

// loss is how many of a hundred packets are lost on the way to the other side.
func (v *Voice) loss() int {
	w := v.line.leg.way.Load()
	if w == nil || w.peer == nil { // one that is built in
		return 0
	}
	if percent, known := w.peer.lossReported(); known {
		return percent
	}
	return expectedLoss
}

// voiceCodec encodes the voice of a party in one codec.
type voiceCodec struct {
	codec   sdp.Codec
	encoder codec.Encoder
	opus    *codec.OpusEncoder // encoder, if it is that
	scaler  *codec.Resampler   // from the card's rate
	narrow  *codec.Resampler   // from the band's
	scaled  []int16
	payload []byte
	sent    int // packets
}

// voiceOpusRate is what Opus encodes of the card's sound, in Hz: wide-band speech, at half the cost of more.
const voiceOpusRate = codec.G722Rate

func newVoiceCodec(c sdp.Codec) (m *voiceCodec, err error) {
	m = &voiceCodec{codec: c, scaled: make([]int16, 0, longestVoice), payload: make([]byte, 0, maxPacket)}
	rate := voiceOpusRate
	if isOpus(c) {
		m.opus, err = newOpus(rate, c)
		m.encoder = m.opus
	} else {
		m.encoder, rate, err = codec.NewEncoder(c.Name, c.ClockRate, c.Channels)
	}
	if err == nil {
		m.scaler, err = codec.NewResampler(audio.CardRate, rate)
	}
	if err == nil {
		m.narrow, err = codec.NewResampler(audio.BandRate, rate)
	}
	return m, err
}

// encode gives the payload for a packet's sound at a rate, the card's or the band's, good until it is called again.
func (m *voiceCodec) encode(sound []int16, rate int) ([]byte, error) {
	scaler := m.scaler
	if rate == audio.BandRate {
		scaler = m.narrow
	}
	m.scaled = scaler.Resample(m.scaled[:0], sound)
	payload, err := m.encoder.Encode(m.payload[:0], m.scaled)
	m.payload = payload
	return payload, err
}
