package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/pion/dtls/v2"
	"github.com/pion/srtp/v2"
)

// Limits of what one party can make us remember.
const (
	maxHeard  = 256  // sources one party sends from; of more, those heard last
	maxSpoken = 1024 // sources one party may be sent from
)

// maxControl is the greatest index of an RTCP packet (RFC 3711 §3.4).
const maxControl = 1<<31 - 1

// Of how many packets in a row that could not be opened one is tried with rollovers that we don't know of, and how many of those are
// tried, by turns: a day's at 50 packets a second.
const (
	probeEach = 8
	maxProbes = 128
)

var (
	// errSource reports a packet of one source more than a party may be sent.
	errSource = errors.New("too many sources")

	// errRepeated reports a packet whose sequence number was sent before. Encrypting it would use a nonce twice, which
	// breaks AES-GCM (RFC 7714 §8.4); its receiver would take it for a replay anyway.
	errRepeated = errors.New("sequence number sent before")

	// errReplayed reports a packet that was received before, or that is too old to tell.
	errReplayed = errors.New("packet received before")

	// errForged reports a packet that was not made with the key of the association, or was changed on its way.
	errForged = errors.New("packet is not authentic")

	// errExhausted reports that a key has protected as many packets as it may (RFC 3711 §9.2).
	errExhausted = errors.New("SRTP key is used up")
)

// suite says how SRTP protects packets. Sizes are in octets.
type suite struct {
	name      string // as in SDES (RFC 4568 §6.2, RFC 6188 §4, RFC 7714 §14.1)
	key, salt int    // of the master
	tag       int    // of an RTP packet
}

// The suites we know.
var (
	aesCM80    = suite{"AES_CM_128_HMAC_SHA1_80", 16, 14, 10}
	aesCM32    = suite{"AES_CM_128_HMAC_SHA1_32", 16, 14, 4}
	aes256CM80 = suite{"AES_256_CM_HMAC_SHA1_80", 32, 14, 10}
	aes256CM32 = suite{"AES_256_CM_HMAC_SHA1_32", 32, 14, 4}
	aesGCM     = suite{"AEAD_AES_128_GCM", 16, 12, gcmTag}
	aes256GCM  = suite{"AEAD_AES_256_GCM", 32, 12, gcmTag}
)

// dtlsSuites are the suites that DTLS can agree on (RFC 5764 §4.1.2, RFC 7714 §14.2).
var dtlsSuites = map[dtls.SRTPProtectionProfile]suite{
	dtls.SRTP_AES128_CM_HMAC_SHA1_80: aesCM80,
	dtls.SRTP_AES128_CM_HMAC_SHA1_32: aesCM32,
	dtls.SRTP_AEAD_AES_128_GCM:       aesGCM,
	dtls.SRTP_AEAD_AES_256_GCM:       aes256GCM,
}

// master is a master key and its salt (RFC 3711 §3.2.1), of one direction.
type master struct{ key, salt []byte }

// keys are the SRTP contexts of one association.
type keys struct {
	suite string // by its name
	in    inbound
	out   outbound
}

// newKeys makes contexts: ours protects what we send, theirs what we receive.
func newKeys(s suite, ours, theirs master) (*keys, error) {
	out, err := newTransform(s, ours)
	if err != nil {
		return nil, err
	}
	in, err := newTransform(s, theirs)
	if err != nil {
		return nil, err
	}
	return &keys{
		suite: s.name,
		in:    inbound{transform: in, media: sources{most: maxHeard}, control: sources{most: maxHeard}},
		out:   outbound{transform: out, media: sources{most: maxSpoken}, control: sources{most: maxSpoken}},
	}, nil
}

