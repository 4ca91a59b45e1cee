//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// wantHold waits until the page says who put the call on hold: "", local, remote or both.
func (p *tab) wantHold(t *testing.T, by string) {
	t.Helper()
	eventually(t, patience, fmt.Sprintf("hold by %q in the page", by), func() bool {
		return p.truth(fmt.Sprintf("document.querySelector('#call').dataset.hold === %q", by))
	})
}

// A call on hold is silent both ways, whoever holds it, and goes on afterwards.
func TestHold(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "")
	p := o.alice
	o.withBob(t)
	run := func(name string, f func(*testing.T)) {
		if !t.Failed() { // a call that is left would fail all that follow
			t.Run(name, f)
		}
	}
	// baresip 1.0 records nothing more of a call that was on hold; bob's page tells that who was held hears again, too.
	hear := func(t *testing.T) {
		t.Helper()
		p.wantHold(t, "")
		wantTone(t, "the page", p, tonePhone)
	}
	silent := func(t *testing.T) {
		t.Helper()
		wantNoTone(t, "the phone", o.phone, toneAlice)
		wantNoTone(t, "the page", p, tonePhone)
	}
	over := func(t *testing.T) {
		t.Helper()
		p.hangUp(t)
		o.phone.wantEvent(t, "CALL_CLOSED")
	}

	run("page holds", func(t *testing.T) {
		proves(t, "Hold and resume", page, desk)
		o.pageCallsPhone(t, p, toneAlice)
		for range 2 {
			p.click(t, "#hold")
			p.wantHold(t, "local")
			silent(t)
			if words := p.text(t, "#call-quality"); !strings.Contains(words, "You put 201 on hold") {
				t.Errorf("the page that holds says %q", words)
			}
			p.shot(t, "holds")
			p.click(t, "#hold")
			hear(t)
		}
		over(t)
	})
	run("both hear each other again", func(t *testing.T) {
		p.dial(t, "102")
		o.bob.wantState(t, "incoming")
		o.bob.click(t, "#answer")
		talk(t, p, o.bob)
		apart := func() {
			t.Helper()
			p.wantHold(t, "local")
			o.bob.wantHold(t, "remote")
			wantNoTone(t, "who holds", p, toneBob)
			wantNoTone(t, "who is held", o.bob, toneAlice)
		}
		for range 2 {
			p.click(t, "#hold")
			apart()
			p.click(t, "#hold")
			o.bob.wantHold(t, "")
			talk(t, p, o.bob)
		}
		p.click(t, "#hold")
		p.click(t, "#mute")
		apart()
		p.click(t, "#mute") // must not let the voice through
		apart()
		p.click(t, "#mute")
		p.click(t, "#hold")
		o.bob.wantHold(t, "")
		wantTone(t, "who is muted", p, toneBob)
		wantNoTone(t, "who talks to one that is muted", o.bob, toneAlice)
		p.click(t, "#mute")
		talk(t, p, o.bob)
		p.click(t, "#hold")
		apart()
		p.run(t, "reload", chromedp.Reload())
		apart()
		p.click(t, "#hold")
		o.bob.wantHold(t, "")
		talk(t, p, o.bob)
		p.hangUp(t)
		o.bob.wantOver(t)
	})
	run("page holds by key, in a call it got", func(t *testing.T) {
		o.phoneCallsPage(t, p, "101", toneAlice)
		p.run(t, "press h", chromedp.KeyEvent("h"))
		p.wantHold(t, "local")
		silent(t)
		p.run(t, "press h", chromedp.KeyEvent("h"))
		hear(t)
		over(t)
	})
	run("hurried", func(t *testing.T) {
		o.pageCallsPhone(t, p, toneAlice)
		eval[bool](t, p, "for (let i = 0; i < 5; i++) document.querySelector('#hold').click(); true")
		p.wantHold(t, "local")
		silent(t)
		eval[bool](t, p, "for (let i = 0; i < 3; i++) document.querySelector('#hold').click(); true")
		hear(t)
		over(t)
	})
	run("page reloaded while it holds", func(t *testing.T) {
		o.pageCallsPhone(t, p, toneAlice)
		p.click(t, "#hold")
		silent(t)
		p.run(t, "reload", chromedp.Reload())
		p.wantState(t, "talking")
		p.wantHold(t, "local")
		silent(t)
		p.shot(t, "holds-reloaded")
		p.click(t, "#hold")
		hear(t)
		over(t)
	})
	run("phone holds", func(t *testing.T) {
		o.pageCallsPhone(t, p, toneAlice)
		o.phone.command(t, "hold", "")
		p.wantHold(t, "remote")
		wantNoTone(t, "the holding phone", o.phone, toneAlice)
		wantNoTone(t, "the page on hold", p, tonePhone)
		if words := p.text(t, "#call-quality"); !strings.Contains(words, "201 put you on hold") {
			t.Errorf("the page on hold says %q", words)
		}
		p.shot(t, "held")
		p.run(t, "reload", chromedp.Reload())
		p.wantState(t, "talking")
		p.wantHold(t, "remote")
		o.phone.command(t, "resume", "")
		p.wantHold(t, "")
		wantTone(t, "the page", p, tonePhone)
		over(t)
	})
	run("both hold", func(t *testing.T) {
		proves(t, "Both hold", page, desk)
		o.pageCallsPhone(t, p, toneAlice)
		p.click(t, "#hold")
		p.wantHold(t, "local")
		silent(t)
		o.phone.command(t, "hold", "")
		p.wantHold(t, "both")
		p.click(t, "#hold")
		p.wantHold(t, "remote")
		wantNoTone(t, "the page on hold", p, tonePhone)
		o.phone.command(t, "resume", "")
		p.wantHold(t, "")
		wantTone(t, "the page", p, tonePhone)

		o.phone.command(t, "hold", "")
		p.wantHold(t, "remote")
		p.click(t, "#hold")
		p.wantHold(t, "both")
		wantNoTone(t, "the page", p, tonePhone) // and its hold has arrived: baresip gives up a change that crosses another
		o.phone.command(t, "resume", "")
		p.wantHold(t, "local")
		wantNoTone(t, "the page that holds", p, tonePhone)
		p.click(t, "#hold")
		hear(t)
		over(t)
	})
}
