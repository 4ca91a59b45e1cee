package signaling

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/call"
	"cordboard/gateway/locate"
)

// Config is what signaling needs of the configuration file.
type Config struct {
	Name, Domain     string // Domain is the SIP domain of the local users
	Version          string // for User-Agent and Server
	Listen           string // SIP over UDP and TCP, "host:port"; not opened while there is no PBX
	ListenTLS        string // SIP over TLS from PBXs; empty: none
	Advertise        []netip.Addr
	PBX              []PBX // the first one that is not in mode passthrough is the default route
	Origins          []string
	TrustedProxies   []netip.Prefix
	RequireHandshake bool
	Busy             int // requests under way at a time, beyond which new ones are refused; 0: MostBusy
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
	URI      string `toml:"uri"` // "sip:host[:port][;transport=udp|tcp|tls|wss|ws]" or "sips:host[:port]"
	Mode     string `toml:"mode"`
	Username string `toml:"username"`
	Password string `toml:"password"`
	Media    string `toml:"media"` // one of MediaNames: what calls are offered to it in; empty: rtp

	MediaMinimum string `toml:"media_minimum"` // one of MediaMinimumNames: the weakest that calls with it may have; empty: as Media
	DTMF         string `toml:"dtmf"`          // one of the DTMF constants; empty: auto

	Prefixes []string `toml:"prefixes"` // numbers that begin so go to it
	Domains  []string `toml:"domains"`  // of addresses that go to it, beside uri's host
	Strip    bool     `toml:"strip"`    // whether the prefix is taken off the number before

	Backup []string `toml:"backup"` // "host[:port]": servers to try after those of URI, in this order

	CA   string `toml:"ca"`   // PEM file: authorities of the PBX's certificate; empty: those of the system
	Cert string `toml:"cert"` // PEM file: our certificate at the PBX; then it must show one too when it calls us by TLS
	Key  string `toml:"key"`  // PEM file, not encrypted

	ICE []string `toml:"ice"` // with transport wss: STUN and TURN servers, as call.ParseICEServer reads them; empty: none

	Path   string `toml:"path"`   // of its WebSocket, "/ws" if empty; with transport wss or ws
	Origin string `toml:"origin"` // sent with its WebSocket's handshake; empty: none

	Record string `toml:"record"` // never | always | ask: whether its calls are recorded; empty: as others. Not for signaling
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
	if !slices.Contains([]string{"", DTMFAuto, DTMFRTP, DTMFInfo, DTMFInband}, p.DTMF) {
		faults = append(faults, fmt.Errorf("dtmf: %q, want auto, rtp, info or inband", p.DTMF))
	}
	if p.Media != "" && !slices.Contains(MediaNames, p.Media) {
		faults = append(faults, fmt.Errorf("media: %q, want %s", p.Media, strings.Join(MediaNames, ", ")))
	}
	if p.MediaMinimum != "" && !slices.Contains(MediaMinimumNames, p.MediaMinimum) {
		faults = append(faults, fmt.Errorf("media_minimum: %q, want %s", p.MediaMinimum, strings.Join(MediaMinimumNames, ", ")))
	} else if least := mediaProfiles[p.MediaMinimum]; least.Strength() > p.wish().Strength() {
		faults = append(faults, fmt.Errorf("media_minimum: %s is more than media, which is %s", p.MediaMinimum, cmp.Or(p.Media, "rtp")))
	}
	for i, text := range p.ICE {
		if _, err := call.ParseICEServer(text); err != nil {
			faults = append(faults, fmt.Errorf("ice[%d]: %w", i, err))
		}
	}
	faults = append(faults, p.validateWeb()...)
	return errors.Join(append(faults, p.validateTLS()...)...)
}

func (p PBX) mode() string {
	if p.Mode == "" {
		return ModeExtension
	}
	return p.Mode
}

// Hosts are those that stand for the PBX in SIP addresses: that of its URI, and its domains.
func (p PBX) Hosts() []string {
	hosts := slices.Clone(p.Domains)
	if uri, err := p.uri(); err == nil {
		hosts = append(hosts, uri.Host)
	}
	return hosts
}

func (p PBX) uri() (sip.Uri, error) {
	var uri sip.Uri
	if err := sip.ParseUri(p.URI, &uri); err != nil {
		return uri, fmt.Errorf("%q is not a SIP address", p.URI)
	}
	if uri.Scheme != "sip" && uri.Scheme != "sips" || uri.Host == "" {
		return uri, fmt.Errorf("%q, want sip:host[:port][;transport=udp|tcp|tls|wss]", p.URI)
	}
	switch t := transportOf(uri); {
	case !slices.Contains([]string{locate.UDP, locate.TCP, locate.TLS, locate.WS, locate.WSS}, t):
		return uri, fmt.Errorf("transport %q, want udp, tcp, tls, wss or ws", strings.ToLower(t))
	case uri.Scheme == "sips" && t != locate.TLS && t != locate.WSS:
		return uri, fmt.Errorf("sips goes over tls or wss, not %s", strings.ToLower(t))
	}
	return uri, nil
}

// transportOf is the transport a SIP address asks for, in upper case; when it names none UDP, and TLS for sips (RFC 3261 §19.1.1).
func transportOf(uri sip.Uri) string {
	if t, ok := uri.UriParams.Get("transport"); ok && t != "" {
		return strings.ToUpper(t)
	}
	if uri.Scheme == "sips" {
		return locate.TLS
	}
	return locate.UDP
}
