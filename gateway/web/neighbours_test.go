package web

import "testing"

// Which PBXs are nearby is for who sets one up.
func TestFound(t *testing.T) {
	s := guarded(t)
	srv := s.server(t)
	for _, tt := range []struct {
		user   string
		status int
		body   string
	}{
		{"", 401, ""},
		{"bob", 403, ""},
		{"alice", 200, `{"pbx":[]}`},
	} {
		if w := ask(s, srv, tt.user, "GET", "/api/v1/found", "", "192.0.2.1"); w.Code != tt.status || tt.body != "" && w.Body.String() != tt.body {
			t.Errorf("%q: %d %s, want %d %s", tt.user, w.Code, w.Body, tt.status, tt.body)
		}
	}
	s.deps.Found = func() []Found {
		return []Found{{Name: "Main", Transport: "udp", Host: "pbx.local", Port: 5060, Addresses: []string{"10.0.0.9"}, URI: "sip:10.0.0.9:5060;transport=udp"}}
	}
	const want = `{"pbx":[{"name":"Main","transport":"udp","host":"pbx.local","port":5060,"addresses":["10.0.0.9"],"uri":"sip:10.0.0.9:5060;transport=udp"}]}`
	if w := ask(s, s.server(t), "alice", "GET", "/api/v1/found", "", "192.0.2.1"); w.Code != 200 || w.Body.String() != want {
		t.Errorf("found: %d %s, want %s", w.Code, w.Body, want)
	}
}
