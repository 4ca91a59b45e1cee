package auth

import (
	"crypto"
	"errors"
	"fmt"
	"time"
)

// Config is the [auth] table of the configuration file.
type Config struct {
	Secrets          []string `toml:"secrets"`           // of ephemeral credentials: the first signs, all verify; at least 16 bytes each; empty: one is made and kept
	Hash             string   `toml:"hash"`              // sha1 | sha256 | sha384 | sha512; empty: sha1
	TTL              Duration `toml:"ttl"`               // lifetime of an ephemeral credential; zero: an hour
	RequireHandshake bool     `toml:"require_handshake"` // no WebSocket without a credential
}

// minSecret is the shortest secret in bytes; HMAC wants about as many random bits as a key has.
const minSecret = 16

// hashes are the functions for ephemeral credentials by their names in the configuration.
var hashes = map[string]crypto.Hash{
	"": crypto.SHA1, "sha1": crypto.SHA1, "sha256": crypto.SHA256, "sha384": crypto.SHA384, "sha512": crypto.SHA512,
}

// Validate names every fault at once, and no secret.
func (c Config) Validate() error {
	var faults []error
	for i, s := range c.Secrets {
		if len(s) < minSecret {
			faults = append(faults, fmt.Errorf("secrets: number %d has %d bytes, want at least %d", i+1, len(s), minSecret))
		}
	}
	if _, known := hashes[c.Hash]; !known {
		faults = append(faults, fmt.Errorf("hash: %q is not one of sha1, sha256, sha384, sha512", c.Hash))
	}
	if c.TTL < 0 {
		faults = append(faults, fmt.Errorf("ttl: %v, want more than 0", time.Duration(c.TTL)))
	}
	return errors.Join(faults...)
}

// Ephemeral gives what signs and checks ephemeral credentials; kept is the secret to use when
// the configuration has none.
func (c Config) Ephemeral(kept []byte) Ephemeral {
	e := Ephemeral{Hash: hashes[c.Hash]}
	for _, s := range c.Secrets {
		e.Secrets = append(e.Secrets, []byte(s))
	}
	if len(e.Secrets) == 0 {
		e.Secrets = [][]byte{kept}
	}
	return e
}

// Lifetime is how long a new ephemeral credential is good.
func (c Config) Lifetime() time.Duration {
	if c.TTL == 0 {
		return time.Hour
	}
	return time.Duration(c.TTL)
}

// Duration is a time.Duration that is written as text, "1h30m". Text for nothing or less is refused.
type Duration time.Duration

// UnmarshalText reads what time.ParseDuration does.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("read duration: %q is not like \"1h\" or \"90s\"", clip(string(text)))
	}
	if v <= 0 {
		return fmt.Errorf("read duration: %q, want more than 0", clip(string(text)))
	}
	*d = Duration(v)
	return nil
}

// MarshalText writes what UnmarshalText reads.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }
