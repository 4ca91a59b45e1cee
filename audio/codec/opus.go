package codec

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/thesyncim/gopus"
)

// OpusRate is the RTP clock of Opus, in Hz, whatever is encoded (RFC 7587 §4.1).
const OpusRate = 48000

// opusComplexity trades processor time for quality, 0 to 10. For speech of a telephone's band at opusBitrate the lowest
// gives the same signal-to-noise ratio as the highest, in a third of the time; see BenchmarkOpus.
const opusComplexity = 0

// opusLongest is the longest packet, in milliseconds (RFC 6716 §3.2.5), opusLargest the largest one that is made, in
// octets: 60 ms at the highest rate below.
const (
	opusLongest = 120
	opusLargest = 1275
)

// opusBitrate is what an encoder aims at, in bit/s and channel, for a sampling rate: RFC 6716 §2.1.1 has 8 to 12 kbit/s
// for the telephone's band and 16 to 20 for wide-band speech; repeating each packet in the next one and tones that are
// no speech take as much again.
func opusBitrate(rate int) int {
	if rate <= 8000 {
		return 32000
	}
	return 32000
}

// isOpus says whether SDP means Opus. Its rtpmap is always opus/48000/2, and says nothing of what is sent (RFC 7587 §7).
func isOpus(name string, clock uint32) bool {
	return clock == OpusRate && strings.EqualFold(name, "opus")
}

// OpusDecoder is a Decoder for Opus that can also repair.
type OpusDecoder struct {
	d        *gopus.Decoder
	channels int
	rate     int
	last     int       // samples per channel of the last packet
	repaired []float32 // for Repair
}

// NewOpusDecoder makes a decoder whose samples come at rate: 8000, 12000, 16000, 24000 or 48000 Hz. With one channel it
// mixes a stereo stream, with two it doubles a mono one.
func NewOpusDecoder(rate, channels int) (*OpusDecoder, error) {
	d, err := gopus.NewDecoder(gopus.DecoderConfig{SampleRate: rate, Channels: channels, MaxPacketSamples: ms(opusLongest, rate)})
	if err != nil {
		return nil, fmt.Errorf("make decoder of Opus at %d Hz, %d channels: %w", rate, channels, err)
	}
	return &OpusDecoder{d: d, channels: channels, rate: rate, last: rate / 50}, nil
}

// Decode implements Decoder.
func (o *OpusDecoder) Decode(pcm []int16, payload []byte) (_ []int16, err error) {
	had := len(pcm)
	room := ms(opusLongest, o.rate) * o.channels
	if payload == nil {
		room = o.last * o.channels
	} else if len(payload) == 0 {
		return pcm, fmt.Errorf("decode Opus: empty payload")
	}
	pcm = slices.Grow(pcm, room)
	defer guard("decode Opus", &err)
	n, err := o.d.DecodeInt16(payload, pcm[had:had+room])
	if err != nil {
		return pcm[:had], fmt.Errorf("decode Opus: %w", err)
	}
	if payload != nil {
		o.last = n
	}
	return pcm[:had+n*o.channels], nil
}

// Repair appends the samples of a lost packet, as many as the last one had, from what the packet after it repeats of it
// (RFC 6716 §2.1.7), or hides the gap if it repeats nothing. That packet is to be decoded next.
func (o *OpusDecoder) Repair(pcm []int16, next []byte) (_ []int16, err error) {
	if len(next) == 0 {
		return o.Decode(pcm, nil)
	}
	size := o.last * o.channels
	o.repaired = slices.Grow(o.repaired[:0], size)[:size]
	defer guard("repair Opus", &err)
	n, err := o.d.DecodeWithFEC(next, o.repaired, true)
	if err != nil {
		return pcm, fmt.Errorf("repair Opus: %w", err)
	}
	for _, s := range o.repaired[:n*o.channels] {
		pcm = append(pcm, int16(max(math.MinInt16, min(math.RoundToEven(float64(s)*32768), math.MaxInt16))))
	}
	return pcm, nil
}

// guard makes an error of a panic: a stranger's packet must not end the process, whatever it finds in a decoder.
func guard(tried string, err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%s: decoder gave up: %v", tried, p)
	}
}

// OpusEncoder is an Encoder for Opus speech. Each packet repeats the one before it if loss is expected.
type OpusEncoder struct {
	e        *gopus.Encoder
	channels int
	size     int // samples per channel of a packet
}

// NewOpusEncoder makes an encoder for samples at rate: 8000, 12000, 16000, 24000 or 48000 Hz. Its packets may be of 2.5,
// 5, 10, 20, 40 or 60 ms.
func NewOpusEncoder(rate, channels int) (*OpusEncoder, error) {
	e, err := gopus.NewEncoder(gopus.EncoderConfig{SampleRate: rate, Channels: channels, Application: gopus.ApplicationVoIP})
	if err != nil {
		return nil, fmt.Errorf("make encoder of Opus at %d Hz, %d channels: %w", rate, channels, err)
	}
	for _, err := range []error{
		e.SetComplexity(opusComplexity), e.SetBitrate(channels * opusBitrate(rate)), e.SetSignal(gopus.SignalVoice), e.SetInBandFEC(1),
	} {
		if err != nil {
			return nil, fmt.Errorf("make encoder of Opus: %w", err)
		}
	}
	return &OpusEncoder{e: e, channels: channels}, nil
}

// Encode implements Encoder.
func (o *OpusEncoder) Encode(payload []byte, pcm []int16) ([]byte, error) {
	if size := len(pcm) / o.channels; size != o.size {
		if err := o.e.SetFrameSize(size); err != nil {
			return payload, fmt.Errorf("encode Opus, %d samples: %w", size, err)
		}
		o.size = size
	}
	had := len(payload)
	payload = slices.Grow(payload, opusLargest)
	n, err := o.e.EncodeInt16(pcm, payload[had:had+opusLargest])
	if err != nil {
		return payload[:had], fmt.Errorf("encode Opus: %w", err)
	}
	return payload[:had+n], nil
}

// ExpectLoss says how many of a hundred packets are lost on the way: the more, the better they are repeated.
func (o *OpusEncoder) ExpectLoss(percent int) {
	_ = o.e.SetPacketLoss(max(0, min(percent, 100))) // fails for other numbers only
}
