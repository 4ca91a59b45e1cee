//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// openPage opens the gateway's calling page and signs in.
func openPage(t *testing.T, b interface {
	open(t *testing.T, url string) *tab
}, g *gateway, u gatewayUser) *tab {
	t.Helper()
	wantPageBuilt(t)
	p := b.open(t, g.url("/"))
	p.signIn(t, u.Name, u.Password)
	p.wantReady(t)
	return p
}

// wantPageBuilt ends a test that needs the page when there is none to embed.
func wantPageBuilt(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("../../assets/web/dist/index.html"); err != nil && os.Getenv("CORDBOARD_E2E_BINARY") == "" {
		missing(t, "the page is not built (packaging/build builds it)")
	}
}

// signIn fills in the form.
func (p *tab) signIn(t *testing.T, user, password string) {
	t.Helper()
	p.fill(t, "#user", user)
	p.fill(t, "#password", password)
	p.click(t, "#sign-in-button")
}

// wantReady waits until the page can call.
func (p *tab) wantReady(t *testing.T) {
	t.Helper()
	p.wantConnection(t, "ready")
}

// wantConnection waits for the lamp of the page's connection to the gateway.
func (p *tab) wantConnection(t *testing.T, state string) {
	t.Helper()
	selector := fmt.Sprintf("#connection[data-connection=%q]", state)
	eventually(t, 20*time.Second, "page with "+selector, func() bool {
		return p.truth(fmt.Sprintf("document.querySelector(%q)", selector))
	})
}

// dial calls a number or name.
func (p *tab) dial(t *testing.T, target string) {
	t.Helper()
	p.fill(t, "#dial", target)
	p.click(t, "#call-button")
}

// state is the state of the page's call: idle, calling, ringing, incoming,
// talking or ended.
func (p *tab) state(t *testing.T) string {
	t.Helper()
	return eval[string](t, p, "document.querySelector('#call')?.dataset.state ?? ''")
}

// wantState waits until the call is in one of the states.
func (p *tab) wantState(t *testing.T, states ...string) {
	t.Helper()
	var last string
	if !within(15*time.Second, func() bool {
		last = p.state(t)
		for _, s := range states {
			if last == s {
				return true
			}
		}
		return false
	}) {
		t.Fatalf("the page's call is %q (%q), want %q", last, p.text(t, "#call-message"), states)
	}
}

// wantOver waits until no call is left and gives the page's words about it.
func (p *tab) wantOver(t *testing.T) string {
	t.Helper()
	var words string
	eventually(t, 20*time.Second, "end of the page's call", func() bool {
		switch p.state(t) {
		case "ended", "idle":
			words = p.text(t, "#call-message")
			return true
		}
		return false
	})
	return words
}

// hangUp presses the button and waits for the call's end.
func (p *tab) hangUp(t *testing.T) {
	t.Helper()
	p.click(t, "#hang-up")
	p.wantOver(t)
}

// press presses keys of the keypad.
func (p *tab) press(t *testing.T, digits string) {
	t.Helper()
	for _, d := range digits {
		p.click(t, chromedp.CSS(fmt.Sprintf("#keypad [data-digit=%q]", string(d))))
		time.Sleep(250 * time.Millisecond)
	}
}

// choosePassword fills in the form that follows a one-time password.
func (p *tab) choosePassword(t *testing.T, own string) {
	t.Helper()
	p.fill(t, "#new-password", own)
	p.shot(t, "choose-password")
	p.click(t, "#choose-password-button")
}

// close closes the tab as its user does, without hanging up.
func (p *tab) close() {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	chromedp.Cancel(ctx)
}
