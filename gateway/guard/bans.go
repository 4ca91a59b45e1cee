// Package guard keeps harm away: it bans addresses and users that misbehave, and says where a user may call and how much.
// It is pure: the time is an argument.
package guard

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
)

// Offence is what somebody did wrong, in points.
type Offence int

// The offences. None of them is counted on the word of a UDP packet, whose sender anybody can invent.
const (
	Stray         Offence = 1 // opened a WebSocket and left without having said who it is
	WrongPassword Offence = 2 // also a wrong digest or token
	Scan          Offence = 4 // knocked on a port that is for others
	Malformed     Offence = 5 // so much that is no SIP, or so many messages, that the connection was closed for it
	Flood         Offence = 1 // one connection too many of those that have asked for nothing yet
	Breach        Offence = 8 // spoke as another user
)

// How points become bans. A forgotten password, or a phone that is set up wrongly and tries each minute, never gets there.
const (
	limit       = 40               // points that make a ban
	forgiveTime = 15 * time.Second // in which one point is forgiven
	firstBan    = time.Minute
	banGrowth   = 4 // each ban is that many times as long as the one before
	maxBan      = 24 * time.Hour
	recallTime  = 24 * time.Hour // after a ban has ended until the next one is short again
	maxSubjects = 8192           // about whom something is remembered, about 2 MiB when full
	maxBanList  = 1000           // bans that an answer or a snapshot holds
)

// Ban says that somebody is kept out.
type Ban struct {
	Subject string    `json:"subject"` // an address, an IPv6 network of 64 bits, or "user:" and a name
	Why     string    `json:"why"`
	Since   time.Time `json:"since"`
	Until   time.Time `json:"until"`
	Times   int       `json:"times"` // how often it was banned lately, this time included
}

// suspect is what is known of a subject.
type suspect struct {
	ban    Ban
	points float64
	last   time.Time // when points was right
}

// Bans is the list of those kept out, and of those who may soon be. It is safe for concurrent use.
type Bans struct {
	mu       sync.RWMutex
	never    []netip.Prefix
	exempt   []func(netip.Addr) bool
	banned   func(Ban)
	suspects map[string]*suspect
	max      int
	changed  chan struct{}
	offences [Breach + 1]atomic.Uint64
}

// NewBans makes an empty list, which tells banned (nil: nobody) of each ban. Loopback is never banned until Never says otherwise.
func NewBans(banned func(Ban)) *Bans {
	if banned == nil {
		banned = func(Ban) {}
	}
	b := &Bans{banned: banned, suspects: make(map[string]*suspect), max: maxSubjects, changed: make(chan struct{}, 1)}
	b.Never(loopback)
	return b
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// Never sets the networks that are never banned, instead of those set before.
func (b *Bans) Never(networks []netip.Prefix) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.never = slices.Clone(networks)
}

// Exempt adds a rule for addresses that are never banned. Call it before the list is used.
func (b *Bans) Exempt(rule func(netip.Addr) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.exempt = append(b.exempt, rule)
}

// Offences is how often addresses committed each offence, those that are never banned included.
func (b *Bans) Offences() map[string]uint64 {
	all := make(map[string]uint64)
	for name, o := range map[string]Offence{"stray": Stray, "wrong_password": WrongPassword, "scan": Scan, "malformed": Malformed, "breach": Breach} {
		all[name] = b.offences[o].Load()
	}
	return all
}

// Changed holds a tick when there is a ban more or less; it has one reader.
func (b *Bans) Changed() <-chan struct{} { return b.changed }

func (b *Bans) tick() {
	select {
	case b.changed <- struct{}{}:
	default: // one is waiting already
	}
}

// AddressSubject is the name under which an address is banned: of IPv6 the /64, because one host may use all of it.
func AddressSubject(addr netip.Addr) string {
	if addr = addr.Unmap().WithZone(""); addr.Is6() && !addr.IsLoopback() {
		return netip.PrefixFrom(addr, 64).Masked().String()
	}
	return addr.String()
}

const userPrefix = "user:"

// UserSubject is the name under which a user is banned.
func UserSubject(name string) string { return userPrefix + name }

// ErrSubject reports text that names neither an address nor a user.
var ErrSubject = errors.New(`neither an IP address nor "user:" and a name`)

// ParseSubject reads what a person wrote: an address, with or without "/64" or "/32", or "user:name".
func ParseSubject(text string) (string, error) {
	text = strings.TrimSpace(text)
	if name, ok := strings.CutPrefix(text, userPrefix); ok {
		if name == "" || len(name) > 64 || strings.ContainsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
			return "", ErrSubject
		}
		return text, nil
	}
	if p, err := netip.ParsePrefix(text); err == nil && (p.Addr().Is4() && p.Bits() == 32 || p.Addr().Is6() && !p.Addr().Is4In6() && p.Bits() == 64) {
		return AddressSubject(p.Addr()), nil
	}
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.IsUnspecified() {
		return "", ErrSubject
	}
	return AddressSubject(addr), nil
}

// BlameAddress counts an offence of an address. fresh says that it is banned from now on because of it.
func (b *Bans) BlameAddress(addr netip.Addr, o Offence, why string, now time.Time) (ban Ban, fresh bool) {
	b.offences[o].Add(1)
	if b.spared(addr) {
		return Ban{}, false
	}
	return b.blame(AddressSubject(addr), o, why, now)
}

