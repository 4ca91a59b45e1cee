//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// askFirst calls whom the page's call shall be passed on to, while the one there waits.
func (p *tab) askFirst(t *testing.T, target string) {
	t.Helper()
	p.click(t, "#transfer")
	p.fill(t, "#dial", target)
	p.click(t, "#ask-first")
	p.wantWaiting(t, "talking")
}

// on lets the page be as on a screen of this size, of a telephone if it is narrow.
func (p *tab) on(t *testing.T, width, height int64) {
	t.Helper()
	var options []chromedp.EmulateViewportOption
	if width < 760 {
		options = append(options, chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	p.run(t, "another screen", chromedp.EmulateViewport(width, height, options...))
}

// looks makes pictures of the page, wide and on a telephone, by day and by night.
func (p *tab) looks(t *testing.T, name string) {
	t.Helper()
	if os.Getenv("CORDBOARD_SHOTS") == "" {
		return
	}
	scheme := func(value string) chromedp.Action[chromedp.Void] {
		return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
			_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia,
				emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: value}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
			return err
		})
	}
	for _, size := range [][2]int64{{1280, 800}, {390, 844}} {
		p.on(t, size[0], size[1])
		for _, value := range []string{"dark", "light"} {
			p.run(t, value, scheme(value))
			p.shot(t, fmt.Sprintf("%s-%d-%s", name, size[0], value))
		}
	}
	p.on(t, 1100, 760) // as it was
}

// wantInReach tells whether what the user presses in a call is to be seen on a telephone without scrolling, and nothing is cut off.
func (p *tab) wantInReach(t *testing.T, selectors ...string) {
	t.Helper()
	p.on(t, 390, 844)
	for _, s := range selectors {
		eventually(t, patience, s+" in reach on a telephone", func() bool {
			return p.truth(fmt.Sprintf(`(() => { const e = document.querySelector(%q), r = e.getBoundingClientRect(), x = (r.left + r.right) / 2;
				return r.width > 0 && r.left >= 0 && r.right <= innerWidth && e.contains(document.elementFromPoint(x, r.top + 4)) &&
					e.contains(document.elementFromPoint(x, r.bottom - 4)); })()`, s))
		})
	}
	if wide := eval[int](t, p, "document.documentElement.scrollWidth - innerWidth"); wide > 0 {
		t.Errorf("the page is %d px wider than a telephone", wide)
	}
	p.on(t, 1100, 760) // as it was
}