// dtlsKeys makes contexts from the keying material of a DTLS association (RFC 5764 §4.2).
func dtlsKeys(material srtp.KeyingMaterialExporter, profile dtls.SRTPProtectionProfile, client bool) (*keys, error) {
	s, ok := dtlsSuites[profile]
	if !ok {
		return nil, fmt.Errorf("derive SRTP keys: unknown profile %#04x", uint16(profile))
	}
	config := srtp.Config{Profile: srtp.ProtectionProfile(profile)}
	if err := config.ExtractSessionKeysFromDTLS(material, client); err != nil {
		return nil, fmt.Errorf("derive SRTP keys: %w", err)
	}
	k := config.Keys
	return newKeys(s, master{k.LocalMasterKey, k.LocalMasterSalt}, master{k.RemoteMasterKey, k.RemoteMasterSalt})
}

// sources are the windows of the sources of one direction, at most so many, with the last one at hand.
type sources struct {
	most int
	turn uint64 // packets that were noted
	last uint32
	at   *window // of last; nil before the first one
	all  map[uint32]*window
}

// find gives the window of a source, nil for an unknown one.
func (s *sources) find(ssrc uint32) *window {
	if s.at != nil && s.last == ssrc {
		return s.at
	}
	w := s.all[ssrc]
	if w != nil {
		s.last, s.at = ssrc, w
	}
	return w
}

// full says whether no more sources are taken.
func (s *sources) full() bool { return len(s.all) >= s.most }

// forget drops the source that was heard of least recently. Who kept its packets could play them to us again from then on: the price of
// understanding a party that takes another source again and again.
func (s *sources) forget() {
	oldest, least := uint32(0), uint64(math.MaxUint64)
	for ssrc, w := range s.all {
		if w.turn < least {
			oldest, least = ssrc, w.turn
		}
	}
	delete(s.all, oldest)
}

// add makes the window of a source.
func (s *sources) add(ssrc uint32) *window {
	if s.all == nil {
		s.all = make(map[uint32]*window)
	}
	w := new(window)
	s.all[ssrc] = w
	s.last, s.at = ssrc, w
	return w
}

// inbound opens what a party sends. It belongs to the goroutine that reads it.
//
// Nothing is remembered of a packet that is not authentic: neither its source, nor its number.
type inbound struct {
	transform transform
	media     sources // of SRTP
	control   sources // of SRTCP

	failed    uint32 // packets of sources without a window, since the last one got one
	mki       []byte // that stands in each packet (RFC 3711 §3.1); nil: none does
	behindMKI struct{ media, control int }
}

// marked says that an MKI stands in each packet: before the tag of HMAC (RFC 3711 §3.1 and §3.4), at the end where there is none (RFC
// 7714 §8.2 and §9.2). It is not authenticated.
func (s *inbound) marked(by suite, mki []byte) {
	if s.mki = mki; by.tag != gcmTag {
		s.behindMKI.media, s.behindMKI.control = by.tag, controlTag
	}
}

// unmarked takes the MKI out of a packet, in place, of which at least so many octets are left. A packet without it stays as it is: some
// phones announce one and write none.
func (s *inbound) unmarked(p []byte, behind, least int) []byte {
	end := len(p) - behind
	at := end - len(s.mki)
	if at < least || !bytes.Equal(p[at:end], s.mki) {
		return p
	}
	return p[:at+copy(p[at:], p[end:])]
}

// open checks and decrypts an SRTP packet in place. Who was silent to us for more than half a range of sequence numbers, or whose
// rollovers we never knew, is understood after some packets.
func (s *inbound) open(p []byte, h rtpHeader) ([]byte, error) {
	if s.mki != nil {
		p = s.unmarked(p, s.behindMKI.media, h.size)
	}
	w := s.media.find(h.ssrc)
	index, failed, unseen := uint64(h.seq), &s.failed, true
	if w != nil {
		index, failed = w.index(h.seq), &w.failed
		unseen = w.fresh(index)
	}
	var probe []byte
	if *failed%probeEach == probeEach-1 {
		probe = append(make([]byte, 0, bufferSize), p...) // what could not be opened is worth nothing
	}
	if unseen {
		if clear, ok := s.transform.open(p, h.size, index); ok {
			s.media.note(w, h.ssrc, index)
			*failed = 0
			return clear, nil
		}
	}
	if probe != nil {
		index += uint64(1+*failed/probeEach%maxProbes) << 16
		if clear, ok := s.transform.open(probe, h.size, index); ok {
			s.media.note(w, h.ssrc, index)
			*failed = 0
			return clear, nil
		}
	}
	if *failed++; !unseen {
		return nil, errReplayed
	}
	return nil, errForged
}

