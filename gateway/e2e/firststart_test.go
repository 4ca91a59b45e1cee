//go:build e2e

package e2e

import (
	"net/http"
	"os"
	"regexp"
	"testing"
	"time"
)

var oneTime = regexp.MustCompile(`user (\S+), one-time password (\S+)`)

// The first start prints a one-time password; the page asks for an own one and
// then calls. A power cut loses neither the account nor the certificate.
func TestFirstStart(t *testing.T) {
	t.Parallel()
	g := startGateway(t, gatewayOptions{})
	var found []string
	eventually(t, 5*time.Second, "one-time password in what the gateway prints", func() bool {
		found = oneTime.FindStringSubmatch(g.output())
		return found != nil
	})
	user, once := found[1], found[2]
	const own = "a-password-of-my-own"

	s := newSession(t, g)
	if code, body := s.post(t, "/api/v1/login", map[string]string{"user": user, "password": once}); code != http.StatusForbidden || body["error"] != "choose_password" {
		t.Errorf("sign-in by API with the one-time password: %d %v, want 403 choose_password", code, body)
	}
	wantPageBuilt(t)
	b := startBrowser(t, toneAlice, g.ca())
	p := b.open(t, g.url("/"))
	p.shot(t, "sign-in")
	p.signIn(t, user, once)
	p.choosePassword(t, own)
	p.wantReady(t)
	p.dial(t, "echo")
	p.wantState(t, "talking")
	wantTone(t, "the page", p, toneAlice)
	p.hangUp(t)

	ca, err := os.ReadFile(g.ca())
	if err != nil {
		t.Fatal(err)
	}
	g.kill()
	g.start(t)
	if again, _ := os.ReadFile(g.ca()); string(again) != string(ca) {
		t.Error("after a power cut the certificate authority is another one")
	}
	if oneTime.MatchString(g.output()) {
		t.Error("after a restart a one-time password is printed again")
	}
	if code, _ := newSession(t, g).post(t, "/api/v1/login", map[string]string{"user": user, "password": once}); code != http.StatusUnauthorized {
		t.Errorf("the used one-time password gives %d, want 401", code)
	}
	if code, _ := newSession(t, g).post(t, "/api/v1/login", map[string]string{"user": user, "password": own}); code != http.StatusNoContent {
		t.Errorf("the own password gives %d after a power cut, want 204", code)
	}
	p.wantReady(t)
	p.dial(t, "tone")
	p.wantState(t, "talking")
	wantTone(t, "the page", p, toneBuiltIn)
	p.hangUp(t)
}
