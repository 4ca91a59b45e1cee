package gateway

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cordboard/gateway/web"
)

const officeFile = `# the office's
[listen]
https = "127.0.0.1:0"
media = "127.0.0.1:0"
sip = "127.0.0.1:0"
[discovery]
enabled = false
[audio]
enabled = false
[[pbx]]
name = "office" # upstairs
uri = "sip:127.0.0.1:1"

[[user]]
name = "alice" # the boss
password = "correct horse battery"
extension = "101"
`

// TestUsersByAPI adds, changes and removes users by the API, those of the file and those of the store.
func TestUsersByAPI(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, ConfigName)
	if err := os.WriteFile(file, []byte(officeFile), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	g, _ := start(t, cfg, dir)
	made := ""
	for _, tt := range []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{"list", "GET", "", "", 200, `"users":[{"name":"alice","display":"","extension":"101","admin":false,"pbx":"","pbx_username":"","pbx_password":false,"in_file":true,"one_time":false,"owner":true}]`},
		{"add", "POST", "", `{"name":" Bob ","display":"Bob Roe","extension":"102","admin":true,"pbx_password":"pbx-secret"}`, 201, `{"password":"`},
		{"again", "POST", "", `{"name":"bob"}`, 422, `"key":"name","problem":"There is a user bob already."`},
		{"no name", "POST", "", `{"display":"X"}`, 422, `"key":"name"`},
		{"all at once", "POST", "", `{"name":"4","display":"a\nb","extension":"x","pbx":"none","pbx_password":"a\nb"}`, 422,
			`"key":"name","problem":"Needs a letter, or it would be taken for an extension."},{"key":"display","problem":"Has a character that can't be shown."},{"key":"extension","problem":"Only digits are allowed."},{"key":"pbx_password"`},
		{"a taken extension", "POST", "", `{"name":"carol","extension":"101"}`, 422, `"key":"extension","problem":"The extension 101 is alice's already."`},
		{"a weak password", "POST", "", `{"name":"carol","password":"carol"}`, 422, `"key":"password","problem":"`},
		{"own password", "POST", "", `{"name":"carol","password":"a longer password"}`, 201, `{}`},
		{"change", "PATCH", "/carol", `{"display":"Carol","extension":"103"}`, 200, `{}`},
		{"another name", "PATCH", "/carol", `{"name":"eve"}`, 422, `"key":"name"`},
		{"nobody", "PATCH", "/eve", `{"display":"Eve"}`, 404, "no_user"},
		{"a new password", "PATCH", "/carol", `{"password":""}`, 200, `{"password":"`},
		{"of the file", "PATCH", "/alice", `{"display":"Alice Doe","extension":"111","admin":true,"pbx_password":"s3"}`, 200, `{}`},
		{"wrong in the file", "PATCH", "/alice", `{"extension":"x"}`, 422, `"key":"extension"`},
		{"a weak one for the file", "PATCH", "/alice", `{"password":"x"}`, 422, `"key":"password"`},
		{"as it is", "PATCH", "/alice", `{}`, 200, `{}`},
		{"remove", "DELETE", "/carol", "", 204, ""},
		{"once more", "DELETE", "/carol", "", 404, "no_user"},
		{"what is there", "GET", "", "", 200, `"name":"bob","display":"Bob Roe","extension":"102","admin":true,"pbx":"","pbx_username":"","pbx_password":true,"in_file":false,"one_time":true,"owner":false`},
	} {
		status, text, _ := byControl(t, dir, tt.method, "/api/v1/users"+tt.path, tt.body)
		if status != tt.status || !strings.Contains(text, tt.want) {
			t.Errorf("%s: %d %s, want %d %s", tt.name, status, text, tt.status, tt.want)
		}
		if strings.Contains(text, "pbx-secret") {
			t.Errorf("%s: tells a password of the PBX", tt.name)
		}
		if tt.name == "a new password" {
			var p struct{ Password string }
			if err := json.Unmarshal([]byte(text), &p); err != nil {
				t.Error(err)
			}
			made = p.Password
		}
		if tt.name == "a new password" {
			if u, err := g.accounts.User(t.Context(), "carol"); err != nil || !u.CheckPassword(made) || !u.MustChange {
				t.Errorf("carol has another password than was told, or keeps it: %v", err)
			}
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(officeFile, "extension = \"101\"\n", "extension = \"111\"\ndisplay = \"Alice Doe\"\npbx_password = \"s3\"\nadmin = true\n", 1)
	if string(text) != want {
		t.Errorf("the file is\n%s\nwant\n%s", text, want)
	}
	if u, err := g.accounts.User(t.Context(), "alice"); err != nil || u.PBX.Password != "s3" || u.PBX.Username != "111" || !u.Admin {
		t.Errorf("alice is %+v, %v", u, err)
	}
	if u, err := g.accounts.User(t.Context(), "bob"); err != nil || u.PBX.Username != "102" {
		t.Errorf("bob registers as %q, %v", u.PBX.Username, err)
	}
	if err := os.WriteFile(file, []byte("# gone\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, text, _ := byControl(t, dir, "PATCH", "/api/v1/users/alice", `{"display":"A"}`); status != 409 {
		t.Errorf("a file that lost the user meanwhile: %d %s", status, text)
	}
}

// What the machine's own phone, strangers and recordings are told holds without a new start.
func TestSettingsHoldWithoutStart(t *testing.T) {
	dir := t.TempDir()
	g, _ := start(t, loopback(t, "[audio]\nenabled = false\n"), dir)
	set := []string{`"audio.country","to":"gb"`, `"audio.noise","to":false`, `"recording.enabled","to":"ask"`, `"discovery.strangers","to":true`}
	parts := strings.Join(set, `},{"set":`)
	status, text, _ := byControl(t, dir, "PATCH", "/api/v1/settings", fmt.Sprintf(`{"version":"","changes":[{"set":%s}]}`, parts))
	var done web.SettingsDone
	if err := json.Unmarshal([]byte(text), &done); err != nil || status != 200 {
		t.Fatalf("%d %s", status, text)
	}
	for _, waits := range done.Waiting {
		if waits == "[recording]" || waits == "[discovery]" {
			t.Errorf("%s waits", waits)
		}
	}
	if now := g.now.Load().Audio; now.Country != "gb" || now.Noise {
		t.Errorf("the phone is told %+v", now)
	}
	if status, text, _ := byControl(t, dir, "GET", "/api/v1/certificate", ""); status != 200 || !strings.Contains(text, `"authority":{"name":"Cordboard `) || strings.Contains(text, "PRIVATE") {
		t.Errorf("certificate: %d %s", status, text)
	}
}
