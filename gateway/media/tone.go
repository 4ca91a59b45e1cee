package media

import (
	"context"
	"encoding/binary"
	"math"
	"time"

	"cordboard/audio"
	"cordboard/audio/codec"
)

// The built-in callee "tone": the reference frequency of G.711 networks, 1004 Hz so that it is no fraction of the
// sampling rate, 16 dB below the reference level.
const (
	toneFrequency = 1004.0 // Hz
	toneLevel     = -16.0  // dBm0
)

// packetTime is how much audio an RTP packet carries (RFC 3551 §4.2).
const packetTime = 20 * time.Millisecond

// maxCatchUp bounds the packets sent at once after the machine slept, in packets; older ones are of no use.
const maxCatchUp = 5

// toneAmplitude is the peak of a sine of toneLevel, in steps of a 16-bit sample. G.711 defines levels by the loudest
// sine it can carry: for µ-law its peak is 8159 of 14 bits and its level 3.17 dBm0, so 0 dBm0 has a peak of
// 8159·10^(-3.17/20) = 5664, and -16 dBm0 of 898 of 14 bits or 3591 of 16 bits. A-law (4096 of 13 bits, 3.14 dBm0)
// gives 3618.
func toneAmplitude(law codec.Law) float64 {
	return law.FullScale() * math.Pow(10, (toneLevel-law.Overload())/20)
}

// playTone sends the tone to a leg until ctx ends. It begins when the leg can carry it.
func playTone(ctx context.Context, l *leg, law codec.Law, pt uint8) {
	if s, ok := l.line.(*secureLine); ok {
		select {
		case <-s.up:
		case <-ctx.Done():
			return
		}
	}
	const samples = codec.G711Rate / int(time.Second/packetTime)
	var (
		tone  = audio.NewTone(toneFrequency, codec.G711Rate, toneAmplitude(law))
		pcm   = make([]int16, samples)
		buf   = make([]byte, rtpHeaderSize, bufferSize)
		h     = rtpHeader{size: rtpHeaderSize, pt: pt, seq: uint16(random32()), ssrc: random32()}
		stamp = random32()
		begun = l.engine.now()
		sent  time.Duration
	)
	ticker := time.NewTicker(packetTime)
	defer ticker.Stop()
	buf[0] = 2 << 6
	for first := true; ; first = false {
		now := l.engine.now()
		if behind := now - begun - sent; behind > maxCatchUp*packetTime {
			skipped := behind / packetTime
			sent += skipped * packetTime
			stamp += uint32(skipped) * uint32(samples)
		}
		for ; sent <= now-begun; sent += packetTime {
			tone.Fill(pcm)
			buf[1] = pt
			if first && sent == 0 {
				buf[1] |= 0x80 // marker: a talk spurt begins (RFC 3551 §4.1)
			}
			binary.BigEndian.PutUint16(buf[2:], h.seq)
			binary.BigEndian.PutUint32(buf[4:], stamp)
			binary.BigEndian.PutUint32(buf[8:], h.ssrc)
			l.send(law.Encode(buf, pcm), h, now)
			h.seq++
			stamp += uint32(samples)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}
