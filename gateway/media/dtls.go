package media

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/dtls/v2"
	"github.com/pion/logging"
	"github.com/pion/transport/v2/packetio"
)

const (
	// handshakeTime ends a DTLS handshake that goes on for longer.
	handshakeTime = 30 * time.Second

	// flightTime is how long a lost flight is waited for before it is sent again (RFC 6347 §4.2.4.1 has 1 s, and lets
	// applications that must be quick take less).
	flightTime = 400 * time.Millisecond

	// maxRepeats bounds how often the end of a handshake is sent again to a peer that missed it.
	maxRepeats = 20

	// maxHandshakes bounds the handshakes that one leg may fail.
	maxHandshakes = 5

	// dtlsQueue bounds the datagrams that wait for the handshake.
	dtlsQueue = 32
)

// errFingerprint reports a certificate that is not the one its description announced (RFC 8122 §6.2).
var errFingerprint = errors.New("the certificate is not the one that the description announced")

// carrier is what carries a DTLS association, and takes its keys: a browser's line, or a port of a line toward the PBX.
type carrier interface {
	// at is where the peer is, nil while that is not known.
	at() *netip.AddrPort
	// write sends a datagram to the peer.
	write(p []byte) error
	// keyed says whether there are keys.
	keyed() bool
	// install takes keys, or with nil what keys there are are void.
	install(k *keys)
}

// security is the DTLS side of a leg. Which side is the client, and whose certificate is right, comes from SDP; both may
// come after the first datagram.
type security struct {
	engine *Engine
	leg    *leg
	ctx    context.Context // ends with the line
	line   carrier

	mu          sync.Mutex
	settled     bool          // role and fingerprint are known
	known       chan struct{} // closed when settled
	client      bool          // we send the ClientHello
	fingerprint string        // of the peer
	hello       hello
	current     *association
	last        []byte // our last flight as a server
	repeats     int    // of last
	failures    int
	broken      bool // wrong certificate: nothing goes until SDP names another one
}

// settle takes what an exchange of descriptions agreed on. Another fingerprint than before ends the association: the
// peer is another one.
func (s *security) settle(client bool, fingerprint string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.settled && s.fingerprint == fingerprint {
		return
	}
	if s.settled {
		if s.current != nil {
			s.current.cancel()
			s.current = nil
		}
		s.line.install(nil)
		s.failures, s.broken, s.hello, s.last = 0, false, hello{}, nil
	}
	s.client, s.fingerprint = client, fingerprint
	if !s.settled {
		s.settled = true
		close(s.known)
	}
	s.connect()
}

// ready says that the peer's address is known, so that a client can begin.
func (s *security) ready() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connect()
}

// connect starts the handshake if we are the client and can. The caller holds mu.
func (s *security) connect() {
	if s.settled && s.client && s.current == nil && s.line.at() != nil && !s.line.keyed() {
		s.start(nil, favourites())
	}
}

// receive takes a datagram from the peer.
func (s *security) receive(p []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil {
		s.current.push(p)
		return
	}
	if s.last != nil && s.repeats < maxRepeats && finishing(p) {
		s.repeats++
		s.line.write(s.last)
		return
	}
	if (s.settled && s.client) || s.line.keyed() {
		return // nothing to be said any more
	}
	if s.hello.add(p) {
		h := s.hello
		s.hello = hello{}
		s.start(h.parts, h.profiles(favourites()))
	}
}

// start begins a handshake, fed with what came already. The caller holds mu.
func (s *security) start(parts [][]byte, profiles []dtls.SRTPProtectionProfile) {
	if s.broken || s.failures >= maxHandshakes {
		return
	}
	ctx, cancel := context.WithCancel(s.ctx)
	a := &association{security: s, queue: packetio.NewBuffer(), cancel: cancel, client: s.settled && s.client}
	a.queue.SetLimitCount(dtlsQueue)
	for _, p := range parts {
		a.push(p)
	}
	if !s.engine.spawn(func() { a.run(ctx, profiles) }) {
		cancel()
		return
	}
	s.current = a
}

// finishing says whether a datagram has the end of a flight that ends a handshake: ChangeCipherSpec and, encrypted,
// Finished (RFC 6347 §4.2.4).
func finishing(p []byte) bool {
	for len(p) >= recordHeader {
		epoch, size := binary.BigEndian.Uint16(p[3:]), int(binary.BigEndian.Uint16(p[11:]))
		if p[0] == recordChange || (p[0] == recordHandshake && epoch > 0) {
			return true
		}
		p = p[min(recordHeader+size, len(p)):]
	}
	return false
}

// association is a DTLS association during its handshake, and the net.Conn that pion speaks through. After it nothing
// is kept but the keys and our last flight: pion's side would cost 30 kB and three goroutines for as long as the call
// lasts, and there is nothing to say but that flight.
type association struct {
	security *security
	queue    *packetio.Buffer
	client   bool
	cancel   context.CancelFunc

	mu   sync.Mutex
	last []byte // the datagram that ends our side of the handshake
	mute bool   // nothing is sent any more
}

