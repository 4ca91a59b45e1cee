package web

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"

	"cordboard/gateway/call"
)

// Neighbours are the other Cordboards of the network.
type Neighbours interface {
	// Server gives the TLS settings for a client of the HTTPS port that is another Cordboard; nil: it is none.
	Server(hello *tls.ClientHelloInfo) *tls.Config
	// Protocols are what such clients ask for by ALPN.
	Protocols() []string
	// Take serves such a client until its connection ends.
	Take(conn *tls.Conn)
	// List tells how it stands with each.
	List() []call.NeighbourState
	// Watch gives a tick at each change of that, until ctx ends.
	Watch(ctx context.Context) <-chan struct{}
	// Pair begins to pair with the one of that ID or name, or at that "host:port", and gives the code to compare.
	Pair(ctx context.Context, name string) (call.Pairing, error)
	// Answer says whether the other machine shows that code.
	Answer(name, code string, yes bool) error
	// Forget ends the pairing with the one of that ID, name or address.
	Forget(ctx context.Context, name string) error
}

// Found is a PBX that announces itself.
type Found struct {
	Name      string   `json:"name"`
	Transport string   `json:"transport"` // "udp", "tcp" or "tls"
	Host      string   `json:"host"`
	Port      uint16   `json:"port"`
	Addresses []string `json:"addresses"` // the best first
	URI       string   `json:"uri"`       // for [[pbx]]
}

var errNoNeighbours = &fault{Status: http.StatusNotFound, Code: "no_neighbours", Message: "Neighbours are switched off here: [discovery] enabled is false, or this machine has no identity; the log says more."}

// neighbourProtocols hand connections of other Cordboards away from HTTP.
func (s *Server) neighbourProtocols() map[string]func(*http.Server, *tls.Conn, http.Handler) {
	by := map[string]func(*http.Server, *tls.Conn, http.Handler){}
	if s.deps.Neighbours == nil {
		return by
	}
	for _, proto := range s.deps.Neighbours.Protocols() {
		by[proto] = func(_ *http.Server, conn *tls.Conn, _ http.Handler) {
			passDoor(conn, http.StateActive) // http.Server does not tell of these
			s.deps.Neighbours.Take(conn)
		}
	}
	return by
}

// neighbours lists the paired ones and their people, to administrators the others and what goes on with them too.
func (s *Server) neighbours(w http.ResponseWriter, r *http.Request) error {
	u, err := s.signedIn(r)
	if err != nil {
		return err
	}
	if s.deps.Neighbours == nil {
		return errNoNeighbours
	}
	return write(w, http.StatusOK, struct {
		Neighbours []call.NeighbourState `json:"neighbours"`
	}{s.neighbourList(u.Admin)})
}

func (s *Server) neighbourList(admin bool) []call.NeighbourState {
	list := []call.NeighbourState{}
	for _, n := range s.deps.Neighbours.List() {
		if !admin {
			if !n.Paired {
				continue
			}
			n.Trouble, n.Pairing = "", nil
		}
		list = append(list, n)
	}
	return list
}

// pairNeighbour begins a pairing, or takes what a person says of its code.
func (s *Server) pairNeighbour(w http.ResponseWriter, r *http.Request) error {
	u, err := s.admin(r)
	if err != nil {
		return err
	}
	if s.deps.Neighbours == nil {
		return errNoNeighbours
	}
	var in struct {
		Code string
		Same *bool
	}
	if err := read(r, &in); err != nil {
		return err
	}
	name := r.PathValue("name")
	if in.Same == nil {
		p, err := s.deps.Neighbours.Pair(r.Context(), name)
		if err != nil {
			return refusedNeighbour(err)
		}
		return write(w, http.StatusOK, p)
	}
	if err := s.deps.Neighbours.Answer(name, in.Code, *in.Same); err != nil {
		return refusedNeighbour(err)
	}
	s.log.Info("pairing answered", "neighbour", name, "same", *in.Same, "by", u.Name)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// forgetNeighbour ends a pairing that was made.
func (s *Server) forgetNeighbour(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.admin(r); err != nil {
		return err
	}
	if s.deps.Neighbours == nil {
		return errNoNeighbours
	}
	if err := s.deps.Neighbours.Forget(r.Context(), r.PathValue("name")); err != nil {
		return refusedNeighbour(err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// refusedNeighbour answers with the reason in words.
func refusedNeighbour(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return &fault{Status: http.StatusConflict, Code: "neighbour", Message: err.Error()}
}

// found lists the PBXs nearby, for who may set one up.
func (s *Server) found(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.admin(r); err != nil {
		return err
	}
	var list []Found
	if s.deps.Found != nil {
		list = s.deps.Found()
	}
	return write(w, http.StatusOK, struct {
		PBX []Found `json:"pbx"`
	}{notNil(list)})
}
