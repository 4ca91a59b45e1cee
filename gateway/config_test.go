package gateway

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cordboard/gateway/recording"
)

// secretFiles are the files that the configurations of these tests name.
func secretFiles(path string, _ int) ([]byte, error) {
	files := map[string]string{
		"/secrets/good":  "correct horse\n",
		"/secrets/crlf":  "correct horse\r\n",
		"/secrets/empty": "\n",
	}
	if text, ok := files[path]; ok {
		return []byte(text), nil
	}
	return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
}

func TestFaultsNameTheirLine(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"unknown key", "nam = \"x\"", []string{"1: nam: unknown key; did you mean name?"}},
		{"upper case is another key", "[listen]\nHTTPS = \":1\"", []string{"2: [listen] HTTPS: unknown key; did you mean https?"}},
		{"unknown table, its keys unmentioned", "[lisen]\nhttps = \":1\"", []string{"1: lisen: unknown table; did you mean listen?"}},
		{"unknown list of tables", "[[users]]\nname = \"a\"\n[[users]]\nname = \"b\"", []string{"1: users: unknown table; did you mean user?"}},
		{"a quoted dot is no table", "\"listen.https\" = \":1\"", []string{`1: "listen_https": unknown key`}},
		{"wrong kinds, all at once", "name = 5\n[turn]\nenabled = \"yes\"\n[web]\norigins = \"x\"\n[auth]\nsecrets = [1]", []string{
			"1: name: has a number, want a text in quotes", "3: [turn] enabled: has a text, want true or false",
			`5: [web] origins: has a text, want a list, like ["a", "b"]`, "7: [auth] secrets: has a number, want a text in quotes"}},
		{"a key where a table is due", "listen = 1\npbx = true", []string{
			"1: listen: has a number, want a table of keys", "2: [[pbx]]: has true or false, want a list of tables"}},
		{"a table where a list of tables is due", "[user]\nname = \"a\"", []string{"1: [[user]]: has a table, want a list of tables"}},
		{"syntax, and what else is wrong", "name = \n[log]\nlevel = \"loud\"", []string{
			"1: unexpected end of line at start of value", `3: [log] level: "loud" is not one of debug, info, warn, error`}},
		{"two faults of syntax", "name = \ndomain = = \"x\"", []string{
			"1: unexpected end of line at start of value", "2: unexpected character U+003D '=' at start of value"}},
		{"a broken header ends the reading", "[listen\nhttps = \":1\"\nfoo = 1", []string{
			"1: expected ']' to close table name"}},
		{"a text without end", "name = \"\"\"\nx\n", []string{"2: multiline basic string not terminated by \"\"\""}},
		{"a key twice", "name = \"a\"\nname = \"b\"", []string{"2: key name is already defined"}},
		{"name", "name = \"a\\u0007\"", []string{"1: name: want at most 64 characters, none of them a control character"}},
		{"domain", "domain = \"a b\"", []string{`1: domain: "a b" is not a name like office.example`}},
		{"addresses", "[listen]\nhttps = \"8443\"\nhttp = \":http\"\nmedia = \"\"\nsip = \"a b:1\"\nsips = \":70000\"", []string{
			`2: [listen] https: "8443" is not host:port, like ":8443" or "127.0.0.1:8080"`,
			`3: [listen] http: ":http" has no port from 0 to 65535 after its colon`,
			`4: [listen] media: "" is not host:port, like ":8443" or "127.0.0.1:8080"`,
			`5: [listen] sip: "a b:1": "a b" is neither an IP address nor a name`,
			`6: [listen] sips: ":70000" has no port from 0 to 65535 after its colon`}},
		{"RTP ports", "[listen]\nrtp = \"20000\"", []string{`2: [listen] rtp: "20000" is not a range of ports like 20000-20999`}},
		{"nap", "[listen]\nnap = \"50ms\"", []string{"2: [listen] nap: 50ms is too long for sound; want at most 10ms"}},
		{"RTP ports odd", "[listen]\nrtp = \"20001-20999\"", []string{`2: [listen] rtp: "20001-20999" begins with an odd port; want an even one`}},
		{"RTP ports few", "[listen]\nrtp = \"20000-20002\"", []string{`2: [listen] rtp: "20000-20002" has too few ports; want at least 4`}},
		{"RTP ports backwards", "[listen]\nrtp = \"20000-10000\"", []string{`2: [listen] rtp: "20000-10000" has too few ports; want at least 4`}},
		{"the same port", "[listen]\nhttp = \"127.0.0.1:8443\"", []string{"2: [listen] http: https and http both want port 8443"}},
		{"the same port as a default", "[listen]\nmedia = \":5060\"", []string{"2: [listen] media: media and sip both want port 5060"}},
		{"a port of RTP", "[listen]\nmedia = \":20100\"", []string{"2: [listen] media: media and rtp both want port 20100"}},
		{"advertise", "[listen]\nadvertise = [\n  \"10.0.0.1\",\n  \"host\",\n  \"0.0.0.0\"]", []string{
			`4: [listen] advertise: "host" is not an IP address that others could reach`,
			`5: [listen] advertise: "0.0.0.0" is not an IP address that others could reach`}},
		{"recording", "[recording]\nenabled = \"sometimes\"\nformat = \"mp3\"\nkeep = \"0d\"\n[[user]]\nname = \"a\"\nrecord = \"maybe\"\n[[pbx]]\nuri = \"sip:h\"\nrecord = \"yes\"", []string{
			`2: [recording] enabled: "sometimes" is not one of never, always, ask`,
			`3: [recording] format: "mp3" is not one of wav, opus`,
			`4: [recording] keep: read age: "0d", want more than 0`,
			`7: [[user]] record: "maybe" is not one of never, always, ask`,
			`10: [[pbx]] record: "yes" is not one of never, always, ask`}},
		{"strangers", "[discovery]\nenabled = false\nstrangers = true", []string{"3: [discovery] strangers: strangers are found by discovery, which is switched off: set enabled = true, or strangers = false"}},
		{"proxies", "[listen]\ntrusted_proxies = [\"10.0.0.0/33\"]", []string{`2: [listen] trusted_proxies: "10.0.0.0/33" is not a range of addresses like 10.0.0.0/8`}},
		{"PBX without address", "\n[[pbx]]\n", []string{`2: [[pbx]] uri: missing; set the PBX's address, like "sip:192.0.2.10"`}},
		{"PBX addresses", "pbx = [{name=\"a\", uri=\"http://h\"},\n{name=\"b\", uri=\"sip:\"},\n{name=\"c\", uri=\"sip:h:0\"},\n{name=\"d\", uri=\"sip:u@h\"},\n{name=\"e\", uri=\"sip:h;transport=sctp\"},\n{name=\"f\", uri=\"sips:h;transport=udp\"},\n{name=\"g\", uri=\"sip:2001:db8::1\"},\n{name=\"h\", uri=\"sip:[::1\"}]", []string{
			`1: [[pbx]] uri: "http://h": want sip: or sips: at its beginning`,
			`2: [[pbx]] uri: "sip:": has no host`,
			`3: [[pbx]] uri: "sip:h:0": port "0" is not from 1 to 65535`,
			`4: [[pbx]] uri: "sip:u@h" has more than a host, a port and parameters; want sip:host:port;transport=udp`,
			`5: [[pbx]] uri: "sip:h;transport=sctp": transport "sctp" is not one of udp, tcp, tls, wss, ws`,
			`6: [[pbx]] uri: "sips:h;transport=udp": sips: goes over tls or wss, not udp`,
			`7: [[pbx]] uri: "sip:2001:db8::1": an IPv6 address needs brackets, like sip:[2001:db8::1]`,
			`8: [[pbx]] uri: "sip:[::1": "[::1" is neither an IP address nor a name`}},
		{"PBX mode and media", "[[pbx]]\nuri = \"sip:h\"\nmode = \"x\"\nmedia = \"y\"\ndtmf = \"z\"", []string{
			`3: [[pbx]] mode: "x" is not one of extension, trunk, peer, passthrough`, `4: [[pbx]] media: "y" is not one of rtp, osrtp, sdes, dtls`,
			`5: [[pbx]] dtmf: "z" is not one of auto, rtp, info, inband`}},
		{"ICE servers", "[[pbx]]\nuri = \"sip:h;transport=wss\"\nice = [\"stun:s\", \"turn:u:secret\",\n\"turn:host\", \"file:/secrets/none\"]\n[[pbx]]\nname = \"b\"\nuri = \"sip:h\"\nice = [\"stun:s\"]", []string{
			"3: [[pbx]] ice: a TURN server needs user and password, like turn:user:password@host",
			"4: [[pbx]] ice: read file:/secrets/none: file does not exist",
			"4: [[pbx]] ice: a TURN server needs user and password, like turn:user:password@host",
			"8: [[pbx]] ice: is for a PBX with transport=wss; this one's media needs neither STUN nor TURN"}},
		{"routes", "domain = \"office.example\"\n[[pbx]]\nuri = \"sip:h\"\nprefixes = [\"0\", \"x\", \"\"]\ndomains = [\"a.example\",\n\"b c\", \"Office.example\"]\n" +
			"[[pbx]]\nname = \"b\"\nuri = \"sip:h\"\nmode = \"passthrough\"\nprefixes = [\"1\"]\n[[pbx]]\nname = \"c\"\nuri = \"sip:h\"\nstrip = true", []string{
			`4: [[pbx]] prefixes: "x" is not the beginning of a number, like "0" or "+49"`,
			`4: [[pbx]] prefixes: "" is not the beginning of a number, like "0" or "+49"`,
			`6: [[pbx]] domains: "b c" is not a name like sales.example`,
			`6: [[pbx]] domains: "Office.example" is the domain of Cordboard's own users`,
			"11: [[pbx]] prefixes: no numbers go to a PBX in mode passthrough; browsers call it by its domain",
			"15: [[pbx]] strip: there are no prefixes to take off"}},
		{"PBX of a user", "[[pbx]]\nname = \"a\"\nuri = \"sip:h\"\n[[pbx]]\nname = \"b\"\nuri = \"sip:i\"\nmode = \"peer\"\n" +
			"[[user]]\nname = \"x\"\npbx = \"a\"\n[[user]]\nname = \"y\"\npbx = \"b\"\n[[user]]\nname = \"z\"\npbx = \"c\"", []string{
			`13: [[user]] pbx: users register only at a PBX in mode extension, and "b" is in mode peer`,
			`16: [[user]] pbx: there is no PBX "c"`}},
		{"trunk without user name", "[[pbx]]\nuri = \"sip:h\"\nmode = \"trunk\"", []string{"1: [[pbx]] username: missing; a trunk registers with a user name"}},
		{"PBXs of one name", "[[pbx]]\nname = \"a\"\nuri = \"sip:h\"\n[[pbx]]\nname = \"a\"\nuri = \"sip:i\"", []string{`5: [[pbx]] name: there is another PBX "a" above`}},
		{"user names", "[[user]]\n[[user]]\nname = \"Alice\"\n[[user]]\nname = \"echo\"\n[[user]]\nname = \"101\"", []string{
			"1: [[user]] name: missing; a user needs a name to sign in with",
			`3: [[user]] name: user name "Alice": only a-z, 0-9 and . _ - are allowed`,
			`5: [[user]] name: user name "echo": belongs to a built-in callee`,
			`7: [[user]] name: user name "101": needs a letter, or it would be taken for an extension`}},
		{"users alike", "[[user]]\nname = \"a\"\nextension = \"1\"\n[[user]]\nname = \"a\"\nextension = \"1\"", []string{
			`5: [[user]] name: there is another user "a" above`, `6: [[user]] extension: 1 is the extension of user "a" already`}},
		{"user details", "[[user]]\nname = \"a\"\nextension = \"1a\"\ndisplay = \"\\u202e\"\npassword = \"short\"\npbx_username = \"\\r\\n\"", []string{
			`3: [[user]] extension: extension "1a": only digits are allowed`,
			"4: [[user]] display: display name \"\\u202e\": has a character that can't be shown",
			"5: [[user]] password: weak password: needs at least 8 characters",
			"6: [[user]] pbx_username: has a control character"}},
		{"secrets in files", "[[user]]\nname = \"a\"\npassword = \"file:/secrets/none\"\npbx_password = \"file:secret\"\n[auth]\nsecrets = [\"file:/secrets/empty\"]", []string{
			"3: [[user]] password: read file:/secrets/none: file does not exist",
			"4: [[user]] pbx_password: read file:secret: want a whole path, like file:/etc/cordboard/secret",
			"6: [auth] secrets: number 1 has 0 bytes, want at least 16"}},
		{"auth", "[auth]\nhash = \"md5\"\nttl = \"soon\"", []string{
			`2: [auth] hash: "md5" is not one of sha1, sha256, sha384, sha512`, `3: [auth] ttl: read duration: "soon" is not like "1h" or "90s"`}},
		{"negative ttl", "[auth]\nttl = \"-1h\"", []string{`2: [auth] ttl: read duration: "-1h", want more than 0`}},
		{"origins", "[web]\norigins = [\"www.example\"]", []string{`2: [web] origins: "www.example": want an address as "https://www.example.com"`}},
		{"backups of a PBX", "[[pbx]]\nuri = \"sip:h\"\nbackup = [\"ok:5070\", \"2001:db8::1\", \"[::1]:0\"]", []string{
			`3: [[pbx]] backup: "2001:db8::1": an IPv6 address needs brackets, like sip:[2001:db8::1]`,
			`3: [[pbx]] backup: "[::1]:0": port "0" is not from 1 to 65535`}},
		{"files of a PBX", "[[pbx]]\nuri = \"sips:h\"\nca = \"/missing\"\nkey = \"/k\"", []string{
			"1: [[pbx]] cert: missing, though key is set",
			"3: [[pbx]] ca: read the PBX's CA: open /missing: no such file or directory"}},
		{"half a certificate", "[tls]\nkey = \"/k\"", []string{"1: [tls] cert: missing, though key is set; set both, or none for the own local CA"}},
		{"opus", "[media]\nopus = \"always\"", []string{`2: [media] opus: "always" is not one of auto, never, prefer`}},
		{"metrics", "[metrics]\nallow = [\"10.0.0.0/33\"]\ntoken = \"short\"", []string{
			`2: [metrics] allow: "10.0.0.0/33" is not a range of addresses like 10.0.0.0/8`, "3: [metrics] token: want at least 16 characters, none of them a space"}},
		{"log", "[log]\nformat = \"xml\"", []string{`2: [log] format: "xml" is not one of text, json`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse("cordboard.toml", []byte(tt.text), secretFiles)
			var faults Faults
			if !errors.As(err, &faults) {
				t.Fatalf("parse = %v, want faults", err)
			}
			var got []string
			for _, f := range faults {
				got = append(got, strings.TrimPrefix(f.String(), "cordboard.toml:"))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

// whole is the file of the design with every key of it.
const whole = `
name = "Front office"
domain = "office.example"
[listen]
https = ":8443"
http = "127.0.0.1:8080"
media = ":8443"
sip = ":5060"
sips = ""
rtp = "20000-20999"
advertise = ["192.0.2.1"]
trusted_proxies = ["10.0.0.0/8", "127.0.0.1"]
[[pbx]]
name = "office"
uri = "sip:192.0.2.10:5060;transport=udp"
mode = "trunk"
username = "cordboard"
password = "file:/secrets/good"
media = "rtp"
[[pbx]]
uri = "sip:[2001:db8::1]:5061;transport=tcp"
[[user]]
name = "alice"
display = "Alice Doe"
password = "file:/secrets/crlf"
extension = "101"
pbx_username = "a101"
pbx_password = "x"
[auth]
secrets = ["0123456789abcdef"]
hash = "sha256"
ttl = "90m"
require_handshake = true
[web]
origins = ["https://www.example:8443"]
[tls]
cert = ""
key = ""
[store]
url = ""
history = "720h"
[metrics]
allow = ["10.0.0.0/8"]
token = "0123456789abcdef"
[log]
level = "debug"
format = "json"
`

func TestParseReadsEveryKey(t *testing.T) {
	cfg, err := parse("cordboard.toml", []byte("\xef\xbb\xbf"+whole), secretFiles)
	if err != nil {
		t.Fatal(err)
	}
	if len(cfg.Notices) > 0 {
		t.Errorf("notices = %v, want none", cfg.Notices)
	}
	for name, same := range map[string]bool{
		"name":             cfg.Name == "Front office" && cfg.Domain == "office.example",
		"plain":            cfg.Listen.HTTP == "127.0.0.1:8080",
		"advertise":        len(cfg.Listen.advertised()) == 1,
		"proxies":          len(cfg.Listen.proxies()) == 2 && cfg.Listen.proxies()[1].Bits() == 32,
		"pbx":              cfg.PBX[0].Mode == "trunk" && cfg.PBX[0].Password == "correct horse",
		"pbx defaults":     cfg.PBX[1].Name == "pbx2" && cfg.PBX[1].Mode == "extension" && cfg.PBX[1].Media == "rtp",
		"user":             cfg.User[0].Password == "correct horse" && cfg.User[0].PBXUsername == "a101",
		"auth":             cfg.Auth.Lifetime() == 90*time.Minute && cfg.Auth.RequireHandshake,
		"store":            time.Duration(cfg.Store.History) == 720*time.Hour,
		"log":              cfg.Log.SlogLevel().String() == "DEBUG",
		"defaults of rest": cfg.TURN.Enabled && cfg.Recording.Announce && cfg.Recording.Keep == recording.DefaultKeep && cfg.Recording.Enabled == "" && cfg.Audio.Enabled && cfg.Discovery.Enabled && !cfg.Discovery.Strangers,
	} {
		if !same {
			t.Errorf("%s: not as in the file: %+v", name, cfg)
		}
	}
	if err := cfg.Validate(); err != nil {
		t.Errorf("Validate = %v, want nil for what Parse accepts", err)
	}
}

func TestNothingIsAConfiguration(t *testing.T) {
	cfg, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Listen.HTTPS != ":8443" || !strings.HasSuffix(cfg.Domain, ".local") || cfg.Name == "" {
		t.Errorf("defaults = %+v", cfg)
	}
}

func TestNotices(t *testing.T) {
	text := `
[listen]
sips = ":5061"
[turn]
enabled = false
[audio]
enabled = true
[discovery]
enabled = true
[store]
url = "redis://h"
[[pbx]]
name = "a"
uri = "sip:h"
mode = "passthrough"
[[pbx]]
name = "b"
uri = "sips:h"
[[pbx]]
name = "c"
uri = "sip:h;transport=wss"
[[pbx]]
name = "d"
uri = "sip:h"
media = "sdes"
[[pbx]]
name = "e"
uri = "sip:h"
`
	cfg, err := Parse("cordboard.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"cordboard.toml:5: [turn] enabled: does nothing yet",
		"cordboard.toml:11: [store] url: does nothing yet",
	}
	if diff := cmp.Diff(want, strings.Split(Faults(cfg.Notices).Error(), "\n")); diff != "" {
		t.Errorf("notices (-want +got):\n%s", diff)
	}
}

func TestLoadReadsSecretsFromFiles(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("correct horse\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, ConfigName)
	if err := os.WriteFile(file, []byte("[[user]]\nname = \"a\"\npassword = \"file:"+secret+"\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if found, err := FindConfig(dir); err != nil || found != file {
		t.Errorf("FindConfig = %q, %v, want %q", found, err, file)
	}
	cfg, err := Load(file)
	if err != nil || cfg.User[0].Password != "correct horse" {
		t.Errorf("Load = %+v, %v, want the password of the file", cfg.User, err)
	}
	if _, err := Load(filepath.Join(dir, "none")); err == nil {
		t.Error("Load of a file that is not there = nil, want an error")
	}
}

func FuzzConfig(f *testing.F) {
	f.Add(whole)
	f.Add("user = [{name = \"a\", name = 1}]\nlisten.https = 1\n[listen]\n")
	f.Add("[a]\n[a.b]\n[[a.c]]\n[[user]]\n[user.x]\n[[pbx.y]]\n\"\" = '''\n")
	f.Add("ttl = 1979-05-27T07:32:00Z\nname = \"\"\"\\\n  x\"\"\"\npbx = [[], {}]\nuser = [[{}]]\n")
	f.Fuzz(func(t *testing.T, text string) {
		cfg, err := parse("cordboard.toml", []byte(text), secretFiles)
		if err == nil {
			if err := cfg.Validate(); err != nil {
				t.Errorf("a configuration that was accepted has faults: %v", err)
			}
			for _, n := range cfg.Notices {
				inside(t, n, text)
			}
			return
		}
		var faults Faults
		if !errors.As(err, &faults) || len(faults) == 0 {
			t.Fatalf("parse = %v, want faults", err)
		}
		for _, fault := range faults {
			inside(t, fault, text)
		}
		if !slices.IsSortedFunc(faults, func(a, b Fault) int { return a.Line - b.Line }) {
			t.Errorf("faults are not in the order of their lines: %v", faults)
		}
	})
}

// inside fails the test when a fault points outside the file.
func inside(t *testing.T, f Fault, text string) {
	t.Helper()
	if lines := strings.Count(text, "\n") + 1; f.Line < 1 || f.Line > lines {
		t.Errorf("%v: line is not from 1 to %d", f, lines)
	}
	if strings.ContainsAny(f.Problem, "\n") {
		t.Errorf("%q spreads over lines", f.Problem)
	}
}
