package codec

import (
	"slices"
	"strings"

	"github.com/gotranspile/g722"
)

// G722Rate is the sampling rate of G.722, in Hz. Its RTP clock is 8000 all the same (RFC 3551 §4.5.2).
const G722Rate = 16000

func isG722(name string, clock uint32) bool { return clock == 8000 && strings.EqualFold(name, "G722") }

// g722Decoder makes two samples of each octet.
func g722Decoder() Decoder {
	d := g722.NewDecoder(g722.Rate64000, 0)
	return &concealed{cover: newConcealer(G722Rate), decode: func(pcm []int16, payload []byte) []int16 {
		had := len(pcm)
		pcm = slices.Grow(pcm, 2*len(payload))
		return pcm[:had+d.Decode(pcm[had:had+2*len(payload)], payload)]
	}}
}

// g722Encoder is an Encoder. An odd sample at the end of a packet is left out.
type g722Encoder struct{ e *g722.Encoder }

func (e g722Encoder) Encode(payload []byte, pcm []int16) ([]byte, error) {
	had := len(payload)
	pcm = pcm[:len(pcm)&^1]
	payload = slices.Grow(payload, len(pcm)/2)
	return payload[:had+e.e.Encode(payload[had:had+len(pcm)/2], pcm)], nil
}
