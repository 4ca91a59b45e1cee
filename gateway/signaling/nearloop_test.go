package signaling

import (
	"net"
	"sync/atomic"
	"testing"

	"github.com/emiago/sipgo/sip"
)

// connected makes a connection and gives both ends.
func connected(t *testing.T) (one, other net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if one, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if other, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return one, other
}

// forwards has a browser send every call on, and counts them.
func (b *browser) forwards(to string, calls *atomic.Int32) {
	go func() { // ends with the test
		for {
			select {
			case m := <-b.in:
				if req, ok := m.(*sip.Request); ok && req.Method == sip.INVITE {
					calls.Add(1)
					b.answer(req, 302, "Moved", token(), "<"+to+">", "")
				}
			case <-b.t.Context().Done():
				return
			}
		}
	}()
}

// Two people forward their calls to each other, each at another gateway: the call ends, and no gateway keeps any of it.
func TestLoopBetweenNeighbours(t *testing.T) {
	t.Parallel()
	var front, back *world
	front = buildWorld(t, "", func(_ *Config, d *Deps) {
		d.Neighbours = dialer(func(string) (net.Conn, error) {
			one, other := connected(t)
			go back.srv.Link(other, ownID)
			return one, nil
		})
	})
	back = buildWorld(t, "", func(_ *Config, d *Deps) {
		d.Neighbours = dialer(func(string) (net.Conn, error) {
			one, other := connected(t)
			go front.srv.Link(other, nearID)
			return one, nil
		})
	})
	front.srv.SetNeighbours(ownID, []Neighbour{{nearID, "back", "Back office"}})
	back.srv.SetNeighbours(nearID, []Neighbour{{ownID, "front", "Front office"}})
	front.start()
	back.start()
	caller, alice, bob := front.dial("bob", true), front.dial("alice", true), back.dial("bob", true)
	alice.register()
	bob.register()
	var calls atomic.Int32
	alice.forwards("sip:bob@back", &calls)
	bob.forwards("sip:alice@front", &calls)
	caller.invite("alice")
	res := caller.await("the end of the call", func(m sip.Message) bool {
		r, ok := m.(*sip.Response)
		return ok && r.StatusCode >= 300
	}).(*sip.Response)
	if res.StatusCode < 400 {
		t.Errorf("the caller hears %d", res.StatusCode)
	}
	if n := calls.Load(); n < 2 || n > 2*maxHops {
		t.Errorf("the call went round in %d steps", n)
	}
	front.over()
	back.over()
}
