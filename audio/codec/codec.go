package codec

import (
	"errors"
	"fmt"

	"github.com/gotranspile/g722"
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
// the sampling rate of what is decoded, in Hz, which is not always the clock rate (RFC 3551 §4.5.2). Of Opus channels are
// those that the caller wants, 1 or 2: what SDP says is always 2 (RFC 7587 §7).
func NewDecoder(name string, clock uint32, channels int) (Decoder, int, error) {
	channels = max(channels, 1)
	law, isLaw := ByName(name)
	switch {
	case isLaw && clock == G711Rate && channels == 1:
		return &concealed{decode: law.Decode, cover: newConcealer(G711Rate)}, G711Rate, nil
	case isG722(name, clock) && channels == 1:
		return g722Decoder(), G722Rate, nil
	case isOpus(name, clock) && channels <= 2:
		d, err := NewOpusDecoder(OpusRate, channels)
		return d, OpusRate, err
	}
	return nil, 0, fmt.Errorf("make decoder of %s/%d/%d: %w", name, clock, channels, ErrUnknown)
}

// NewEncoder makes an encoder; its arguments and the rate are those of NewDecoder.
func NewEncoder(name string, clock uint32, channels int) (Encoder, int, error) {
	channels = max(channels, 1)
	law, isLaw := ByName(name)
	switch {
	case isLaw && clock == G711Rate && channels == 1:
		return lawEncoder{law}, G711Rate, nil
	case isG722(name, clock) && channels == 1:
		return g722Encoder{g722.NewEncoder(g722.Rate64000, 0)}, G722Rate, nil
	case isOpus(name, clock) && channels <= 2:
		e, err := NewOpusEncoder(OpusRate, channels, 0)
		return e, OpusRate, err
	}
	return nil, 0, fmt.Errorf("make encoder of %s/%d/%d: %w", name, clock, channels, ErrUnknown)
}

// Encodes says whether NewEncoder makes an encoder of its arguments. One of Opus takes 150 KB, so none is made to find out.
func Encodes(name string, clock uint32, channels int) bool {
	channels = max(channels, 1)
	_, isLaw := ByName(name)
	return isLaw && clock == G711Rate && channels == 1 || isG722(name, clock) && channels == 1 || isOpus(name, clock) && channels <= 2
}

// lawEncoder is a law as an Encoder.
type lawEncoder struct{ law Law }

func (e lawEncoder) Encode(payload []byte, pcm []int16) ([]byte, error) {
	return e.law.Encode(payload, pcm), nil
}
