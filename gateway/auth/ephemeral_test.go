package auth

import (
	"crypto"
	"errors"
	"strings"
	"testing"
	"time"
)

const secret = "north-by-northwest"

var expiry = time.Unix(1893456000, 0) // 2030

func ephemeral(hash crypto.Hash, secrets ...string) Ephemeral {
	e := Config{Secrets: secrets}.Ephemeral(nil)
	e.Hash = hash
	return e
}

// The passwords were made by: printf %s 1893456000:alice | openssl dgst -sha1 -hmac north-by-northwest -binary | base64
func TestEphemeralVectors(t *testing.T) {
	for _, tt := range []struct {
		hash     crypto.Hash
		password string
	}{
		{0, "SVoObAoy/L+sMAGx0ipY+7sIV4Q="},
		{crypto.SHA1, "SVoObAoy/L+sMAGx0ipY+7sIV4Q="},
		{crypto.SHA256, "gS/opRqpg7JONC5ZMTMEiTbkIjA1DYPn+0rxv2947qs="},
		{crypto.SHA384, "V7VWC84RTndpKCuquWhCMQj2NEkRzJHxXrVzGoxIFStHftctc/KYUT0bZqfYb2gy"},
		{crypto.SHA512, "Mb5KEDdaXlKdqwiXxZGROpP1/3IfQwfkpoxrEYD4aUwVNagy2RsKlEuyWs59WOsHbuPYm6ownWj2VdigIHAGNQ=="},
	} {
		e := ephemeral(tt.hash, secret)
		username, password := e.Sign("alice", expiry)
		if username != "1893456000:alice" || password != tt.password {
			t.Errorf("%v: Sign = %q, %q, want password %q", tt.hash, username, password, tt.password)
		}
		if user, until, err := e.Check(username, password, expiry.Add(-1)); user != "alice" || !until.Equal(expiry) || err != nil {
			t.Errorf("%v: Check = %q, %v, %v", tt.hash, user, until, err)
		}
	}
}

func TestEphemeralCheck(t *testing.T) {
	const username, password = "1893456000:alice", "SVoObAoy/L+sMAGx0ipY+7sIV4Q="
	one := ephemeral(crypto.SHA1, secret)
	for _, tt := range []struct {
		what               string
		e                  Ephemeral
		username, password string
		now                time.Time
		err                error
	}{
		{"right", one, username, password, expiry.Add(-time.Second), nil},
		{"older secret", ephemeral(crypto.SHA1, "another secret, newer", secret), username, password, time.Time{}, nil},
		{"at the end", one, username, password, expiry, ErrExpired},
		{"wrong and late", one, username, "wrong", expiry, ErrWrongPassword},
		{"another hash", ephemeral(crypto.SHA256, secret), username, password, time.Time{}, ErrWrongPassword},
		{"another secret", ephemeral(crypto.SHA1, "another secret"), username, password, time.Time{}, ErrWrongPassword},
		{"no secret", Ephemeral{}, username, password, time.Time{}, ErrWrongPassword},
		{"no secret, no password", Ephemeral{}, username, "", time.Time{}, ErrWrongPassword},
		// base64(HMAC-SHA1("", username)), which anyone can make
		{"empty secret", Ephemeral{Secrets: [][]byte{nil}}, username, "E57OIer8rmG13mRI8kBB7jiwJgw=", time.Time{}, ErrWrongPassword},
		{"without padding", one, username, strings.TrimRight(password, "="), time.Time{}, ErrWrongPassword},
		{"another user", one, "1893456000:bob", password, time.Time{}, ErrWrongPassword},
		{"later", one, "1893456001:alice", password, time.Time{}, ErrWrongPassword},
		{"no user", one, "1893456000:", password, time.Time{}, ErrMalformed},
		{"no colon", one, "1893456000", password, time.Time{}, ErrMalformed},
		{"no expiry", one, ":alice", password, time.Time{}, ErrMalformed},
		{"sign", one, "+1893456000:alice", password, time.Time{}, ErrMalformed},
		{"before 1970", one, "-1:alice", password, time.Time{}, ErrMalformed},
		{"for ever", one, "9999999999999:alice", password, time.Time{}, ErrMalformed},
		{"built-in callee", one, "1893456000:echo", password, time.Time{}, ErrMalformed},
		{"two colons", one, "1893456000:alice:x", password, time.Time{}, ErrMalformed},
	} {
		t.Run(tt.what, func(t *testing.T) {
			user, until, err := tt.e.Check(tt.username, tt.password, tt.now)
			if !errors.Is(err, tt.err) {
				t.Fatalf("Check = %v, want %v", err, tt.err)
			}
			if ok := user == "alice" && until.Equal(expiry); ok != (err == nil) {
				t.Errorf("Check = %q, %v, %v", user, until, err)
			}
		})
	}
	if _, password := (Ephemeral{}).Sign("alice", expiry); password != "" {
		t.Errorf("without a secret Sign gave the password %q", password)
	}
}

// What is accepted was signed by one of the secrets and has not ended.
func FuzzEphemeral(f *testing.F) {
	f.Add("1893456000:alice", "SVoObAoy/L+sMAGx0ipY+7sIV4Q=", int64(1893455999))
	f.Add("1893456000:alice", "SVoObAoy/L+sMAGx0ipY+7sIV4Q=", int64(1893456000))
	f.Add("01893456000:alice", "", int64(0))
	f.Add("00:a", "", int64(-5))
	f.Add("1:a:b", "=", int64(-1))
	e := ephemeral(crypto.SHA1, "another secret, newer", secret)
	f.Fuzz(func(t *testing.T, username, password string, now int64) {
		passwords := append(e.Password(username), password)
		for i, p := range passwords {
			user, until, err := e.Check(username, p, time.Unix(now, 0))
			if errors.Is(err, ErrWrongPassword) != (p != passwords[0] && p != passwords[1]) && !errors.Is(err, ErrMalformed) {
				t.Fatalf("Check(%q, %q) = %v at password %d", username, p, err, i)
			}
			if err != nil {
				continue
			}
			if until.Unix() <= now {
				t.Fatalf("accepted at %d, expires %v", now, until)
			}
			if again, _ := e.Sign(user, until); !strings.HasSuffix(username, again) || strings.Trim(strings.TrimSuffix(username, again), "0") != "" {
				t.Fatalf("accepted %q, which Sign writes as %q", username, again)
			}
		}
	})
}
