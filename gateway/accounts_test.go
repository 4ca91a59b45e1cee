package gateway

import (
	"errors"
	"strings"
	"testing"
	"time"

	"cordboard/gateway/auth"
	"cordboard/gateway/web"
)

func TestAccounts(t *testing.T) {
	cfg := loopback(t, `
[[user]]
name = "alice"
password = "correct horse"
extension = "101"
pbx_password = "at the PBX"
[[user]]
name = "guest"`)
	a, err := OpenAccounts(cfg, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	ctx := t.Context()
	if u, err := a.ByExtension(ctx, "101"); err != nil || u.PBX != (auth.Credentials{Username: "101", Password: "at the PBX"}) {
		t.Errorf("alice's credentials at the PBX = %+v, %v, want her extension as user name", u.PBX, err)
	}
	if u, err := a.User(ctx, "guest"); err != nil || u.CheckPassword("") {
		t.Errorf("a user without a password is let in with none: %+v, %v", u, err)
	}
	for _, tt := range []struct {
		name string
		user User
		want string // in the error
	}{
		{"bad name", User{Name: "Bob", Password: "correct horse"}, "only a-z"},
		{"weak password", User{Name: "bob", Password: "short"}, "weak password"},
		{"name of the file", User{Name: "alice", Password: "correct horse"}, "there is a user alice already"},
		{"extension of the file", User{Name: "bob", Password: "correct horse", Extension: "101"}, "belongs to user alice"},
		{"line end for the PBX", User{Name: "bob", Password: "correct horse", PBXPassword: "a\r\n"}, "control character"},
		{"good", User{Name: "bob", Password: "correct horse", Extension: "102", PBXPassword: "x"}, ""},
		{"twice", User{Name: "bob", Password: "correct horse"}, "there is a user bob already"},
		{"extension twice", User{Name: "carol", Password: "correct horse", Extension: "102"}, "belongs to user bob"},
		{"without extension", User{Name: "carol", Password: "correct horse"}, ""},
		{"another without extension", User{Name: "dave", Password: "correct horse"}, ""},
	} {
		err := a.Add(ctx, tt.user, false)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Add = %v, want %q", tt.name, err, tt.want)
		}
	}
	if err := a.Remove(ctx, "alice"); !errors.Is(err, ErrInFile) {
		t.Errorf("Remove of a user of the file = %v", err)
	}
	if err := a.SetPassword(ctx, "alice", "battery staple"); !errors.Is(err, web.ErrPasswordInConfig) {
		t.Errorf("SetPassword of a user of the file = %v", err)
	}
	if err := a.SetOneTimePassword(ctx, "bob", "battery staple"); err != nil {
		t.Error(err)
	}
	if _, err := auth.Login(ctx, a, "bob", "battery staple"); !errors.Is(err, auth.ErrMustChange) {
		t.Errorf("Login with a one-time password = %v", err)
	}
	if u, err := a.User(ctx, "bob"); err != nil || u.PBX.Password != "x" || u.Extension != "102" {
		t.Errorf("a new password changed more: %+v, %v", u, err)
	}
	if err := a.Remove(ctx, "bob"); err != nil {
		t.Error(err)
	}
	if err := a.Changeable(ctx, "bob"); !errors.Is(err, auth.ErrNoUser) {
		t.Errorf("Changeable of a user who was removed = %v", err)
	}
}

func TestTokenIsGoodInAnotherProcess(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	cfg := loopback(t, "")
	a, err := OpenAccounts(cfg, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	username, password, err := a.Token(t.Context(), "alice", 0, now)
	if err != nil {
		t.Fatal(err)
	}
	other, err := OpenAccounts(cfg, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	e, err := other.ephemeral(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	user, expiry, err := e.Check(username, password, now)
	if err != nil || user != "alice" || expiry.Sub(now).Round(time.Minute) != time.Hour {
		t.Errorf("Check = %s, %v, %v, want alice for an hour", user, expiry, err)
	}
	if _, _, err := a.Token(t.Context(), "Not a name", 0, now); err == nil {
		t.Error("Token for what is no name = nil, want an error")
	}
}