// BlameUser counts an offence of a user who has proven to be that user. Wrong passwords are no such thing: a stranger
// could lock the user out with them.
func (b *Bans) BlameUser(name string, o Offence, why string, now time.Time) (ban Ban, fresh bool) {
	return b.blame(UserSubject(name), o, why, now)
}

func (b *Bans) blame(subject string, o Offence, why string, now time.Time) (Ban, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.suspect(subject, now)
	if now.Before(s.ban.Until) { // what was under way when the ban came
		return s.ban, false
	}
	s.points = max(0, s.points-max(0, float64(now.Sub(s.last))/float64(forgiveTime))) + float64(o)
	s.last = now
	if s.points < limit {
		return Ban{}, false
	}
	if now.Sub(s.ban.Until) > recallTime {
		s.ban.Times = 0
	}
	length := firstBan
	for range s.ban.Times {
		length = min(length*banGrowth, maxBan)
	}
	b.set(s, subject, length, why, now)
	return s.ban, true
}

// set bans a subject; the caller holds b.mu.
func (b *Bans) set(s *suspect, subject string, length time.Duration, why string, now time.Time) {
	s.ban = Ban{Subject: subject, Why: why, Since: now, Until: now.Add(length), Times: s.ban.Times + 1}
	s.points, s.last = 0, now
	b.banned(s.ban)
	b.tick()
}

// suspect finds or makes what is known of a subject; the caller holds b.mu.
func (b *Bans) suspect(subject string, now time.Time) *suspect {
	s := b.suspects[subject]
	if s == nil {
		if len(b.suspects) >= b.max {
			b.prune(now)
		}
		s = &suspect{last: now}
		b.suspects[subject] = s
	}
	return s
}

// prune forgets an eighth of all subjects: those of the longest time ago, and of those banned now the ones that come free first.
func (b *Bans) prune(now time.Time) {
	subjects := make([]string, 0, len(b.suspects))
	for subject := range b.suspects {
		subjects = append(subjects, subject)
	}
	until := func(s *suspect) time.Time {
		if now.Before(s.ban.Until) {
			return s.ban.Until
		}
		return time.Time{}
	}
	slices.SortFunc(subjects, func(x, y string) int {
		p, q := b.suspects[x], b.suspects[y]
		return cmp.Or(until(p).Compare(until(q)), p.last.Compare(q.last))
	})
	for _, subject := range subjects[:b.max/8+1] {
		delete(b.suspects, subject)
	}
}

// Add bans a subject, as ParseSubject gives it, on a person's word. The error is ErrSpared.
func (b *Bans) Add(subject, why string, length time.Duration, now time.Time) (Ban, error) {
	if p, err := netip.ParsePrefix(subject); err == nil && b.spared(p.Addr()) {
		return Ban{}, fmt.Errorf("ban %s: %w", subject, ErrSpared)
	}
	if addr, err := netip.ParseAddr(subject); err == nil && b.spared(addr) {
		return Ban{}, fmt.Errorf("ban %s: %w", subject, ErrSpared)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.suspect(subject, now)
	b.set(s, subject, length, why, now)
	return s.ban, nil
}

// ErrSpared reports an address that is never banned: this machine's, a PBX's, a trusted proxy's, or one that the configuration names.
var ErrSpared = errors.New("this address is never banned")

// Remove forgets all about a subject; false when it was not banned.
func (b *Bans) Remove(subject string, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.suspects[subject]
	delete(b.suspects, subject)
	if s == nil || !now.Before(s.ban.Until) {
		return false
	}
	b.tick()
	return true
}

// Address reports whether an address is banned. It is asked for each connection and each packet of a stranger.
func (b *Bans) Address(addr netip.Addr, now time.Time) bool {
	b.mu.RLock()
	idle := len(b.suspects) == 0
	b.mu.RUnlock()
	return !idle && b.is(AddressSubject(addr), now) && !b.spared(addr)
}

// User reports whether a user is banned.
func (b *Bans) User(name string, now time.Time) bool { return b.is(UserSubject(name), now) }

func (b *Bans) is(subject string, now time.Time) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	s := b.suspects[subject]
	return s != nil && now.Before(s.ban.Until)
}

// spared reports whether an address is never banned.
func (b *Bans) spared(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	b.mu.RLock()
	never, exempt := b.never, b.exempt
	b.mu.RUnlock()
	return !addr.IsValid() || slices.ContainsFunc(never, func(p netip.Prefix) bool { return p.Contains(addr) }) ||
		slices.ContainsFunc(exempt, func(rule func(netip.Addr) bool) bool { return rule(addr) })
}

// List gives the bans of now, those that end last first, at most a thousand of them.
func (b *Bans) List(now time.Time) []Ban {
	b.mu.RLock()
	defer b.mu.RUnlock()
	list := []Ban{}
	for _, s := range b.suspects {
		if now.Before(s.ban.Until) {
			list = append(list, s.ban)
		}
	}
	slices.SortFunc(list, func(x, y Ban) int {
		return cmp.Or(y.Until.Compare(x.Until), cmp.Compare(x.Subject, y.Subject))
	})
	return list[:min(len(list), maxBanList)]
}

// Restore takes over the bans that an earlier run has kept.
func (b *Bans) Restore(list []Ban, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, ban := range list {
		if now.Before(ban.Until) && ban.Until.Sub(now) <= maxBan && len(b.suspects) < b.max {
			b.suspects[ban.Subject] = &suspect{ban: ban, last: ban.Since}
		}
	}
}
