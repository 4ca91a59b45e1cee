package web

import "net/http"

// Neighbour is another Cordboard nearby. What it says of itself is proven only when it is paired.
type Neighbour struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Host        string   `json:"host"`
	Addresses   []string `json:"addresses"` // the best first
	HTTPS       uint16   `json:"https"`     // port
	Version     string   `json:"version"`
	Fingerprint string   `json:"fingerprint"` // SHA-256 of its certificate
	Paired      bool     `json:"paired"`
	Presence    string   `json:"presence,omitempty"` // of those that are paired
	Seen        int64    `json:"seen"`               // when it was heard of last, in Unix milliseconds
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

// neighbours lists the Cordboards nearby.
func (s *Server) neighbours(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.signedIn(r); err != nil {
		return err
	}
	var list []Neighbour
	if s.deps.Neighbours != nil {
		list = s.deps.Neighbours()
	}
	return write(w, http.StatusOK, struct {
		Neighbours []Neighbour `json:"neighbours"`
	}{notNil(list)})
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