// run owns the association: when it returns nothing of it is left.
func (a *association) run(ctx context.Context, profiles []dtls.SRTPProtectionProfile) {
	defer a.cancel()
	s := a.security
	err := a.handshake(ctx, profiles)
	s.mu.Lock()
	if s.current == a {
		s.current = nil
		if err != nil && ctx.Err() == nil {
			s.failures++
			s.broken = errors.Is(err, errFingerprint)
		}
	}
	s.mu.Unlock()
	if err != nil && ctx.Err() == nil {
		s.leg.log.Warn("DTLS failed", slog.Any("error", err))
	}
}

// handshake runs a handshake and hands its keys to the line.
func (a *association) handshake(ctx context.Context, profiles []dtls.SRTPProtectionProfile) error {
	s := a.security
	limited, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	config := s.engine.dtlsConfig(profiles)
	accept := dtls.ServerWithContext
	if a.client {
		accept = dtls.ClientWithContext
	} else {
		config.Certificates, config.GetCertificate = nil, s.engine.present
	}
	conn, err := accept(limited, a, config)
	if err != nil {
		return errors.Join(err, a.Close())
	}
	defer conn.Close() // its error is that of a peer which is gone
	select {
	case <-s.known:
	case <-ctx.Done():
		return ctx.Err()
	}
	state := conn.ConnectionState()
	profile, ok := conn.SelectedSRTPProtectionProfile()
	if !ok {
		return errors.New("the peer agreed on no SRTP profile")
	}
	if len(state.PeerCertificates) == 0 {
		return errFingerprint
	}
	k, err := dtlsKeys(&state, profile, a.client)
	if err != nil {
		return err
	}
	return a.install(ctx, k, state.PeerCertificates[0])
}

// install checks the certificate and lets media flow, unless SDP has replaced the peer meanwhile. From then on the
// security repeats our last flight, and the association says nothing more, not even goodbye.
func (a *association) install(ctx context.Context, k *keys, certificate []byte) error {
	s := a.security
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if !matches(certificate, s.fingerprint) {
		return errFingerprint
	}
	s.line.install(k)
	s.current, s.last, s.repeats = nil, a.end(), 0
	return nil
}

// end silences the association and gives its last flight, nil for a client: a server answers the client's last flight,
// so that one came.
func (a *association) end() []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mute = true
	if a.client {
		return nil
	}
	return a.last
}

// push queues a datagram; one too many is dropped, as on a wire.
func (a *association) push(p []byte) { a.queue.Write(p) }

// Read implements net.Conn.
func (a *association) Read(p []byte) (int, error) { return a.queue.Read(p) }

// Write implements net.Conn. A datagram that can't be sent counts as lost.
func (a *association) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mute {
		return len(p), nil
	}
	if finishing(p) {
		a.last = bytes.Clone(p)
	}
	a.security.line.write(p)
	return len(p), nil
}

// Close implements net.Conn; Read then ends.
func (a *association) Close() error { return a.queue.Close() }

// LocalAddr implements net.Conn.
func (a *association) LocalAddr() net.Addr {
	return net.UDPAddrFromAddrPort(a.security.engine.Addr())
}

// RemoteAddr implements net.Conn.
func (a *association) RemoteAddr() net.Addr {
	if addr := a.security.line.at(); addr != nil {
		return net.UDPAddrFromAddrPort(*addr)
	}
	return &net.UDPAddr{}
}

// SetDeadline implements net.Conn.
func (a *association) SetDeadline(t time.Time) error { return a.queue.SetReadDeadline(t) }

// SetReadDeadline implements net.Conn.
func (a *association) SetReadDeadline(t time.Time) error { return a.queue.SetReadDeadline(t) }

// SetWriteDeadline implements net.Conn; a write never waits.
func (a *association) SetWriteDeadline(time.Time) error { return nil }

// dtlsConfig is how a handshake goes (RFC 8827 §6.5). The peer's certificate is asked for and proved by
// its key; whose it is says the fingerprint in SDP. A cookie is needless: ICE has proved the address, or a description
// and the first packet.
func (e *Engine) dtlsConfig(profiles []dtls.SRTPProtectionProfile) *dtls.Config {
	return &dtls.Config{
		Certificates: []tls.Certificate{e.certificate},
		CipherSuites: []dtls.CipherSuiteID{
			dtls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, dtls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
			dtls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, dtls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		},
		SRTPProtectionProfiles:  profiles,
		ClientAuth:              dtls.RequireAnyClientCert,
		InsecureSkipVerify:      true, // verified by fingerprint in install
		ExtendedMasterSecret:    dtls.RequireExtendedMasterSecret,
		InsecureSkipVerifyHello: true,
		FlightInterval:          flightTime,
		LoggerFactory:           noLog,
	}
}

// noLog keeps pion from logging. To make a logger is dear, so all have the same one.
var noLog = func() oneLog {
	f := logging.NewDefaultLoggerFactory()
	f.Writer, f.DefaultLogLevel = io.Discard, logging.LogLevelDisabled
	return oneLog{f.NewLogger("")}
}()

// oneLog gives everybody the same logger.
type oneLog struct{ logging.LeveledLogger }

// NewLogger implements logging.LoggerFactory.
func (l oneLog) NewLogger(string) logging.LeveledLogger { return l.LeveledLogger }
