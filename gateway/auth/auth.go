// Package auth says who may do what: accounts and their passwords, SIP digest, time-limited
// credentials, the page's sessions and the brake on guessing. It is pure: time, keys and
// accounts are arguments.
package auth

import (
	"errors"
	"time"
)

// Realm is the digest realm of this gateway. It is constant, because password hashes contain
// it: a changed domain or name locks nobody out.
const Realm = "cordboard"

// Why a credential is refused. Of these only ErrExpired, ErrStale and ErrMustChange tell that
// the password was right.
var (
	ErrNoUser        = errors.New("no such user")
	ErrNoCredentials = errors.New("no credentials")
	ErrMalformed     = errors.New("malformed credentials")
	ErrWrongPassword = errors.New("wrong user name or password") // also for an unknown user
	ErrStale         = errors.New("stale nonce")                 // challenge again with stale=true
	ErrExpired       = errors.New("credentials have expired")
	ErrMustChange    = errors.New("one-time password: choose a new one first")
	ErrWeakPassword  = errors.New("weak password")
)

// Identity is who a flow belongs to.
type Identity struct {
	User   string
	Expiry time.Time // zero: does not expire
}
