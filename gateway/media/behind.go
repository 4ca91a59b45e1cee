package media

import (
	"net/netip"
	"time"
)

// maxBehind bounds the packets that wait for the keys.
const maxBehind = 8

// behind keeps the packets that come right behind a DTLS server's last flight. A server has its keys when that leaves and may speak at once; the client
// has to check the flight first. They are heard before the first packet that comes when there are keys. It belongs to who reads the line's packets.
type behind struct{ packets []datagram }

// keep copies a packet of media that came without keys. It says false when the peer is not to be expected to have them.
func (b *behind) keep(s *security, p []byte, src netip.AddrPort) bool {
	if len(b.packets) >= maxBehind || !s.ends() {
		return false
	}
	b.packets = append(b.packets, datagram{data: append(make([]byte, 0, bufferSize), p...), src: src})
	return true
}

// take gives what was kept.
func (b *behind) take() []datagram {
	kept := b.packets
	b.packets = nil
	return kept
}

// receive hands a packet on under keys, nil while there are none.
func (b *behind) receive(s *security, p []byte, what kind, k *keys, now time.Duration) {
	if k == nil && b.keep(s, p, netip.AddrPort{}) {
		return
	}
	if k != nil && b.packets != nil {
		for _, early := range b.take() {
			s.leg.receiveSealed(early.data, sort(early.data), k, now)
		}
	}
	s.leg.receiveSealed(p, what, k, now)
}

// ends says whether we are a client whose server has sent its last flight.
func (s *security) ends() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ending && (s.current != nil || s.line.keyed())
}
