//go:build !headless && cgo

package main

import (
	"cordboard/gateway"
	"cordboard/gateway/call"
)

// herald follows the calls that come in: the window comes up, the system tells of it, a page about the caller is opened. It belongs to
// the feed's loop.
type herald struct {
	raise  func()
	notify func(name, number string) // as the gateway has them
	pop    func() (page call.Pop, on string)
	open   func(address string)
	calls  map[string]heralded // by ID
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
			h.raise()
			h.notify(c.Name, c.Peer)
		}
		page, on := h.pop()
		due := c.State == call.Ringing && on == gateway.PopOnRing || c.State == call.Talking && on == gateway.PopOnAnswer
		if due && !done.popped && c.Peer != "echo" && c.Peer != "tone" { // which try the sound
			done.popped = true
			if address := page.Address(call.Caller{Number: c.Peer, Name: c.Name, ID: c.ID, To: s.Owner}); address != "" {
				h.open(address)
			}
		}
		now[c.ID] = done
	}
	h.calls = now
}
