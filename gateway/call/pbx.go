package call

import (
	"context"
	"time"
)

// PBX is what is known of a PBX: how it stands with it now, and what its messages have told of it.
type PBX struct {
	Name, Mode, URI   string
	Prefixes, Domains []string   // of the routes to it
	State             []PBXState // one for the PBX, or one for each user that registers there
	Facts             []Fact     // sorted by name
}

// PBXState is how it stands with a PBX, or with a user's registration there.
type PBXState struct {
	User   string // mode extension: whose registration; empty: the PBX's own
	State  string // "registered", "reachable", "wrong password", "unreachable", …
	Detail string // as "no answer in 5 s"; may be empty
}

// Fact is something that a PBX was seen to do.
type Fact struct {
	Name    string
	Values  []string
	Learned time.Time // when it was first seen with these values
}

// The names of facts.
const (
	FactServer         = "server"          // how the PBX names itself
	FactTransports     = "transports"      // by which it has answered: "UDP", "TCP"
	FactAllow          = "allow"           // methods
	FactSupported      = "supported"       // SIP extensions: "path", "timer", "100rel", "replaces"
	FactUnsupported    = "unsupported"     // those that it was asked for and did not take
	FactEvents         = "events"          // packages that it takes subscriptions for (RFC 6665)
	FactAuthentication = "authentication"  // algorithms by which it asks for a password
	FactExpires        = "expires"         // seconds that it grants a registration
	FactMinExpires     = "min_expires"     // seconds that it wants at least
	FactSessionExpires = "session_expires" // seconds after which it wants a call refreshed (RFC 4028)
	FactOffered        = "codecs_offered"
	FactAnswered       = "codecs_answered"
	FactDTMF           = "dtmf"          // "telephone-event", "info"
	FactMedia          = "media"         // in which calls that we offered were answered: "rtp", "osrtp", "sdes", "dtls"
	FactMediaRefused   = "media_refused" // in which it took none, but another way
)

// Knowledge keeps facts beyond a restart. A PBX goes by its address there, because it is the machine that facts are about.
type Knowledge interface {
	// Facts gives what is known of a PBX.
	Facts(ctx context.Context, pbx string) ([]Fact, error)
	// Learn keeps a fact in the place of the one of its name.
	Learn(ctx context.Context, pbx string, f Fact) error
}
