package auth

import (
	"crypto"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/icholy/digest"
)

const uri = "sip:office.example"

// authorize answers the challenge for the algorithm as a phone does.
func authorize(t testing.TB, challenges []string, algorithm string, o digest.Options) string {
	t.Helper()
	for _, text := range challenges {
		c, err := digest.ParseChallenge(text)
		if err != nil {
			t.Fatal(err)
		}
		if c.Algorithm != algorithm {
			continue
		}
		if o.GetBody != nil {
			c.QOP = []string{"auth-int"}
		}
		cred, err := digest.Digest(c, o)
		if err != nil {
			t.Fatal(err)
		}
		return cred.String()
	}
	t.Fatalf("no challenge for %s in %q", algorithm, challenges)
	return ""
}

func TestChallenges(t *testing.T) {
	d := NewDigest([]byte(secret))
	now := time.Unix(1e9, 0)
	for _, stale := range []bool{false, true} {
		var algorithms []string
		for _, text := range d.Challenges(now, stale) {
			c, err := digest.ParseChallenge(text)
			if err != nil {
				t.Fatal(err)
			}
			if c.Realm != Realm || len(c.QOP) != 1 || c.QOP[0] != "auth" || c.Nonce == "" || c.Stale != stale {
				t.Errorf("challenge %s", text)
			}
			algorithms = append(algorithms, c.Algorithm)
		}
		if strings.Join(algorithms, " ") != "SHA-256 MD5" {
			t.Errorf("algorithms %q, want SHA-256 first, then MD5", algorithms)
		}
	}
	if first, second := d.Challenges(now, false), d.Challenges(now, false); first[0] == second[0] {
		t.Error("the same nonce twice")
	}
}

func TestDigest(t *testing.T) {
	now := time.Unix(1e9, 0)
	eph := ephemeral(crypto.SHA1, "another secret, newer", secret)
	username, signed := ephemeral(crypto.SHA1, secret).Sign("visitor", now.Add(time.Minute))
	lateName, late := eph.Sign("visitor", now)
	echo, echoPassword := eph.Sign("echo", now.Add(time.Minute))
	bob := alice(t)
	bob.Name, bob.MustChange = "bob", true
	bob.MD5, bob.SHA256 = ha1(algMD5, "bob", right), ha1(algSHA256, "bob", right)
	users := Static([]User{alice(t), bob, {Name: "none"}})
	for _, tt := range []struct {
		what, username, password string
		users                    Users
		id                       Identity
		err                      error
	}{
		{"right", "alice", right, users, Identity{User: "alice"}, nil},
		{"wrong", "alice", "wrong horse", users, Identity{}, ErrWrongPassword},
		{"unknown", "carol", right, users, Identity{}, ErrWrongPassword},
		{"without password", "none", "", users, Identity{}, ErrWrongPassword},
		{"upper case", "Alice", right, users, Identity{}, ErrWrongPassword},
		{"one-time", "bob", right, users, Identity{}, ErrMustChange},
		{"one-time, wrong", "bob", "wrong horse", users, Identity{}, ErrWrongPassword},
		{"ephemeral", username, signed, users, Identity{User: "visitor", Expiry: now.Add(time.Minute)}, nil},
		{"ephemeral, wrong", username, right, users, Identity{}, ErrWrongPassword},
		{"ephemeral, late", lateName, late, users, Identity{}, ErrExpired},
		{"ephemeral, late and wrong", lateName, signed, users, Identity{}, ErrWrongPassword},
		{"ephemeral, built-in", echo, echoPassword, users, Identity{}, ErrMalformed},
		{"ephemeral, malformed", "x:alice", right, users, Identity{}, ErrMalformed},
		{"broken accounts", "alice", right, broken{}, Identity{}, errBroken},
	} {
		for _, algorithm := range []string{"MD5", "SHA-256"} {
			t.Run(tt.what+" "+algorithm, func(t *testing.T) {
				d := NewDigest([]byte(secret))
				h := authorize(t, d.Challenges(now, false), algorithm, digest.Options{Method: "REGISTER", URI: uri, Username: tt.username, Password: tt.password})
				id, err := d.Check(t.Context(), h, "REGISTER", uri, nil, tt.users, eph, now)
				if !id.Expiry.Equal(tt.id.Expiry) || id.User != tt.id.User || !errors.Is(err, tt.err) {
					t.Errorf("Check(%s) = %+v, %v, want %+v, %v", h, id, err, tt.id, tt.err)
				}
			})
		}
	}
}

