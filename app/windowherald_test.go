//go:build !headless && cgo

package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"cordboard/gateway/call"
)

func TestHerald(t *testing.T) {
	page, err := call.ParsePop("https://crm.example/{number}?{name}&{id}&{to}")
	if err != nil {
		t.Fatal(err)
	}
	in := func(state call.State) call.DeskCall {
		return call.DeskCall{ID: "a", Peer: "300", Name: "Bob & Co", Direction: "in", State: state}
	}
	out, echo := in(call.Talking), in(call.Ringing)
	out.Direction, echo.Peer, echo.Name = "out", "echo", ""
	const told, address = "window, Bob & Co", "https://crm.example/300?Bob%20%26%20Co&a&alice"
	for _, tt := range []struct {
		name   string
		on     string
		states []call.DeskCall // one after the other
		want   []string
	}{
		{"it rings", "ring", []call.DeskCall{in(call.Ringing), in(call.Ringing), in(call.Talking), in(call.Talking), in(call.Ended)}, []string{told, address}},
		{"it is answered", "answer", []call.DeskCall{in(call.Ringing), in(call.Talking), in(call.Talking), in(call.Ended)}, []string{told, address}},
		{"it is not", "answer", []call.DeskCall{in(call.Ringing), in(call.Ended)}, []string{told}},
		{"we call", "ring", []call.DeskCall{out}, nil},
		{"the sound is tried", "ring", []call.DeskCall{echo}, []string{"window, echo"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			h := &herald{
				raise:  func() { got = append(got, "window") },
				notify: func(from string) { got[len(got)-1] += ", " + from },
				pop:    func() (call.Pop, string) { return page, tt.on },
				open:   func(address string) { got = append(got, address) },
				log:    slog.New(slog.DiscardHandler),
			}
			for _, c := range tt.states {
				h.look(call.DeskState{Owner: "alice", Calls: []call.DeskCall{c}})
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("did %q, want %q", got, tt.want)
			}
			h.look(call.DeskState{})
			if len(h.calls) > 0 {
				t.Errorf("keeps %v", h.calls)
			}
		})
	}
}

// TestHeraldLimits opens no page about machines that are not paired, one about each caller, and not more than the screen bears, in a while.
func TestHeraldLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page, err := call.ParsePop("https://crm.example/{number}")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		h := &herald{raise: func() {}, notify: func(string) {}, log: slog.New(slog.DiscardHandler),
			pop: func() (call.Pop, string) { return page, "ring" }, open: func(address string) { got = append(got, address) }}
		n := 0
		rings := func(peer, name string) {
			n++
			h.look(call.DeskState{Calls: []call.DeskCall{{ID: fmt.Sprint(n), Peer: peer, Name: name, Direction: "in", State: call.Ringing}}})
			h.look(call.DeskState{})
		}
		for range 3 {
			rings("office-2.local", "Office 2, not paired")
			rings("300", "Bob")
		}
		if want := []string{"https://crm.example/300"}; !slices.Equal(got, want) {
			t.Errorf("opened %q, want %q", got, want)
		}
		for i := range 100 {
			rings(fmt.Sprint(400+i), "")
		}
		if len(got) != maxPops {
			t.Errorf("%d pages for 101 callers at a time, want %d", len(got), maxPops)
		}
		time.Sleep(popTime)
		rings("300", "Bob")
		if len(got) != maxPops+1 || len(h.popped) != 1 {
			t.Errorf("after a while: %d pages, %d remembered", len(got), len(h.popped))
		}
	})
}

func TestPlainText(t *testing.T) {
	for text, want := range map[string]string{
		"Erika Müller":                   "Erika Müller",
		"+49 (30) 123-4":                 "+49 (30) 123-4",
		"$(calc)":                        "(calc)",
		"a`b\"c“d”e„f\\g$h":              "abcdefgh",
		"<b>x</b><a href='y'>z</a>&amp;": "bx/ba href'y'z/aamp",
		"two\nlines\x00\u202e":           "twolines",
		"O'Hara":                         "O'Hara",
		"नमस्ते":                         "नमस्ते",
	} {
		if got := plainText(text); got != want {
			t.Errorf("plainText(%q) = %q, want %q", text, got, want)
		}
	}
	if got := plainText(string(slices.Repeat([]rune{'ü'}, 1000))); len([]rune(got)) != maxNotice {
		t.Errorf("a long one has %d characters", len([]rune(got)))
	}
}

// TestErrandsNeverBlock has a system that hangs at the first errand: neither the calls nor the end of the program wait for it.
func TestErrandsNeverBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newErrands(nil, slog.New(slog.DiscardHandler))
		ctx, stop := context.WithCancel(t.Context())
		go e.run(ctx)
		hangs, done := make(chan struct{}), 0
		e.add(func() { <-hangs })
		synctest.Wait()
		for range 3 * maxErrands {
			e.add(func() { done++ })
		}
		stop()
		e.leave()
		close(hangs)
		e.leave()
		if done > maxErrands {
			t.Errorf("%d errands waited", done)
		}
	})
}
