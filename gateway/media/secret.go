package media

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"cordboard/gateway/sdp"
)

// sdesSuites are those of sdp.Suites.
var sdesSuites = []suite{aesGCM, aesCM80, aes256CM80, aes256GCM, aesCM32, aes256CM32}

// secret is how a line toward the PBX opens and seals its packets. It never changes; it is replaced. What it has no keys for is
// dropped: a line that shall encrypt never speaks in the clear.
type secret struct {
	media, control sides
	before         *keys // opens RTP that was sent before the party changed its key, until the first packet under the new one; may be nil
}

// sides are the keys for what comes and for what goes; nil while there are none. They differ when the party has changed its key and
// we go on with ours.
type sides struct{ in, out *keys }

// up says whether everything can be opened and sealed.
func (k *secret) up() bool { return k == nil || k.media.in != nil && k.control.in != nil }

// bargain is what was agreed by SDES. The call's mutex guards it.
type bargain struct {
	own    []sdp.Crypto // our keys, one for each suite; a key is for the line's life or until another suite is taken
	suite  sdp.Suite    // the one in use
	theirs []byte       // the party's key; nil: none agreed
	mki    []byte       // that it has; nil: none
}

// ours is our key for a suite. It is made when it is needed first, and never used again after another suite was.
func (b *bargain) ours(suite sdp.Suite) []byte {
	for _, c := range b.own {
		if c.Suite == suite {
			return c.Key
		}
	}
	key := make([]byte, suite.Key+suite.Salt)
	rand.Read(key) // never fails
	b.own = append(b.own, sdp.Crypto{Suite: suite, Key: key})
	return key
}

// offeredSuites is how many suites we offer. More would make an INVITE longer than fits into a datagram; who has none of these is
// hardly found.
const offeredSuites = 3

// offer are our lines of an offer: the suite in use first, then our favourites.
func (b *bargain) offer() []sdp.Crypto {
	suites := sdp.Suites[:offeredSuites]
	if b.theirs != nil {
		suites = append([]sdp.Suite{b.suite}, slices.DeleteFunc(slices.Clone(suites), func(s sdp.Suite) bool { return s == b.suite })...)
	}
	var lines []sdp.Crypto
	for i, suite := range suites {
		lines = append(lines, sdp.Crypto{Tag: i + 1, Suite: suite, Key: b.ours(suite)})
	}
	return lines
}

// answer is our line for the first of the party's.
func (b *bargain) answer(offered sdp.Crypto) []sdp.Crypto {
	return []sdp.Crypto{{Tag: offered.Tag, Suite: offered.Suite, Key: b.ours(offered.Suite)}}
}

// protect completes our description of a PBX's leg: what is agreed already or wished in an offer, what fits the party's in an answer.
// Who is offered SDES may choose DTLS instead.
func (l *leg) protect(line *plainLine, local *sdp.Local, setup string) {
	asked := l.talk.proposed
	keying := l.party.Profile
	switch {
	case setup != actpass:
		local.Profile, keying = asked.Profile, asked.Keying()
		local.Mux = asked.Mux
	case l.talk.agreed != nil && !l.talk.agreed.Rejected:
		local.Profile, keying = l.talk.agreed.Profile, l.talk.agreed.Keying()
		local.Mux = l.talk.agreed.Mux
	default:
		local.Profile = keying
		local.Mux = true
	}
	local.Mux = local.Mux && keying == sdp.DTLS
	l.protectVideo(local, keying, setup)
	switch {
	case keying == sdp.DTLS:
		local.Fingerprint, local.Setup = l.engine.fingerprint, setup
	case keying != sdp.SDES && keying != sdp.OSRTP:
		return
	case setup == actpass:
		local.Crypto = line.bargain.offer()
		if local.Profile == sdp.SDES && l.talk.agreed == nil { // some phones take RTP/SAVP, but for DTLS
			local.Fingerprint, local.Setup = l.engine.fingerprint, setup
		}
	case len(asked.Crypto) > 0:
		local.Crypto = line.bargain.answer(asked.Crypto[0])
	}
	if l.talk.agreed == nil && line.secret.Load() == nil {
		line.secret.Store(new(secret)) // until it is known whether, and with which keys
	}
}

