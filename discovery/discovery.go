// Package discovery makes this machine known to its neighbours by multicast DNS (RFC 6762, RFC 6763) and finds them: other
// Cordboards, and PBXs.
package discovery

import (
	"net/netip"
	"time"
)

// Announcement is all that the network is told of a Cordboard.
type Announcement struct {
	ID          string // never changes: 32 hexadecimal digits
	Name        string // as people know it
	Version     string
	Fingerprint string // SHA-256 of the certificate that it shows neighbours, lower-case hexadecimal
	Host        string // of the machine, without ".local."
	HTTPS       uint16 // TCP port
	SIP         uint16 // UDP port; 0: not announced
}

// Neighbour is another Cordboard as it announces itself. Nothing of it is proven.
type Neighbour struct {
	Announcement
	Addrs []netip.Addr // the best first; link-local ones have their zone
	Seen  time.Time    // when it was heard of last
}

// PBX is a SIP server that announces itself.
type PBX struct {
	Name      string
	Transport string // "udp", "tcp" or "tls"
	Host      string // with ".local"
	Port      uint16
	Addrs     []netip.Addr
}
