//go:build !headless && cgo

package main

import (
	"log/slog"
	"slices"
	"time"

	"cordboard/app/ui"
	"cordboard/gateway"
	"cordboard/gateway/call"
)

// herald follows the calls that come in: the window comes up, the system tells of it, a page about the caller is opened. It belongs to
// the feed's loop.
type herald struct {
	raise  func()
	notify func(from string)
	pop    func() (page call.Pop, on string)
	open   func(address string)
	log    *slog.Logger
	calls  map[string]heralded // by ID
	popped []popped            // pages of the last popTime
}

// At most so many pages are opened in popTime, and one for each caller, so that nobody who calls without end fills the screen.
const (
	popTime = 10 * time.Second
	maxPops = 6
)

// popped is a page that was opened.
type popped struct {
	caller string
	at     time.Time
}

// heralded is what was done about a call.
type heralded struct{ told, popped bool }

// look is told how the phone is doing.
func (h *herald) look(s call.DeskState) {
	now := make(map[string]heralded)
	for _, c := range s.Calls {
		if c.Direction != "in" {
			continue
		}
		done := h.calls[c.ID]
		if c.State == call.Ringing && !done.told {
			done.told = true
			from := ui.Caller(c.Name)
			if from == "" {
				from = c.Peer
			}
			h.raise()
			h.notify(from)
		}
		page, on := h.pop()
		due := c.State == call.Ringing && on == gateway.PopOnRing || c.State == call.Talking && on == gateway.PopOnAnswer
		if due && !done.popped && c.Peer != "echo" && c.Peer != "tone" { // which try the sound
			done.popped = true
			if ui.Stranger(c.Name) || !h.may(c.Peer, time.Now()) {
				h.log.Info("no page about the caller: not paired, or too many calls", "caller", c.Peer)
			} else if address := page.Address(call.Caller{Number: c.Peer, Name: c.Name, ID: c.ID, To: s.Owner}); address != "" {
				h.open(address)
			}
		}
		now[c.ID] = done
	}
	h.calls = now
}

// may says whether a page about a caller may be opened now, and counts it.
func (h *herald) may(caller string, now time.Time) bool {
	h.popped = slices.DeleteFunc(h.popped, func(p popped) bool { return now.Sub(p.at) >= popTime })
	if len(h.popped) >= maxPops || slices.ContainsFunc(h.popped, func(p popped) bool { return p.caller == caller }) {
		return false
	}
	h.popped = append(h.popped, popped{caller, now})
	return true
}
