package media

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/pion/dtls/v2"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v2"
)

// Limits of what one browser can make us remember.
const (
	replayWindow = 128  // packets, for SRTP and SRTCP (RFC 3711 §3.3.2 wants 64 at least)
	maxHeard     = 256  // sources one browser may send from
	maxSpoken    = 1024 // sources one browser may be sent from
	maxTrials    = 64   // packets of unknown sources that one trial context is good for
)

// errSource reports a packet of one source more than a leg may have.
var errSource = errors.New("too many sources")

// errRepeated reports a packet whose sequence number was sent before. Encrypting it would use a nonce twice, which
// breaks AES-GCM (RFC 7714 §8.4); its receiver would take it for a replay anyway.
var errRepeated = errors.New("sequence number sent before")

// keys are the SRTP contexts of one DTLS association.
type keys struct {
	in  inbound
	out outbound
}

// newKeys makes contexts from the keying material of a DTLS association (RFC 5764 §4.2).
func newKeys(material srtp.KeyingMaterialExporter, profile dtls.SRTPProtectionProfile, client bool) (*keys, error) {
	config := srtp.Config{Profile: srtp.ProtectionProfile(profile)}
	if err := config.ExtractSessionKeysFromDTLS(material, client); err != nil {
		return nil, fmt.Errorf("derive SRTP keys: %w", err)
	}
	k := config.Keys
	context := func(key, salt []byte) (*srtp.Context, error) {
		return srtp.CreateContext(key, salt, config.Profile,
			srtp.SRTPReplayProtection(replayWindow), srtp.SRTCPReplayProtection(replayWindow))
	}
	out, err := context(k.LocalMasterKey, k.LocalMasterSalt)
	if err != nil {
		return nil, fmt.Errorf("make outbound SRTP context: %w", err)
	}
	in := inbound{fresh: func() (*srtp.Context, error) { return context(k.RemoteMasterKey, k.RemoteMasterSalt) }}
	if in.context, err = in.fresh(); err != nil {
		return nil, fmt.Errorf("make inbound SRTP context: %w", err)
	}
	return &keys{in: in, out: outbound{context: out}}, nil
}

// inbound opens what a browser sends. It belongs to the goroutine that reads the browsers' socket.
//
// A pion context remembers every SSRC it was ever asked about, before it knows whether the packet is genuine. So that
// forged packets can't fill the memory, a source is first tried in a context that is thrown away.
type inbound struct {
	context *srtp.Context
	fresh   func() (*srtp.Context, error)
	trial   *srtp.Context
	trials  int
	media   sources // of SRTP
	control sources // of SRTCP
	header  rtp.Header
}

// sources is a set of SSRCs with the last one at hand.
type sources struct {
	last uint32
	all  map[uint32]struct{}
}

func (s *sources) has(ssrc uint32) bool {
	if s.last == ssrc && s.all != nil {
		return true
	}
	_, ok := s.all[ssrc]
	if ok {
		s.last = ssrc
	}
	return ok
}

func (s *sources) add(ssrc uint32) error {
	if len(s.all) >= maxHeard {
		return errSource
	}
	if s.all == nil {
		s.all = make(map[uint32]struct{})
	}
	s.all[ssrc] = struct{}{}
	s.last = ssrc
	return nil
}

// open checks and decrypts an SRTP packet in place.
func (s *inbound) open(p []byte) ([]byte, error) {
	ssrc := binary.BigEndian.Uint32(p[8:])
	if !s.media.has(ssrc) {
		err := s.try(p, func(c *srtp.Context, p []byte) error {
			_, err := c.DecryptRTP(p, p, &s.header)
			return err
		})
		if err != nil {
			return nil, err
		}
		if err := s.media.add(ssrc); err != nil {
			return nil, err
		}
	}
	return s.context.DecryptRTP(p, p, &s.header)
}

// openControl checks and decrypts an SRTCP packet in place.
func (s *inbound) openControl(p []byte) ([]byte, error) {
	if len(p) < 8 {
		return nil, fmt.Errorf("open SRTCP of %d octets: too short", len(p))
	}
	ssrc := binary.BigEndian.Uint32(p[4:])
	if !s.control.has(ssrc) {
		err := s.try(p, func(c *srtp.Context, p []byte) error {
			_, err := c.DecryptRTCP(nil, p, nil)
			return err
		})
		if err != nil {
			return nil, err
		}
		if err := s.control.add(ssrc); err != nil {
			return nil, err
		}
	}
	return s.context.DecryptRTCP(nil, p, nil)
}

// try opens a copy of a packet of an unknown source.
func (s *inbound) try(p []byte, open func(*srtp.Context, []byte) error) error {
	if s.trial == nil || s.trials >= maxTrials {
		trial, err := s.fresh()
		if err != nil {
			return err
		}
		s.trial, s.trials = trial, 0
	}
	s.trials++
	if err := open(s.trial, append([]byte(nil), p...)); err != nil {
		return err
	}
	s.trial = nil
	return nil
}

// outbound seals what a browser is sent. Several goroutines may use it.
type outbound struct {
	mu      sync.Mutex
	context *srtp.Context
	sent    map[uint32]*window
	last    uint32 // the source of current
	current *window
	reports int // sources of reports
	header  rtp.Header
}

// seal encrypts an RTP packet without header extension in place; the buffer has room for the tag.
func (s *outbound) seal(p []byte, h rtpHeader) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil || s.last != h.ssrc {
		w := s.sent[h.ssrc]
		if w == nil {
			if len(s.sent) >= maxSpoken {
				return nil, errSource
			}
			if s.sent == nil {
				s.sent = make(map[uint32]*window)
			}
			w = new(window)
			s.sent[h.ssrc] = w
		}
		s.last, s.current = h.ssrc, w
	}
	if !s.current.take(h.seq) {
		return nil, errRepeated
	}
	return s.context.EncryptRTP(p, p, &s.header)
}

// sealControl encrypts an RTCP packet into a buffer of its own: reports are rare.
func (s *outbound) sealControl(p []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.context.Index(binary.BigEndian.Uint32(p[4:])); !ok {
		if s.reports >= maxSpoken {
			return nil, errSource
		}
		s.reports++
	}
	return s.context.EncryptRTCP(nil, p, nil)
}
