package web

import (
	"errors"
	"math"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"cordboard/gateway/auth"
	"cordboard/gateway/guard"
)

// Faults of signing in.
var (
	errWrongPassword  = &fault{Status: http.StatusUnauthorized, Code: "wrong_password", Message: "The user name or the password is wrong. Try again."}
	errChoosePassword = &fault{Status: http.StatusForbidden, Code: "choose_password", Message: "This password was for the first time only. Choose your own."}
	errWeakPassword   = &fault{Status: http.StatusBadRequest, Code: "weak_password", Message: "This password is too easy. Choose another with at least 8 characters."}
	errInConfig       = &fault{Status: http.StatusConflict, Code: "password_in_config", Message: "This password can't be changed here: it stands in Cordboard's configuration file."}
)

// login signs in with a password.
func (s *Server) login(w http.ResponseWriter, r *http.Request) error {
	var in struct{ User, Password string }
	if err := read(r, &in); err != nil {
		return err
	}
	u, err := s.check(r, in.User, in.Password)
	if err != nil {
		return err
	}
	s.setCookie(w, r, u)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// password chooses a new password, which ends all other sessions of the user, and signs in with it.
func (s *Server) password(w http.ResponseWriter, r *http.Request) error {
	var in struct{ User, Password, New string }
	if err := read(r, &in); err != nil {
		return err
	}
	u, err := s.check(r, in.User, in.Password)
	if err != nil && err != errChoosePassword {
		return err
	}
	if in.New == in.Password {
		return errWeakPassword
	}
	switch err := s.deps.Passwords.SetPassword(r.Context(), u.Name, in.New); {
	case errors.Is(err, ErrPasswordInConfig):
		return errInConfig
	case errors.Is(err, auth.ErrWeakPassword):
		return errWeakPassword
	case errors.Is(err, auth.ErrNoUser): // removed at this moment
		return errWrongPassword
	case err != nil:
		return err
	}
	if u, err = auth.Login(r.Context(), s.deps.Users, u.Name, in.New); err != nil {
		return err
	}
	s.log.Info("password changed", "user", u.Name, "address", s.cfg.client(r).addr)
	s.setCookie(w, r, u)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// logout takes the cookie away, whether it was good or not.
func (s *Server) logout(w http.ResponseWriter, r *http.Request) error {
	s.clearCookie(w, r)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// brake slows down guessing: by address and user name, so that nobody elsewhere locks a user out, and by name alone, against
// many machines that try one. One machine that tries many names gets banned.
type brake struct {
	mu           sync.Mutex // one try at a time, so that many at once can't outrun the limiters
	pairs, names *auth.Limiter
}

func newBrake() *brake {
	b := &brake{pairs: auth.NewLimiter(), names: auth.NewLimiter()}
	b.names.Free = 100
	return b
}

// limit is a limiter with the key that a try has in it.
type limit struct {
	*auth.Limiter
	key string
}

func (b *brake) limits(addr netip.Addr, name string) [2]limit {
	name = strings.ToLower(strings.TrimSpace(name))
	return [2]limit{
		{b.pairs, auth.LimitKey(addr, name)},
		{b.names, auth.LimitKey(netip.Addr{}, name)},
	}
}

// check tells whose password this is. errChoosePassword comes with the user.
func (s *Server) check(r *http.Request, name, password string) (auth.User, error) {
	addr, now := s.cfg.client(r).addr, s.deps.Now()
	s.brake.mu.Lock()
	defer s.brake.mu.Unlock()
	limits := s.brake.limits(addr, name)
	for _, l := range limits {
		if wait, ok := l.Allow(l.key, now); !ok {
			return auth.User{}, tooManyTries(wait)
		}
	}
	u, err := auth.Login(r.Context(), s.deps.Users, name, password)
	switch {
	case errors.Is(err, auth.ErrWrongPassword):
		for _, l := range limits {
			l.Fail(l.key, now)
		}
		s.deps.Bans.BlameAddress(addr, guard.WrongPassword, "wrong passwords", now)
		s.log.Warn("sign-in refused", "address", addr)
		return auth.User{}, errWrongPassword
	case err != nil && !errors.Is(err, auth.ErrMustChange):
		return auth.User{}, err
	}
	for _, l := range limits {
		l.Success(l.key)
	}
	if err != nil {
		return u, errChoosePassword
	}
	return u, nil
}

func tooManyTries(wait time.Duration) error {
	return &fault{Status: http.StatusTooManyRequests, Code: "too_many_tries",
		Message:    "There were too many tries with a wrong password. Wait a little, then try again.",
		RetryAfter: max(1, int(math.Ceil(wait.Seconds())))}
}