// suits says whether what a party says is encrypted as well as it must be.
func (l *leg) suits(remote *sdp.Remote) error {
	switch {
	case remote.Rejected:
		return nil
	case remote.Profile == sdp.SDES && len(remote.Crypto) == 0:
		return fmt.Errorf("read a description of %s: %w", remote.Profile, sdp.ErrNoKeys)
	case remote.Keying().Strength() < l.party.Least.Strength():
		return fmt.Errorf("read a description of %s where at least %s is wanted: %w", remote.Profile, l.party.Least, sdp.ErrNoKeys)
	}
	return nil
}

// answers takes out of an answer the ways of encryption that our offer had not, which some phones always name and never use: without
// our key or our fingerprint nobody can be spoken to by them.
func (l *leg) answers(remote *sdp.Remote) error {
	if _, ok := l.line.(*plainLine); !ok || remote.Rejected {
		return nil
	}
	offered, err := l.talk.told()
	if err != nil {
		return err
	}
	if len(offered.Crypto) == 0 {
		remote.Crypto = nil
	}
	if offered.Fingerprint == "" {
		remote.Fingerprint = ""
	}
	switch none := len(remote.Crypto) == 0 && remote.Fingerprint == ""; {
	case none && remote.Profile == sdp.OSRTP:
		remote.Profile = sdp.RTP
	case none && remote.Profile != sdp.RTP:
		return fmt.Errorf("read an answer of %s to an offer of %s: %w", remote.Profile, offered.Profile, sdp.ErrNoKeys)
	case remote.Profile == sdp.SDES && len(remote.Crypto) == 0:
		remote.Profile = sdp.DTLS
	}
	return l.suits(remote)
}

// overICE gives a leg of the PBX the line of a browser when its first offer is that of one: other lines have no ICE.
func (l *leg) overICE(offer *sdp.Remote) {
	line, plain := l.line.(*plainLine)
	if !plain || l.talk.agreed != nil || offer.Profile != sdp.DTLS || !offer.Mux || offer.ICEUfrag == "" {
		return
	}
	offer.Profile = sdp.WebRTC
	line.close()
	l.secure()
}

// encrypt puts in force what the party said of encryption.
func (s *plainLine) encrypt(remote *sdp.Remote, client bool) {
	switch remote.Keying() {
	case sdp.SDES:
		s.dtls.forget()
		if err := s.take(remote.Crypto[0]); err != nil {
			s.leg.log.Error("SDES failed", slog.Any("error", err))
			s.secret.Store(new(secret))
		}
	case sdp.DTLS:
		s.bargain = bargain{}
		s.listen() // the handshake comes there too
		s.dtls.settle(client, remote)
	default:
		s.bargain = bargain{}
		s.dtls.forget()
		s.secret.Store(nil)
	}
}

