package web

import (
	"errors"
	"net/http"
	"time"

	"cordboard/gateway/auth"
	"cordboard/gateway/guard"
)

// maxBanTime is the longest ban that a person may give.
const maxBanTime = 365 * 24 * time.Hour

var (
	errNotAdmin = &fault{Status: http.StatusForbidden, Code: "not_admin", Message: "Only an administrator may do this."}
	errBanned   = &fault{Status: http.StatusForbidden, Code: "banned", Message: "This address has misbehaved and is kept out for a while."}
	errSubject  = &fault{Status: http.StatusBadRequest, Code: "malformed", Message: `A ban is for an IP address, or for "user:" and a name, and lasts from 1 second to a year.`}
	errSpared   = &fault{Status: http.StatusConflict, Code: "never_banned", Message: "This address is never banned: it is this machine's, a PBX's, a trusted proxy's, or named by [guard] never_ban."}
	errFree     = &fault{Status: http.StatusNotFound, Code: "not_banned", Message: "This address or user is not banned."}
)

// admin gives the administrator of the request's cookie, else errSignedOut or errNotAdmin.
func (s *Server) admin(r *http.Request) (auth.User, error) {
	u, err := s.signedIn(r)
	if err == nil && !u.Admin {
		return auth.User{}, errNotAdmin
	}
	return u, err
}

// bans lists who is kept out, or adds somebody.
func (s *Server) bans(w http.ResponseWriter, r *http.Request) error {
	u, err := s.admin(r)
	if err != nil {
		return err
	}
	now := s.deps.Now()
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return write(w, http.StatusOK, struct {
			Bans []guard.Ban `json:"bans"`
		}{s.deps.Bans.List(now)})
	case http.MethodPost:
	default:
		return &fault{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed", Message: "This address takes only GET and POST.", allow: "GET, POST"}
	}
	var in struct {
		Address string
		Seconds int64
		Why     string
	}
	if err := read(r, &in); err != nil {
		return err
	}
	subject, err := guard.ParseSubject(in.Address)
	if err != nil || in.Seconds < 1 || in.Seconds > int64(maxBanTime/time.Second) || len(in.Why) > 200 {
		return errSubject
	}
	if in.Why == "" {
		in.Why = "by " + u.Name
	}
	ban, err := s.deps.Bans.Add(subject, in.Why, time.Duration(in.Seconds)*time.Second, now)
	if errors.Is(err, guard.ErrSpared) {
		return errSpared
	}
	if err != nil {
		return err
	}
	return write(w, http.StatusCreated, ban)
}

// unban ends a ban.
func (s *Server) unban(w http.ResponseWriter, r *http.Request) error {
	u, err := s.admin(r)
	if err != nil {
		return err
	}
	subject, err := guard.ParseSubject(r.PathValue("address"))
	if err != nil {
		return errSubject
	}
	if !s.deps.Bans.Remove(subject, s.deps.Now()) {
		return errFree
	}
	s.log.Info("ban lifted", "subject", subject, "by", u.Name)
	w.WriteHeader(http.StatusNoContent)
	return nil
}