// resume opens the first packet of a source under a key whose sender counts rollovers on from those under the key before (RFC 3711
// §3.3.1). It is for packets that open did not take as those of a sender who begins at zero.
func (s *inbound) resume(p []byte, h rtpHeader, before *sources) ([]byte, error) {
	if s.mki != nil {
		p = s.unmarked(p, s.behindMKI.media, h.size)
	}
	old := before.find(h.ssrc)
	if old == nil || s.media.find(h.ssrc) != nil {
		return nil, errForged
	}
	index := old.index(h.seq)
	clear, ok := s.transform.open(p, h.size, index)
	if !ok {
		return nil, errForged
	}
	s.media.note(nil, h.ssrc, index)
	return clear, nil
}

// openControl checks and decrypts an SRTCP packet in place.
func (s *inbound) openControl(p []byte) ([]byte, error) {
	if s.mki != nil {
		p = s.unmarked(p, s.behindMKI.control, clearReport)
	}
	index, ok := s.transform.controlIndex(p)
	if !ok {
		return nil, errForged
	}
	ssrc := binary.BigEndian.Uint32(p[4:])
	w := s.control.find(ssrc)
	if w != nil && !w.fresh(uint64(index)) {
		return nil, errReplayed
	}
	clear, ok := s.transform.openControl(p, index)
	if !ok {
		return nil, errForged
	}
	s.control.note(w, ssrc, uint64(index))
	return clear, nil
}

// note records an authentic packet, of a source without a window if w is nil.
func (s *sources) note(w *window, ssrc uint32, index uint64) {
	if w == nil {
		if s.full() {
			s.forget()
		}
		w = s.add(ssrc)
	}
	s.turn++
	w.turn = s.turn
	w.mark(index)
}

// outbound seals what a party is sent. Several goroutines may use it.
type outbound struct {
	mu        sync.Mutex
	transform transform
	media     sources // of SRTP
	control   sources // of SRTCP
}

// seal encrypts an RTP packet without header extension in place; the buffer has room for the tag.
func (s *outbound) seal(p []byte, h rtpHeader) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w, err := s.media.speak(h.ssrc)
	if err != nil {
		return nil, err
	}
	index, ok := w.take(h.seq)
	switch {
	case !ok:
		return nil, errRepeated
	case index>>48 != 0:
		return nil, errExhausted
	}
	return s.transform.seal(p, h.size, index), nil
}

// after lets nothing be sealed before f has returned.
func (s *outbound) after(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// rolled says whether the numbers of a source have rolled over.
func (s *outbound) rolled(ssrc uint32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.media.find(ssrc)
	return w != nil && w.top>>16 != 0
}

// sealControl encrypts an RTCP packet into a buffer of its own: reports are rare.
func (s *outbound) sealControl(p []byte) ([]byte, error) {
	if len(p) < clearReport {
		return nil, fmt.Errorf("seal RTCP of %d octets: too short", len(p))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w, err := s.control.speak(binary.BigEndian.Uint32(p[4:]))
	if err != nil {
		return nil, err
	}
	if w.top >= maxControl {
		return nil, errExhausted
	}
	w.top++ // nothing else of the window is used
	return s.transform.sealControl(append(make([]byte, 0, len(p)+maxOverhead), p...), uint32(w.top)), nil
}

// speak finds or makes the window of a source that is sent.
func (s *sources) speak(ssrc uint32) (*window, error) {
	if w := s.find(ssrc); w != nil {
		return w, nil
	}
	if s.full() {
		return nil, errSource
	}
	return s.add(ssrc), nil
}
