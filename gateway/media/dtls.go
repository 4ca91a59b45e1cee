package media

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/dtls/v2"
	"github.com/pion/dtls/v2/pkg/protocol/alert"
	"github.com/pion/logging"
	"github.com/pion/srtp/v2"
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
	far         uint32 // that the peer's side of the handshake has come; see follow
	ending      bool   // we are the client, and the server's last flight came
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
		s.failures, s.broken, s.hello, s.last, s.far = 0, false, hello{}, nil, 0
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
		s.start(new(hello))
	}
}

// answers says whether the peer is the client, as far as is known.
func (s *security) answers() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !(s.settled && s.client) && (s.current == nil || !s.current.client)
}

// receive takes a datagram from the peer.
func (s *security) receive(p []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.follow(p)
	if s.last != nil && s.repeats < maxRepeats && finishing(p) {
		s.repeats++
		s.line.write(s.last)
		return
	}
	if s.current != nil {
		s.ending = s.ending || s.current.client && finishing(p)
		s.current.push(p)
		return
	}
	if (s.settled && s.client) || s.line.keyed() {
		return // nothing to be said any more
	}
	if s.hello.add(p) {
		h := s.hello
		s.hello = hello{}
		s.start(&h)
	}
}

// follow notes when the peer's side of the handshake goes on, of which what comes once more is no sign. The caller holds mu.
func (s *security) follow(p []byte) {
	far := uint32(0)
	for r := range records(p) {
		switch {
		case r.kind == recordChange || r.epoch > 0:
			far = math.MaxUint32
		case r.kind == recordHandshake:
			for f := range fragments(r.body()) {
				far = max(far, (uint32(f.seq)+1)<<16|uint32(f.start+len(f.data)))
			}
		}
	}
	if far > s.far {
		s.far = far
		s.leg.count.shaken.Store(int64(s.engine.now()))
	}
}

// start begins a handshake, as a server with the ClientHello that came. The caller holds mu.
func (s *security) start(h *hello) {
	if s.broken || s.failures >= maxHandshakes {
		return
	}
	ctx, cancel := context.WithCancel(s.ctx)
	a := &association{security: s, queue: packetio.NewBuffer(), cancel: cancel, client: s.settled && s.client}
	a.queue.SetLimitCount(dtlsQueue)
	if !s.engine.spawn(func() { a.run(ctx, h) }) {
		cancel()
		return
	}
	s.current, s.ending = a, false
}

// association is a DTLS association during its handshake, and the net.Conn that pion speaks through. After it nothing
// is kept but the keys and our last flight: pion's side would cost 30 kB and three goroutines for as long as the call
// lasts, and there is nothing to say but that flight.
type association struct {
	security *security
	queue    *packetio.Buffer
	client   bool
	cancel   context.CancelFunc

	mu       sync.Mutex
	last     []byte // the datagram that ends our side of the handshake
	released bool   // a server's has been sent
	mute     bool   // nothing is sent any more
}

// run owns the association: when it returns nothing of it is left.
func (a *association) run(ctx context.Context, h *hello) {
	defer a.cancel()
	s := a.security
	err := a.handshake(ctx, h)
	s.mu.Lock()
	if s.current == a {
		s.current, s.last = nil, nil
		if err != nil && ctx.Err() == nil {
			s.failures++
			s.far = 0
			s.broken = errors.Is(err, errFingerprint)
		}
	}
	s.mu.Unlock()
	if err != nil && ctx.Err() == nil {
		s.leg.log.Warn("DTLS failed", slog.Any("error", err))
	}
}

// handshake runs a handshake and hands its keys to the line.
func (a *association) handshake(ctx context.Context, h *hello) error {
	if !a.client {
		deepen()
		if server, ok := newDTLSServer(h, &a.security.engine.certificate, favourites()); ok {
			return a.serve(ctx, server)
		}
	}
	return a.leave(ctx, h)
}

