package codec

import (
	"fmt"
	"slices"
	"strings"
	"time"
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

// opusBitrate is what an encoder aims at, in bit/s and channel: RFC 6716 §2.1.1 has 8 to 12 kbit/s for speech in the
// telephone's band and 16 to 20 for wide-band speech; repeating each packet in the next one, and tones, which are no speech,
// take as much again.
const opusBitrate = 32000

// opusCalm is what an encoder aims at while nothing is lost, of sound with more than the telephone's band. CELT, by which that is encoded, then
// has spectra half as far from speech's as SILK at opusBitrate, and a third of its cost (see BenchmarkOpus); in the telephone's band it takes no more than
// SILK for that. It's what RFC 6716 §2.1.1 has for music, and less than G.711 takes.
const opusCalm = 48000

// opusCalmAfter is how many times in a row no loss was expected when CELT begins, which can't repeat packets.
const opusCalmAfter = 10

// OpusHush is how many octets a packet has at most which says no more than that there is silence; the next one may come OpusRest later.
const (
	OpusHush = 2
	OpusRest = 400 * time.Millisecond
)

// opusSoft is the RMS up to which sound may be silence, which is -50 dBFS, and opusSettles in how many packets in a row it has to be: from these the
// decoder learns which noise to make.
const (
	opusSoft    = 100
	opusSettles = 10
)

// opusRepair is what is added to opusBitrate for each percent of loss up to opusLossy: the more is lost, the better packets are repeated
// (RFC 6716 §2.1.7), which would else be taken from the sound itself.
const (
	opusRepair = 640
	opusLossy  = 25
)

// isOpus says whether SDP means Opus. Its rtpmap is always opus/48000/2, and says nothing of what is sent (RFC 7587 §7).
func isOpus(name string, clock uint32) bool {
	return clock == OpusRate && strings.EqualFold(name, "opus")
}

// OpusDecoder is a Decoder for Opus that can also repair.
//
// What does the work is libopus in builds with cgo and the tag opus, and gopus, the same in Go, in others. Theirs are
// newOpusDecoder and newOpusEncoder. decode fills pcm, with as many samples as it has room for when payload is nil, which was lost,
// or when it is to be what was before payload; it gives how many there are for each channel. encode makes a packet of all of pcm, by CELT while
// adapt says that it is calm.
type OpusDecoder struct {
	d        *opusDecoder
	channels int
	rate     int
	last     int // samples per channel of the last packet
}

// NewOpusDecoder makes a decoder whose samples come at rate: 8000, 12000, 16000, 24000 or 48000 Hz. With one channel it
// mixes a stereo stream, with two it doubles a mono one.
func NewOpusDecoder(rate, channels int) (*OpusDecoder, error) {
	d, err := newOpusDecoder(rate, channels)
	if err != nil {
		return nil, fmt.Errorf("make decoder of Opus at %d Hz, %d channels: %w", rate, channels, err)
	}
	return &OpusDecoder{d: d, channels: channels, rate: rate, last: rate / 50}, nil
}

// Decode implements Decoder.
func (o *OpusDecoder) Decode(pcm []int16, payload []byte) ([]int16, error) {
	had := len(pcm)
	samples := ms(opusLongest, o.rate)
	if payload == nil {
		samples = o.last
	} else if len(payload) == 0 {
		return pcm, fmt.Errorf("decode Opus: empty payload")
	}
	pcm = slices.Grow(pcm, samples*o.channels)
	n, err := o.d.decode(pcm[had:had+samples*o.channels], payload, false)
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
func (o *OpusDecoder) Repair(pcm []int16, next []byte) ([]int16, error) {
	if len(next) == 0 {
		return o.Decode(pcm, nil)
	}
	had, size := len(pcm), o.last*o.channels
	pcm = slices.Grow(pcm, size)
	n, err := o.d.decode(pcm[had:had+size], next, true)
	if err != nil {
		return pcm[:had], fmt.Errorf("repair Opus: %w", err)
	}
	return pcm[:had+n*o.channels], nil
}

// OpusEncoder is an Encoder for Opus speech. Each packet repeats the one before it if loss is expected; as long as none is, its sound comes
// 2.5 ms later in place of 6.5.
type OpusEncoder struct {
	e    *opusEncoder
	rate int
	most int // bits per second; 0 as many as it likes
	calm int // times in a row that no loss was expected, up to opusCalmAfter
	omit bool
	soft int // packets in a row that were soft enough to be left out
	rest int // that say no more than that there is silence
}

// NewOpusEncoder makes an encoder for samples at rate: 8000, 12000, 16000, 24000 or 48000 Hz. Its packets may be of 2.5,
// 5, 10, 20, 40 or 60 ms. On average it takes most bits per second at most, 0 as many as suits speech, from the first ExpectLoss on.
func NewOpusEncoder(rate, channels, most int) (*OpusEncoder, error) {
	e, err := newOpusEncoder(rate, channels)
	if err != nil {
		return nil, fmt.Errorf("make encoder of Opus at %d Hz, %d channels: %w", rate, channels, err)
	}
	return &OpusEncoder{e: e, rate: rate, most: most, calm: opusCalmAfter - 1}, nil
}

// Encode implements Encoder.
func (o *OpusEncoder) Encode(payload []byte, pcm []int16) ([]byte, error) {
	had := len(payload)
	if o.omit {
		o.soften(pcm)
	}
	payload = slices.Grow(payload, opusLargest)
	n, err := o.e.encode(payload[had:had+opusLargest], pcm)
	if err != nil {
		return payload[:had], fmt.Errorf("encode Opus: %w", err)
	}
	if o.rest++; !o.omit || n > OpusHush {
		o.rest = 0
	}
	return payload[:had+n], nil
}

// OmitSilence lets silence be left out, and faint steady noise (DTX, RFC 6716 §2.1.9). That is SILK's art, so nothing is encoded by CELT. It's to be
// said before the first packet.
func (o *OpusEncoder) OmitSilence() { o.omit = true }

// soften follows how loud the sound is. SILK takes whatever is no speech for silence, such as the tones of a telephone line and music; so it may
// leave out what is soft alone.
func (o *OpusEncoder) soften(pcm []int16) {
	var power int64
	for _, s := range pcm {
		power += int64(s) * int64(s)
	}
	before := o.soft
	if o.soft = min(o.soft+1, opusSettles); power > opusSoft*opusSoft*int64(len(pcm)) {
		o.soft = 0
	}
	if settled := o.soft == opusSettles; settled != (before == opusSettles) {
		o.e.omitSilence(settled)
	}
}

// Rests says that the packet which was encoded last needn't be sent: silence goes on, as the decoder knows.
func (o *OpusEncoder) Rests() bool { return o.rest > 1 }

// Hushes says that the packet which was encoded last tells of silence: that it begins, or how it sounds now.
func (o *OpusEncoder) Hushes() bool { return o.soft == opusSettles }

// ExpectLoss says how many of a hundred packets are lost on the way: the more, the better they are repeated, and the more octets that takes. It's
// to be said from time to time; what is said first is believed at once.
func (o *OpusEncoder) ExpectLoss(percent int) {
	percent = max(0, min(percent, 100))
	if o.calm = min(o.calm+1, opusCalmAfter); percent > 0 {
		o.calm = 0
	}
	bitrate := opusBitrate + opusRepair*min(percent, opusLossy)
	calm := o.calm == opusCalmAfter && !o.omit
	if calm && o.rate > G711Rate {
		bitrate = opusCalm
	}
	bitrate *= o.e.channels
	if o.most > 0 && bitrate > o.most {
		bitrate, calm = o.most, false // of few bits SILK makes more
	}
	o.e.adapt(calm, percent, bitrate)
}
