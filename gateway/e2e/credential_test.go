//go:build e2e

package e2e

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net/url"
	"time"
)

// secret signs the ephemeral credentials of these tests.
const secret = "a-secret-of-the-web-site-1234"

// ephemeral is a time-limited credential as a web site's own server makes it
// (draft-uberti-behave-turn-rest-00 §2.2).
func ephemeral(user string, expiry time.Time) (username, password string) {
	username = fmt.Sprintf("%d:%s", expiry.Unix(), user)
	mac := hmac.New(sha1.New, []byte(secret))
	io.WriteString(mac, username)
	return username, base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// credentialQuery puts an ephemeral credential into the WebSocket's address.
func credentialQuery(user string, expiry time.Time) string {
	username, password := ephemeral(user, expiry)
	return "?" + url.Values{"username": {username}, "password": {password}}.Encode()
}
