package signaling

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"cordboard/gateway/auth"
)

// sessionCookie carries the page's session, as package web sets it.
const sessionCookie = "cordboard"

// authenticate makes the check of the credential in a handshake. The first of these that is there counts:
//   - ?username=…&password=…, an ephemeral credential
//   - Authorization: Basic, the same
//   - the page's cookie. Browsers add it to whatever page's request, so it is looked at only when
//     there is an Origin; the door has let in none but our own and the listed ones.
//
// Wrong passwords are braked for the address and the user named. Cookies are not: nobody guesses
// those, and a page with an old one may well try again and again.
func authenticate(ephemeral auth.Ephemeral, sessions auth.Sessions, users auth.Users) func(*http.Request, time.Time) (auth.Identity, error) {
	limit := auth.NewLimiter()
	return func(r *http.Request, now time.Time) (auth.Identity, error) {
		username, password, given := handshakePassword(r)
		if !given {
			return checkCookie(r, sessions, users, now)
		}
		v, _ := r.Context().Value(doorVisitorKey{}).(doorVisitor)
		_, user, _ := strings.Cut(username, ":")
		key := auth.LimitKey(v.client.Addr(), user)
		if wait, ok := limit.Allow(key, now); !ok {
			return auth.Identity{}, &doorRefusal{http.StatusTooManyRequests, "too_many_tries", "Too many wrong passwords. Wait a little before trying again.", wait}
		}
		user, expiry, err := ephemeral.Check(username, password, now)
		switch {
		case err == nil:
			limit.Success(key)
		case !errors.Is(err, auth.ErrExpired): // a right password, and not a guess
			limit.Fail(key, now)
		}
		if err != nil {
			return auth.Identity{}, fmt.Errorf("check handshake: %w", err)
		}
		return auth.Identity{User: user, Expiry: expiry}, nil
	}
}

// handshakePassword finds a user name and password in the query or in Authorization. A Basic user
// name can't contain a colon (RFC 7617 §2) but an ephemeral one does, so its second half is found
// before the password: "<expiry>:<user>:<password>".
func handshakePassword(r *http.Request) (username, password string, given bool) {
	if q := r.URL.Query(); q.Has("username") {
		return q.Get("username"), q.Get("password"), true
	}
	expiry, rest, ok := r.BasicAuth()
	if !ok {
		return "", "", false
	}
	user, password, _ := strings.Cut(rest, ":")
	return expiry + ":" + user, password, true
}

func checkCookie(r *http.Request, sessions auth.Sessions, users auth.Users, now time.Time) (auth.Identity, error) {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil || cookie.Value == "" || r.Header.Get("Origin") == "" {
		return auth.Identity{}, auth.ErrNoCredentials
	}
	u, expiry, err := sessions.CheckSession(r.Context(), cookie.Value, users, now)
	if err != nil {
		return auth.Identity{}, fmt.Errorf("check session cookie: %w", err)
	}
	return auth.Identity{User: u.Name, Expiry: expiry}, nil
}
