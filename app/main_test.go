package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// perform runs a command in this process, with input on a standard input that is no terminal.
func perform(t *testing.T, input string, args ...string) (code int, out, errOut string) {
	t.Helper()
	in := filepath.Join(t.TempDir(), "in")
	if err := os.WriteFile(in, []byte(input), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(in)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var o, e bytes.Buffer
	code = run(args, console{f, &o, &e})
	return code, o.String(), e.String()
}

func TestCommandLines(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.toml")
	if err := os.WriteFile(bad, []byte("nam = \"x\"\n\n[log]\nlevel = \"loud\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	good := filepath.Join(dir, "good.toml")
	if err := os.WriteFile(good, []byte("[turn]\nenabled = true\n[[user]]\nname = \"carol\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	data := "--data=" + filepath.Join(dir, "data")
	for _, tt := range []struct {
		name     string
		args     []string
		input    string
		code     int
		out, err string // found in what is printed
	}{
		{"version", []string{"version"}, "", 0, "cordboard dev", ""},
		{"version as a flag", []string{"--version"}, "", 0, "cordboard dev", ""},
		{"help", []string{"--help"}, "", 0, "user password NAME", ""},
		{"help on the window", []string{"--hidden", "--help"}, "", 0, "  --hidden                 begin in the tray", ""},
		{"help on one", []string{"help", "token"}, "", 0, "Example: cordboard token --user alice --ttl 15m", ""},
		{"help as a flag", []string{"token", "--help"}, "", 0, "--ttl TIME", ""},
		{"help on a group", []string{"user", "--help"}, "", 0, "cordboard user list", ""},
		{"help on what is not there", []string{"help", "surgeon"}, "", 2, "", `there is no command "surgeon"`},
		{"unknown command", []string{"chek"}, "", 2, "", `there is no command "chek"; did you mean "check"?`},
		{"half a command", []string{"user"}, "", 2, "", "user needs one of: add, list, remove, password"},
		{"unknown half", []string{"user", "lst"}, "", 2, "", `did you mean "list"?`},
		{"unknown flag", []string{"check", "--confg", "x"}, "", 2, "", "there is no --confg; did you mean --config?"},
		{"flag without value", []string{"check", "--config"}, "", 2, "", "flag needs an argument"},
		{"word too many", []string{"serve", "now"}, "", 2, "", `serve takes no arguments, but there is "now"`},
		{"no name", []string{"user", "add", data}, "", 2, "", "user add needs the NAME of a user"},
		{"two names", []string{"user", "add", "a", data, "b"}, "", 2, "", "user add takes one NAME, not a b"},
		{"token for nobody", []string{"token", data}, "", 2, "", "whom is the credential for?"},
		{"token of the past", []string{"token", "--user", "a", "--ttl", "-1h", data}, "", 2, "", "in the past"},

		{"faults", []string{"check", "--config", bad}, "", 1, bad + ":1: nam: unknown key; did you mean name?\n" + bad + ":4: [log] level: ", ""},
		{"no faults", []string{"check", "--config", good}, "", 0, good + ":2: [turn] enabled: does nothing yet\n" + good + ": no faults", ""},
		{"no file", []string{"check", "--config", good + "x"}, "", 1, "", "no such file"},
		{"no configuration", []string{"check", data}, "", 0, "everything has its default", ""},
		{"serving with faults", []string{"serve", "--config", bad, data}, "", 1, "", bad + ":1: nam: unknown key"},

		{"nobody", []string{"user", "list", data}, "", 0, "There are no users yet", ""},
		{"add", []string{"user", "add", "alice", "--extension", "101", "--display", "Alice Doe", data}, "correct horse\n", 0, "User alice added.\n", ""},
		{"add with flags first", []string{"user", "add", data, "--extension=102", "--", "bob"}, "correct horse\r\n", 0, "User bob added.\n", ""},
		{"add twice", []string{"user", "add", "alice", data}, "correct horse\n", 1, "", "there is a user alice already"},
		{"add one of the file", []string{"user", "add", "carol", data, "--config", good}, "correct horse\n", 1, "", "there is a user carol already"},
		{"taken extension", []string{"user", "add", "dave", "--extension", "101", data}, "correct horse\n", 1, "", "extension 101 belongs to user alice already"},
		{"no password", []string{"user", "add", "dave", data}, "", 1, "", "nothing on standard input"},
		{"weak password", []string{"user", "add", "dave", data}, "short\n", 1, "", "at least 8 characters"},
		{"no PBX password", []string{"user", "add", "dave", "--generate", "--pbx-password-file", empty, data}, "", 1, "", "is empty"},
		{"generate", []string{"user", "add", "erin", "--generate", data}, "", 0, "One-time password: ", ""},
		{"add an administrator", []string{"user", "add", "frank", "--admin", data}, "correct horse\n", 0, "User frank added.\n", ""},
		{"administrators in the list", []string{"user", "list", data}, "", 0, "administrator\n", ""},
		{"another password", []string{"user", "password", "alice", data}, "battery staple\n", 0, "Password of alice changed.\n", ""},
		{"password of one of the file", []string{"user", "password", "carol", data, "--config", good}, "battery staple\n", 1, "", "configuration file"},
		{"password of nobody", []string{"user", "password", "zed", data}, "battery staple\n", 1, "", "no such user"},
		{"list", []string{"user", "list", data, "--config", good}, "", 0, "alice  101        Alice Doe", ""},
		{"note in the list", []string{"user", "list", data}, "", 0, "one-time password not used yet", ""},
		{"remove", []string{"user", "remove", "erin", data}, "", 0, "User erin removed.\n", ""},
		{"remove twice", []string{"user", "remove", "erin", data}, "", 1, "", "no such user"},
		{"remove one of the file", []string{"user", "remove", "carol", data, "--config", good}, "", 1, "", "stands in the configuration file"},
		{"token", []string{"token", "--user", "alice", data}, "", 0, ":alice\npassword: ", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, out, errOut := perform(t, tt.input, tt.args...)
			if code != tt.code || !strings.Contains(out, tt.out) || !strings.Contains(errOut, tt.err) {
				t.Errorf("cordboard %s = %d\nout: %s\nerr: %s\nwant %d, %q, %q", strings.Join(tt.args, " "), code, out, errOut, tt.code, tt.out, tt.err)
			}
		})
	}
}

// TestEveryCommandHasHelp keeps the help whole: one line what it does, an example, a text for each flag.
func TestEveryCommandHasHelp(t *testing.T) {
	for _, cmd := range commands() {
		var b strings.Builder
		cmd.describe(&b)
		if cmd.short == "" || strings.Contains(cmd.short, "\n") || !strings.Contains(b.String(), "Example: cordboard "+cmd.name) {
			t.Errorf("help of %q:\n%s", cmd.name, b.String())
		}
		for line := range strings.Lines(b.String()) {
			if strings.HasPrefix(line, "  --") && len(strings.Fields(line)) < 4 {
				t.Errorf("help of %q has a flag without a text: %s", cmd.name, line)
			}
		}
	}
}
