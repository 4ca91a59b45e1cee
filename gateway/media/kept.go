package media

import "cordboard/gateway/call"

// keptSample is a call.Sample in a form that takes little room: a call has up to 120 of them.
type keptSample struct {
	at      int64 // Unix milliseconds
	in, out keptPath
	delay   uint16 // tenths of a millisecond
}

// keptPath is a call.Path; the loss is that of the counts, unless the party reported it.
type keptPath struct {
	packets, lost, late uint16
	loss                uint16 // 1/10000
	jitter              uint16 // tenths of a millisecond
	mos                 uint16 // hundredths
}

// small is a number as uint16, the largest for what is larger.
func small(x float64) uint16 { return uint16(min(x+0.5, 1<<16-1)) }

func keep(s call.Sample) keptSample {
	return keptSample{at: s.At, in: keepPath(s.In), out: keepPath(s.Out), delay: small(s.Delay * 10)}
}

func keepPath(p call.Path) keptPath {
	return keptPath{small(float64(p.Packets)), small(float64(p.Lost)), small(float64(p.Late)), small(p.Loss * 10000), small(p.Jitter * 10), small(p.MOS * 100)}
}

func (k keptSample) sample() call.Sample {
	return call.Sample{At: k.at, In: k.in.path(), Out: k.out.path(), Delay: float64(k.delay) / 10}
}

func (k keptPath) path() call.Path {
	return call.Path{Packets: uint64(k.packets), Lost: uint64(k.lost), Late: uint64(k.late), Loss: float64(k.loss) / 10000, Jitter: float64(k.jitter) / 10, MOS: float64(k.mos) / 100}
}
