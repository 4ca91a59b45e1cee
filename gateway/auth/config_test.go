package auth

import (
	"crypto"
	"strings"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"
)

func TestConfig(t *testing.T) {
	for _, tt := range []struct {
		what, text string
		faults     []string // in the error; none: valid
		ttl        time.Duration
		hash       crypto.Hash
		secrets    int
	}{
		{"empty", "", nil, time.Hour, crypto.SHA1, 1},
		{"full", "secrets = ['0123456789abcdef', 'fedcba9876543210']\nhash = 'sha512'\nttl = '90s'\nrequire_handshake = true", nil, 90 * time.Second, crypto.SHA512, 2},
		{"sha256", "hash = 'sha256'", nil, time.Hour, crypto.SHA256, 1},
		{"all wrong", "secrets = ['0123456789abcdef', 'short-one']\nhash = 'md5'", []string{"secrets: number 2 has 9 bytes", `hash: "md5" is not`}, 0, 0, 0},
		{"no time at all", "ttl = '0s'", []string{"more than 0"}, 0, 0, 0},
		{"negative", "ttl = '-1h'", []string{"more than 0"}, 0, 0, 0},
		{"no duration", "ttl = 'soon'", []string{`"soon" is not like`}, 0, 0, 0},
		{"no unit", "ttl = '60'", []string{`"60" is not like`}, 0, 0, 0},
	} {
		t.Run(tt.what, func(t *testing.T) {
			var c Config
			err := toml.Unmarshal([]byte(tt.text), &c)
			if err == nil {
				err = c.Validate()
			}
			if len(tt.faults) == 0 {
				if err != nil {
					t.Fatal(err)
				}
				e := c.Ephemeral([]byte("kept secret of 32 random bytes.."))
				if c.Lifetime() != tt.ttl || e.Hash != tt.hash || len(e.Secrets) != tt.secrets {
					t.Errorf("%+v: lifetime %v, ephemeral %+v", c, c.Lifetime(), e)
				}
				return
			}
			for _, fault := range tt.faults {
				if err == nil || !strings.Contains(err.Error(), fault) {
					t.Errorf("error %v, want one with %q", err, fault)
				}
			}
			if err != nil && strings.Contains(err.Error(), "short-one") {
				t.Errorf("error %v tells a secret", err)
			}
		})
	}
	if err := (Config{TTL: -1}).Validate(); err == nil {
		t.Error("a negative lifetime is valid")
	}
	out, err := toml.Marshal(Config{TTL: Duration(90 * time.Minute)})
	if err != nil || !strings.Contains(string(out), "ttl = '1h30m0s'") {
		t.Errorf("Marshal = %s, %v", out, err)
	}
}
