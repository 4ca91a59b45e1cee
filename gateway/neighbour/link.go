package neighbour

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"cordboard/gateway/call"
	"cordboard/gateway/cert"
)

// What a connection is for, by ALPN.
const (
	protoPair   = "cordboard-pair/1"
	protoPeople = "cordboard-people/1"
	protoSIP    = "sip/2" // as registered for SIP with IANA
)

// dialTime is how long one address of a neighbour is tried, TLS handshake and all.
const dialTime = 2 * time.Second

// maxConns bounds the connections that paired neighbours have open, maxStrangers those of machines that want to be paired, and those of
// machines that call without, of which one may have maxOfStranger.
const (
	maxConns      = 200
	maxStrangers  = 16
	maxOfStranger = 2
)

// errOther is that another certificate is shown than the one that is pinned, or announced.
var errOther = errors.New("it shows another certificate than it should")

// Server gives the TLS settings for a client that is another Cordboard; nil: it is none.
func (k *Keeper) Server(hello *tls.ClientHelloInfo) *tls.Config {
	for _, proto := range hello.SupportedProtos {
		if slices.Contains(k.server.NextProtos, proto) {
			return k.server
		}
	}
	return nil
}

// serverTLS is how other Cordboards are met. Any certificate is taken in the handshake as such, because no authority signs them:
// VerifyConnection compares it with those that are pinned.
func (k *Keeper) serverTLS() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{*k.cfg.Identity}, NextProtos: []string{protoPair, protoPeople, protoSIP},
		ClientAuth: tls.RequireAnyClientCert, SessionTicketsDisabled: true, VerifyConnection: k.admit,
	}
}

// admit judges the certificate of who connects: for pairing anybody's will do, for all else it must be pinned.
func (k *Keeper) admit(cs tls.ConnectionState) error {
	if len(cs.PeerCertificates) == 0 {
		return errors.New("no certificate shown")
	}
	if cs.NegotiatedProtocol == protoPair {
		return nil
	}
	fingerprint := cert.FingerprintOf(cs.PeerCertificates[0].Raw)
	if k.pinned(fingerprint) {
		return nil
	}
	if cs.NegotiatedProtocol == protoSIP {
		if _, ok := k.strangerWith(fingerprint); ok {
			return nil
		}
	}
	return errors.New("not paired with this machine")
}

// pinned says whether a certificate is that of a paired neighbour.
func (k *Keeper) pinned(fingerprint string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	f := k.friends[cert.IDOf(fingerprint)]
	return f != nil && f.Fingerprint == fingerprint
}

// peerID is the ID of who showed its certificate on a connection.
func peerID(cs tls.ConnectionState) string {
	if len(cs.PeerCertificates) == 0 {
		return ""
	}
	return cert.IDOf(cert.FingerprintOf(cs.PeerCertificates[0].Raw))
}

// Take serves a connection that Server gave its settings, and returns when it is over.
func (k *Keeper) Take(conn *tls.Conn) {
	defer conn.Close()
	cs := conn.ConnectionState()
	if !k.enterConn(conn, k.guestOf(cs)) {
		return
	}
	defer func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		delete(k.conns, conn)
	}()
	switch cs.NegotiatedProtocol {
	case protoPair:
		k.asked(conn)
	case protoPeople:
		k.tell(conn, peerID(cs))
	case protoSIP:
		fingerprint := cert.FingerprintOf(cs.PeerCertificates[0].Raw)
		if k.pinned(fingerprint) { // not forgotten meanwhile
			if k.deps.Link != nil {
				k.deps.Link(conn, peerID(cs))
			}
		} else if n, ok := k.strangerWith(fingerprint); ok && k.deps.Strange != nil {
			k.deps.Strange(conn, n)
		}
	}
}

// guest is what sort of machine has opened a connection.
type guest struct {
	kind guestKind
	id   string
}

type guestKind int

const (
	friendly guestKind = iota // is paired
	pairs                     // wants to be
	strange                   // is not, and calls
)

func (k *Keeper) guestOf(cs tls.ConnectionState) guest {
	g := guest{id: peerID(cs)}
	switch {
	case cs.NegotiatedProtocol == protoPair:
		g.kind = pairs
	case !k.pinned(cert.FingerprintOf(cs.PeerCertificates[0].Raw)):
		g.kind = strange
	}
	return g
}

// enterConn counts a connection in; false when there are too many of its kind.
func (k *Keeper) enterConn(conn net.Conn, g guest) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	alike, own := 0, 0
	for _, other := range k.conns {
		if other.kind == g.kind {
			alike++
		}
		if other == g {
			own++
		}
	}
	switch {
	case k.life.Err() != nil,
		g.kind == friendly && alike >= maxConns,
		g.kind != friendly && alike >= maxStrangers,
		g.kind == strange && own >= maxOfStranger:
		return false
	}
	k.conns[conn] = g
	return true
}

// Dial opens a connection for calls with the paired neighbour of that ID, or with a stranger if such may call.
func (k *Keeper) Dial(ctx context.Context, id string) (net.Conn, error) {
	return k.dial(ctx, id, protoSIP)
}

