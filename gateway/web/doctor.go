package web

import "net/http"

// Finding is one thing that was looked at for whether Cordboard can work.
type Finding struct {
	What string `json:"what"` // "Certificate", "PBX office, alice"
	Well bool   `json:"well"`
	Text string `json:"text"`         // how it is, one sentence
	Do   string `json:"do,omitempty"` // what to do about it; when it is well what could be done, mostly nothing
}

// doctor looks at all that Cordboard needs, which takes some seconds.
func (s *Server) doctor(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.admin(r); err != nil {
		return err
	}
	if s.deps.Doctor == nil {
		return errNotFound
	}
	return write(w, http.StatusOK, struct {
		Findings []Finding `json:"findings"`
	}{s.deps.Doctor(r.Context())})
}
