//go:build !cgo || !opus

package codec

import (
	"fmt"
	"math"
	"slices"

	"github.com/thesyncim/gopus"
)

// OpusLibrary is what Opus is encoded and decoded by.
const OpusLibrary = "gopus"

type opusDecoder struct {
	d        *gopus.Decoder
	repaired []float32
}

func newOpusDecoder(rate, channels int) (*opusDecoder, error) {
	d, err := gopus.NewDecoder(gopus.DecoderConfig{SampleRate: rate, Channels: channels, MaxPacketSamples: ms(opusLongest, rate)})
	return &opusDecoder{d: d}, err
}

func (o *opusDecoder) decode(pcm []int16, payload []byte, before bool) (n int, err error) {
	defer guard(&err)
	if !before {
		return o.d.DecodeInt16(payload, pcm)
	}
	o.repaired = slices.Grow(o.repaired[:0], len(pcm))[:len(pcm)]
	n, err = o.d.DecodeWithFEC(payload, o.repaired, true)
	if err != nil {
		return 0, err
	}
	for i, s := range o.repaired[:min(len(pcm), n*o.d.Channels())] {
		pcm[i] = int16(max(math.MinInt16, min(math.RoundToEven(float64(s)*32768), math.MaxInt16)))
	}
	return n, nil
}

// guard makes an error of a panic: a stranger's packet must not end the process, whatever it finds in a decoder.
func guard(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("decoder gave up: %v", p)
	}
}

type opusEncoder struct {
	e        *gopus.Encoder
	channels int
	size     int // samples per channel of a packet
}

func newOpusEncoder(rate, channels int) (*opusEncoder, error) {
	e, err := gopus.NewEncoder(gopus.EncoderConfig{SampleRate: rate, Channels: channels, Application: gopus.ApplicationVoIP})
	if err != nil {
		return nil, err
	}
	for _, err := range []error{
		e.SetComplexity(opusComplexity), e.SetBitrate(channels * opusBitrate), e.SetSignal(gopus.SignalVoice), e.SetInBandFEC(1),
	} {
		if err != nil {
			return nil, err
		}
	}
	return &opusEncoder{e: e, channels: channels}, nil
}

func (o *opusEncoder) encode(payload []byte, pcm []int16) (int, error) {
	if size := len(pcm) / o.channels; size != o.size {
		if err := o.e.SetFrameSize(size); err != nil {
			return 0, fmt.Errorf("%d samples: %w", size, err)
		}
		o.size = size
	}
	return o.e.EncodeInt16(pcm, payload)
}

func (o *opusEncoder) adapt(calm bool, percent, bitrate int) {
	application, mode := gopus.ApplicationVoIP, gopus.EncoderModeAuto
	if calm {
		application, mode = gopus.ApplicationLowDelay, gopus.EncoderModeCELT
	}
	if application != o.e.Application() {
		o.e.Reset()
		_ = o.e.SetApplication(application) // fails where something was encoded since then
		_ = o.e.SetMode(mode)               // and this for other modes
	}
	_ = o.e.SetPacketLoss(percent) // fails for other numbers than those from 0 to 100 only
	_ = o.e.SetBitrate(bitrate)    // and this for less than 500 and more than 512000
}

func (o *opusEncoder) omitSilence(on bool) { o.e.SetDTX(on) }
