//go:build e2e

package e2e

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	cdpage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// Marks that a test measures. What they allow holds on a machine that is busy with other tests too; where CORDBOARD_MARKS is set they
// must hold as they are promised.
type mark struct{ promised, busy time.Duration }

var (
	backAfterReload = mark{time.Second, 2 * time.Second}     // from the beginning of a page's reload to sound both ways, the median
	backAfterCrash  = mark{3 * time.Second, 6 * time.Second} // from the start of the gateway to sound both ways
)

// want fails the test where took is more than the mark allows.
func (m mark) want(t *testing.T, what string, took time.Duration) {
	t.Helper()
	limit := m.busy
	if os.Getenv("CORDBOARD_MARKS") != "" {
		limit = m.promised
	}
	t.Logf("%s: %s of %s", what, took.Round(time.Millisecond), m.promised)
	if took > limit {
		t.Errorf("%s took %s, want at most %s", what, took, limit)
	}
}

// hearsWhen has each page of the tab that is loaded from now on note when it first hears something, in Unix milliseconds.
func (p *tab) hearsWhen(t *testing.T) {
	t.Helper()
	p.run(t, "add a script", chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, cdpage.AddScriptToEvaluateOnNewDocument, cdpage.AddScriptToEvaluateOnNewDocumentParams{Source: hearsWhenScript})
		return err
	}))
}

const hearsWhenScript = `{
	const Plain = window.RTCPeerConnection;
	window.RTCPeerConnection = class extends Plain {
		constructor(...args) {
			super(...args);
			const timer = setInterval(async () => {
				const stats = await this.getStats();
				if (![...stats.values()].some((s) => s.type === "inbound-rtp" && s.totalAudioEnergy > 1e-4)) return;
				window.testHeardAt ??= Date.now();
				clearInterval(timer);
			}, 20);
		}
	};
}`

// reload loads the page again in a call and gives how long after that began sound got through again both ways: when the gateway had
// the new page's first packet, and when that heard something.
func (p *tab) reload(t *testing.T, s *session) (toFarEnd, toPage time.Duration) {
	t.Helper()
	began := time.Now()
	p.run(t, "reload", chromedp.Reload())
	p.wantState(t, "talking")
	eventually(t, patience, "sound at the page", func() bool { return p.truth("window.testHeardAt") })
	toPage = time.UnixMilli(int64(eval[float64](t, p, "window.testHeardAt"))).Sub(began)
	eventually(t, patience, "sound of the page", func() bool {
		for _, l := range s.media(t).Legs {
			if l.Side == "browser" && l.Steps.Began >= began.UnixMilli() && l.Steps.FirstIn > 0 {
				toFarEnd = time.UnixMilli(l.Steps.FirstIn).Sub(began)
				return true
			}
		}
		return false
	})
	return toFarEnd, toPage
}

// invites are the calls, by Call-ID, of all INVITEs that the PBX has seen: new calls and changes of one.
func (k *pbx) invites() (calls []string) {
	for line := range strings.Lines(k.output()) {
		if _, line, found := strings.Cut(line, "INVITE sip:"); found {
			if _, id, found := strings.Cut(line, " call "); found {
				calls = append(calls, strings.TrimSpace(id))
			}
		}
	}
	return calls
}

// A call goes on when its page is loaded again: the new page takes the leg over, and the phone notices nothing.
func TestPageReload(t *testing.T) {
	proves(t, "Call survives a page reload", page)
	o := openOffice(t, "")
	o.alice.hearsWhen(t)
	api := signIn(t, o.gateway, alice)
	for _, tt := range []struct {
		name  string
		setUp func(*testing.T, *tab)
		times int
	}{
		{"page called", func(t *testing.T, p *tab) { o.pageCallsPhone(t, p, toneAlice) }, 5},
		{"phone called", func(t *testing.T, p *tab) { o.phoneCallsPage(t, p, "101", toneAlice) }, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.setUp(t, o.alice)
			o.phone.forget()
			seen := o.pbx.invites()
			var took []time.Duration
			for range tt.times {
				toPhone, toPage := o.alice.reload(t, api)
				t.Logf("after the page's reload began the phone hears it in %s, the page the phone in %s", toPhone.Round(time.Millisecond), toPage.Round(time.Millisecond))
				took = append(took, max(toPhone, toPage))
			}
			slices.Sort(took)
			backAfterReload.want(t, "the median until sound is back", took[len(took)/2])
			wantTone(t, "the phone", o.phone, toneAlice)
			wantTone(t, "the page", o.alice, tonePhone)
			o.wantUndisturbed(t, seen)
			o.alice.shot(t, "taken-over")
			o.alice.hangUp(t)
			o.phone.wantEvent(t, "CALL_CLOSED")
		})
	}
	t.Run("muted", func(t *testing.T) {
		o.pageCallsPhone(t, o.alice, toneAlice)
		o.alice.click(t, "#mute")
		o.alice.reload(t, api)
		wantNoTone(t, "the phone", o.phone, toneAlice)
		wantTone(t, "the page", o.alice, tonePhone)
		o.alice.click(t, "#mute")
		wantTone(t, "the phone", o.phone, toneAlice)
		o.alice.hangUp(t)
		o.phone.wantEvent(t, "CALL_CLOSED")
	})
	t.Run("ringing", func(t *testing.T) {
		proves(t, "Call that rings survives a page reload", page)
		o.phone.startOver()
		o.phone.dial(t, "101")
		o.alice.wantState(t, "incoming")
		seen := o.pbx.invites()
		o.alice.run(t, "reload", chromedp.Reload())
		o.alice.wantState(t, "incoming")
		o.alice.click(t, "#answer")
		o.alice.wantState(t, "talking")
		o.phone.wantEvent(t, "CALL_ESTABLISHED")
		wantTone(t, "the phone", o.phone, toneAlice)
		wantTone(t, "the page", o.alice, tonePhone)
		o.wantUndisturbed(t, seen)
		o.alice.hangUp(t)
		o.phone.wantEvent(t, "CALL_CLOSED")
	})
}

// wantUndisturbed fails the test if the PBX has seen another INVITE than those before, or the phone another call or the end of its own.
func (o *office) wantUndisturbed(t *testing.T, before []string) {
	t.Helper()
	if now := o.pbx.invites(); len(before) == 0 || len(now) > len(before) {
		t.Errorf("INVITEs at the PBX: %q, want those from before: %q", now, before)
	}
	for _, e := range o.phone.recent() {
		if e.Type == "CALL_INCOMING" || e.Type == "CALL_CLOSED" {
			t.Errorf("the phone tells of %+v", e)
		}
	}
}
