package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"cordboard/gateway/guard"
)

var errMetrics = &fault{Status: http.StatusForbidden, Code: "forbidden", Message: "Metrics are for the addresses of [metrics] allow, for its token, and for administrators."}

// metrics answers Prometheus: from an address that is allowed, with the bearer token (RFC 6750 §2.1), or for an administrator who is
// signed in. All others are refused.
func (s *Server) metrics(w http.ResponseWriter, r *http.Request) error {
	if s.deps.Metrics == nil {
		return errNotFound
	}
	if !s.mayMeasure(r) {
		return errMetrics
	}
	s.deps.Metrics.ServeHTTP(w, r)
	return nil
}

func (s *Server) mayMeasure(r *http.Request) bool {
	who := s.cfg.client(r)
	// Behind a proxy that is not trusted everybody seems to come from its address.
	direct := s.cfg.trusted(hostAddr(r.RemoteAddr)) || r.Header.Get("X-Forwarded-For") == "" && r.Header.Get("Forwarded") == "" && r.Header.Get("Via") == ""
	if direct && slices.ContainsFunc(s.cfg.MetricsFrom, func(p netip.Prefix) bool { return p.Contains(who.addr) }) {
		return true
	}
	if token, sent := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); sent {
		got, want := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(s.cfg.MetricsToken))
		if s.cfg.MetricsToken != "" && who.private && subtle.ConstantTimeCompare(got[:], want[:]) == 1 {
			return true
		}
		s.deps.Bans.BlameAddress(who.addr, guard.WrongPassword, "wrong token for metrics", s.deps.Now())
		return false
	}
	_, err := s.admin(r)
	return err == nil
}
