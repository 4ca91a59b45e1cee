package media

import (
	"slices"
	"sync/atomic"
	"time"

	"cordboard/gateway/call"
)

const (
	// lookTime is how often all legs are looked at.
	lookTime = 500 * time.Millisecond

	// sampleTime is how long a sample is about.
	sampleTime = 5 * time.Second

	// looksKept are those that a sample's time holds.
	looksKept = int(sampleTime / lookTime)

	// maxSamples are kept of a leg while its call is up: those of the last five minutes.
	maxSamples = int(5 * time.Minute / sampleTime)
)

// reading is what the counters of a leg were at a look. They may wrap around; only differences count.
type reading struct {
	at                          time.Duration
	in, expected, late, out     uint32
	unopened, unagreed, foreign uint32
}

// judge follows how a leg does, look by look.
type judge struct {
	began    time.Duration // when its media could flow first
	looks    [looksKept + 1]reading
	last     int // the latest of looks
	looked   int // how many of looks are there
	sampled  reading
	samples  []keptSample // the last maxSamples; the oldest is at next once there are so many
	next     int
	tally    [2]tally   // of what comes in, and of what goes out
	troubles []*trouble // those that go on
	pauses   int        // silences of the party without loss: it sends nothing while nobody speaks
	stepped  bool       // the observer knows how the media came up
}

// inherit lets a leg go on with the marks of the one whose place it takes.
func (j *judge) inherit(old *judge) {
	j.tally, j.samples, j.next = old.tally, slices.Clone(old.samples), old.next
}

// tally sums the samples of one direction up.
type tally struct {
	packets, lost uint64
	jitter, mos   float64 // sums over samples
	judged        int     // samples with a mark
	worst         float64 // the worst mark
}

func (t *tally) add(p call.Path) {
	t.packets += p.Packets
	t.lost += p.Lost
	if p.MOS == 0 {
		return
	}
	if t.judged == 0 || p.MOS < t.worst {
		t.worst = p.MOS
	}
	t.jitter += p.Jitter
	t.mos += p.MOS
	t.judged++
}

func (t *tally) quality() call.PathQuality {
	q := call.PathQuality{Packets: t.packets, Loss: share(t.lost, t.packets+t.lost), Worst: round(t.worst, 100)}
	if t.judged > 0 {
		q.Jitter, q.MOS = round(t.jitter/float64(t.judged), 10), round(t.mos/float64(t.judged), 100)
	}
	return q
}

// share is part of whole, in steps of 1/10000.
func share(part, whole uint64) float64 {
	if whole == 0 {
		return 0
	}
	return round(float64(part)/float64(whole), 10000)
}

// round rounds to 1/steps.
func round(x float64, steps float64) float64 { return float64(int64(x*steps+0.5)) / steps }

// milliseconds is a time as samples hold it.
func milliseconds(d time.Duration) float64 { return round(float64(d)/float64(time.Millisecond), 10) }

// read takes the counters of now.
func (c *counters) read(now time.Duration) reading {
	n := func(a *atomic.Uint64) uint32 { return uint32(a.Load()) }
	return reading{at: now, in: n(&c.packetsIn), expected: n(&c.source.expected), late: n(&c.source.late), out: n(&c.packetsOut),
		unopened: n(&c.unopened), unagreed: n(&c.unagreed), foreign: n(&c.foreign)}
}

// look notes the counters of now.
func (j *judge) look(r reading) {
	j.last = (j.last + 1) % len(j.looks)
	j.looks[j.last] = r
	j.looked = min(j.looked+1, len(j.looks))
}

// back is the reading of some looks ago, or the oldest.
func (j *judge) back(looks int) reading {
	looks = min(looks, j.looked-1)
	return j.looks[(j.last-looks+len(j.looks))%len(j.looks)]
}

// lossSince is how many packets were sent by the party since a reading, and how many of them never came.
func (r reading) lossSince(before reading) (sent, lost uint64) {
	in, expected := uint64(r.in-before.in), uint64(r.expected-before.expected)
	return max(in, expected), max(in, expected) - in
}

// sample makes the sample of the time since the last one, when that is long enough ago; nil before, and when nothing was due. At the end a
// second is enough. The caller holds mu.
func (s *session) sample(l *leg, now reading, end bool) *call.Sample {
	j := &l.judge
	before := j.sampled
	if since := now.at - before.at; since < sampleTime-lookTime/2 && !(end && since >= sampleTime/5) {
		return nil
	}
	j.sampled = now
	sent, lost := now.lossSince(before)
	report := l.streams.remoteReport()
	name := l.codecOf(uint8(l.count.source.pt.Load())).Name
	x := call.Sample{At: l.engine.start.Add(now.at).UnixMilli(), Delay: milliseconds(report.RoundTrip),
		In:  call.Path{Packets: uint64(now.in - before.in), Lost: lost, Late: uint64(now.late - before.late), Loss: share(lost, sent)},
		Out: call.Path{Packets: uint64(now.out - before.out)}}
	since, due := s.awaited(l)
	switch {
	case x.In.Packets > 0:
		jitter := l.streams.jitter()
		x.In.Jitter = milliseconds(jitter)
		x.In.MOS = round(score(name, x.In.Loss, jitter, report.RoundTrip), 100)
	case due && since <= before.at: // dead silence
		x.In.MOS = 1
	}
	if !report.At.IsZero() && x.Out.Packets > 0 {
		x.Out.Loss = round(report.Share, 10000)
		x.Out.Lost = uint64(report.Share*float64(x.Out.Packets) + 0.5)
		x.Out.Jitter = milliseconds(report.Jitter)
		x.Out.MOS = round(score(name, report.Share+(1-report.Share)*report.Discarded, report.Jitter, report.RoundTrip), 100)
	}
	if x.In.MOS == 0 && x.In.Packets == 0 && x.Out.Packets == 0 && lost == 0 {
		return nil
	}
	j.tally[0].add(x.In)
	j.tally[1].add(x.Out)
	if len(j.samples) < maxSamples {
		j.samples = append(j.samples, keep(x))
	} else {
		j.samples[j.next] = keep(x)
		j.next = (j.next + 1) % maxSamples
	}
	return &x
}

// history is the samples, oldest first.
func (j *judge) history() []call.Sample {
	list := make([]call.Sample, 0, len(j.samples))
	for i := range j.samples {
		list = append(list, j.samples[(j.next+i)%len(j.samples)].sample())
	}
	return list
}
