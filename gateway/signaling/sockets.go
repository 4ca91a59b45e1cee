package signaling

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// errOver says that the server has ended.
var errOver = errors.New("the server is stopping")

// sockets are where PBXs reach us.
type sockets struct {
	udp net.PacketConn
	tcp net.Listener
	tls net.Listener   // nil: none
	at  netip.AddrPort // of udp and tcp
}

// harbor says how the sockets are served.
type harbor struct {
	mu    sync.Mutex
	serve func(*sockets) // does so, until they close; nil: not yet
	over  bool           // they have closed for good
}

// ports are the sockets; zero ones while there is no PBX that needs them.
func (s *Server) ports() *sockets {
	if at := s.sockets.Load(); at != nil {
		return at
	}
	return &sockets{}
}

// Addr is where the PBX reaches us; invalid while there is none that could.
func (s *Server) Addr() netip.AddrPort { return s.ports().at }

// open opens the sockets, if they are not open and one of the PBXs needs them, and has them served.
func (s *Server) open(list []*pbx, listen, listenTLS string) error {
	h := &s.harbor
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over {
		return errOver
	}
	if s.sockets.Load() != nil || !slices.ContainsFunc(list, func(p *pbx) bool { return !p.web() }) {
		return nil
	}
	at, err := listenSIP(listen)
	if err != nil {
		return err
	}
	if listenTLS != "" && s.deps.TLS != nil {
		if at.tls, err = net.Listen("tcp", listenTLS); err != nil {
			return errors.Join(fmt.Errorf("open %w %s: %w", ErrTLSPort, listenTLS, err), at.close())
		}
	}
	if h.serve != nil {
		h.serve(at)
	}
	s.sockets.Store(at)
	return nil
}

// listenSIP opens one port for UDP and TCP alike.
func listenSIP(listen string) (*sockets, error) {
	for try := 0; ; try++ {
		tcp, err := net.Listen("tcp", listen)
		if err != nil {
			return nil, fmt.Errorf("open SIP port %s (TCP): %w", listen, err)
		}
		udp, err := net.ListenPacket("udp", tcp.Addr().String())
		if err == nil {
			return &sockets{udp: udp, tcp: tcp, at: tcp.Addr().(*net.TCPAddr).AddrPort()}, nil
		}
		tcp.Close()
		if _, port, _ := net.SplitHostPort(listen); port != "0" || try == 20 {
			return nil, fmt.Errorf("open SIP port %s (UDP): %w", listen, err)
		}
	}
}

func (at *sockets) close() error {
	if at.udp == nil {
		return nil
	}
	err := errors.Join(at.udp.Close(), at.tcp.Close())
	if at.tls != nil {
		err = errors.Join(err, at.tls.Close())
	}
	return err
}

// servePorts has serve take care of the sockets that are open and of those to come.
func (s *Server) servePorts(serve func(*sockets)) {
	h := &s.harbor
	h.mu.Lock()
	defer h.mu.Unlock()
	h.serve = serve
	if at := s.sockets.Load(); at != nil {
		serve(at)
	}
}

// closeSockets closes the sockets; no others will be opened.
func (s *Server) closeSockets() error {
	h := &s.harbor
	h.mu.Lock()
	defer h.mu.Unlock()
	h.over = true
	return s.ports().close()
}

// awaitUDP waits until sipgo sends from our UDP socket; before that it would open another.
func (s *Server) awaitUDP(ctx context.Context, udp net.PacketConn) {
	for ctx.Err() == nil {
		if c, err := s.ua.TransportLayer().GetConnection("udp", udp.LocalAddr().String()); err == nil {
			_, _ = c.TryClose() // a listener stays open
			return
		}
		time.Sleep(time.Millisecond)
	}
}
