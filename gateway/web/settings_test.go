package web

import (
	"encoding/json"
	"strings"
	"testing"
)

// fakeSettings refuse what is called "bad", and have the version "1".
type fakeSettings struct{ changed []SettingsChange }

func (f *fakeSettings) Settings() (Settings, error) {
	return Settings{File: "cordboard.toml", Version: "1", Settings: map[string]any{"name": "Front office"}}, nil
}

func (f *fakeSettings) Change(version string, changes []SettingsChange) (SettingsDone, error) {
	if version != "1" {
		return SettingsDone{}, ErrSettingsChanged
	}
	if changes[0].Set == "bad" {
		return SettingsDone{}, &SettingsRefused{[]SettingsFault{{Key: "bad", Problem: "there is no key"}}}
	}
	f.changed = append(f.changed, changes...)
	return SettingsDone{Version: "2", Message: "Saved."}, nil
}

func TestSettingsAreForAdministrators(t *testing.T) {
	s := guarded(t)
	kept := &fakeSettings{}
	s.deps.Settings = kept
	srv := s.server(t)
	const good = `{"version":"1","changes":[{"set":"name","to":"x"}]}`
	for _, tt := range []struct {
		user, method, body string
		status             int
		says               string
	}{
		{"", "GET", "", 401, "signed_out"},
		{"bob", "GET", "", 403, "not_admin"},
		{"", "PATCH", good, 401, "signed_out"},
		{"bob", "PATCH", good, 403, "not_admin"},
		{"alice", "PUT", good, 405, "method_not_allowed"},
		{"alice", "PATCH", `{"version":"1"}`, 400, "malformed"},
		{"alice", "PATCH", `{"version":"0","changes":[{"set":"name"}]}`, 409, "changed_meanwhile"},
		{"alice", "PATCH", `{"version":"1","changes":[{"set":"bad"}]}`, 422, `"faults":[{"key":"bad","problem":"there is no key"}]`},
	} {
		w := ask(s, srv, tt.user, tt.method, "/api/v1/settings", tt.body, "198.51.100.1")
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.says) {
			t.Errorf("%s %s of %q: %d %s, want %d %s", tt.method, tt.body, tt.user, w.Code, w.Body, tt.status, tt.says)
		}
	}
	if len(kept.changed) > 0 {
		t.Errorf("changed all the same: %v", kept.changed)
	}
	w := ask(s, srv, "alice", "GET", "/api/v1/settings", "", "198.51.100.1")
	var all Settings
	if err := json.Unmarshal(w.Body.Bytes(), &all); err != nil || all.Settings["name"] != "Front office" || all.Waiting == nil {
		t.Errorf("GET: %s (%v)", w.Body, err)
	}
	if w = ask(s, srv, "alice", "PATCH", "/api/v1/settings", good, "198.51.100.1"); w.Code != 200 || len(kept.changed) != 1 || string(kept.changed[0].To) != `"x"` {
		t.Errorf("PATCH: %d %s, changed %v", w.Code, w.Body, kept.changed)
	}
}
