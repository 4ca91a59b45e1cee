package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Sessions signs the page's cookie: "<expiry in Unix seconds>:<user>:<base64url(HMAC-SHA256)>".
// The HMAC covers the account's password hash too, so a changed password ends its sessions.
type Sessions struct{ Secret []byte }

// SignSession makes the value of a cookie that is good before expiry.
func (s Sessions) SignSession(u User, expiry time.Time) string {
	seconds := strconv.FormatInt(expiry.Unix(), 10)
	return seconds + ":" + u.Name + ":" + s.mac(seconds, u)
}

// CheckSession gives the user of a cookie and when it ends. The error is ErrMalformed,
// ErrWrongPassword for a value that was not signed here or whose password has changed, ErrExpired,
// ErrMustChange when the account has got a one-time password since, or that of users.
func (s Sessions) CheckSession(ctx context.Context, value string, users Users, now time.Time) (User, time.Time, error) {
	i := strings.LastIndexByte(value, ':')
	name, expiry, err := splitUsername(value[:max(i, 0)])
	if err != nil {
		return User{}, time.Time{}, fmt.Errorf("read session: %w", ErrMalformed)
	}
	seconds, _, _ := strings.Cut(value, ":")
	u, err := lookUp(ctx, users, name)
	if err != nil {
		return User{}, time.Time{}, err
	}
	right := equal(s.mac(seconds, u), value[i+1:])
	switch {
	case !right, len(s.Secret) == 0, u.SHA256 == "", u.SHA256 == noHash:
		return User{}, time.Time{}, ErrWrongPassword
	case !now.Before(expiry):
		return User{}, time.Time{}, ErrExpired
	case u.MustChange:
		return User{}, time.Time{}, ErrMustChange
	}
	return u, expiry, nil
}

// mac signs with NUL between the parts, which none of them contains.
func (s Sessions) mac(seconds string, u User) string {
	mac := hmac.New(sha256.New, s.Secret)
	fmt.Fprintf(mac, "cordboard session\x00%s\x00%s\x00%s", seconds, u.Name, u.SHA256)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
