//go:build e2e

package e2e

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

// from is an HTTP client at an address of this machine, with cookies.
func (g *gateway) from(t *testing.T, addr string) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(addr)}}
	return &http.Client{Jar: jar, Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: g.tls(),
		DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&tls.Dialer{NetDialer: dialer, Config: g.tls()}).DialContext(ctx, "tcp4", g.https.addr())
		}}}
}

// ask sends a request with a body of JSON (empty: none) and gives the answer.
func (g *gateway) ask(c *http.Client, method, path, body string) (int, string, error) {
	req, err := http.NewRequest(method, g.url(path), strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := c.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, string(text), err
}

// Who guesses passwords is banned, also after a restart, until an administrator says otherwise.
func TestBan(t *testing.T) {
	t.Parallel()
	const attacker = "127.0.0.2"
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, Extra: "[guard]\nnever_ban = [\"127.0.0.1\"]\n" +
		"[[user]]\nname = \"boss\"\npassword = \"boss-in-the-corner-office\"\nadmin = true\n"})
	guess := g.from(t, attacker)
	var err error
	for i := 0; err == nil; i++ {
		if i == 100 {
			t.Fatal("not banned after a hundred guesses")
		}
		_, _, err = g.ask(guess, "POST", "/api/v1/login", fmt.Sprintf(`{"user":"guess%d","password":"guess"}`, i))
	}
	g.wantLog(t, "banned", "subject="+attacker, "wrong passwords")

	boss := g.from(t, "127.0.0.1")
	if status, body, err := g.ask(boss, "POST", "/api/v1/login", `{"user":"boss","password":"boss-in-the-corner-office"}`); err != nil || status != 204 {
		t.Fatalf("the administrator signs in: %d %s %v", status, body, err)
	}
	wantBanned := func() {
		t.Helper()
		var list struct{ Bans []struct{ Subject string } }
		status, body, err := g.ask(boss, "GET", "/api/v1/bans", "")
		if json.Unmarshal([]byte(body), &list) != nil || err != nil || status != 200 || len(list.Bans) != 1 || list.Bans[0].Subject != attacker {
			t.Fatalf("bans: %d %s %v, want %s", status, body, err, attacker)
		}
		if status, _, err := g.ask(guess, "GET", "/healthz", ""); err == nil {
			t.Errorf("the banned one gets an answer, %d", status)
		}
	}
	wantBanned()
	g.stop()
	g.start(t)
	wantBanned()
	if status, body, err := g.ask(boss, "DELETE", "/api/v1/bans/"+attacker, ""); err != nil || status != 204 {
		t.Errorf("lift the ban: %d %s %v", status, body, err)
	}
	if status, body, err := g.ask(guess, "GET", "/healthz", ""); err != nil || status != 200 {
		t.Errorf("after the ban was lifted: %d %s %v", status, body, err)
	}
	ordinary := g.from(t, "127.0.0.1")
	if status, _, err := g.ask(ordinary, "POST", "/api/v1/login", fmt.Sprintf(`{"user":%q,"password":%q}`, alice.Name, alice.Password)); err != nil || status != 204 {
		t.Fatalf("alice signs in: %d %v", status, err)
	}
	if status, _, err := g.ask(ordinary, "GET", "/api/v1/bans", ""); err != nil || status != 403 {
		t.Errorf("alice asks for the bans: %d %v, want 403", status, err)
	}
}

// The rules for calls hold, and others after SIGHUP.
func TestToll(t *testing.T) {
	t.Parallel()
	pbx := freePort(t)
	log := startScenario(t, "phone.xml", pbx)
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice},
		Extra: fmt.Sprintf("[auth]\nsecrets = [%q]\n[guard]\ndeny = [\"0900\"]\n", secret),
		PBX:   fmt.Sprintf("[[pbx]]\nname = \"office\"\nuri = \"sip:%s\"\nmode = \"peer\"\n", pbx.addr())})
	b := &client{socket: openSocket(t, g, credentialQuery("alice", time.Now().Add(time.Hour))), host: "df7jal23ls0d.invalid", log: log}
	refused := func(number string) bool {
		t.Helper()
		d := b.invite(t, number)
		res := b.await(t, "answer", func(m sip.Message) bool {
			res, ok := m.(*sip.Response)
			return ok && res.StatusCode >= 200 && res.CallID().Value() == d.id
		}).(*sip.Response)
		if res.IsSuccess() {
			d.confirm(t, res)
			d.hangUp(t)
			return false
		}
		want := fmt.Sprintf(`399 cordboard "Calls to %s… are not allowed for you"`, number[:len(number)-1])
		if w := res.GetHeader("Warning"); res.StatusCode != 403 || w == nil || w.Value() != want {
			t.Fatalf("%s: %d %s %v, want 403 with %s", number, res.StatusCode, res.Reason, w, want)
		}
		return true
	}
	if !refused("09001") || refused("2001") {
		t.Error("the rules do not hold")
	}
	text, err := os.ReadFile(g.config())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(g.config(), []byte(strings.Replace(string(text), `["0900"]`, `["200"]`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	g.signal(syscall.SIGHUP)
	eventually(t, patience, "refusal by the new rules", func() bool { return refused("2001") })
	if refused("09001") {
		t.Error("the old rules still hold")
	}
}
