package gateway

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"cordboard/gateway/web"
)

// kept is a configuration file in a folder of its own, with what the gateway was told of it.
func kept(t *testing.T, text string) (*settings, *[]Config) {
	t.Helper()
	s := &settings{path: filepath.Join(t.TempDir(), ConfigName)}
	if text != "" {
		if err := os.WriteFile(s.path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	began, err := Parse("", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	applied := &[]Config{}
	s.now = began.differences
	s.apply = func(c Config) ([]string, error) {
		*applied = append(*applied, c)
		return s.now(c), nil
	}
	return s, applied
}

func set(key, to string) web.SettingsChange {
	return web.SettingsChange{Set: key, To: json.RawMessage(to)}
}

const small = `name = "Front office" # ours
[[user]]
name = "alice"
password = "correct horse battery"
`

func TestSettingsChange(t *testing.T) {
	s, applied := kept(t, small)
	v, err := s.Settings()
	if err != nil {
		t.Fatal(err)
	}
	done, err := s.Change(v.Version, []web.SettingsChange{
		set("user[0].display", `"Alice \"A\" Doe"`), set("listen.advertise", `["192.0.2.1"]`), set("guard.calls", "2"),
		{Add: "user", Entry: map[string]json.RawMessage{"name": json.RawMessage(`"bob"`), "admin": json.RawMessage("true"), "extension": json.RawMessage("null")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := "Saved. What was changed in [listen] is in force after the next start of Cordboard."; done.Message != want || !slices.Equal(done.Waiting, []string{"[listen]"}) {
		t.Errorf("told %q, %v", done.Message, done.Waiting)
	}
	text, err := os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	want := `name = "Front office" # ours
[[user]]
name = "alice"
password = "correct horse battery"
display = "Alice \"A\" Doe"

[[user]]
name = "bob"
admin = true

[listen]
advertise = ["192.0.2.1"]

[guard]
calls = 2
`
	if string(text) != want {
		t.Errorf("wrote\n%s\nwant\n%s", text, want)
	}
	if info, err := os.Stat(s.path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, want it as it was (%v)", info.Mode(), err)
	}
	if got := (*applied)[0].User; len(*applied) != 1 || len(got) != 2 || got[0].Display != `Alice "A" Doe` || !got[1].Admin {
		t.Errorf("took over %+v", got)
	}
	if v, err = s.Settings(); err != nil || v.Version != done.Version {
		t.Errorf("version %q (%v), told %q", v.Version, err, done.Version)
	}
	done, err = s.Change(v.Version, []web.SettingsChange{{Remove: "user[1]"}, set("listen.advertise", "null")})
	if err != nil || done.Message != "Saved, and in force from now on." {
		t.Errorf("told %q, %v", done.Message, err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(s.path), "*")); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

func TestSettingsOfNoFile(t *testing.T) {
	s, _ := kept(t, "")
	v, err := s.Settings()
	if err != nil || v.Version != "" || len(v.InFile) > 0 {
		t.Fatalf("%+v, %v", v, err)
	}
	if _, err := s.Change("", []web.SettingsChange{set("name", `"x"`)}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(s.path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("a new file has mode %v (%v), want 0600", info.Mode(), err)
	}
	if _, err := s.Change("", []web.SettingsChange{set("name", `"y"`)}); !errors.Is(err, web.ErrSettingsChanged) {
		t.Errorf("a file that came meanwhile: %v", err)
	}
}

func TestSettingsTellNoSecret(t *testing.T) {
	s, _ := kept(t, small+`pbx_password = "pbx-alice-1"
[[pbx]]
name = "office"
uri = "sip:192.0.2.10;transport=wss"
username = "trunk"
password = "trunk-secret-7"
ice = ["turn:user:turn-secret@turn.example:3478"]
[auth]
secrets = ["a secret of tokens, long enough"]
[metrics]
token = "metrics-metrics-metrics"
`)
	v, err := s.Settings()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"correct horse", "pbx-alice-1", "trunk-secret-7", "turn-secret", "a secret of tokens", "metrics-metrics"} {
		if strings.Contains(string(text), secret) {
			t.Errorf("tells %q: %s", secret, text)
		}
	}
	if want := []string{"auth.secrets", "metrics.token", "pbx[0].ice", "pbx[0].password", "user[0].password", "user[0].pbx_password"}; !slices.Equal(v.Secrets, want) {
		t.Errorf("secrets that are set: %v, want %v", v.Secrets, want)
	}
	if !slices.Contains(v.InFile, "pbx[0].uri") || slices.Contains(v.InFile, "log.level") {
		t.Errorf("keys of the file: %v", v.InFile)
	}
}

func TestSettingsRefused(t *testing.T) {
	for _, tt := range []struct {
		change web.SettingsChange
		want   string
	}{
		{set("user[0].name", `"Not A Name"`), "[[user]] name: "},
		{set("log.level", `"loud"`), `[log] level: "loud" is not one of`},
		{set("log.level", `7`), "[log] level: want a text in quotes"},
		{set("guard.calls", `"2"`), "[guard] calls: want a whole number"},
		{set("guard.site_minutes", `-1`), "[guard] site_minutes: -1, want 0 for no limit"},
		{set("logs.level", `"info"`), `there is no key "logs.level"`},
		{set("log", `{}`), `there is no key "log"`},
		{set("user[].name", `"x"`), `there is no key "user[].name"`},
		{set("user[00].name", `"x"`), `there is no key "user[00].name"`},
		{set("auth.secrets[0]", `"x"`), `there is no key "auth.secrets[0]"`},
		{set("user[7].name", `"x"`), "there is no [[user]] in the file"},
		{set("user[0].password", `"file:/etc/shadow"`), "[[user]] password: begins with file:"},
		{web.SettingsChange{Add: "log"}, "only a pbx or a user can be added"},
		{web.SettingsChange{Add: "user", Entry: map[string]json.RawMessage{"nam": json.RawMessage(`"x"`)}}, "has a key that does not exist"},
		{web.SettingsChange{Add: "user"}, "missing; a user needs a name"},
		{web.SettingsChange{Remove: "user"}, `"user" can't be removed`},
		{web.SettingsChange{Remove: "listen[0]"}, `"listen[0]" can't be removed`},
		{web.SettingsChange{Set: "name", Remove: "user[0]"}, "one of set, add and remove"},
		{web.SettingsChange{}, "one of set, add and remove"},
	} {
		s, applied := kept(t, small)
		_, err := s.Change(versionOf([]byte(small)), []web.SettingsChange{set("domain", `"fine.example"`), tt.change})
		var refused *web.SettingsRefused
		if !errors.As(err, &refused) || !strings.Contains(refused.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.change, err, tt.want)
		}
		if text, _ := os.ReadFile(s.path); string(text) != small || len(*applied) > 0 {
			t.Errorf("%+v: refused, but the file is\n%s", tt.change, text)
		}
	}
}

func TestSettingsChangedByHand(t *testing.T) {
	s, applied := kept(t, small)
	v, err := s.Settings()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.path, []byte(small+"# mine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Change(v.Version, []web.SettingsChange{set("name", `"x"`)}); !errors.Is(err, web.ErrSettingsChanged) || len(*applied) > 0 {
		t.Errorf("%v", err)
	}
	if err := replaceFile(s.path, []byte(small), []byte("mine")); !errors.Is(err, errChanged) {
		t.Errorf("a file that changed at the last moment: %v", err)
	}
	if err := replaceFile(s.path, nil, []byte("mine")); !errors.Is(err, errChanged) {
		t.Errorf("a file that came at the last moment: %v", err)
	}
	if err := replaceFile(s.path+"2", []byte("x"), []byte("mine")); !errors.Is(err, errChanged) {
		t.Errorf("a file that went at the last moment: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(s.path), ".*new*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := os.WriteFile(s.path, []byte("name = \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var refused *web.SettingsRefused
	if _, err := s.Settings(); !errors.As(err, &refused) || refused.Faults[0].Line != 1 {
		t.Errorf("a faulty file: %v", err)
	}
}

func TestSettingsFollowALink(t *testing.T) {
	s, _ := kept(t, small)
	link := filepath.Join(t.TempDir(), "link.toml")
	if err := os.Symlink(s.path, link); err != nil {
		t.Skip(err)
	}
	real := s.path
	s.path = link
	if _, err := s.Change(versionOf([]byte(small)), []web.SettingsChange{set("name", `"x"`)}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link became %v (%v)", info.Mode(), err)
	}
	if text, _ := os.ReadFile(real); !strings.HasPrefix(string(text), `name = "x" # ours`) {
		t.Errorf("the file is\n%s", text)
	}
}

// The first PBX has the SIP ports opened as the file says then; where they are taken nothing is saved. Of the last one nothing is left.
func TestSettingsOfPBXsHoldAtOnce(t *testing.T) {
	dir := t.TempDir()
	g, _ := start(t, loopback(t, ""), dir)
	taken, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	change := func(changes ...web.SettingsChange) (web.SettingsDone, error) {
		t.Helper()
		now, err := g.Settings()
		if err != nil {
			t.Fatal(err)
		}
		return g.Change(now.Version, changes)
	}
	file := filepath.Join(dir, ConfigName)
	line := web.SettingsChange{Add: "pbx", Entry: map[string]json.RawMessage{"name": jsonText("line"), "uri": jsonText("sip:127.0.0.1:9"), "mode": jsonText("peer"), "record": jsonText("always")}}
	var refused *web.SettingsRefused
	if _, err := change(set("listen.sip", string(jsonText(taken.LocalAddr().String()))), line); !errors.As(err, &refused) || refused.Faults[0].Key != "listen.sip" ||
		!strings.Contains(refused.Faults[0].Problem, "is in use by another program") {
		t.Errorf("a port that is taken: %v", err)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) || len(g.PBXs()) > 0 || g.numbersGoOut() {
		t.Errorf("refused, but %v; %+v", err, g.PBXs())
	}
	if done, err := change(set("listen.sip", `"127.0.0.1:0"`), set("listen.sips", `""`), line); err != nil || slices.Contains(done.Waiting, "[[pbx]]") {
		t.Fatalf("%+v, %v", done, err)
	}
	if all := g.PBXs(); len(all) != 1 || all[0].Name != "line" || !g.numbersGoOut() || !slices.Equal(g.pbxNames(), []string{"line"}) || !slices.Contains(g.hostsOfOthers(), "127.0.0.1") {
		t.Errorf("PBXs %+v", all)
	}
	at := g.signaling.Addr()
	if done, err := change(set("listen.sip", `"127.0.0.1:5999"`), web.SettingsChange{Remove: "pbx[0]"}); err != nil || !slices.Contains(done.Waiting, "[listen]") {
		t.Errorf("another port while one is open: %+v, %v", done, err)
	}
	if len(g.PBXs()) > 0 || g.numbersGoOut() || g.signaling.Addr() != at {
		t.Errorf("left: %+v, at %s", g.PBXs(), g.signaling.Addr())
	}
}

// What is changed by the API holds at once as far as it can: a new user can sign in, the log tells more.
func TestSettingsHoldAtOnce(t *testing.T) {
	dir := t.TempDir()
	cfg := loopback(t, "")
	level := new(slog.LevelVar)
	g, err := New(cfg, Host{Dir: dir, Version: "test", Level: level, Page: fstest.MapFS{"index.html": {}}}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := g.closeAll(); err != nil {
			t.Error(err)
		}
	}()
	s := g.settings(Host{Dir: dir})
	done, err := s.Change("", []web.SettingsChange{set("log.level", `"debug"`),
		{Add: "user", Entry: map[string]json.RawMessage{"name": json.RawMessage(`"carol"`), "password": json.RawMessage(`"correct horse battery"`)}}})
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(done.Waiting, "[[user]]") || slices.Contains(done.Waiting, "[log]") {
		t.Errorf("waits: %v", done.Waiting)
	}
	if u, err := g.accounts.User(t.Context(), "carol"); err != nil || u.Name != "carol" || level.Level() != slog.LevelDebug {
		t.Errorf("user %+v, %v; level %v", u, err, level)
	}
}
