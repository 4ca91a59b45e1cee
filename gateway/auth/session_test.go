package auth

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestSessions(t *testing.T) {
	s := Sessions{Secret: []byte(secret)}
	u := alice(t)
	bob, changed, oneTime, withdrawn := u, u, u, u
	bob.Name = "bob"
	changed.SHA256 = ha1(algSHA256, "alice", "another horse")
	oneTime.MustChange = true
	withdrawn.SHA256 = ""
	value := s.SignSession(u, expiry)
	before := expiry.Add(-time.Second)
	for _, tt := range []struct {
		what, value string
		s           Sessions
		users       Users
		now         time.Time
		err         error
	}{
		{"right", value, s, Static([]User{u}), before, nil},
		{"at the end", value, s, Static([]User{u}), expiry, ErrExpired},
		{"changed password", value, s, Static([]User{changed}), before, ErrWrongPassword},
		{"one-time password", value, s, Static([]User{oneTime}), before, ErrMustChange},
		{"removed user", value, s, Static(nil), before, ErrWrongPassword},
		{"signed for no password", s.SignSession(withdrawn, expiry), s, Static([]User{withdrawn}), before, ErrWrongPassword},
		{"signed for an unknown user", s.SignSession(User{Name: "alice", SHA256: noHash}, expiry), s, Static(nil), before, ErrWrongPassword},
		{"another user", strings.Replace(value, "alice", "bob", 1), s, Static([]User{u, bob}), before, ErrWrongPassword},
		{"longer", strings.Replace(value, "189", "199", 1), s, Static([]User{u}), before, ErrWrongPassword},
		{"zero in front", "0" + value, s, Static([]User{u}), before, ErrWrongPassword},
		{"another secret", value, Sessions{Secret: []byte("another secret")}, Static([]User{u}), before, ErrWrongPassword},
		{"no secret", Sessions{}.SignSession(u, expiry), Sessions{}, Static([]User{u}), before, ErrWrongPassword},
		{"ephemeral password", "1893456000:alice:SVoObAoy/L+sMAGx0ipY+7sIV4Q=", s, Static([]User{u}), before, ErrWrongPassword},
		{"empty", "", s, Static([]User{u}), before, ErrMalformed},
		{"no signature", "1893456000:alice", s, Static([]User{u}), before, ErrMalformed},
		{"rubbish", "::::", s, Static([]User{u}), before, ErrMalformed},
		{"broken accounts", value, s, broken{}, before, errBroken},
	} {
		t.Run(tt.what, func(t *testing.T) {
			got, until, err := tt.s.CheckSession(t.Context(), tt.value, tt.users, tt.now)
			if !errors.Is(err, tt.err) {
				t.Fatalf("CheckSession = %v, want %v", err, tt.err)
			}
			if ok := got == u && until.Equal(expiry); ok != (err == nil) {
				t.Errorf("CheckSession = %+v, %v, %v", got, until, err)
			}
		})
	}
	if c := (&http.Cookie{Name: "cordboard", Value: value}).String(); c != "cordboard="+value {
		t.Errorf("as a cookie the value becomes %s", c)
	}
}

// What is accepted is just what was signed for that user and moment.
func FuzzSession(f *testing.F) {
	s := Sessions{Secret: []byte(secret)}
	u := alice(f)
	users := Static([]User{u})
	f.Add(s.SignSession(u, expiry), int64(0))
	f.Add(s.SignSession(u, time.Unix(1, 0)), int64(1))
	f.Add("1:alice:", int64(-1))
	f.Add("0001:alice::AAAA", int64(0))
	f.Fuzz(func(t *testing.T, value string, now int64) {
		got, until, err := s.CheckSession(t.Context(), value, users, time.Unix(now, 0))
		if err == nil && (got != u || s.SignSession(u, until) != value || until.Unix() <= now) {
			t.Fatalf("accepted %q at %d as %+v until %v", value, now, got, until)
		}
	})
}
