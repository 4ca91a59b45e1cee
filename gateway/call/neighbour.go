package call

import (
	"net/netip"
	"time"
)

// Neighbour is another Cordboard that this one was paired with.
type Neighbour struct {
	ID          string // of its certificate
	Fingerprint string // SHA-256 of its certificate, lower-case hexadecimal
	Name        string // as people know it
	Address     string // by which its people are called: alice@front-office
	At          netip.AddrPort
	Paired      time.Time
}

// NeighbourState is how it stands with another Cordboard, as the API tells it.
type NeighbourState struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Address string   `json:"address,omitempty"` // of a paired one: its people are called alice@address, its owner by address alone
	Paired  bool     `json:"paired"`
	Here    bool     `json:"here"`              // it is announced, or connected
	People  []Lamp   `json:"people,omitempty"`  // of a paired one that is connected
	Trouble string   `json:"trouble,omitempty"` // one sentence
	Pairing *Pairing `json:"pairing,omitempty"` // that goes on

	// As it announces itself, of which nothing is proven.
	Host        string   `json:"host,omitempty"`
	Addresses   []string `json:"addresses,omitempty"` // the best first; of a paired one also where it was reached last
	HTTPS       uint16   `json:"https,omitempty"`     // port
	Version     string   `json:"version,omitempty"`
	Fingerprint string   `json:"fingerprint"`    // SHA-256 of its certificate; of a paired one proven
	Seen        int64    `json:"seen,omitempty"` // when it was heard of last, in Unix milliseconds
}

// Pairing is two Cordboards getting to know one another: both show the same code, and on both somebody says that it is.
type Pairing struct {
	ID      string    `json:"id"`    // of the other one
	Name    string    `json:"name"`  // as the other one calls itself
	Code    string    `json:"code"`  // six digits
	Asked   bool      `json:"asked"` // by the other one
	Waits   bool      `json:"waits"` // we have confirmed and the other one has not yet
	Expires time.Time `json:"expires"`
}