// The page asks somebody first and then connects both, whoever called whom; its user is out, or told that it can't be.
func TestConsult(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "")
	o.withBob(t)
	p := o.alice
	p.wantColleague(t, "bob", "idle")
	run := func(name string, f func(*testing.T)) {
		if !t.Failed() { // a call that is left would fail all that follow
			t.Run(name, f)
		}
	}
	connected := func(t *testing.T, words string) {
		t.Helper()
		p.does(t, "connect")
		if said := p.wantOver(t); !strings.Contains(said, words) {
			t.Errorf("after it connected two calls the page says %q, want %q", said, words)
		}
		p.wantNoneWaiting(t)
		o.bob.wantState(t, "talking")
		wantTone(t, "bob's page", o.bob, tonePhone)
		wantNoTone(t, "bob's page", o.bob, toneAlice)
		if peer := o.bob.text(t, "#call-peer"); peer != "201" {
			t.Errorf("bob's page talks to %q, want 201", peer)
		}
	}

	run("page and phone", func(t *testing.T) {
		proves(t, "Attended transfer", page)
		p.dial(t, "bob")
		o.bob.wantState(t, "incoming")
		o.bob.click(t, "#answer")
		talk(t, p, o.bob)
		o.phone.startOver()
		p.click(t, "#transfer")
		p.run(t, "type a name", chromedp.SendKeys(chromedp.CSS("#dial"), "carol"))
		p.looks(t, "ask-first")
		p.wantInReach(t, "#dial", "#ask-first", "#transfer-cancel", "#transfer", "#hang-up")
		p.click(t, "#transfer-cancel")
		p.askFirst(t, "201")
		o.phone.wantEvent(t, "CALL_INCOMING")
		o.phone.answer(t)
		p.wantState(t, "talking")
		wantTone(t, "the phone", o.phone, toneAlice)
		wantNoTone(t, "bob's page", o.bob, toneAlice)
		p.looks(t, "two-calls")
		p.wantInReach(t, `#others [data-do="connect"]`, `#others [data-do="swap"]`, "#mute", "#hold", "#transfer", "#hang-up")
		connected(t, "now talks to")
		wantTone(t, "the phone", o.phone, toneBob)
		wantNoTone(t, "the phone", o.phone, toneAlice)
		o.bob.hangUp(t)
		o.phone.wantEvent(t, "CALL_CLOSED")
	})
	run("phone that called, and page", func(t *testing.T) {
		o.phoneCallsPage(t, p, "101", toneAlice)
		p.askFirst(t, "bob")
		o.bob.wantState(t, "incoming")
		o.bob.click(t, "#answer")
		talk(t, p, o.bob)
		wantNoTone(t, "bob's page", o.bob, tonePhone)
		connected(t, "now talks to")
		o.bob.hangUp(t) // baresip 1.0 records nothing more of a call that was on hold
		o.phone.wantEvent(t, "CALL_CLOSED")
	})
	run("neither way", func(t *testing.T) {
		o.pageCallsPhone(t, p, toneAlice)
		p.askFirst(t, "echo") // unknown to the PBX that the phone then asks for it, and it calls nobody itself
		p.wantState(t, "talking")
		wantTone(t, "the page", p, toneAlice)
		p.does(t, "connect")
		p.wantWords(t, "could not be connected; you still have both calls")
		p.looks(t, "not-connected")
		wantTone(t, "the page", p, toneAlice)
		p.does(t, "swap")
		wantTone(t, "the page", p, tonePhone)
		o.phone.forget() // its call in vain
		p.click(t, "#hang-up")
		o.phone.wantEvent(t, "CALL_CLOSED")
		p.hangUp(t)
	})
	run("somebody knocks", func(t *testing.T) {
		eval[bool](t, p, "localStorage.setItem('cordboard.language', 'de'); true") // German words are longer
		p.run(t, "reload", chromedp.Reload())
		p.wantReady(t)
		p.dial(t, "bob")
		o.bob.wantState(t, "incoming")
		o.bob.click(t, "#answer")
		talk(t, p, o.bob)
		p.click(t, "#transfer")
		p.looks(t, "ask-first-de")
		p.wantInReach(t, "#ask-first", "#transfer-cancel")
		p.click(t, "#transfer-cancel")
		o.phone.startOver()
		o.phone.dial(t, "101")
		p.wantWaiting(t, "incoming")
		p.looks(t, "knock")
		p.wantInReach(t, `#others [data-do="answer"]`, `#others [data-do="decline"]`, "#mute", "#hold", "#transfer", "#hang-up")
		p.does(t, "answer")
		o.phone.wantEvent(t, "CALL_ESTABLISHED")
		p.wantState(t, "talking")
		p.wantWaiting(t, "talking")
		p.looks(t, "two-calls-de")
		p.wantInReach(t, `#others [data-do="connect"]`, `#others [data-do="swap"]`, "#mute", "#hold", "#transfer", "#hang-up")
		p.click(t, "#hang-up")
		o.phone.wantEvent(t, "CALL_CLOSED")
		p.wantNoneWaiting(t)
		p.hangUp(t)
		o.bob.wantOver(t)
	})
	run("picked up", func(t *testing.T) {
		proves(t, "Pick-up", page)
		o.phone.startOver()
		o.phone.dial(t, "102")
		o.bob.wantState(t, "incoming")
		p.wantColleague(t, "bob", "ringing")
		eval[bool](t, p, "document.body.dataset.tab = 'recent'; true")
		p.looks(t, "rings-at-bob")
		p.wantInReach(t, `#people-list [data-target="bob"] .way`)
		p.click(t, `#people-list [data-target="bob"] .way`)
		p.wantState(t, "talking")
		if words := o.bob.wantOver(t); !strings.Contains(words, "another of your phones") {
			t.Errorf("the page whose call was picked up says %q", words)
		}
		o.phone.wantEvent(t, "CALL_ESTABLISHED")
		wantTone(t, "the phone", o.phone, toneAlice)
		wantTone(t, "the page", p, tonePhone)
		if peer := p.text(t, "#call-peer"); peer != "201" {
			t.Errorf("the page that picked a call up talks to %q, want 201", peer)
		}
		p.wantColleague(t, "bob", "idle")
		p.hangUp(t)
		o.phone.wantEvent(t, "CALL_CLOSED")
	})
}
