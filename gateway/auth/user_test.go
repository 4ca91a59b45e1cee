package auth

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

const right = "correct horse"

// alice is an account whose password is right.
func alice(t testing.TB) User {
	t.Helper()
	u, err := NewUser("alice", "Alice Doe", "101", right)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestNewUser(t *testing.T) {
	for _, tt := range []struct {
		what, name, display, extension, password string
		fault                                    string // in the error; empty: none
	}{
		{"plain", "alice", "Alice Doe", "101", right, ""},
		{"nothing optional", "a.b_c-1", "", "", right, ""},
		{"joined emoji", "alice", "👩‍💻 Ålice", "", right, ""},
		{"longest", strings.Repeat("a", 64), strings.Repeat("ä", 100), strings.Repeat("1", 20), strings.Repeat("x", 256), ""},
		{"no name", "", "", "", right, "empty"},
		{"upper case", "Alice", "", "", right, "only a-z"},
		{"space", "al ice", "", "", right, "only a-z"},
		{"umlaut", "älice", "", "", right, "only a-z"},
		{"colon", "al:ice", "", "", right, "only a-z"},
		{"digits", "101", "", "", right, "needs a letter"},
		{"dots", "..", "", "", right, "needs a letter"},
		{"name too long", strings.Repeat("a", 65), "", "", right, "at most 64"},
		{"echo", "echo", "", "", right, "built-in"},
		{"tone", "tone", "", "", right, "built-in"},
		{"desk", "desk", "", "", right, "built-in"},
		{"line end in display", "alice", "a\r\nb", "", right, "can't be shown"},
		{"text turned round", "alice", "a\u202eb", "", right, "can't be shown"},
		{"not UTF-8", "alice", "a\xff", "", right, "can't be shown"},
		{"display too long", "alice", strings.Repeat("a", 101), "", right, "at most 100"},
		{"letter in extension", "alice", "", "1a", right, "only digits"},
		{"extension too long", "alice", "", strings.Repeat("1", 21), right, "at most 20"},
		{"short password", "alice", "", "", "1234567", "at least 8"},
		{"eight characters", "alice", "", "", "äöüäöüäö", ""},
		{"huge password", "alice", "", "", strings.Repeat("x", 257), "longer"},
		{"control character", "alice", "", "", "12345678\n", "control"},
		{"password is the name", "alice-doe", "", "", "Alice-Doe", "same as"},
		{"two faults", "Alice", "", "1a", right, "only digits"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			u, err := NewUser(tt.name, tt.display, tt.extension, tt.password)
			if tt.fault != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fault) {
					t.Errorf("NewUser = %v, want an error with %q", err, tt.fault)
				}
				return
			}
			if err != nil {
				t.Fatalf("NewUser: %v", err)
			}
			if !u.CheckPassword(tt.password) || u.CheckPassword(tt.password+"x") || u.CheckPassword("") {
				t.Error("CheckPassword does not tell the right password from others")
			}
		})
	}
}

func TestValidate(t *testing.T) {
	for _, tt := range []struct {
		what   string
		pbx    Credentials
		faults int
	}{
		{"none", Credentials{}, 0},
		{"plain", Credentials{"101", "sécret §"}, 0},
		{"line end", Credentials{"101\r\nX: y", "\x00"}, 2},
		{"not UTF-8", Credentials{"101", "\xff"}, 1},
		{"too long", Credentials{strings.Repeat("1", 257), ""}, 1},
	} {
		u := alice(t)
		u.PBX = tt.pbx
		err := u.Validate()
		if lines := strings.Count(fmt.Sprint(err), "at the PBX"); lines != tt.faults {
			t.Errorf("%s: Validate = %v, want %d faults", tt.what, err, tt.faults)
		}
		if err != nil && tt.pbx.Password != "" && strings.Contains(err.Error(), tt.pbx.Password) {
			t.Errorf("%s: Validate tells the password", tt.what)
		}
	}
}

// The hashes were made by openssl dgst of "alice:cordboard:correct horse".
func TestHashes(t *testing.T) {
	u := alice(t)
	if want := "4236fb688fb1fc59e1015f23578f4728"; u.MD5 != want {
		t.Errorf("MD5 = %s, want %s", u.MD5, want)
	}
	if want := "9c1da381cd1ccc2ea242c45fe103613ace35d8888f5402163bb098ad8a81fc64"; u.SHA256 != want {
		t.Errorf("SHA256 = %s, want %s", u.SHA256, want)
	}
}

func TestWithPassword(t *testing.T) {
	u := alice(t)
	u.MustChange = true
	if _, err := u.WithPassword("short"); !errors.Is(err, ErrWeakPassword) {
		t.Errorf("WithPassword(short) = %v, want ErrWeakPassword", err)
	}
	changed, err := u.WithPassword("another horse")
	if err != nil || changed.MustChange || !changed.CheckPassword("another horse") || changed.CheckPassword(right) {
		t.Errorf("WithPassword = %+v, %v", changed, err)
	}
	if (User{Name: "alice"}).CheckPassword("") {
		t.Error("an account without a password lets in")
	}
}

func TestLogin(t *testing.T) {
	first := alice(t)
	first.MustChange = true
	first.Name = "bob"
	first.SHA256 = ha1(algSHA256, "bob", right)
	users := Static([]User{alice(t), first, {Name: "none"}})
	for _, tt := range []struct {
		what, name, password string
		user                 string
		err                  error
	}{
		{"right", "alice", right, "alice", nil},
		{"capital and space", " Alice ", right, "alice", nil},
		{"wrong", "alice", right + " ", "", ErrWrongPassword},
		{"empty", "alice", "", "", ErrWrongPassword},
		{"unknown", "carol", right, "", ErrWrongPassword},
		{"no name", "", "", "", ErrWrongPassword},
		{"account without password", "none", "", "", ErrWrongPassword},
		{"one-time", "bob", right, "bob", ErrMustChange},
		{"one-time, wrong", "bob", "wrong horse", "", ErrWrongPassword},
	} {
		t.Run(tt.what, func(t *testing.T) {
			u, err := Login(t.Context(), users, tt.name, tt.password)
			if u.Name != tt.user || !errors.Is(err, tt.err) {
				t.Errorf("Login = %q, %v, want %q, %v", u.Name, err, tt.user, tt.err)
			}
		})
	}
	if _, err := Login(t.Context(), broken{}, "alice", right); !errors.Is(err, errBroken) {
		t.Errorf("Login = %v, want the error of the accounts", err)
	}
}

func TestOneTimePassword(t *testing.T) {
	seen := map[string]bool{}
	counts := map[rune]int{}
	const made = 2000
	for range made {
		p := OneTimePassword()
		if groups := strings.Split(p, "-"); len(p) != 19 || len(groups) != 4 || len(groups[3]) != 4 || seen[p] {
			t.Fatalf("OneTimePassword = %q, want four new groups of four", p)
		}
		if _, err := (User{Name: "alice"}).WithPassword(p); err != nil {
			t.Fatal(err)
		}
		seen[p] = true
		for _, c := range p {
			counts[c]++
		}
	}
	for _, c := range unambiguous {
		if mean := made * 16 / len(unambiguous); counts[c] < mean*3/4 || counts[c] > mean*5/4 {
			t.Errorf("%q came %d times, want about %d", c, counts[c], mean)
		}
	}
	if strings.ContainsAny(unambiguous, "01iloIO") {
		t.Error("ambiguous characters")
	}
}
