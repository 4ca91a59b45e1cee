//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"testing"
)

// session speaks to the gateway's API with a cookie.
type session struct {
	g      *gateway
	client *http.Client
}

// newSession is a visitor who is not signed in.
func newSession(t *testing.T, g *gateway) *session {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := g.client()
	client.Jar = jar
	return &session{g, client}
}

// signIn is a session of user.
func signIn(t *testing.T, g *gateway, user gatewayUser) *session {
	t.Helper()
	s := newSession(t, g)
	if code, body := s.post(t, "/api/v1/login", map[string]string{"user": user.Name, "password": user.Password}); code != http.StatusNoContent {
		t.Fatalf("sign %s in: %d %v", user.Name, code, body)
	}
	return s
}

// post sends JSON and gives the status and the answer.
func (s *session) post(t *testing.T, path string, body any) (int, map[string]any) {
	t.Helper()
	text, _ := json.Marshal(body)
	req, err := http.NewRequest(http.MethodPost, s.g.url(path), bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Origin", s.g.url(""))
	return s.do(t, req)
}

// get gives the status and the answer of a path.
func (s *session) get(t *testing.T, path string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, s.g.url(path), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s.do(t, req)
}

func (s *session) do(t *testing.T, req *http.Request) (int, map[string]any) {
	t.Helper()
	resp, err := s.client.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", req.Method, req.URL.Path, err)
	}
	defer resp.Body.Close()
	var answer map[string]any
	json.NewDecoder(resp.Body).Decode(&answer)
	return resp.StatusCode, answer
}

// pbxState is the state of the registration of a PBX user, or "" when the
// status doesn't tell of it.
func (s *session) pbxState(t *testing.T, user string) string {
	t.Helper()
	_, status := s.get(t, "/api/v1/status")
	rows, _ := status["pbx"].([]any)
	for _, row := range rows {
		m, _ := row.(map[string]any)
		if user == "" || m["user"] == user {
			state, _ := m["state"].(string)
			return state
		}
	}
	return ""
}
