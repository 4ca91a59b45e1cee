package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"

	"golang.org/x/sync/errgroup"

	"cordboard/gateway/auth"
)

// ownerKey marks the context of a request that came by the control socket. Only control puts it there, and only serveControl has
// control for its handler, so nothing that a request says can claim it.
type ownerKey struct{}

// byOwner reports whether a request came by the control socket: who may open that is the machine's owner, an administrator.
func byOwner(r *http.Request) bool { return r.Context().Value(ownerKey{}) != nil }

// owner is whom a request by the control socket acts for.
func (s *Server) owner(ctx context.Context) (auth.User, error) {
	var u auth.User
	if s.deps.Owner != nil {
		var err error
		if u, err = s.deps.Owner(ctx); err != nil {
			return auth.User{}, err
		}
	}
	u.Admin = true
	return u, nil
}

// control answers what comes by the control socket: the API and nothing else.
func (s *Server) control(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, "/api/") {
		s.fail(w, r, errNotFound)
		return
	}
	s.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), ownerKey{}, true)))
}

// serveControl answers on the control socket until stop is done. A call that ends its command may take as long as it likes, so
// answers have no deadline.
func (s *Server) serveControl(g *errgroup.Group, stop context.Context, on net.Listener) {
	server := &http.Server{
		Handler:           http.HandlerFunc(s.control),
		ReadHeaderTimeout: handshakeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		Protocols:         new(http.Protocols),
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	server.Protocols.SetHTTP1(true)
	server.RegisterOnShutdown(s.streams.end)
	g.Go(func() error {
		if err := server.Serve(on); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve %v: %w", on.Addr(), err)
		}
		return nil
	})
	g.Go(func() error {
		<-stop.Done()
		return shutDown(server, stop)
	})
}

// shutDown lets requests under way finish for a while.
func shutDown(server *http.Server, stop context.Context) error {
	limit, cancel := context.WithTimeout(context.WithoutCancel(stop), stopTimeout)
	defer cancel()
	if err := server.Shutdown(limit); err != nil {
		return server.Close()
	}
	return nil
}
