package auth

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Digest is the server side of SIP digest (RFC 7616, RFC 8760): MD5 and SHA-256, always with
// qop. It is safe for concurrent use.
type Digest struct{ nonces *nonces }

// NewDigest makes a Digest whose nonces are signed with secret and a random number. So those of an
// earlier run are stale: it is not known any more how often they were used.
func NewDigest(secret []byte) *Digest { return &Digest{nonces: newNonces(secret)} }

// Challenges gives the values of the WWW-Authenticate headers, the strongest first
// (RFC 8760 §2.4); each goes in a header of its own. They cost no memory here.
func (d *Digest) Challenges(now time.Time, stale bool) []string {
	nonce := d.nonces.issue(now)
	challenges := make([]string, 0, 2)
	for _, h := range []hashing{algSHA256, algMD5} {
		c := fmt.Sprintf(`Digest realm="%s", nonce="%s", qop="auth", algorithm=%s`, Realm, nonce, h)
		if stale {
			c += ", stale=true"
		}
		challenges = append(challenges, c)
	}
	return challenges
}

// Check verifies the value of an Authorization header against the request's method,
// Request-URI and body. The username is that of an account, or an ephemeral one. The error is
//   - ErrNoCredentials: none for this realm, so challenge
//   - ErrMalformed: answer with 400
//   - ErrWrongPassword: also for an unknown user and in the same time; count it
//   - ErrStale: the password was right; challenge with stale=true
//   - ErrExpired, ErrMustChange: the password was right
//   - or that of users
func (d *Digest) Check(ctx context.Context, authorization, method, uri string, body []byte, users Users, eph Ephemeral, now time.Time) (Identity, error) {
	a, err := parseAuthorization(authorization)
	switch {
	case err != nil:
		return Identity{}, fmt.Errorf("read Authorization: %w", err)
	case a.realm != Realm:
		return Identity{}, fmt.Errorf("read Authorization: %w for realm %s", ErrNoCredentials, Realm)
	case a.uri != uri:
		return Identity{}, fmt.Errorf("read Authorization: %w: uri is not the Request-URI", ErrMalformed)
	}
	id := Identity{User: a.username}
	mustChange, right := false, false
	if strings.Contains(a.username, ":") {
		if id.User, id.Expiry, err = splitUsername(a.username); err != nil {
			return Identity{}, err
		}
		for _, password := range eph.Password(a.username) {
			right = equal(a.respond(ha1(a.algorithm, a.username, password), method, body), a.response) || right
		}
	} else {
		u, err := lookUp(ctx, users, a.username)
		if err != nil {
			return Identity{}, err
		}
		hash := u.SHA256
		if a.algorithm == algMD5 {
			hash = u.MD5
		}
		right = equal(a.respond(hash, method, body), a.response) && hash != "" && u.SHA256 != noHash
		mustChange = u.MustChange
	}
	switch {
	case !right:
		return Identity{}, ErrWrongPassword
	case !id.Expiry.IsZero() && !now.Before(id.Expiry):
		return Identity{}, ErrExpired
	case !d.nonces.use(a.nonce, a.count, now):
		return Identity{}, ErrStale
	case mustChange:
		return Identity{}, ErrMustChange
	}
	return id, nil
}

// respond gives the response that the owner of the HA1 would have made (RFC 7616 §3.4.1).
func (a authorization) respond(ha1, method string, body []byte) string {
	ha2 := method + ":" + a.uri
	if a.qop == qopAuthInt {
		ha2 += ":" + a.algorithm.sum(string(body))
	}
	return a.algorithm.sum(strings.Join([]string{ha1, a.nonce, a.nc, a.cnonce, a.qop, a.algorithm.sum(ha2)}, ":"))
}

// hashing is a digest algorithm by its name in RFC 7616 §6.1.
type hashing string

const (
	algMD5    hashing = "MD5"
	algSHA256 hashing = "SHA-256"
)

// sum gives the hash of text as lower-case hex.
func (h hashing) sum(text string) string {
	if h == algMD5 {
		s := md5.Sum([]byte(text))
		return hex.EncodeToString(s[:])
	}
	s := sha256.Sum256([]byte(text))
	return hex.EncodeToString(s[:])
}

// ha1 is H(A1) of RFC 7616 §3.4.2.
func ha1(h hashing, username, password string) string {
	return h.sum(username + ":" + Realm + ":" + password)
}
