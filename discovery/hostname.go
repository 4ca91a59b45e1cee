package discovery

import (
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Times of the machine's own name.
const (
	probes     = 3 // RFC 6762 §8.1
	probePause = 250 * time.Millisecond
	retryName  = time.Minute // until a name that somebody else answers is tried again
	hostTTL    = 120         // seconds (RFC 6762 §10)
	legacyTTL  = 10          // seconds, for who is no multicast DNS (RFC 6762 §6.7)
)

// hostname answers the machine's name with ".local" where nobody else does. Whether the system's own responder runs, as avahi, is
// found out by asking for the name, as every other machine does: who answers is left to it.
//
// It has no clock of its own: at says when tick wants to be called.
type hostname struct {
	name string // "machine.local."
	log  *slog.Logger

	sent  int  // probes
	mine  bool // nobody else answers
	told  int  // announcements sent
	at    time.Time
	rival netip.Addr // another machine that has the name; told once
}

// restart asks anew, as on a changed network.
func (h *hostname) restart(now time.Time) {
	h.sent, h.mine, h.told, h.at = 0, false, 0, now
}

// yield leaves the name to others for a while.
func (h *hostname) yield(now time.Time) {
	h.restart(now.Add(retryName))
}

// tick does what is due, by send.
func (h *hostname) tick(now time.Time, links []link, send func(m *dns.Msg, on link, loop bool)) {
	if now.Before(h.at) {
		return
	}
	switch {
	case h.sent < probes:
		m := &dns.Msg{Question: []dns.Question{{Name: h.name, Qtype: dns.TypeANY, Qclass: dns.ClassINET}}}
		for _, l := range links {
			send(m, l, true)
		}
		h.sent++
		h.at = now.Add(probePause)
	case h.told < 2: // RFC 6762 §8.3
		if !h.mine {
			h.log.Debug("this machine's name is answered", "name", h.name)
		}
		h.mine = true
		for _, l := range links {
			if m := h.answer(dns.TypeANY, l, hostTTL); m != nil {
				send(m, l, false)
			}
		}
		h.told++
		h.at = now.Add(time.Second)
	default:
		h.at = now.Add(24 * time.Hour)
	}
}

// goodbye takes the name back (RFC 6762 §10.1).
func (h *hostname) goodbye(links []link, send func(m *dns.Msg, on link, loop bool)) {
	if !h.mine {
		return
	}
	h.mine = false
	for _, l := range links {
		if m := h.answer(dns.TypeANY, l, 0); m != nil {
			send(m, l, false)
		}
	}
}

// hear learns whether somebody else answers for the name. Our own answers don't come back; those for our services, which zeroconf
// sends with the addresses in them, have a service in them, as those of another Cordboard on this machine.
func (h *hostname) hear(m *dns.Msg, from netip.Addr, links []link, now time.Time) {
	local := ours(from, links)
	if !m.Response {
		// A probe for the name: the system's responder starts, and would take another name if we defended this one.
		if local && h.mine && slices.ContainsFunc(m.Ns, h.addresses) {
			h.yield(now)
		}
		return
	}
	if slices.ContainsFunc(slices.Concat(m.Answer, m.Extra), func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeSRV }) {
		return
	}
	foreign := slices.ContainsFunc(m.Answer, func(rr dns.RR) bool { return h.addresses(rr) && rr.Header().Ttl > 0 })
	if !foreign {
		return
	}
	if !local && h.rival != from {
		h.rival = from
		h.log.Warn("another machine on this network has the name of this one, so the name may lead to either; give one of them another", "name",
			strings.TrimSuffix(h.name, "."), "address", from)
	}
	h.yield(now)
}

// addresses reports whether a record is an address of the name.
func (h *hostname) addresses(rr dns.RR) bool {
	t := rr.Header().Rrtype
	return (t == dns.TypeA || t == dns.TypeAAAA) && strings.EqualFold(rr.Header().Name, h.name)
}

