package signaling

import (
	"net/netip"
	"sync"
)

// farHosts counts the legs of calls by the host at which their far end is, so that what comes to the SIP port costs the same however many
// calls there are: anybody may send there. The zero farHosts is ready.
type farHosts struct {
	mu   sync.RWMutex
	legs map[netip.Addr]int
}

// has says whether a call has its far end at addr.
func (h *farHosts) has(addr netip.Addr) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.legs[addr] > 0
}

// move counts a leg at one host that was counted at another; the zero address is nowhere.
func (h *farHosts) move(from, to netip.Addr) {
	if from == to {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if from.IsValid() {
		if h.legs[from]--; h.legs[from] == 0 {
			delete(h.legs, from)
		}
	}
	if to.IsValid() {
		if h.legs == nil {
			h.legs = make(map[netip.Addr]int)
		}
		h.legs[to]++
	}
}

// place counts the leg at the host of its remote target, if there is to be such a host from now on. What comes by TLS or WebSocket is known
// otherwise. The caller holds l.mu.
func (l *leg) place(there bool) {
	host := netip.Addr{}
	if there && l.pbx != nil && !l.pbx.secure() {
		host = l.host
	}
	l.srv.hosts.move(l.placed, host)
	l.placed, l.there = host, there
}
