//go:build e2e

package e2e

import (
	"strings"
	"testing"
	"time"
)

// A gateway without a PBX: the built-in callees, and the users among themselves.
func TestWithoutPBX(t *testing.T) {
	t.Parallel()
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice, bob}})
	a := startBrowser(t, toneAlice, g.ca())
	p := openPage(t, a, g, alice)

	t.Run("echo", func(t *testing.T) {
		p.dial(t, "echo")
		p.wantState(t, "talking")
		wantTone(t, "the page", p, toneAlice)
		p.click(t, "#mute")
		wantNoTone(t, "the muted page", p, toneAlice)
		p.click(t, "#mute")
		wantTone(t, "the page", p, toneAlice)
		p.hangUp(t)
	})
	t.Run("tone", func(t *testing.T) {
		p.dial(t, "tone")
		p.wantState(t, "talking")
		wantTone(t, "the page", p, toneBuiltIn)
		wantNoTone(t, "the page", p, toneAlice)
		p.hangUp(t)
	})
	t.Run("nobody there", func(t *testing.T) {
		for _, target := range []string{"bob", "nobody", "777"} {
			p.dial(t, target)
			words := p.wantOver(t)
			t.Logf("%s: %q", target, words)
			if words == "" {
				t.Errorf("a call to %s ends without a word", target)
			}
		}
	})

	b := startBrowser(t, toneBob, g.ca())
	q := openPage(t, b, g, bob)
	t.Run("by name", func(t *testing.T) {
		proves(t, "Browser to browser", page)
		p.dial(t, "bob")
		q.wantState(t, "incoming")
		if peer := q.text(t, "#call-peer"); !strings.Contains(peer, "Alice") {
			t.Errorf("bob's page says that %q calls, want Alice", peer)
		}
		q.click(t, "#answer")
		talk(t, p, q)
		q.hangUp(t)
		p.wantOver(t)
	})
	t.Run("by extension", func(t *testing.T) {
		q.dial(t, "101")
		p.wantState(t, "incoming")
		p.click(t, "#answer")
		talk(t, p, q)
		q.hangUp(t)
		p.wantOver(t)
	})
	t.Run("forking", func(t *testing.T) {
		proves(t, "Several devices ring", page)
		q2 := openPage(t, b, g, bob)
		for _, first := range []*tab{q2, q} {
			other := q
			if first == q {
				other = q2
			}
			p.dial(t, "bob")
			q.wantState(t, "incoming")
			q2.wantState(t, "incoming")
			first.click(t, "#answer")
			first.wantState(t, "talking")
			words := other.wantOver(t)
			t.Logf("the other device says %q", words)
			if strings.Contains(strings.ToLower(words), "missed") {
				t.Errorf("a call answered elsewhere is called missed: %q", words)
			}
			talk(t, p, first)
			p.hangUp(t)
			first.wantOver(t)
		}
	})
	t.Run("one declines, both stop", func(t *testing.T) {
		p.dial(t, "bob")
		q.wantState(t, "incoming")
		q.click(t, "#decline")
		if words := p.wantOver(t); words == "" {
			t.Error("a declined call ends without a word")
		}
		q.wantOver(t)
	})
	t.Run("lost page ends no other call", func(t *testing.T) {
		p.dial(t, "echo")
		p.wantState(t, "talking")
		q3 := openPage(t, b, g, bob)
		q3.dial(t, "echo")
		q3.wantState(t, "talking")
		q3.close()
		time.Sleep(time.Second)
		wantTone(t, "the page", p, toneAlice)
		p.hangUp(t)
	})
}

// talk checks that alice's and bob's pages hear each other.
func talk(t *testing.T, alice, bob *tab) {
	t.Helper()
	alice.wantState(t, "talking")
	bob.wantState(t, "talking")
	wantTone(t, "alice", alice, toneBob)
	wantTone(t, "bob", bob, toneAlice)
}
