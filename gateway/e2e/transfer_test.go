//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// pass passes the page's call on to a name or number.
func (p *tab) pass(t *testing.T, target string) {
	t.Helper()
	p.click(t, "#transfer")
	p.fill(t, "#dial", target)
	p.shot(t, "passing-asks")
	p.click(t, "#transfer")
}

// wantWords waits until the page's message about the call holds some words.
func (p *tab) wantWords(t *testing.T, words string) {
	t.Helper()
	var last string
	if !within(patience, func() bool {
		last = p.text(t, "#call-message")
		return strings.Contains(last, words)
	}) {
		t.Fatalf("the page says %q, want %q in it", last, words)
	}
}

// A call is passed on to somebody else, by the page and by the phone.
func TestTransfer(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "")
	p := o.alice
	other := startPhone(t, o.pbx, "202", phoneOptions{Tone: tonePhone2})
	run := func(name string, f func(*testing.T)) {
		if !t.Failed() { // a call that is left would fail all that follow
			t.Run(name, f)
		}
	}

	run("page passes the phone on", func(t *testing.T) {
		proves(t, "Blind transfer", page, desk)
		o.pageCallsPhone(t, p, toneAlice)
		other.startOver()
		p.pass(t, "202")
		other.wantEvent(t, "CALL_INCOMING")
		other.answer(t)
		if words := p.wantOver(t); !strings.Contains(words, "201 now talks to 202") {
			t.Errorf("after the page passed the call on it says %q", words)
		}
		other.wantEvent(t, "CALL_ESTABLISHED")
		wantTone(t, "202", other, tonePhone)
		wantTone(t, "201", o.phone, tonePhone2)
		wantNoTone(t, "201", o.phone, toneAlice)
		other.hangUp(t)
		o.phone.wantEvent(t, "CALL_CLOSED")
	})
	run("phone finds nobody", func(t *testing.T) {
		o.pageCallsPhone(t, p, toneAlice)
		p.pass(t, "9486")
		p.wantWords(t, "9486 is busy; you still have the call")
		p.wantState(t, "talking")
		p.hangUp(t)
	})
	o.withBob(t)
	pages := func(t *testing.T) {
		t.Helper()
		p.dial(t, "102")
		o.bob.wantState(t, "incoming")
		o.bob.click(t, "#answer")
		talk(t, p, o.bob)
	}
	run("page passes a page on", func(t *testing.T) {
		pages(t)
		other.startOver()
		p.pass(t, "202")
		other.wantEvent(t, "CALL_INCOMING")
		p.wantWords(t, "It rings at 202")
		p.shot(t, "passing")
		o.bob.wantState(t, "ringing")
		o.bob.wantWords(t, "passed you on to 202")
		o.bob.shot(t, "passed-by")
		other.answer(t)
		if words := p.wantOver(t); !strings.Contains(words, "now talks to 202") {
			t.Errorf("after the page passed the call on it says %q", words)
		}
		p.shot(t, "passed")
		other.wantEvent(t, "CALL_ESTABLISHED")
		wantTone(t, "202", other, toneBob)
		wantTone(t, "bob's page", o.bob, tonePhone2)
		wantNoTone(t, "bob's page", o.bob, toneAlice)
		o.bob.hangUp(t)
		other.wantEvent(t, "CALL_CLOSED")
	})
	run("nobody takes the call", func(t *testing.T) {
		pages(t)
		for _, tt := range []struct{ number, words string }{
			{"9486", "9486 is busy; you still have the call"},
			{"9404", "nobody called 9404; you still have the call"},
		} {
			p.pass(t, tt.number)
			p.wantWords(t, tt.words)
			p.shot(t, "passing-failed")
			talk(t, p, o.bob)
		}
		p.hangUp(t)
		o.bob.wantOver(t)
	})
	run("phone passes the page on", func(t *testing.T) {
		proves(t, "Being transferred", page)
		o.phoneCallsPage(t, p, "101", toneAlice)
		other.startOver()
		o.phone.command(t, "transfer", o.pbx.uri("202"))
		other.wantEvent(t, "CALL_INCOMING")
		p.wantState(t, "ringing")
		p.wantWords(t, "201 passed you on to 202")
		p.shot(t, "passed-by")
		other.answer(t)
		p.wantState(t, "talking")
		other.wantEvent(t, "CALL_ESTABLISHED")
		wantTone(t, "202", other, toneAlice)
		wantTone(t, "the page", p, tonePhone2)
		if peer := p.text(t, "#call-peer"); peer != "202" {
			t.Errorf("the page that was passed on to 202 talks to %q", peer)
		}
		o.phone.wantEvent(t, "CALL_CLOSED")
		p.hangUp(t)
		other.wantEvent(t, "CALL_CLOSED")
	})
	run("phone passes the page on to who is busy", func(t *testing.T) {
		o.phoneCallsPage(t, p, "101", toneAlice)
		o.phone.command(t, "transfer", o.pbx.uri("9486"))
		// baresip 1.0 hangs up once it hears of the refusal.
		if words := p.wantOver(t); !strings.Contains(words, "201 hung up") {
			t.Errorf("after it was passed on in vain the page says %q", words)
		}
	})
	run("asked and not done", func(t *testing.T) {
		o.pageCallsPhone(t, p, toneAlice)
		p.run(t, "press t", chromedp.KeyEvent("t"))
		p.run(t, "see the field", chromedp.WaitVisible(chromedp.CSS("#dial")))
		p.click(t, `#keypad [data-digit="2"]`)
		if typed := eval[string](t, p, "document.querySelector('#dial').value"); typed != "2" {
			t.Errorf("the field holds %q, want the key that was pressed", typed)
		}
		p.click(t, "#transfer-cancel")
		p.run(t, "see the keys sent", chromedp.WaitVisible(chromedp.CSS("#keys-sent")))
		p.press(t, "5")
		if e := o.phone.wantEvent(t, "CALL_DTMF_START"); e.Param != "5" {
			t.Errorf("the phone got the key %q, want 5", fmt.Sprint(e.Param))
		}
		p.hangUp(t)
	})
}
