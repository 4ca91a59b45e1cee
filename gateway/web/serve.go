package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// Limits of a connection. A WebSocket leaves them behind when it is upgraded.
const (
	handshakeTimeout = 10 * time.Second // TLS; then the same again for a request's header
	readTimeout      = 20 * time.Second // a whole request
	writeTimeout     = 2 * time.Minute  // an answer, over the slowest mobile network
	idleTimeout      = time.Minute
	maxHeader        = 16 << 10 // bytes
	stopTimeout      = 2 * time.Second

	// maxWaiting is how many connections of one address may be without a finished request header. A browser
	// opens six at most; a whole office may come from one address.
	maxWaiting = 32
)

// Listeners are the sockets to serve on, at least one; Serve closes them.
type Listeners struct {
	HTTPS net.Listener // nil: none
	TLS   *tls.Config  // of HTTPS
	HTTP  net.Listener // plain, for this machine or a reverse proxy; nil: none
	// Control is a socket that only the machine's owner can open; on it the API takes everybody for the owner. nil: none.
	Control net.Listener
}

// Serve answers until ctx ends, which gives nil, or a listener fails. Requests under way then have 2 s to
// finish; WebSockets are signaling's to close.
func (s *Server) Serve(ctx context.Context, on Listeners) error {
	g, stop := errgroup.WithContext(ctx)
	if on.HTTPS != nil {
		config := on.TLS.Clone()
		config.NextProtos = []string{"http/1.1"} // WebSocket (RFC 6455) wants no other
		if s.deps.Neighbours != nil {
			config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) { return s.deps.Neighbours.Server(hello), nil }
		}
		s.serve(g, stop, &door{Listener: on.HTTPS, tls: config, waiting: newWaiting(s)})
	}
	if on.HTTP != nil {
		s.serve(g, stop, &door{Listener: on.HTTP, waiting: newWaiting(s)})
	}
	if on.Control != nil {
		s.serveControl(g, stop, on.Control)
	}
	return g.Wait()
}

func (s *Server) serve(g *errgroup.Group, stop context.Context, d *door) {
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: handshakeTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		Protocols:         new(http.Protocols),
		ConnState:         passDoor,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug), // others' mistakes only
	}
	server.Protocols.SetHTTP1(true)
	server.TLSNextProto = s.neighbourProtocols()
	server.RegisterOnShutdown(s.streams.end)
	g.Go(func() error {
		if err := server.Serve(d); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve %v: %w", d.Addr(), err)
		}
		return nil
	})
	g.Go(func() error {
		<-stop.Done()
		d.waiting.close()
		return shutDown(server, stop)
	})
}
