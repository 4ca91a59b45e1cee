package media

import (
	"context"
	"math"
	"strings"
	"sync"
	"time"

	"cordboard/audio"
	"cordboard/audio/codec"
	"cordboard/gateway/sdp"
)

// The built-in callee "tone": the reference frequency of G.711 networks, 1004 Hz so that it is no fraction of the
// sampling rate, 16 dB below the reference level.
const (
	toneFrequency = 1004.0 // Hz
	toneLevel     = -16.0  // dBm0
)

// packetTime is how much audio an RTP packet carries (RFC 3551 §4.2).
const packetTime = 20 * time.Millisecond

// packetSamples is packetTime in G.711.
const packetSamples = codec.G711Rate / int(time.Second/packetTime)

// maxCatchUp bounds the packets sent at once after the machine slept, in packets; older ones are of no use.
const maxCatchUp = 5

// amplitude is the peak of a sine of level dBm0, in steps of a 16-bit sample. G.711 defines levels by the loudest
// sine it can carry: for µ-law its peak is 8159 of 14 bits and its level 3.17 dBm0, so 0 dBm0 has a peak of
// 8159·10^(-3.17/20) = 5664, and -16 dBm0 of 898 of 14 bits or 3591 of 16 bits. A-law (4096 of 13 bits, 3.14 dBm0)
// gives 3618.
func amplitude(law codec.Law, level float64) float64 {
	return law.FullScale() * math.Pow(10, (level-law.Overload())/20)
}

// encoderOf makes an encoder for a tone, and gives the sampling rate that it takes. That of Opus need not be higher.
func encoderOf(c sdp.Codec) (codec.Encoder, int, error) {
	if isOpus(c) {
		e, err := codec.NewOpusEncoder(codec.G722Rate, 1, 0)
		return e, codec.G722Rate, err
	}
	return codec.NewEncoder(c.Name, c.ClockRate, c.Channels)
}

// lawOf is the law by which levels of a codec are reckoned: its own, else A-law, as transcoding to it makes them.
func lawOf(c sdp.Codec) codec.Law {
	if law, ok := codec.ByName(c.Name); ok {
		return law
	}
	return codec.PCMA
}

// soften lets a sound rise within its first samples, so many of them, and fall within its last ones, so that it does not click.
func soften(pcm []int16, samples int, rises, falls bool) {
	last := len(pcm) - 1
	for i := range min(samples, len(pcm)) {
		gain := (1 - math.Cos(math.Pi*float64(i)/float64(samples))) / 2
		if rises {
			pcm[i] = int16(gain * float64(pcm[i]))
		}
		if falls {
			pcm[last-i] = int16(gain * float64(pcm[last-i]))
		}
	}
}

// adapts says that what a decoder makes of a codec's payload goes by what it heard before. A sound that takes another's place in the middle
// of a stream would begin with a crack there, as loud as can be, so it begins with silence: each packet of that halves what is left.
func adapts(c sdp.Codec) bool { return strings.EqualFold(c.Name, "G722") }

// silenceG722 is a packet of silence in G.722.
var silenceG722 = sync.OnceValue(func() []byte {
	encoder, rate, err := codec.NewEncoder("G722", codec.G711Rate, 1)
	if err != nil {
		panic(err) // of a codec of ours
	}
	silence, err := encoder.Encode(nil, make([]int16, int(packetTime)*rate/int(time.Second)))
	if err != nil {
		panic(err) // of a sound of ours
	}
	return silence
})

// atOnce is for lines that carry from the start.
var atOnce = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// playTone sends the tone to a leg until ctx ends. It begins when the leg can carry it.
func playTone(ctx context.Context, l *leg, c sdp.Codec) {
	encoder, rate, err := encoderOf(c)
	if err != nil {
		l.log.Warn("tone can't be played", "codec", c.Name, "error", err)
		return
	}
	up := atOnce
	switch s := l.line.(type) {
	case *secureLine:
		up = s.up
	case *clientLine:
		up = s.up
	}
	select {
	case <-up:
	case <-ctx.Done():
		return
	}
	var (
		tone   = audio.NewTone(toneFrequency, rate, amplitude(lawOf(c), toneLevel))
		pcm    = make([]int16, int(packetTime)*rate/int(time.Second))
		octets []byte
		voice  = newSpeaker()
		begun  = l.engine.now()
		sent   time.Duration
	)
	voice.header.pt = c.PT
	ticker := time.NewTicker(packetTime)
	defer ticker.Stop()
	for first := true; ; first = false {
		now := l.engine.now()
		if behind := now - begun - sent; behind > maxCatchUp*packetTime {
			skipped := behind / packetTime
			sent += skipped * packetTime
			voice.stamp += ticks(skipped*packetTime, c.ClockRate)
		}
		for ; sent <= now-begun; sent += packetTime {
			tone.Fill(pcm)
			if octets, err = encoder.Encode(octets[:0], pcm); err != nil {
				voice.stamp += ticks(packetTime, c.ClockRate)
				continue
			}
			p, h := voice.say(octets, ticks(packetTime, c.ClockRate), first && sent == 0)
			l.send(p, h, now)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}
