package web

import (
	"net/http"
	"time"
)

// Certificate is what browsers are shown, and whom they must trust for it.
type Certificate struct {
	Names       []string   `json:"names"`
	Addresses   []string   `json:"addresses"`
	From        time.Time  `json:"from"`
	Until       time.Time  `json:"until"`
	Fingerprint string     `json:"fingerprint"` // SHA-256 of the certificate, as "AB:CD:…"
	Issuer      string     `json:"issuer"`
	Authority   *Authority `json:"authority"` // null: the certificate comes from files
}

// Authority is the local CA.
type Authority struct {
	Name        string    `json:"name"`
	Until       time.Time `json:"until"`
	Fingerprint string    `json:"fingerprint"` // as devices show it when they are asked to trust it
	PEM         string    `json:"pem"`
}

// certificate tells an administrator of the certificate of the moment.
func (s *Server) certificate(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.admin(r); err != nil {
		return err
	}
	if s.deps.Certificate == nil {
		return errNotFound
	}
	c := s.deps.Certificate()
	c.Names, c.Addresses = notNil(c.Names), notNil(c.Addresses)
	return write(w, http.StatusOK, c)
}
