package auth

import (
	"crypto"
	"crypto/hmac"
	_ "crypto/sha1" // so that crypto.SHA1 is available
	_ "crypto/sha256"
	_ "crypto/sha512"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Ephemeral signs and checks time-limited credentials. The username is
// "<expiry in Unix seconds>:<user>", the password base64(HMAC(secret, username)); both as in
// draft-uberti-behave-turn-rest-00 §2.2 and Kamailio's auth_ephemeral, so existing generators work.
type Ephemeral struct {
	Secrets [][]byte    // the first signs, all verify
	Hash    crypto.Hash // SHA1 (the default), SHA256, SHA384 or SHA512
}

// Sign makes a credential for user that is good before expiry. Without a secret the
// password is empty, which no check accepts.
func (e Ephemeral) Sign(user string, expiry time.Time) (username, password string) {
	username = strconv.FormatInt(expiry.Unix(), 10) + ":" + user
	if passwords := e.Password(username); len(passwords) > 0 {
		password = passwords[0]
	}
	return username, password
}

// Check verifies a credential. The error is ErrMalformed, ErrWrongPassword or, when the
// password was right, ErrExpired.
func (e Ephemeral) Check(username, password string, now time.Time) (user string, expiry time.Time, err error) {
	if user, expiry, err = splitUsername(username); err != nil {
		return "", time.Time{}, err
	}
	right := false
	for _, want := range e.Password(username) {
		right = equal(want, password) || right
	}
	switch {
	case !right:
		return "", time.Time{}, ErrWrongPassword
	case !now.Before(expiry):
		return "", time.Time{}, ErrExpired
	}
	return user, expiry, nil
}

// Password gives the password of an ephemeral username by each secret, that of the signing one first.
func (e Ephemeral) Password(username string) []string {
	hash := e.Hash
	if hash == 0 {
		hash = crypto.SHA1
	}
	passwords := make([]string, 0, len(e.Secrets))
	for _, secret := range e.Secrets {
		if len(secret) == 0 { // anyone could sign with it
			continue
		}
		mac := hmac.New(hash.New, secret)
		mac.Write([]byte(username))
		passwords = append(passwords, base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return passwords
}

// splitUsername takes an ephemeral username apart: at most 12 digits, a colon, the name of a user.
func splitUsername(username string) (user string, expiry time.Time, err error) {
	digits, user, _ := strings.Cut(username, ":")
	if digits == "" || len(digits) > 12 || strings.Trim(digits, "0123456789") != "" {
		return "", time.Time{}, fmt.Errorf("read ephemeral username: %w: want <expiry in Unix seconds>:<user>", ErrMalformed)
	}
	if err := ValidateName(user); err != nil {
		return "", time.Time{}, fmt.Errorf("read ephemeral username: %w: %w", ErrMalformed, err)
	}
	seconds, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("read ephemeral username: %w: %w", ErrMalformed, err)
	}
	return user, time.Unix(seconds, 0), nil
}
