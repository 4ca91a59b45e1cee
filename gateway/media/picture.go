package media

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"cordboard/gateway/call"
	"cordboard/gateway/sdp"
)

// Media is how the media of a call is doing; false when there is no such call.
func (e *Engine) Media(id string) (call.Media, bool) {
	s, err := e.lock(id, false)
	if err != nil {
		return call.Media{}, false
	}
	defer s.mu.Unlock()
	m := call.Media{Answered: e.moment(s.answered), Legs: []call.MediaLeg{}, Troubles: []call.Trouble{}}
	now := e.now()
	for _, l := range s.legs {
		m.Legs = append(m.Legs, l.picture(now))
	}
	slices.SortFunc(m.Legs, func(a, b call.MediaLeg) int {
		return cmp.Or(cmp.Compare(a.Steps.Began, b.Steps.Began), strings.Compare(a.Leg, b.Leg))
	})
	for _, t := range s.troubles {
		m.Troubles = append(m.Troubles, t.Trouble)
	}
	return m, true
}

// picture is how a leg is doing. The caller holds the call's mutex.
func (l *leg) picture(now time.Duration) call.MediaLeg {
	st := l.stats(now)
	p := call.MediaLeg{Leg: l.name, Side: l.side(), State: st.State, Security: l.security(st.Profile),
		PacketsIn: st.PacketsIn, BytesIn: st.BytesIn, PacketsOut: st.PacketsOut, BytesOut: st.BytesOut, Lost: st.Lost, Late: st.Late,
		Dropped: st.Dropped, Unsent: st.Unsent, Jitter: milliseconds(st.Jitter), Steps: l.steps(), Samples: l.judge.history()}
	if w := l.way.Load(); w != nil {
		p.Talks, p.Hears = w.talks, w.hears
	}
	if st.PacketsIn > 0 {
		if c := l.codecOf(uint8(l.count.source.pt.Load())); c.Name != "" {
			p.Codec = codecName(c)
		}
	}
	local, remote := l.ends()
	p.Local, p.Remote, p.Announced = address(local), address(remote), address(l.announced())
	return p
}

// security names how the leg's packets are encrypted, by its profile as in LegStats and the suite in use.
func (l *leg) security(profile string) string {
	name, k := profile, (*keys)(nil)
	switch line := l.line.(type) {
	case *secureLine:
		name, k = "DTLS-SRTP", line.keys.Load()
	case *clientLine:
		name, k = "DTLS-SRTP", line.keys.Load()
	case *plainLine:
		if secret := line.secret.Load(); secret != nil {
			k = secret.media.in
		} else {
			name = "none"
		}
	}
	if k != nil {
		name += " " + k.suite
	}
	return name
}

// ends are the addresses between which the leg's packets go: ours and the party's; invalid for one that is not known.
func (l *leg) ends() (ours, theirs netip.AddrPort) {
	switch line := l.line.(type) {
	case *plainLine:
		if t := line.rtp.target.Load(); t != nil {
			theirs = t.addr
		}
		return netip.AddrPortFrom(l.engine.addresses.toward(l.party.Host), line.port), theirs
	case *secureLine:
		if r := line.remote.Load(); r != nil {
			theirs = *r
		}
		return l.engine.Addr(), theirs
	case *clientLine:
		return line.ends()
	}
	return ours, theirs
}

// codecName writes a codec down as in rtpmap.
func codecName(c sdp.Codec) string {
	name := fmt.Sprintf("%s/%d", c.Name, c.ClockRate)
	if c.Channels > 1 {
		name += fmt.Sprintf("/%d", c.Channels)
	}
	return name
}

// address writes an address down, nothing for none.
func address(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// announced is the address in the party's description; invalid for none. The caller holds the call's mutex.
func (l *leg) announced() netip.AddrPort {
	if l.talk.agreed == nil {
		return netip.AddrPort{}
	}
	return l.talk.agreed.Audio
}

// steps says when the media of a leg came up.
func (l *leg) steps() call.Steps {
	c, e := &l.count, l.engine
	at := func(a *atomic.Int64) int64 { return e.moment(time.Duration(a.Load())) }
	return call.Steps{Began: e.moment(l.made), Agreed: at(&c.agreed), Checked: at(&c.checked), Keyed: at(&c.keyed), FirstIn: at(&c.first), FirstOut: at(&c.spoke)}
}

// Verdict is how the media of a call fared so far, with what was worst. A call that is unknown has none.
func (e *Engine) Verdict(id string) call.Quality {
	s, err := e.lock(id, false)
	if err != nil {
		return call.Quality{}
	}
	defer s.mu.Unlock()
	var q call.Quality
	for _, l := range s.legs {
		if l.way.Load() == nil {
			continue
		}
		if r := l.count.read(e.now()); l.judge.began > 0 {
			s.sample(l, r, true)
		}
		q.Legs = append(q.Legs, call.LegQuality{Leg: l.name, In: l.judge.tally[0].quality(), Out: l.judge.tally[1].quality()})
	}
	slices.SortFunc(q.Legs, func(a, b call.LegQuality) int { return strings.Compare(a.Leg, b.Leg) })
	bad := slices.DeleteFunc(slices.Clone(s.troubles), func(t *trouble) bool {
		return t.Kind == call.TroubleMuted && t.leg.count.sound.Load() > 0 // on purpose, most likely
	})
	if len(bad) > 0 {
		t := slices.MinFunc(bad, func(a, b *trouble) int {
			return cmp.Compare(slices.Index(ranks, a.Kind), slices.Index(ranks, b.Kind))
		})
		q.Worst = t.Text + ": " + t.Cause
	}
	return q
}
