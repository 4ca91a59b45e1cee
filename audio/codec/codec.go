package codec

import (
	"errors"
	"fmt"
)

// ErrUnknown reports a codec that this build can't turn into samples or make from them.
var ErrUnknown = errors.New("unknown codec")

// Decoder turns the payloads of one RTP stream, in their order, into samples. It is not safe for use by several
// goroutines.
type Decoder interface {
	// Decode appends the samples of a payload to pcm, channels interleaved; for a payload that is nil, which was lost,
	// as many as the last one had, of a sound that hides the gap. A payload that can't be decoded gives an error and
	// leaves pcm and the decoder as they were.
	Decode(pcm []int16, payload []byte) ([]int16, error)
}

// Encoder turns samples into the payloads of one RTP stream. It is not safe for use by several goroutines.
type Encoder interface {
	// Encode appends the payload for the samples of one packet, channels interleaved.
	Encode(payload []byte, pcm []int16) ([]byte, error)
}

// NewDecoder makes a decoder for a codec by its rtpmap name, RTP clock rate in Hz and channels, 0 for one. It also gives
// the sampling rate of what is decoded, in Hz, which is not always the clock rate (RFC 3551 §4.5.2).
func NewDecoder(name string, clock uint32, channels int) (Decoder, int, error) {
	if law, ok := ByName(name); ok && clock == G711Rate && channels <= 1 {
		return &lawDecoder{law: law}, G711Rate, nil
	}
	return nil, 0, fmt.Errorf("make decoder of %s/%d/%d: %w", name, clock, channels, ErrUnknown)
}

// NewEncoder makes an encoder; its arguments and the rate are those of NewDecoder.
func NewEncoder(name string, clock uint32, channels int) (Encoder, int, error) {
	if law, ok := ByName(name); ok && clock == G711Rate && channels <= 1 {
		return lawEncoder{law}, G711Rate, nil
	}
	return nil, 0, fmt.Errorf("make encoder of %s/%d/%d: %w", name, clock, channels, ErrUnknown)
}

// lawEncoder is a law as an Encoder.
type lawEncoder struct{ law Law }

func (e lawEncoder) Encode(payload []byte, pcm []int16) ([]byte, error) {
	return e.law.Encode(payload, pcm), nil
}

// lawDecoder is a law as a Decoder.
type lawDecoder struct {
	law  Law
	last int // samples of the last payload
}

func (d *lawDecoder) Decode(pcm []int16, payload []byte) ([]int16, error) {
	if payload == nil {
		return append(pcm, make([]int16, d.last)...), nil
	}
	d.last = len(payload)
	return d.law.Decode(pcm, payload), nil
}
