package ui

import (
	"cordboard/gateway/call"
)

// Marks of sound (MOS): the best that there is, and those from which it is good, and can be understood without effort.
const (
	bestMark = 4.4
	goodMark = 3.7
	fairMark = 2.9
)

// What is heard of loss, jitter and delay: a share, and milliseconds there and back.
const (
	lossHeard   = 0.02
	jitterHeard = 40
	delayHeard  = 500
)

// mark is how a call sounded in a sample, in the worse direction; 0: nothing to judge.
func mark(s call.Sample) float64 {
	if s.In.MOS == 0 || s.Out.MOS != 0 && s.Out.MOS < s.In.MOS {
		return s.Out.MOS
	}
	return s.In.MOS
}

// judged is the key of the words for how a call sounds, and whether it sounds well. The last ten seconds count.
func judged(samples []call.Sample) (key string, well bool) {
	worst, lossIn, lossOut, jitter, delay, n := bestMark, 0.0, 0.0, 0.0, 0.0, 0.0
	for _, s := range samples[max(0, len(samples)-2):] {
		if m := mark(s); m > 0 {
			worst = min(worst, m)
			n++
		}
		lossIn += s.In.Loss
		lossOut += s.Out.Loss
		jitter = max(jitter, s.In.Jitter, s.Out.Jitter)
		delay = max(delay, s.Delay)
	}
	switch {
	case n == 0 || worst >= goodMark:
		return "quality.clear", true
	case lossIn/n >= lossHeard && lossOut/n >= lossHeard:
		return "quality.loss_both", false
	case lossIn/n >= lossHeard:
		return "quality.loss_in", false
	case lossOut/n >= lossHeard:
		return "quality.loss_out", false
	case jitter >= jitterHeard:
		return "quality.jitter", false
	case delay >= delayHeard:
		return "quality.delay", false
	case worst >= fairMark:
		return "quality.fair", false
	}
	return "quality.bad", false
}

// samples are those of a call's media, of its other side; nil: there are none.
func (m *Model) samples(c call.DeskCall) []call.Sample {
	all, _ := m.Sounds.Get()
	return all[callID(c)]
}

// OtherSide gives the samples of the side of a call that is not this machine's phone.
func OtherSide(m call.Media) []call.Sample {
	for _, l := range m.Legs {
		if l.Side != "desk" {
			return l.Samples
		}
	}
	return nil
}
