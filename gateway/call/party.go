// Package call holds what signaling and media have in common: the parties of a call, its states, and the board of calls.
package call

import (
	"net/netip"

	"cordboard/gateway/sdp"
)

// Party names one party of a call and says how its media travels.
type Party struct {
	Leg     string      // unique within the call
	Profile sdp.Profile // what its descriptions speak
	Host    netip.Addr  // its signaling address: chooses our own address toward it; may be invalid
}
