//go:build e2e

package e2e

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// wantWaiting waits until a call in the given state waits beside the page's own.
func (p *tab) wantWaiting(t *testing.T, state string) {
	t.Helper()
	eventually(t, patience, "a waiting call that is "+state, func() bool {
		return p.truth(`document.querySelector('#others [data-state="` + state + `"]')`)
	})
}

// wantNoneWaiting waits until the page has one call at most.
func (p *tab) wantNoneWaiting(t *testing.T) {
	t.Helper()
	eventually(t, patience, "page without waiting calls", func() bool { return p.truth("document.querySelector('#others').hidden") })
}

// does presses a waiting call's button.
func (p *tab) does(t *testing.T, what string) {
	t.Helper()
	p.click(t, chromedp.CSS(`#others [data-do="`+what+`"]`))
}

// A second caller knocks while the page is in a call.
func TestCallWaiting(t *testing.T) {
	t.Parallel()
	proves(t, "Call waiting", page)
	o := openOffice(t, "")
	p := o.alice
	other := startPhone(t, o.pbx, "202", phoneOptions{Tone: tonePhone2})
	knock := func(t *testing.T) {
		t.Helper()
		other.startOver()
		other.dial(t, "101")
		p.wantWaiting(t, "incoming")
	}

	o.pageCallsPhone(t, p, toneAlice)
	knock(t)
	wantTone(t, "the phone", o.phone, toneAlice) // nothing has changed for it
	p.shot(t, "knock")
	p.does(t, "answer")
	other.wantEvent(t, "CALL_ESTABLISHED")
	p.wantWaiting(t, "talking")
	p.shot(t, "two-calls")
	wantTone(t, "202", other, toneAlice)
	wantTone(t, "the page", p, tonePhone2)
	wantNoTone(t, "201", o.phone, toneAlice)
	wantNoTone(t, "the page", p, tonePhone)

	p.does(t, "swap")
	wantTone(t, "the page", p, tonePhone) // baresip 1.0 records nothing more of a call that was on hold
	wantNoTone(t, "the page", p, tonePhone2)
	wantNoTone(t, "202", other, toneAlice)

	o.phone.hangUp(t)
	p.wantNoneWaiting(t)
	p.wantState(t, "talking")
	if peer := p.text(t, "#call-peer"); peer != "202" {
		t.Errorf("after 201 hung up the page shows %q, want 202", peer)
	}
	p.wantWords(t, "201 hung up")
	p.click(t, "#hold")
	wantTone(t, "the page", p, tonePhone2)

	o.phone.startOver()
	o.phone.dial(t, "101")
	p.wantWaiting(t, "incoming")
	p.does(t, "decline")
	o.phone.wantEvent(t, "CALL_CLOSED")
	p.wantNoneWaiting(t)
	wantTone(t, "the page", p, tonePhone2)
	p.hangUp(t)
	other.wantEvent(t, "CALL_CLOSED")
}

// A reload takes all calls over, each as it was.
func TestReloadWithTwoCalls(t *testing.T) {
	t.Parallel()
	proves(t, "Call survives a page reload", page)
	o := openOffice(t, "")
	p := o.alice
	other := startPhone(t, o.pbx, "202", phoneOptions{Tone: tonePhone2})
	o.pageCallsPhone(t, p, toneAlice)
	other.startOver()
	p.click(t, "#transfer")
	p.fill(t, "#dial", "202")
	p.click(t, "#ask-first")
	other.wantEvent(t, "CALL_INCOMING")
	p.wantWaiting(t, "talking")
	other.answer(t)
	wantTone(t, "202", other, toneAlice)

	p.run(t, "reload", chromedp.Reload())
	p.wantState(t, "talking")
	p.wantWaiting(t, "talking")
	wantTone(t, "202", other, toneAlice)
	wantTone(t, "the page", p, tonePhone2)
	wantNoTone(t, "201", o.phone, toneAlice)
	p.does(t, "swap")
	wantTone(t, "the page", p, tonePhone)
	p.click(t, "#hang-up")
	o.phone.wantEvent(t, "CALL_CLOSED")
	p.hangUp(t)
	other.wantEvent(t, "CALL_CLOSED")
}

// A page that loses its connection comes back to its call without a reload.
func TestConnectionLost(t *testing.T) {
	t.Parallel()
	proves(t, "Call survives a lost connection", page)
	o := openOffice(t, "")
	w := layWire(t, o.gateway)
	p := startBrowser(t, toneBob, o.gateway.ca()).open(t, w.url("/"))
	p.signIn(t, bob.Name, bob.Password)
	p.wantReady(t)
	for range 2 {
		o.pageCallsPhone(t, p, toneBob)
		o.phone.forget()
		w.set(true)
		p.wantConnection(t, "lost")
		wantTone(t, "the phone", o.phone, toneBob) // media goes another way
		p.shot(t, "line-lost")
		w.set(false)
		p.wantReady(t)
		o.gateway.wantLog(t, "call taken over")
		p.wantState(t, "talking")
		wantTone(t, "the phone", o.phone, toneBob)
		wantTone(t, "the page", p, tonePhone)
		p.hangUp(t)
		o.phone.wantEvent(t, "CALL_CLOSED")
	}
}