// Any change of a right header, and any other request, is refused.
func TestDigestChanged(t *testing.T) {
	users := Static([]User{alice(t), {Name: "alicf", MD5: ha1(algMD5, "alicf", right), SHA256: ha1(algSHA256, "alicf", right)}})
	now := time.Unix(1e9, 0)
	d := NewDigest([]byte(secret))
	other := NewDigest([]byte(secret))
	options := digest.Options{Method: "REGISTER", URI: uri, Username: "alice", Password: right, Count: 7, Cnonce: "0a4f113b"}
	h := authorize(t, d.Challenges(now, false), "SHA-256", options)
	nonce := h[strings.Index(h, `nonce="`)+7:][:48]
	replace := func(old, new string) string {
		if !strings.Contains(h, old) {
			t.Fatalf("no %s in %s", old, h)
		}
		return strings.Replace(h, old, new, 1)
	}
	for _, tt := range []struct {
		what, header, method, uri string
		err                       error
	}{
		{"nothing", "", "REGISTER", uri, ErrNoCredentials},
		{"spaces", "  ", "REGISTER", uri, ErrNoCredentials},
		{"basic", "Basic YWxpY2U6eA==", "REGISTER", uri, ErrNoCredentials},
		{"only the scheme", "Digest", "REGISTER", uri, ErrMalformed},
		{"method", h, "INVITE", uri, ErrWrongPassword},
		{"request-URI", h, "REGISTER", "sip:other.example", ErrMalformed},
		{"uri", replace(uri, uri+"x"), "REGISTER", uri + "x", ErrWrongPassword},
		{"username", replace("alice", "alicf"), "REGISTER", uri, ErrWrongPassword},
		{"realm", replace(`"cordboard"`, `"Cordboard"`), "REGISTER", uri, ErrNoCredentials},
		{"nonce", replace(nonce, nonce[:47]+"_"), "REGISTER", uri, ErrWrongPassword},
		{"cnonce", replace("0a4f113b", "0a4f113c"), "REGISTER", uri, ErrWrongPassword},
		{"nc", replace("nc=00000007", "nc=00000008"), "REGISTER", uri, ErrWrongPassword},
		{"nc zero", replace("nc=00000007", "nc=00000000"), "REGISTER", uri, ErrMalformed},
		{"nc short", replace("nc=00000007", "nc=7"), "REGISTER", uri, ErrMalformed},
		{"nc sign", replace("nc=00000007", "nc=+0000007"), "REGISTER", uri, ErrMalformed},
		{"algorithm", replace("algorithm=SHA-256", "algorithm=MD5"), "REGISTER", uri, ErrWrongPassword},
		{"no algorithm", replace(", algorithm=SHA-256", ""), "REGISTER", uri, ErrWrongPassword},
		{"session algorithm", replace("SHA-256", "SHA-256-sess"), "REGISTER", uri, ErrMalformed},
		{"qop", replace("qop=auth", "qop=auth-int"), "REGISTER", uri, ErrWrongPassword},
		{"unknown qop", replace("qop=auth", "qop=authentic"), "REGISTER", uri, ErrMalformed},
		{"no qop", replace(", qop=auth", ""), "REGISTER", uri, ErrMalformed},
		{"no nc", replace(", nc=00000007", ""), "REGISTER", uri, ErrMalformed},
		{"empty response", h[:strings.Index(h, `response="`)] + `response=""`, "REGISTER", uri, ErrMalformed},
		{"hashed user name", h + ", userhash=true", "REGISTER", uri, ErrMalformed},
		{"username twice", h + `, Username="alice"`, "REGISTER", uri, ErrMalformed},
		{"unknown twice", h + `, x=1, X=2`, "REGISTER", uri, ErrMalformed},
		{"comma at the end", h + ",", "REGISTER", uri, ErrMalformed},
		{"no comma", replace(", nc=", " nc="), "REGISTER", uri, ErrMalformed},
		{"open quotation", h + `, x="`, "REGISTER", uri, ErrMalformed},
		{"open escape", h + `, x="\`, "REGISTER", uri, ErrMalformed},
		{"control character", h + ", x=\"\x01\"", "REGISTER", uri, ErrMalformed},
		{"line end", h + ", x=\"\\\r\"", "REGISTER", uri, ErrMalformed},
		{"no value", h + ", x=", "REGISTER", uri, ErrMalformed},
		{"no name", h + ", =x", "REGISTER", uri, ErrMalformed},
		{"huge", h + `, x="` + strings.Repeat("x", maxAuthorization) + `"`, "REGISTER", uri, ErrMalformed},
		{"nonce of another run", authorize(t, other.Challenges(now, false), "MD5", options), "REGISTER", uri, ErrStale},
		{"unchanged", h, "REGISTER", uri, nil},
		{"again", h, "REGISTER", uri, ErrStale},
		{"other ways to write it", strings.ReplaceAll(strings.ToLower(h[:6])+authorize(t, d.Challenges(now, false), "MD5", options)[6:], ", ", " ,\t") + `, userhash=false, x="\"\\,"`, "REGISTER", uri, nil},
	} {
		t.Run(tt.what, func(t *testing.T) {
			if _, err := d.Check(t.Context(), tt.header, tt.method, tt.uri, nil, users, Ephemeral{}, now); !errors.Is(err, tt.err) {
				t.Errorf("Check(%s) = %v, want %v", tt.header, err, tt.err)
			}
		})
	}
}

func TestDigestBody(t *testing.T) {
	now := time.Unix(1e9, 0)
	d := NewDigest([]byte(secret))
	h := authorize(t, d.Challenges(now, false), "SHA-256", digest.Options{Method: "MESSAGE", URI: uri, Username: "alice", Password: right,
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("hello")), nil }})
	for _, tt := range []struct {
		body string
		err  error
	}{{"goodbye", ErrWrongPassword}, {"hello", nil}} {
		if _, err := d.Check(t.Context(), h, "MESSAGE", uri, []byte(tt.body), Static([]User{alice(t)}), Ephemeral{}, now); !errors.Is(err, tt.err) {
			t.Errorf("Check with body %q = %v, want %v", tt.body, err, tt.err)
		}
	}
}

// A header made by a client is accepted just when its password was right; and after one
// byte was changed only if it still says the same.
func FuzzDigest(f *testing.F) {
	f.Add(right, "0a4f113b", "REGISTER", uint16(0), byte(' '), true)
	f.Add("wrong horse", "a:b", "INVITE", uint16(9), byte('"'), false)
	f.Add(right, `a"b\`, "INVITE", uint16(300), byte('\\'), true)
	users := Static([]User{alice(f)})
	now := time.Unix(1e9, 0)
	f.Fuzz(func(t *testing.T, password, cnonce, method string, at uint16, to byte, sha bool) {
		algorithm := map[bool]string{true: "SHA-256", false: "MD5"}[sha]
		d := NewDigest([]byte(secret))
		plain := cnonce != "" && len(cnonce) < 1000 && !strings.ContainsFunc(cnonce, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' })
		h := authorize(t, d.Challenges(now, false), algorithm, digest.Options{Method: method, URI: uri, Username: "alice", Password: password, Cnonce: cnonce})
		said, err := parseAuthorization(h)
		if plain && err != nil {
			t.Fatalf("parse %s: %v", h, err)
		}
		changed := []byte(h)
		changed[int(at)%len(changed)] = to
		if _, err := d.Check(t.Context(), string(changed), method, uri, nil, users, Ephemeral{}, now); err == nil {
			if again, _ := parseAuthorization(string(changed)); password != right || again != said {
				t.Fatalf("accepted\n%s with password %q instead of\n%s", changed, password, h)
			}
			return // its count is used up
		}
		if _, err := d.Check(t.Context(), h, method, uri, nil, users, Ephemeral{}, now); plain && (err == nil) != (password == right) {
			t.Fatalf("Check(%s) with password %q = %v", h, password, err)
		}
	})
}

// What the parser takes says the same when written again.
func FuzzAuthorization(f *testing.F) {
	f.Add(authorize(f, NewDigest(nil).Challenges(expiry, false), "MD5", digest.Options{Method: "REGISTER", URI: uri, Username: "alice", Password: right}))
	f.Add(`Digest username="a\"b", realm=x , nonce="n",uri="u", cnonce=c, nc=0000000A, qop=auth, response="r"`)
	f.Fuzz(func(t *testing.T, header string) {
		a, err := parseAuthorization(header)
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrNoCredentials) {
				t.Fatalf("error %v", err)
			}
			return
		}
		quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
		again, err := parseAuthorization(`Digest username="` + quote.Replace(a.username) + `",realm="` + quote.Replace(a.realm) +
			`",nonce="` + quote.Replace(a.nonce) + `",uri="` + quote.Replace(a.uri) + `",cnonce="` + quote.Replace(a.cnonce) +
			`",response="` + quote.Replace(a.response) + `",nc=` + a.nc + `,qop=` + a.qop + `,algorithm=` + string(a.algorithm))
		if err != nil && len(header) < maxAuthorization/2 || err == nil && again != a {
			t.Fatalf("%q gave %+v, written again %+v, %v", header, a, again, err)
		}
	})
}

func BenchmarkDigest(b *testing.B) {
	users := Static([]User{alice(b)})
	now := time.Unix(1e9, 0)
	d := NewDigest([]byte(secret))
	challenges := d.Challenges(now, false)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		b.StopTimer()
		h := authorize(b, challenges, "SHA-256", digest.Options{Method: "REGISTER", URI: uri, Username: "alice", Password: right, Count: n + 1})
		b.StartTimer()
		if _, err := d.Check(b.Context(), h, "REGISTER", uri, nil, users, Ephemeral{}, now); err != nil {
			b.Fatal(err)
		}
	}
}