// A neighbour is looked for at so many addresses at most, each a while after the one before (RFC 8305 §5).
const (
	maxPlaces = 8
	placeWait = 200 * time.Millisecond
)

// dial tries all addresses at which a neighbour may be, the best first. Only the certificate will do that is pinned, or of a stranger the
// one that is announced.
func (k *Keeper) dial(ctx context.Context, id, proto string) (*tls.Conn, error) {
	k.mu.Lock()
	f := k.friends[id]
	var n call.Neighbour
	if f != nil {
		n = f.Neighbour
	}
	k.mu.Unlock()
	if f == nil {
		var ok bool
		if n, ok = k.strangerNamed(id); !ok || proto != protoSIP {
			return nil, errors.New("not paired")
		}
	}
	places := k.places(n)
	if len(places) == 0 {
		return nil, errors.New("it is not announced, and where it was before is not known")
	}
	ctx, stop := context.WithCancel(ctx) // for those that are slower than the first to succeed
	defer stop()
	type result struct {
		place int
		conn  *tls.Conn
		err   error
	}
	results := make(chan result, len(places))
	for i, at := range places {
		go func() { // ends soon after ctx
			select {
			case <-ctx.Done():
				results <- result{i, nil, context.Cause(ctx)}
				return
			case <-time.After(time.Duration(i) * placeWait):
			}
			conn, err := k.dialAt(ctx, at, proto, n.Fingerprint)
			results <- result{i, conn, err}
		}()
	}
	var err error
	impostor, left := -1, len(places)
	for ; left > 0; left-- {
		r := <-results
		switch {
		case r.err == nil:
			k.moved(ctx, id, places[r.place], impostor >= 0)
			go func() { // ends soon: who is slower is stopped
				for range left - 1 {
					if late := <-results; late.conn != nil {
						late.conn.Close()
					}
				}
			}()
			return r.conn, nil
		case errors.Is(r.err, errOther):
			if err = r.err; impostor < 0 || r.place < impostor {
				impostor = r.place
			}
		case impostor < 0:
			err = r.err
		}
	}
	if impostor >= 0 && f != nil {
		k.trouble(id, kindLink, fmt.Sprintf("The machine at %v is not %s: it shows another certificate, and was refused. "+
			"If %s was set up anew, pair again; otherwise somebody pretends to be it.", places[impostor], n.Name, n.Name))
	}
	return nil, err
}

// places are the addresses of a paired neighbour: where it was last, and those that are announced.
func (k *Keeper) places(n call.Neighbour) (list []netip.AddrPort) {
	for _, a := range k.found() {
		if a.ID == n.ID && a.Fingerprint == n.Fingerprint {
			for _, addr := range a.Addrs {
				list = append(list, netip.AddrPortFrom(addr, a.HTTPS))
			}
		}
	}
	if n.At.IsValid() && !slices.Contains(list, n.At) { // first, so that no flood of forged ones pushes it out
		list = slices.Insert(list, 0, n.At)
	}
	slices.SortStableFunc(list, func(a, b netip.AddrPort) int { // sound does not go by addresses that need a zone
		switch far, near := !a.Addr().IsLinkLocalUnicast(), !b.Addr().IsLinkLocalUnicast(); {
		case far && !near:
			return -1
		case near && !far:
			return 1
		}
		return 0
	})
	return list[:min(len(list), maxPlaces)]
}

// dialAt opens a connection and checks the certificate; fingerprint empty: any will do, as for pairing.
func (k *Keeper) dialAt(ctx context.Context, at netip.AddrPort, proto, fingerprint string) (*tls.Conn, error) {
	ctx, stop := context.WithTimeout(ctx, dialTime)
	defer stop()
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", at.String())
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{*k.cfg.Identity}, NextProtos: []string{proto},
		// No authority signs these certificates and their names mean nothing: VerifyConnection compares with the pinned one instead.
		InsecureSkipVerify: true,
		VerifyConnection: func(cs tls.ConnectionState) error {
			if len(cs.PeerCertificates) == 0 || fingerprint != "" && cert.FingerprintOf(cs.PeerCertificates[0].Raw) != fingerprint {
				return errOther
			}
			if cs.NegotiatedProtocol != proto {
				return errors.New("it is no Cordboard that has neighbours")
			}
			return nil
		},
	})
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, err
	}
	return conn, nil
}

// moved remembers where a neighbour was reached, and whether somebody else was at another of its addresses.
func (k *Keeper) moved(ctx context.Context, id string, at netip.AddrPort, impostor bool) {
	k.booking.Lock() // or a neighbour that is forgotten at this moment would be in the book again
	defer k.booking.Unlock()
	k.mu.Lock()
	f := k.friends[id]
	if f != nil {
		f.impostor = impostor
	}
	if f == nil || f.At == at {
		k.mu.Unlock()
		return
	}
	f.At = at
	n := f.Neighbour
	k.mu.Unlock()
	if err := k.deps.Book.PutNeighbour(ctx, n); err != nil {
		k.log.Error("neighbour not saved", "id", id, "error", err)
	}
}

// Protocols are what other Cordboards ask for by ALPN.
func (k *Keeper) Protocols() []string { return slices.Clone(k.server.NextProtos) }
