//go:build e2e

package e2e

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// A call goes on when its page is loaded again: the new page takes the leg over, and the phone notices nothing.
func TestPageReload(t *testing.T) {
	proves(t, "Call survives a page reload", page)
	o := openOffice(t, "")
	reload := func(t *testing.T) time.Duration {
		t.Helper()
		o.alice.run(t, "reload", chromedp.Reload())
		start := time.Now()
		o.alice.wantState(t, "talking")
		return time.Since(start)
	}
	for _, tt := range []struct {
		name  string
		setUp func(*testing.T, *tab)
	}{
		{"page called", func(t *testing.T, p *tab) { o.pageCallsPhone(t, p, toneAlice) }},
		{"phone called", func(t *testing.T, p *tab) { o.phoneCallsPage(t, p, "101", toneAlice) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.setUp(t, o.alice)
			o.phone.forget()
			for range 2 {
				t.Logf("talking again %s after the page was loaded", reload(t))
				wantTone(t, "the phone", o.phone, toneAlice)
				wantTone(t, "the page", o.alice, tonePhone)
			}
			o.alice.shot(t, "taken-over")
			o.alice.hangUp(t)
			o.phone.wantEvent(t, "CALL_CLOSED")
		})
	}
	t.Run("muted", func(t *testing.T) {
		o.pageCallsPhone(t, o.alice, toneAlice)
		o.alice.click(t, "#mute")
		reload(t)
		wantNoTone(t, "the phone", o.phone, toneAlice)
		wantTone(t, "the page", o.alice, tonePhone)
		o.alice.click(t, "#mute")
		wantTone(t, "the phone", o.phone, toneAlice)
		o.alice.hangUp(t)
		o.phone.wantEvent(t, "CALL_CLOSED")
	})
}