// reply answers a query that came in on a link: what to send, and whether to the asker alone. nil: nothing.
func (h *hostname) reply(q *dns.Msg, from netip.AddrPort, on link) (m *dns.Msg, alone bool) {
	if !h.mine || len(q.Ns) > 0 && ours(from.Addr(), []link{on}) {
		return nil, false
	}
	legacy := from.Port() != port
	for _, question := range q.Question {
		const unicast = 1 << 15 // RFC 6762 §5.4
		if !strings.EqualFold(question.Name, h.name) || question.Qclass&^unicast != dns.ClassINET && question.Qclass&^unicast != dns.ClassANY {
			continue
		}
		ttl := uint32(hostTTL)
		if legacy {
			ttl = legacyTTL
		}
		if m = h.answer(question.Qtype, on, ttl); m == nil {
			continue
		}
		if alone = legacy || question.Qclass&unicast != 0; alone && !on.on(from.Addr()) { // who asks from elsewhere is not told
			return nil, false
		}
		if legacy {
			m.Id, m.Question = q.Id, []dns.Question{{Name: question.Name, Qtype: question.Qtype, Qclass: question.Qclass &^ unicast}}
			for _, rr := range slices.Concat(m.Answer, m.Extra) {
				rr.Header().Class &^= cacheFlush
			}
		} else if known(q.Answer, m.Answer) {
			return nil, false
		}
		return m, alone
	}
	return nil, false
}

// known reports whether the asker has all that would be answered, for half its time at least (RFC 6762 §7.1).
func known(have, answer []dns.RR) bool {
	return !slices.ContainsFunc(answer, func(rr dns.RR) bool {
		return !slices.ContainsFunc(have, func(old dns.RR) bool {
			return dns.IsDuplicate(plainClass(old), plainClass(rr)) && old.Header().Ttl >= rr.Header().Ttl/2
		})
	})
}

// plainClass is a copy without the cache-flush bit.
func plainClass(rr dns.RR) dns.RR {
	rr = dns.Copy(rr)
	rr.Header().Class &^= cacheFlush
	return rr
}

// answer has the addresses that this machine has on a link; asked for a kind that there is none of, it says so (RFC 6762 §6.1).
// nil: nothing to say.
func (h *hostname) answer(kind uint16, on link, ttl uint32) *dns.Msg {
	head := func(t uint16) dns.RR_Header {
		return dns.RR_Header{Name: h.name, Rrtype: t, Class: dns.ClassINET | cacheFlush, Ttl: ttl}
	}
	var a, aaaa []dns.RR
	var types []uint16
	for _, p := range on.prefixes {
		if p.Addr().Is4() {
			a = append(a, &dns.A{Hdr: head(dns.TypeA), A: p.Addr().AsSlice()})
		} else {
			aaaa = append(aaaa, &dns.AAAA{Hdr: head(dns.TypeAAAA), AAAA: p.Addr().AsSlice()})
		}
	}
	if a != nil {
		types = append(types, dns.TypeA)
	}
	if aaaa != nil {
		types = append(types, dns.TypeAAAA)
	}
	m := &dns.Msg{MsgHdr: dns.MsgHdr{Response: true, Authoritative: true}, Compress: true}
	switch kind {
	case dns.TypeA:
		m.Answer, m.Extra = a, aaaa
	case dns.TypeAAAA:
		m.Answer, m.Extra = aaaa, a
	case dns.TypeANY:
		m.Answer = append(a, aaaa...)
	default:
		return nil
	}
	none := &dns.NSEC{Hdr: head(dns.TypeNSEC), NextDomain: h.name, TypeBitMap: types}
	switch {
	case types == nil:
		return nil
	case len(m.Answer) == 0:
		m.Answer = append(m.Answer, none)
	case ttl > 0:
		m.Extra = append(m.Extra, none)
	}
	return m
}