// take puts the party's key in force. While keys stay so do their contexts, and with them the count of rollovers (RFC 3711 §3.3.1).
func (s *plainLine) take(c sdp.Crypto) error {
	b := &s.bargain
	if b.theirs != nil && b.suite == c.Suite && bytes.Equal(b.theirs, c.Key) && bytes.Equal(b.mki, c.MKI) {
		return nil
	}
	i := slices.IndexFunc(sdesSuites, func(s suite) bool { return s.name == c.Suite.Name })
	if i < 0 {
		return fmt.Errorf("make SRTP contexts: unknown suite %s", c.Suite.Name)
	}
	split := func(key []byte) master { return master{key[:c.Suite.Key], key[c.Suite.Key:]} }
	k, err := newKeys(sdesSuites[i], split(b.ours(c.Suite)), split(c.Key))
	if err != nil {
		return err
	}
	k.in.marked(sdesSuites[i], c.MKI)
	next := &secret{media: sides{k, k}, control: sides{k, k}}
	if old := s.secret.Load(); b.theirs != nil && old != nil {
		if next.before = old.before; next.before == nil { // else nothing came since the key changed last
			next.before = old.media.in
		}
		if old.media.out != nil {
			s.leg.streams.readdress(&old.media.out.out, s.engine.now())
		}
		if b.suite == c.Suite { // our key stays: another context would use its numbers again
			next.media.out, next.control.out = old.media.out, old.control.out
		}
	}
	if b.theirs != nil && b.suite != c.Suite {
		used := b.suite
		b.own = slices.DeleteFunc(b.own, func(o sdp.Crypto) bool { return o.Suite == used })
	}
	b.suite, b.theirs, b.mki = c.Suite, c.Key, c.MKI
	s.secret.Store(next)
	return nil
}

// receiveSealed takes a datagram from one of the two ports while the line encrypts. It proves itself before its sender is latched.
func (s *plainLine) receiveSealed(k *secret, p []byte, src netip.AddrPort, now time.Duration, control bool) {
	what := sort(p)
	if what == kindDTLS && s.dtls.receive(p, src, control) {
		return
	}
	if k.media.in != nil && s.behind.packets != nil && !control {
		for _, early := range s.behind.take() {
			s.receiveSealed(k, early.data, early.src, now, false)
		}
	}
	to := &s.rtp
	if control {
		to = &s.rtcp
	}
	if !to.target.Load().admits(src) {
		if what == kindRTP {
			s.leg.foreign(src)
		}
	} else {
		switch {
		case what == kindRTP && !control && k.media.in == nil:
			if media := s.dtls.first(); media != nil && s.behind.keep(&media.security, p, src) {
				return
			}
		case what == kindRTP && !control:
			h, ok := parseRTP(p)
			if !ok {
				break
			}
			clear, ok := s.open(k, p, h)
			switch {
			case !ok:
				s.leg.count.unopened.Add(1)
			case to.admit(src, numbersOf(clear, h), now):
				s.leg.receive(clear, h, now)
				return
			}
		case what == kindRTCP && k.control.in != nil && !(control && s.muxed.Load()): // some PBXs send it to the first port unasked
			if clear, err := k.control.in.in.openControl(p); err == nil && (!control && to.from(src) || control && to.admitControl(src, binary.BigEndian.Uint32(clear[4:]), s.leg.streams.heardFrom(), now)) {
				s.leg.receiveControl(clear, now)
				return
			}
		}
	}
	s.leg.count.dropped.Add(1)
}

// open checks and decrypts an RTP packet in place, under the keys of before if need be.
func (s *plainLine) open(k *secret, p []byte, h rtpHeader) ([]byte, bool) {
	if k.before == nil {
		clear, err := k.media.in.in.open(p, h)
		return clear, err == nil
	}
	copied := func() []byte { return append(make([]byte, 0, bufferSize), p...) } // what could not be opened is worth nothing
	again, more := copied(), copied()
	clear, err := k.media.in.in.open(p, h)
	if err != nil {
		clear, err = k.media.in.in.resume(more, h, &k.before.in.media)
	}
	if err == nil {
		settled := *k
		settled.before = nil
		s.secret.CompareAndSwap(k, &settled)
		return clear, true
	}
	clear, err = k.before.in.open(again, h)
	return clear, err == nil
}

// seal encrypts an RTP packet in place.
func (k *secret) seal(p []byte, h rtpHeader) ([]byte, error) {
	if k.media.out == nil {
		return nil, errNotUp
	}
	return k.media.out.out.seal(p, h)
}

// sealControl encrypts an RTCP packet.
func (k *secret) sealControl(p []byte) ([]byte, error) {
	if k.control.out == nil {
		return nil, errNotUp
	}
	return k.control.out.out.sealControl(p)
}
