package auth

import "crypto/rand"

// unambiguous are letters and digits that are told apart on paper and over the phone.
const unambiguous = "abcdefghjkmnpqrstuvwxyz23456789"

// OneTimePassword makes a password to hand to a new user, as "k3vd-9xqm-t4wz-hc7p": 79 random bits.
func OneTimePassword() string {
	password := make([]byte, 0, 19)
	for len(password) < cap(password) {
		if len(password)%5 == 4 {
			password = append(password, '-')
			continue
		}
		password = append(password, unambiguous[randomIndex()])
	}
	return string(password)
}

// randomIndex gives an index of unambiguous, each equally likely.
func randomIndex() int {
	var b [1]byte
	for {
		rand.Read(b[:]) // never fails
		if n := int(b[0]); n < 256/len(unambiguous)*len(unambiguous) {
			return n % len(unambiguous)
		}
	}
}
