package web

import (
	"errors"
	"net/http"
	"time"

	"cordboard/gateway/auth"
)

const (
	// cookieName is the page's session; signaling takes the same cookie at /ws.
	cookieName = "cordboard"
	// sessionLife is how long a session lasts after its last use.
	sessionLife = 30 * 24 * time.Hour
)

// Session is the answer of /api/v1/session: all that the page must know before it opens /ws.
type Session struct {
	User      string     `json:"user"`
	Display   string     `json:"display"`
	Extension string     `json:"extension"`
	Domain    string     `json:"domain"`
	Name      string     `json:"name"`
	Version   string     `json:"version"`
	SIP       SIPAccount `json:"sip"`
	PBX       bool       `json:"pbx"`   // numbers can be dialled
	Admin     bool       `json:"admin"` // may do what concerns others
}

// SIPAccount is whom and where to register.
type SIPAccount struct {
	URI string `json:"uri"`
	WS  string `json:"ws"` // path on this origin
}

// session tells who is signed in and renews the cookie.
func (s *Server) session(w http.ResponseWriter, r *http.Request) error {
	u, err := s.signedIn(r)
	if err == errSignedOut {
		s.dropCookie(w, r)
	}
	if err != nil {
		return err
	}
	if !byOwner(r) { // who has rights by the socket, not by a password
		s.setCookie(w, r, u)
	}
	return write(w, http.StatusOK, Session{
		User: u.Name, Display: u.Display, Extension: u.Extension,
		Domain: s.cfg.Domain, Name: *s.name.Load(), Version: s.cfg.Version,
		SIP: SIPAccount{URI: "sip:" + u.Name + "@" + s.cfg.Domain, WS: "/ws"},
		PBX: s.deps.NumbersGoOut != nil && s.deps.NumbersGoOut(), Admin: u.Admin,
	})
}

// status tells how the gateway is doing.
func (s *Server) status(w http.ResponseWriter, r *http.Request) error {
	u, err := s.signedIn(r)
	if err != nil {
		return err
	}
	users, err := s.deps.Users.List(r.Context())
	if err != nil {
		return err
	}
	now := s.deps.Status()
	list := []PBX{}
	for _, p := range now.PBX {
		if sees(u, p.User) {
			list = append(list, p)
		}
	}
	return write(w, http.StatusOK, struct {
		Name    string `json:"name"`
		Version string `json:"version"`
		PBX     []PBX  `json:"pbx"`
		Calls   int    `json:"calls"`
		Users   int    `json:"users"`
	}{*s.name.Load(), s.cfg.Version, list, now.Calls, len(users)})
}

// sees says whether a user may know how another one's registration at a PBX stands; the empty user is the PBX itself.
func sees(u auth.User, other string) bool { return other == "" || other == u.Name || u.Admin }

// signedIn gives the user of the request's cookie, by the control socket the machine's owner, or errSignedOut.
func (s *Server) signedIn(r *http.Request) (auth.User, error) {
	if byOwner(r) {
		return s.owner(r.Context())
	}
	cookie, err := r.Cookie(cookieName)
	if err != nil {
		return auth.User{}, errSignedOut
	}
	u, _, err := s.deps.Sessions.CheckSession(r.Context(), cookie.Value, s.deps.Users, s.deps.Now())
	for _, refusal := range []error{auth.ErrMalformed, auth.ErrWrongPassword, auth.ErrExpired, auth.ErrMustChange} {
		if errors.Is(err, refusal) {
			return auth.User{}, errSignedOut
		}
	}
	return u, err
}

func (s *Server) setCookie(w http.ResponseWriter, r *http.Request, u auth.User) {
	expiry := s.deps.Now().Add(sessionLife)
	http.SetCookie(w, s.cookie(r, s.deps.Sessions.SignSession(u, expiry), int(sessionLife/time.Second)))
}

func (s *Server) clearCookie(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, s.cookie(r, "", -1))
}

// dropCookie takes away a cookie that is good for nothing any more.
func (s *Server) dropCookie(w http.ResponseWriter, r *http.Request) {
	if _, err := r.Cookie(cookieName); err == nil {
		s.clearCookie(w, r)
	}
}

// cookie is out of reach of scripts and of other sites. Only on plain HTTP of this very machine, where some
// browsers would not keep it, it is not Secure.
func (s *Server) cookie(r *http.Request, value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: cookieName, Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: s.cfg.client(r).scheme == "https",
	}
}
