package signaling

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/call"
	"cordboard/gateway/sdp"
)

// mediaProfiles are the values of a PBX's media: what calls are offered to it in.
var mediaProfiles = map[string]sdp.Profile{"rtp": sdp.RTP, "osrtp": sdp.OSRTP, "sdes": sdp.SDES, "dtls": sdp.DTLS}

// MediaNames are the values that a PBX's media may have, the weakest first.
var MediaNames = []string{"rtp", "osrtp", "sdes", "dtls"}

// MediaMinimumNames are the values that a PBX's media_minimum may have, the weakest first.
var MediaMinimumNames = []string{"rtp", "sdes", "dtls"}

// nameOfProfile is the profile as media names it.
func nameOfProfile(p sdp.Profile) string { return strings.ToLower(p.String()) }

// wish is what calls shall be offered to the PBX in.
func (p PBX) wish() sdp.Profile { return mediaProfiles[cmp.Or(p.Media, "rtp")] }

// least is the weakest that calls with the PBX may have: unless it is set that is what they shall have.
func (p PBX) least() sdp.Profile {
	if p.MediaMinimum != "" {
		return mediaProfiles[p.MediaMinimum]
	}
	if p.wish() == sdp.OSRTP {
		return sdp.RTP
	}
	return p.wish()
}

// profiles are those in which a call is offered to the PBX, one after the other: as configured, then whatever else is strong enough,
// best first; those that it has refused within the last day come last.
func (p *pbx) profiles() []sdp.Profile {
	if p.web() {
		return []sdp.Profile{sdp.WebRTC}
	}
	list := []sdp.Profile{p.cfg.wish()}
	for _, other := range []sdp.Profile{sdp.DTLS, sdp.SDES, sdp.RTP} {
		if other != list[0] && other.Strength() >= p.cfg.least().Strength() {
			list = append(list, other)
		}
	}
	refused := p.facts.recent(call.FactMediaRefused, forgetNo)
	slices.SortStableFunc(list, func(a, b sdp.Profile) int {
		no := func(p sdp.Profile) int {
			if slices.Contains(refused, nameOfProfile(p)) {
				return 1
			}
			return 0
		}
		return no(a) - no(b)
	})
	return list
}

// party is the media of a leg toward the PBX.
func (p *pbx) party(host netip.Addr) call.Party {
	if p.web() {
		return p.webParty(host)
	}
	return call.Party{Profile: p.profiles()[0], Least: p.cfg.least(), Host: host}
}

// otherwise is leg l made anew with an offer in the next profile, after the PBX has refused the one it got; nil when the refusal stands.
// Accounts that pass through have to prove themselves anew with each INVITE, so theirs stands always.
func (l *leg) otherwise(res *sip.Response) *leg {
	switch res.StatusCode {
	case sip.StatusNotAcceptableHere, sip.StatusGlobalNotAcceptable, sip.StatusUnsupportedMediaType:
	default:
		return nil
	}
	if l.pbx == nil || l.pbx.passes() {
		return nil
	}
	l.mu.Lock()
	rang, remote, routes, seq := l.remote.tag != "", l.remote, l.routes, l.localSeq
	l.mu.Unlock()
	refused := append(slices.Clone(l.refused), l.party.Profile)
	all := l.pbx.profiles()
	i := slices.IndexFunc(all, func(p sdp.Profile) bool { return !slices.Contains(refused, p) })
	if rang || i < 0 {
		return nil
	}
	l.pbx.log.Info("next profile", "from", l.party.Profile, "to", all[i], "status", res.StatusCode)
	party := l.party
	party.Profile = all[i]
	return &leg{pbx: l.pbx, payer: l.payer, creds: l.creds, target: l.target, routes: routes, local: l.local, remote: remote, party: party,
		hop: l.hop, tried: l.tried, refused: refused, localSeq: seq}
}

// learnProfile keeps which profiles the PBX has refused and which it has taken, of a call that it has answered.
func (l *leg) learnProfile() {
	taken := nameOfProfile(l.party.Profile)
	news := l.pbx.facts.add(call.FactMedia, taken)
	news = l.pbx.facts.drop(call.FactMediaRefused, taken) || news
	if len(l.refused) > 0 {
		old := l.pbx.facts.recent(call.FactMediaRefused, forgetNo)
		for _, p := range l.refused {
			old = append(old, nameOfProfile(p))
		}
		news = l.pbx.facts.renew(call.FactMediaRefused, old...) || news
	}
	if news {
		l.srv.noteFacts()
	}
}

// recent gives the values of a fact that is not older than age.
func (f *facts) recent(name string, age time.Duration) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fact := f.known[name]; time.Since(fact.Learned) < age {
		return slices.Clone(fact.Values)
	}
	return nil
}

// renew keeps a fact as learned now, even when it is known already.
func (f *facts) renew(name string, values ...string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.known, name)
	return f.put(name, values)
}
