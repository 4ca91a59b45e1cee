package media

import (
	"crypto/rand"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// consent is how long a browser's address stays good after its last connectivity check (RFC 7675 §5.1).
const consent = 30 * time.Second

// maxBound is how many addresses of one browser are kept: each of its interfaces, twice around a change of network.
const maxBound = 16

// credentials are one side's ICE user fragment and password (RFC 8445 §5.3).
type credentials struct{ ufrag, pwd string }

// table finds the browser leg that a datagram belongs to: by user fragment for STUN, by address for all else.
type table struct {
	mu    sync.RWMutex
	names map[string]named
	bound map[netip.AddrPort]*binding
}

// named is a leg under one of its user fragments.
type named struct {
	line *secureLine
	pwd  string
}

// binding is an address that a checked STUN request came from.
type binding struct {
	line *secureLine
	last atomic.Int64 // time.Duration of the engine's clock at the last check
}

func newTable() *table {
	return &table{names: make(map[string]named), bound: make(map[netip.AddrPort]*binding)}
}

// enroll makes credentials for a line.
func (t *table) enroll(line *secureLine) credentials {
	t.mu.Lock()
	defer t.mu.Unlock()
	for {
		c := credentials{ufrag: rand.Text()[:8], pwd: rand.Text()} // 40 and 130 bits; RFC 8445 §5.3 wants 24 and 128
		if _, taken := t.names[c.ufrag]; !taken {
			t.names[c.ufrag] = named{line, c.pwd}
			line.ufrags = append(line.ufrags, c.ufrag)
			return c
		}
	}
}

// retire forgets all user fragments of a line but the one given: an ICE restart is over.
func (t *table) retire(line *secureLine, kept string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	line.ufrags = slices.DeleteFunc(line.ufrags, func(ufrag string) bool {
		if ufrag == kept {
			return false
		}
		delete(t.names, ufrag)
		return true
	})
}

// dismiss forgets one user fragment of a line.
func (t *table) dismiss(line *secureLine, ufrag string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	line.ufrags = slices.DeleteFunc(line.ufrags, func(u string) bool { return u == ufrag })
	delete(t.names, ufrag)
}

// credentials finds a line and its password by our user fragment.
func (t *table) credentials(ufrag []byte) (*secureLine, string) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	n := t.names[string(ufrag)]
	return n.line, n.pwd
}

// lookup finds the line that an address is bound to, nil when to none.
func (t *table) lookup(addr netip.AddrPort) *secureLine {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if b := t.bound[addr]; b != nil {
		return b.line
	}
	return nil
}

// bind ties an address to a line after a checked request. It says false when the address is another live line's: a
// forged source address must not take it away.
func (t *table) bind(addr netip.AddrPort, line *secureLine, now time.Duration) bool {
	t.mu.RLock()
	b := t.bound[addr]
	t.mu.RUnlock()
	if b != nil && b.line == line {
		b.last.Store(int64(now))
		return true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if line.gone {
		return false
	}
	if b = t.bound[addr]; b != nil && b.line != line {
		if now-time.Duration(b.last.Load()) < consent {
			return false
		}
		b.line.addrs = slices.DeleteFunc(b.line.addrs, func(a netip.AddrPort) bool { return a == addr })
	}
	if len(line.addrs) >= maxBound {
		t.evict(line)
	}
	b = &binding{line: line}
	b.last.Store(int64(now))
	t.bound[addr] = b
	line.addrs = append(line.addrs, addr)
	return true
}

// evict drops the address of a line that was not checked for the longest time.
func (t *table) evict(line *secureLine) {
	oldest := slices.MinFunc(line.addrs, func(a, b netip.AddrPort) int {
		return int(t.bound[a].last.Load() - t.bound[b].last.Load())
	})
	delete(t.bound, oldest)
	line.addrs = slices.DeleteFunc(line.addrs, func(a netip.AddrPort) bool { return a == oldest })
}

// remove forgets a line and all its names and addresses.
func (t *table) remove(line *secureLine) {
	t.mu.Lock()
	defer t.mu.Unlock()
	line.gone = true
	for _, addr := range line.addrs {
		delete(t.bound, addr)
	}
	line.addrs = nil
	for _, ufrag := range line.ufrags {
		delete(t.names, ufrag)
	}
	line.ufrags = nil
}
