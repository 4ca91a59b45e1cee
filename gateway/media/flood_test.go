package media

import (
	"bytes"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/pion/stun/v3"
)

// Thousands of requests and handshakes of strangers, from one address and from many, cost a call no packet. They leave nothing behind, and
// what they are answered is less than they sent: nobody is flooded by way of us.
func TestFlood(t *testing.T) {
	const rounds, burst = 100, 40 // so many datagrams between two packets of the call
	e := startEngine(t, "23170-23179")
	b, p := newBrowser(t), newPhone(t)
	dial(t, e, b, p)
	reaches(t, b.say, p, "before")
	reaches(t, p.mouth, b, "before")
	for p.next(calm) != nil || b.next(calm) != nil { // what was said twice meanwhile
	}
	ufrag := func() string {
		e.table.mu.RLock()
		defer e.table.mu.RUnlock()
		for name := range e.table.names {
			return name
		}
		return ""
	}()
	bound := func() (names, addresses int) {
		e.table.mu.RLock()
		defer e.table.mu.RUnlock()
		return len(e.table.names), len(e.table.bound)
	}
	names, addresses := bound()
	tasks := len(running())

	user, other := stun.NewUsername(ufrag+":them"), stun.NewUsername("stranger:them")
	wrong, long := stun.NewShortTermIntegrity("wrong"), attribute(stun.AttrSoftware, make([]byte, 40)...)
	malformed := request(t, user, long, wrong, stun.Fingerprint)
	malformed[len(malformed)-1] ^= 1
	cut := request(t, user, wrong, stun.Fingerprint)
	kinds := [][]byte{
		request(t, user, long, wrong, stun.Fingerprint), request(t, other, long, wrong, stun.Fingerprint), request(t, user, long, stun.Fingerprint),
		request(t, stun.Fingerprint), malformed, cut[:len(cut)-4], bytes.Repeat([]byte{0}, 1200), clientHello(t)[0],
	}
	crowd := []*net.UDPConn{stranger(t, "127.0.0.1")}
	for i := range 8 {
		crowd = append(crowd, stranger(t, fmt.Sprintf("127.0.0.%d", 10+i)))
	}
	sent, began := 0, time.Now()
	for round := range rounds {
		for i := range burst {
			data := kinds[(round+i)%len(kinds)]
			crowd[i%2*(i/2%len(crowd))].WriteToUDPAddrPort(data, e.Addr()) // half of it from one address
			sent += len(data)
		}
		heard, said := fmt.Sprint("to the phone ", round), fmt.Sprint("to the browser ", round)
		b.say(heard)
		p.mouth(said)
		if got := p.next(patience); got == nil || string(got.Payload) != heard {
			t.Fatalf("the phone hears %v, want %q", got, heard)
		}
		if got := b.next(patience); got == nil || string(got.Payload) != said {
			t.Fatalf("the browser hears %v, want %q", got, said)
		}
	}
	most := maxControlBurst + maxControlRate*(int(time.Since(began)/time.Second)+1)
	answers, size := 0, 0
	for _, conn := range crowd {
		for {
			reply := replied(conn, 20*time.Millisecond)
			if reply == nil {
				break
			}
			var m stun.Message
			if stun.Decode(reply, &m) != nil || m.Type != stun.BindingError {
				t.Fatalf("a stranger is answered %x", reply)
			}
			answers++
			size += len(reply)
		}
	}
	if answers == 0 || answers > most || size >= sent {
		t.Errorf("%d answers of %d octets to %d datagrams of %d; want %d answers at most", answers, size, rounds*burst, sent, most)
	}
	if n, a := bound(); n != names || a > addresses {
		t.Errorf("%d names and %d addresses are known, %d and %d before", n, a, names, addresses)
	}
	waitFor(t, "no goroutine more", func() bool { return len(running()) <= tasks })
}
