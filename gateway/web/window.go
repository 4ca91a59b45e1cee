package web

import (
	"net/http"
	"strings"
	"unicode"
)

// maxTarget is how long a target may be that a window is given, in bytes.
const maxTarget = 512

// window has the window of this Cordboard come up, and take a number or a name to call: {"show": true, "dial": "201"}. Whether it is called
// at once is the window's setting. It is for the machine's owner, by the control socket, and for administrators.
func (s *Server) window(w http.ResponseWriter, r *http.Request) error {
	u, err := s.admin(r)
	if err != nil {
		return err
	}
	var in struct {
		Show bool
		Dial string
	}
	if err := read(r, &in); err != nil {
		return err
	}
	if len(in.Dial) > maxTarget || strings.ContainsFunc(in.Dial, unicode.IsControl) {
		return &fault{Status: http.StatusBadRequest, Code: "bad_target", Message: "That is no number or name to call."}
	}
	if s.deps.Window == nil {
		message := "This Cordboard runs without a window."
		if in.Dial != "" {
			message += " This calls without one: cordboard call " + in.Dial
		}
		return &fault{Status: http.StatusConflict, Code: "no_window", Message: message}
	}
	s.deps.Window(in.Show, in.Dial)
	s.log.Info("window asked for", "by", u.Name, "show", in.Show, "dial", in.Dial != "")
	return write(w, http.StatusOK, struct {
		Shown bool `json:"shown"`
	}{in.Show || in.Dial != ""})
}
