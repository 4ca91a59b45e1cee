// Package call holds what the parts of the gateway have in common about calls: a call's parties, its states, the board of
// calls of the moment, and the records of those that have ended.
package call

import (
	"net/netip"

	"cordboard/gateway/sdp"
)

// Party names one party of a call and says how its media travels.
type Party struct {
	Leg     string      // unique within the call
	Profile sdp.Profile // what it is offered; a phone may offer and answer others
	Least   sdp.Profile // the weakest that a phone's media may have, by sdp.Profile.Strength; zero: any
	Host    netip.Addr  // its signaling address: chooses our own address toward it; may be invalid
	Keys    Keys        // how it takes the other side's keys
	Client  *Client     `json:"-"` // with profile WebRTC: the party is a server, and we its client; nil: it is a browser. It has passwords
}