// serve runs a handshake of ours. A flight that is not answered goes again after longer and longer waits, and when the client repeats itself.
func (a *association) serve(ctx context.Context, server *dtlsServer) error {
	defer a.Close()
	stop := context.AfterFunc(ctx, func() { a.Close() })
	defer stop()
	repeats := 0
	for wait := flightTime; wait < handshakeTime/2 && !server.done(); wait *= 2 {
		a.utter(server.flight())
		a.SetReadDeadline(time.Now().Add(wait))
		if err := a.listen(server, &repeats); err != nil {
			if fault := (dtlsFault{}); errors.As(err, &fault) {
				a.Write(fault.alert(server.number))
			}
			return err
		}
	}
	if !server.done() {
		return context.DeadlineExceeded
	}
	if a.mistaken(server.peer.Raw) {
		a.Write(dtlsFault{tell: alert.BadCertificate}.alert(server.number))
		return errFingerprint
	}
	a.utter(server.flight())
	return a.agreed(ctx, server, server.profile, server.peer.Raw)
}

// listen reads until the handshake is done or the client has been silent for too long.
func (a *association) listen(server *dtlsServer, repeats *int) error {
	buf := make([]byte, bufferSize)
	for !server.done() {
		n, err := a.Read(buf)
		if late := net.Error(nil); errors.As(err, &late) && late.Timeout() {
			return nil
		} else if err != nil {
			return err
		}
		if err := server.receive(buf[:n]); err != nil {
			return err
		}
		if *repeats < maxRepeats && server.asked.repeats(buf[:n]) {
			*repeats++
			a.utter(server.flight())
		}
	}
	return nil
}

// utter sends a flight.
func (a *association) utter(flight [][]byte) {
	for _, p := range flight {
		a.Write(p)
	}
}

// mistaken says whether a certificate is another one than SDP has announced by now.
func (a *association) mistaken(certificate []byte) bool {
	s := a.security
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.settled && !matches(certificate, s.fingerprint)
}

// agreed hands keys to the line, once it is known whose certificate is right.
func (a *association) agreed(ctx context.Context, material srtp.KeyingMaterialExporter, profile dtls.SRTPProtectionProfile, certificate []byte) error {
	k, err := dtlsKeys(material, profile, a.client)
	if err != nil {
		return err
	}
	a.unsettled()
	select {
	case <-a.security.known:
	case <-ctx.Done():
		return ctx.Err()
	}
	return a.install(ctx, k, certificate)
}

// unsettled ends the handshake without keys while nobody knows whose certificate is right: it may be long until SDP says so. The security
// repeats our last flight from now on.
func (a *association) unsettled() {
	s := a.security
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.settled && s.current == a {
		a.release()
		s.last, s.repeats = a.last, 0
	}
}

// leave leaves a handshake to pion.
func (a *association) leave(ctx context.Context, h *hello) error {
	s := a.security
	limited, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	for _, p := range h.parts {
		a.push(p)
	}
	config := s.engine.dtlsConfig(h.profiles(favourites()))
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
	state := conn.ConnectionState()
	profile, ok := conn.SelectedSRTPProtectionProfile()
	if !ok {
		return errors.New("the peer agreed on no SRTP profile")
	}
	if len(state.PeerCertificates) == 0 {
		return errFingerprint
	}
	return a.agreed(ctx, &state, profile, state.PeerCertificates[0])
}

// install checks the certificate and lets media flow, unless SDP has replaced the peer meanwhile. From then on the
// security repeats our last flight, and the association says nothing more, not even goodbye.
//
// A client sends as soon as it has our last flight, and takes nothing before. So what comes can be opened before that flight leaves, and
// what we send leaves after it.
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
	k.out.after(func() {
		s.line.install(k)
		a.release()
	})
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

// release sends a server's last flight.
func (a *association) release() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.client && !a.released {
		a.released = true
		a.security.line.write(a.last)
	}
}

// push queues a datagram; one too many is dropped, as on a wire.
func (a *association) push(p []byte) { a.queue.Write(p) }

// Read implements net.Conn.
func (a *association) Read(p []byte) (int, error) { return a.queue.Read(p) }

// Write implements net.Conn. A datagram that can't be sent counts as lost. A server's last flight waits for release.
func (a *association) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mute {
		return len(p), nil
	}
	if finishing(p) {
		a.last = bytes.Clone(p)
		if !a.client && !a.released {
			return len(p), nil
		}
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
