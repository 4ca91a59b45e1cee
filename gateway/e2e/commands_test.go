//go:build e2e

package e2e

import (
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

var (
	given      = regexp.MustCompile(`One-time password: (\S+)`)
	credential = regexp.MustCompile(`username: (\S+)\npassword: (\S+)`)
)

// command runs a command beside the serving gateway and gives what it prints.
func (g *gateway) command(t *testing.T, args ...string) string {
	t.Helper()
	binary, err := buildGateway()
	if err != nil {
		t.Fatalf("build the gateway: %v", err)
	}
	out, err := exec.Command(binary, append(args, "--config", g.config(), "--data", g.data)...).CombinedOutput()
	if err != nil {
		t.Fatalf("cordboard %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// Accounts and credentials made on the command line work in the gateway that
// runs beside it.
func TestCommands(t *testing.T) {
	t.Parallel()
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}})

	found := given.FindStringSubmatch(g.command(t, "user", "add", "dora", "--display", "Dora Dow", "--extension", "104", "--generate"))
	if found == nil {
		t.Fatal("user add --generate prints no one-time password")
	}
	const own = "doras-own-password"
	s := newSession(t, g)
	if code, body := s.post(t, "/api/v1/password", map[string]string{"user": "dora", "password": found[1], "new": own}); code != http.StatusNoContent {
		t.Fatalf("choose a password: %d %v, want 204", code, body)
	}
	if code, body := s.get(t, "/api/v1/session"); code != http.StatusOK || body["display"] != "Dora Dow" {
		t.Errorf("session after the choice: %d %v, want Dora Dow's", code, body)
	}

	found = credential.FindStringSubmatch(g.command(t, "token", "--user", "dora", "--ttl", "1m"))
	if found == nil {
		t.Fatal("token prints no credential")
	}
	query := "?" + url.Values{"username": {found[1]}, "password": {found[2]}}.Encode()
	socket := openSocket(t, g, query)
	socket.send(t, register("dora"))
	socket.wantStatus(t, "200")

	g.command(t, "user", "remove", "dora")
	eventually(t, 5*time.Second, "end of the removed user's session", func() bool {
		code, _ := s.get(t, "/api/v1/session")
		return code == http.StatusUnauthorized
	})
	if list := g.command(t, "user", "list"); strings.Contains(list, "dora") || !strings.Contains(list, "alice") {
		t.Errorf("user list after dora's removal:\n%s", list)
	}
}

// SIGHUP takes a new user over and a faulty file not; calls go on meanwhile.
func TestReload(t *testing.T) {
	t.Parallel()
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}})
	p := openPage(t, startBrowser(t, toneAlice, g.ca()), g, alice)
	p.dial(t, "echo")
	p.wantState(t, "talking")
	wantTone(t, "the page", p, toneAlice)

	before, err := os.ReadFile(g.config())
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(g.config(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		g.signal(syscall.SIGHUP)
	}
	write(string(before) + "[[user]]\nname = \"bob\"\npasswort = \"a typing error\"\n")
	g.wantLog(t, "not reloaded", "passwort")
	write(string(before) + "[[user]]\nname = \"bob\"\npassword = \"" + bob.Password + "\"\n")
	g.wantLog(t, "configuration reloaded")
	signIn(t, g, bob)
	wantTone(t, "the page", p, toneAlice)
	p.hangUp(t)
}
