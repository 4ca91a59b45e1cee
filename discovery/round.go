package discovery

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// round is one time of asking who is there. Who has not answered by its end is gone: that a machine lost power shows within seconds,
// although what it announced would hold for an hour. All that look for Cordboards hear the answers to one who asks, so only one
// of them asks in each round (RFC 6762 §7.3, §10.5).
type round struct {
	asked time.Time // when it began
	tries int       // questions sent
	fresh bool      // the first on this network, in which all is asked again
	pause time.Duration
	soon  time.Time // ask for what is incomplete; zero: no need
	last  time.Time // when that was done last
}

// Times of a round since its beginning.
var tryAfter = []time.Duration{0, time.Second, 3 * time.Second, 6 * time.Second}

const (
	roundEnd     = 9 * time.Second
	roundLength  = 10 * time.Second
	maxQuestions = 24 // of one message beside those for types
)

// restart begins a first round now.
func (r *round) restart(now time.Time) { *r = round{asked: now, fresh: true} }

// next is when tick wants to be called.
func (r *round) next() time.Time {
	at := r.asked.Add(roundLength + r.pause)
	switch {
	case r.tries < len(tryAfter):
		at = r.asked.Add(tryAfter[r.tries])
	case r.tries == len(tryAfter):
		at = r.asked.Add(roundEnd)
	}
	if !r.soon.IsZero() {
		at = sooner(at, r.soon)
	}
	return at
}

// tick asks what is due. It reports whether services have gone.
func (r *round) tick(now time.Time, c *cache, ask func([]dns.Question)) (changed bool) {
	if !r.soon.IsZero() && !now.Before(r.soon) {
		r.soon, r.last = time.Time{}, now
		if more := c.incomplete(maxQuestions); len(more) > 0 {
			ask(more)
		}
	}
	for since := now.Sub(r.asked); ; {
		switch {
		case r.tries < len(tryAfter) && since >= tryAfter[r.tries]:
			r.tries++
			more := c.incomplete(maxQuestions)
			if r.tries == 1 || r.fresh || len(more) > 0 || len(c.missing(r.asked)) > 0 {
				ask(append(typeQuestions(), more...))
			}
		case r.tries == len(tryAfter) && since >= roundEnd:
			r.tries++
			changed = c.drop(r.asked, now)
		case since >= roundLength+r.pause:
			*r = round{asked: now, pause: rand.N(time.Second), last: r.last}
			since = 0
		default:
			return changed
		}
	}
}

// hurry asks for what an announcement left out, soon and at most once a second.
func (r *round) hurry(c *cache, now time.Time) {
	if r.soon.IsZero() && len(c.incomplete(1)) > 0 {
		r.soon = later(now.Add(publishWait), r.last.Add(time.Second))
	}
}

// overhear lets another's question be that of the next round, when it asks for all that we do and has not left out who is known.
func (r *round) overhear(q *dns.Msg, now time.Time) {
	if len(q.Answer) > 0 || now.Sub(r.asked) < roundEnd || r.tries <= len(tryAfter) {
		return
	}
	for _, want := range typeQuestions() {
		if !slices.Contains(q.Question, want) {
			return
		}
	}
	*r = round{asked: now, tries: 1, pause: rand.N(time.Second), last: r.last}
}

// typeQuestions ask for all services that are looked for.
func typeQuestions() []dns.Question {
	all := make([]dns.Question, len(types))
	for i, t := range types {
		all[i] = dns.Question{Name: t, Qtype: dns.TypePTR, Qclass: dns.ClassINET}
	}
	return all
}

// later gives the later of two times.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
