package media

import (
	"math"
	"strings"
	"time"
)

// impairment is what a codec costs on the scale of the E-model (ITU-T G.113 appendix I).
type impairment struct {
	ie  float64 // equipment impairment factor without loss
	bpl float64 // packet-loss robustness factor
}

// impairments are those of codecs by their names in SDP, with the concealment of loss that phones and browsers have. G.113 judges G.722
// and Opus on a scale for wide band, on which nothing can be compared with G.711. Here one scale holds for all, that of
// G.107: on it a codec of wide band is as good as G.711, so that its marks are lower bounds.
var impairments = map[string]impairment{
	"PCMU": {0, 25.1}, "PCMA": {0, 25.1}, "G722": {0, 25.1}, "OPUS": {0, 25.1},
	"G729": {11, 19}, "G723": {15, 16.1}, "ILBC": {11, 32}, "GSM-EFR": {5, 10},
}

// unheard are the factors of a codec that is not in the list: without any sign of its quality, those of G.711.
var unheard = impairment{0, 25.1}

// defaultRating is R of the E-model without loss and delay, with the default values of all else (ITU-T G.107 §7.7).
const defaultRating = 93.2

// rating is R of the E-model for a codec, a share of packets lost at random (0 to 1), and the time from mouth to ear:
//
//	R = 93.2 - Idd - Ie,eff
//	Ie,eff = Ie + (95 - Ie) · Ppl / (Ppl + Bpl)                              (G.107 §7.5 with BurstR = 1, Ppl in percent)
//	Idd = 25 · ((1 + X⁶)^(1/6) - 3 · (1 + (X/3)⁶)^(1/6) + 2), X = log2(Ta / 100 ms), 0 up to 100 ms   (§7.4)
//
// Echo is not counted: browsers and phones cancel it.
func rating(codec string, loss float64, delay time.Duration) float64 {
	cost, known := impairments[strings.ToUpper(codec)]
	if !known {
		cost = unheard
	}
	percent := 100 * loss
	effective := cost.ie + (95-cost.ie)*percent/(percent+cost.bpl)
	idd := 0.0
	if ms := float64(delay) / float64(time.Millisecond); ms > 100 {
		x := math.Log2(ms / 100)
		idd = 25 * (math.Pow(1+math.Pow(x, 6), 1.0/6) - 3*math.Pow(1+math.Pow(x/3, 6), 1.0/6) + 2)
	}
	return defaultRating - idd - effective
}

// opinion is the mean opinion score that listeners would give a rating, 1 to 4.5 (ITU-T G.107 annex B).
func opinion(r float64) float64 {
	switch {
	case r <= 0:
		return 1
	case r >= 100:
		return 4.5
	}
	return max(1, 1+0.035*r+r*(r-60)*(100-r)*7e-6) // the curve dips a hair below 1 near 0
}

// ownDelay is how long a packet of sound takes beside its way through the network: it is filled, and its receiver has a frame at hand.
const ownDelay = 2 * packetTime

// score is the opinion of a listener whose packets come with that loss, jitter and round trip. A receiver holds packets back for about
// twice the jitter, so that most come in time.
func score(codec string, loss float64, jitter, roundTrip time.Duration) float64 {
	return opinion(rating(codec, loss, roundTrip/2+2*jitter+ownDelay))
}
