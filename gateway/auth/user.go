package auth

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// User is an account. Its password is kept only as the two hashes that SIP digest needs.
type User struct {
	Name       string // SIP user and sign-in name: see ValidateName
	Display    string
	Extension  string // digits; empty: none
	MD5        string // HA1 (RFC 7616 §3.4.2) = MD5(name:realm:password), lower-case hex
	SHA256     string // the same by SHA-256
	MustChange bool   // one-time password: only good for choosing a new one
	PBX        Credentials
	PBXName    string // whose credentials PBX are; empty: those of the first PBX in mode extension
	Admin      bool   // may do what concerns others
}

// Credentials are what a user registers with at the PBX in extension mode.
type Credentials struct{ Username, Password string }

// Lengths accepted, in characters; the maximum of a password is in bytes.
const (
	maxName      = 64
	maxDisplay   = 100
	maxExtension = 20
	minPassword  = 8
	maxPassword  = 256
)

// builtIn are the callees that are always there; no user may take their name.
var builtIn = [...]string{"echo", "tone", "desk"}

// NewUser makes an account from what a person typed.
func NewUser(name, display, extension, password string) (User, error) {
	u := User{Name: name, Display: display, Extension: extension}
	u, weak := u.WithPassword(password)
	if err := errors.Join(User{Name: name, Display: display, Extension: extension}.Validate(), weak); err != nil {
		return User{}, err
	}
	return u, nil
}

// Validate names every fault of what a person typed: name, display name, extension and what
// is for the PBX.
func (u User) Validate() error {
	faults := []error{ValidateName(u.Name), validateDisplay(u.Display), ValidateExtension(u.Extension)}
	for _, c := range []struct{ what, text string }{{"user name at the PBX", u.PBX.Username}, {"password at the PBX", u.PBX.Password}, {"name of the PBX", u.PBXName}} {
		if len(c.text) > maxPassword || !utf8.ValidString(c.text) || strings.ContainsFunc(c.text, unicode.IsControl) {
			faults = append(faults, fmt.Errorf("%s: longer than %d bytes or with a control character", c.what, maxPassword))
		}
	}
	return errors.Join(faults...)
}

// ValidateName accepts the name of a user: 1 to 64 of the characters a-z 0-9 . _ -, at least
// one of them a letter, so that it is never taken for an extension, and not a built-in callee.
func ValidateName(name string) error {
	letter := false
	for _, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z':
			letter = true
		case '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return fmt.Errorf("user name %q: only a-z, 0-9 and . _ - are allowed", clip(name))
		}
	}
	switch {
	case name == "":
		return errors.New("user name: empty")
	case len(name) > maxName:
		return fmt.Errorf("user name %q: %d characters, at most %d are allowed", clip(name), len(name), maxName)
	case !letter:
		return fmt.Errorf("user name %q: needs a letter, or it would be taken for an extension", name)
	}
	for _, b := range builtIn {
		if name == b {
			return fmt.Errorf("user name %q: belongs to a built-in callee", name)
		}
	}
	return nil
}

// ValidateExtension accepts up to 20 digits, or none.
func ValidateExtension(extension string) error {
	if strings.Trim(extension, "0123456789") != "" {
		return fmt.Errorf("extension %q: only digits are allowed", clip(extension))
	}
	if len(extension) > maxExtension {
		return fmt.Errorf("extension %q: %d digits, at most %d are allowed", clip(extension), len(extension), maxExtension)
	}
	return nil
}

func validateDisplay(display string) error {
	if !utf8.ValidString(display) || strings.ContainsFunc(display, unprintable) {
		return fmt.Errorf("display name %q: has a character that can't be shown", clip(display))
	}
	if n := utf8.RuneCountInString(display); n > maxDisplay {
		return fmt.Errorf("display name %q: %d characters, at most %d are allowed", clip(display), n, maxDisplay)
	}
	return nil
}

// unprintable reports control characters, line ends and the invisible characters that reorder
// text (Unicode property Bidi_Control), so that no display name can pose as another.
func unprintable(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
}

// WithPassword returns the account with a password that its owner chose.
// A password that is too easy gives ErrWeakPassword.
func (u User) WithPassword(password string) (User, error) {
	switch {
	case !utf8.ValidString(password) || strings.ContainsFunc(password, unicode.IsControl):
		return User{}, fmt.Errorf("%w: has a control character", ErrWeakPassword)
	case utf8.RuneCountInString(password) < minPassword:
		return User{}, fmt.Errorf("%w: needs at least %d characters", ErrWeakPassword, minPassword)
	case len(password) > maxPassword:
		return User{}, fmt.Errorf("%w: longer than %d bytes", ErrWeakPassword, maxPassword)
	case strings.EqualFold(password, u.Name):
		return User{}, fmt.Errorf("%w: the same as the user name", ErrWeakPassword)
	}
	u.MD5, u.SHA256 = ha1(algMD5, u.Name, password), ha1(algSHA256, u.Name, password)
	u.MustChange = false
	return u, nil
}

// CheckPassword compares in constant time. It is false for an account without a password.
func (u User) CheckPassword(password string) bool {
	return equal(u.SHA256, ha1(algSHA256, u.Name, password))
}

// Login checks what a person typed in a sign-in form; upper case and space around the name
// are forgiven, because phones capitalise. The error is ErrWrongPassword, also for an unknown user
// and in the same time, ErrMustChange with the user, once the password was right, or that of users.
func Login(ctx context.Context, users Users, name, password string) (User, error) {
	u, err := lookUp(ctx, users, strings.ToLower(strings.TrimSpace(name)))
	switch {
	case err != nil:
		return User{}, err
	case !u.CheckPassword(password):
		return User{}, ErrWrongPassword
	case u.MustChange:
		return u, ErrMustChange
	}
	return u, nil
}

// noHash stands for the password of an unknown user. It is no hex, so no hash equals it.
const noHash = "no hash equals this text, which is as long as one of SHA-256 is."

// lookUp gives an account without a working password for an unknown user, so that what
// follows takes as long as with a wrong password.
func lookUp(ctx context.Context, users Users, name string) (User, error) {
	u, err := users.User(ctx, name)
	switch {
	case errors.Is(err, ErrNoUser):
		return User{Name: name, MD5: noHash[:32], SHA256: noHash}, nil
	case err != nil:
		return User{}, fmt.Errorf("look up user: %w", err)
	}
	return u, nil
}

// equal compares two texts in a time that tells only their lengths; empty equals nothing.
func equal(a, b string) bool {
	return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}

// clip keeps error messages short.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
