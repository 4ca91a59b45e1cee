package signaling

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// Config is what signaling needs of the configuration file.
type Config struct {
	Name, Domain     string // Domain is the SIP domain of the local users
	Version          string // for User-Agent and Server
	Listen           string // SIP over UDP and TCP, "host:port"; not opened while there is no PBX
	Advertise        []netip.Addr
	PBX              []PBX // the first one that is not in mode passthrough is the default route
	Origins          []string
	TrustedProxies   []netip.Prefix
	RequireHandshake bool
}

// Modes of a PBX: how it knows us.
const (
	ModeExtension = "extension" // each user registers as its own extension
	ModeTrunk     = "trunk"     // one registration for all
	ModePeer      = "peer"      // no registration; it knows us by our address

	ModePassthrough = "passthrough" // browsers come through with accounts of the PBX's own
)

// PBX is a [[pbx]] table of the configuration file.
type PBX struct {
	Name     string `toml:"name"`
	URI      string `toml:"uri"` // "sip:host[:port][;transport=udp|tcp]"
	Mode     string `toml:"mode"`
	Username string `toml:"username"`
	Password string `toml:"password"`
	Media    string `toml:"media"`

	Prefixes []string `toml:"prefixes"` // numbers that begin so go to it
	Domains  []string `toml:"domains"`  // of addresses that go to it, beside uri's host
	Strip    bool     `toml:"strip"`    // whether the prefix is taken off the number before
}

// Validate names every fault at once.
func (p PBX) Validate() error {
	var faults []error
	if _, err := p.uri(); err != nil {
		faults = append(faults, fmt.Errorf("uri: %w", err))
	}
	if !slices.Contains([]string{ModeExtension, ModeTrunk, ModePeer, ModePassthrough}, p.mode()) {
		faults = append(faults, fmt.Errorf("mode: %q, want extension, trunk, peer or passthrough", p.Mode))
	}
	if p.mode() == ModeTrunk && p.Username == "" {
		faults = append(faults, errors.New("username: missing, a trunk registers with one"))
	}
	return errors.Join(faults...)
}

func (p PBX) mode() string {
	if p.Mode == "" {
		return ModeExtension
	}
	return p.Mode
}

func (p PBX) uri() (sip.Uri, error) {
	var uri sip.Uri
	if err := sip.ParseUri(p.URI, &uri); err != nil {
		return uri, fmt.Errorf("%q is not a SIP address", p.URI)
	}
	if uri.Scheme != "sip" || uri.Host == "" {
		return uri, fmt.Errorf("%q, want sip:host[:port][;transport=udp|tcp]", p.URI)
	}
	if t := transportOf(uri); t != "UDP" && t != "TCP" {
		return uri, fmt.Errorf("transport %q, want udp or tcp", strings.ToLower(t))
	}
	return uri, nil
}

// transportOf is the transport a SIP address asks for, in upper case; UDP when it names none (RFC 3261 §19.1.1).
func transportOf(uri sip.Uri) string {
	if t, ok := uri.UriParams.Get("transport"); ok && t != "" {
		return strings.ToUpper(t)
	}
	return "UDP"
}
