//go:build !portable

package media

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/dtls/v2"
)

// places sets GOMAXPROCS for a test.
func places(t *testing.T, n int) {
	before := runtime.GOMAXPROCS(n)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// A thread that waits in secret, be it for minutes, holds up neither the garbage collector nor other goroutines.
func TestSecretWaitEndsForOthers(t *testing.T) {
	for _, n := range []int{1, 2, 4} {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			places(t, n)
			e, err := New(Config{Listen: "127.0.0.1:0", Ports: "20900-20909"}, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			e.relay.secret = time.Hour
			heard := make(chan struct{}, 1)
			if !e.serve(e.browsers, func([]byte, netip.AddrPort, time.Duration) { heard <- struct{}{} }) {
				t.Fatal("not served")
			}
			conn := stranger(t, "127.0.0.1")
			for range 20 { // each makes the thread busy once more
				if _, err := conn.WriteToUDPAddrPort([]byte("packet"), e.Addr()); err != nil {
					t.Fatal(err)
				}
				<-heard
				runtime.GC()
				var others sync.WaitGroup
				var sum atomic.Int64
				for range 4 * n {
					others.Go(func() {
						for i := range 1000 {
							sum.Add(int64(i))
							runtime.Gosched()
						}
						time.Sleep(time.Microsecond)
					})
				}
				others.Wait()
			}
		})
	}
}

// An engine leaves no descriptor behind, whether it ran or not.
func TestNoDescriptorIsLeft(t *testing.T) {
	open := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	cycle := func(calls int) {
		e, err := New(Config{Listen: ":0", Ports: "20910-20929"}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		s := &session{engine: e, id: "call", legs: map[string]*leg{}, log: e.log}
		for i := range calls {
			party := pbx
			party.Leg = strconv.Itoa(i)
			if _, err := s.join(party); err != nil {
				t.Fatal(err)
			}
		}
		if calls > 0 {
			s.remove("0")
		}
		s.end()
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
	cycle(1)
	before := open()
	for i := range 50 {
		cycle(i % 10)
	}
	if after := open(); after > before+5 { // the tests beside this one have some of their own
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// An event of a socket that was closed is not taken for one of the socket that has its place now.
func TestLateEvent(t *testing.T) {
	r, err := newRelay(0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.release()
	fresh := func() *socket {
		s, err := listen("udp4", &net.UDPAddr{IP: loopback.AsSlice()})
		if err != nil {
			t.Fatal(err)
		}
		if !r.add(s, func([]byte, netip.AddrPort, time.Duration) {}) {
			t.Fatal("not added")
		}
		return s
	}
	first := fresh()
	r.events[0].Fd, r.events[0].Pad = first.slot.index, first.slot.generation
	if ready, _, _ := r.sockets(1); len(ready) != 1 || ready[0] != first {
		t.Errorf("ready %v, want the first socket", ready)
	}
	first.close()
	if ready, _, _ := r.sockets(1); len(ready) != 0 {
		t.Error("a closed socket is ready")
	}
	second := fresh()
	defer second.close()
	if second.slot.index != first.slot.index {
		t.Fatalf("places %v and %v: not used again", first.slot, second.slot)
	}
	if ready, _, _ := r.sockets(1); len(ready) != 0 {
		t.Error("the event of the first socket is the second one's")
	}
	first.receive(&r.bundle, 0) // had it been found before it was closed
	if err := first.send([]byte("late"), second.addr()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("send on a closed socket: %v", err)
	}
	if err := first.close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("close of a closed socket: %v", err)
	}
	r.stop()
	if r.add(second, nil) {
		t.Error("a relay that was stopped takes a socket")
	}
}

// A call that is up has no goroutine of its own: there are as many with three as with one.
func TestCallHasNoGoroutine(t *testing.T) {
	e := startEngine(t, "20960-20979")
	goroutines := func(calls int) int {
		for i := range calls {
			id := strconv.Itoa(i)
			b, p := newBrowser(t), newPhone(t)
			p.hear(must(t)(e.Offer(t.Context(), id, alice, pbx, b.offer())))
			b.accept(must(t)(e.Answer(t.Context(), id, pbx, alice, p.description("sendrecv"))))
			reaches(t, b.say, p, "sound")
			reaches(t, p.mouth, b, "sound")
		}
		n := 0
		waitFor(t, "the end of the handshakes", func() bool {
			stacks := running()
			n = len(stacks)
			return !strings.Contains(strings.Join(stacks, ""), "(*association)")
		})
		for i := range calls {
			e.Delete(strconv.Itoa(i), "")
		}
		return n
	}
	if one, three := goroutines(1), goroutines(3); one != three {
		t.Errorf("%d goroutines with one call, %d with three", one, three)
	}
}

// Whatever descriptors come and go while packets flow, each handler gets its own socket's alone.
func TestSocketsComeAndGo(t *testing.T) {
	e := startEngine(t, "20930-20939")
	conn := stranger(t, "127.0.0.1")
	var wrong, right atomic.Int64
	var work sync.WaitGroup
	for w := range 4 {
		work.Go(func() {
			random := rand.New(rand.NewPCG(uint64(w), 1))
			for range 200 {
				s, err := listen("udp4", &net.UDPAddr{IP: loopback.AsSlice()})
				if err != nil {
					t.Error(err)
					return
				}
				own := s.addr().Port()
				e.serve(s, func(p []byte, _ netip.AddrPort, _ time.Duration) {
					if len(p) == 2 && uint16(p[0])<<8|uint16(p[1]) == own {
						right.Add(1)
					} else {
						wrong.Add(1)
					}
				})
				for range random.IntN(20) {
					conn.WriteToUDPAddrPort([]byte{byte(own >> 8), byte(own)}, s.addr())
					s.send([]byte{0}, conn.LocalAddr().(*net.UDPAddr).AddrPort())
				}
				runtime.Gosched()
				s.close()
			}
		})
	}
	work.Wait()
	if wrong.Load() > 0 || right.Load() == 0 {
		t.Errorf("%d packets at their own handler, %d at another's", right.Load(), wrong.Load())
	}
}

// A datagram that can't be sent is told of, and the others of its batch go out.
func TestQueueTellsOfTheUnsent(t *testing.T) {
	s, err := listen("udp4", &net.UDPAddr{IP: loopback.AsSlice()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	s.gather()
	conn := stranger(t, "127.0.0.1")
	to := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	var unsent atomic.Uint64
	s.keep(true)
	for i := range byte(2*batchSize + 3) {
		at := to
		if i%10 == 0 {
			at = netip.AddrPortFrom(loopback, 0) // nobody has that port
		}
		if err := s.queue([]byte{i}, at, &unsent); err != nil {
			t.Fatal(err)
		}
	}
	s.keep(false)
	if got := unsent.Load(); got != 14 {
		t.Errorf("%d unsent, want 14", got)
	}
	buf := make([]byte, 10)
	conn.SetReadDeadline(time.Now().Add(patience))
	for i := range byte(2*batchSize + 3) {
		if i%10 == 0 {
			continue
		}
		if n, err := conn.Read(buf); err != nil || n != 1 || buf[0] != i {
			t.Fatalf("datagram %d: %v, %v", i, buf[:n], err)
		}
	}
	if err := s.queue([]byte("now"), netip.AddrPortFrom(loopback, 0), &unsent); err == nil {
		t.Error("what is not kept and can't be sent gives no error")
	}
	for _, kept := range []bool{false, true} {
		s.keep(kept)
		if err := s.queue([]byte("x"), netip.AddrPortFrom(netip.IPv6Loopback(), 9), &unsent); err == nil {
			t.Error("an IPv4 socket takes an IPv6 address")
		}
	}
	s.close()
	if err := s.queue([]byte("x"), to, &unsent); !errors.Is(err, net.ErrClosed) {
		t.Errorf("queue on a closed socket: %v", err)
	}
}

// A burst larger than what is read at once comes whole and in order.
func TestBurst(t *testing.T) {
	e, err := New(Config{Listen: ":0", Ports: "20940-20949"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	conn := stranger(t, "127.0.0.1")
	const count = 3*batchSize + 5
	to := netip.AddrPortFrom(loopback, e.Addr().Port())
	for i := range count {
		if _, err := conn.WriteToUDPAddrPort([]byte(strconv.Itoa(i)), to); err != nil {
			t.Fatal(err)
		}
	}
	var next int
	done := make(chan struct{})
	from := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	e.serve(e.browsers, func(p []byte, src netip.AddrPort, _ time.Duration) {
		if string(p) != strconv.Itoa(next) || src != from {
			t.Errorf("%q from %v, want %d from %v", p, src, next, from)
		}
		if next++; next == count {
			close(done)
		}
	})
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("%d of %d came", next, count)
	}
}

// From one kernel queue to the other, a packet is relayed without an allocation.
func TestRelayAllocatesNothing(t *testing.T) {
	for name, profile := range profiles {
		x := newBench(t, profile)
		e := x.secure.engine
		e.relay.stop() // this test is the thread
		e.browsers.handle = e.receive
		e.browsers.keep(true)
		seq := uint16(0)
		send := func(at *socket, p []byte) {
			if err := x.near.send(p, at.addr()); err != nil {
				t.Fatal(err)
			}
		}
		sealed := make([][]byte, 0, 200)
		for len(sealed) < cap(sealed) {
			p := voice(t, uint16(len(sealed)))
			h, _ := parseRTP(p)
			p, err := x.far.out.seal(p, h)
			if err != nil {
				t.Fatal(err)
			}
			sealed = append(sealed, p)
		}
		p := voice(t, 0)
		n := testing.AllocsPerRun(100, func() {
			send(e.browsers, sealed[seq])
			seq++
			p[2], p[3] = byte(seq>>8), byte(seq)
			send(x.plain.media, p)
			e.browsers.receive(&e.relay.bundle, 0)
			x.plain.media.receive(&e.relay.bundle, 0)
			e.browsers.keep(false)
			e.browsers.keep(true)
		})
		if n > 0 {
			t.Errorf("%s: %v allocations for two packets", name, n)
		}
		in, out := &x.plain.leg.count, &x.secure.leg.count
		if in.packetsOut.Load() != uint64(seq) || out.packetsOut.Load() != uint64(seq) || out.unsent.Load() > 0 {
			t.Errorf("%s: of %d packets %d and %d were relayed", name, seq, in.packetsOut.Load(), out.packetsOut.Load())
		}
	}
}

// What a packet costs between the two kernel queues, and with them: the same however many calls there are.
func BenchmarkRelay(b *testing.B) {
	for _, calls := range []int{1, 50, 200, 400, 1000} {
		b.Run(fmt.Sprint("calls=", calls), func(b *testing.B) {
			all := newBenches(b, dtls.SRTP_AEAD_AES_128_GCM, calls)
			e := all[0].secure.engine
			e.relay.stop()
			p := voice(b, 0)
			seq, next := uint16(0), 0
			before := processor(b)
			b.ReportAllocs()
			for b.Loop() { // batches of 20 packets from the PBX to the browsers
				e.browsers.keep(true)
				for range 20 {
					if next++; next == len(all) {
						next = 0
						seq++
						p[2], p[3] = byte(seq>>8), byte(seq)
					}
					x := &all[next]
					if err := x.near.send(p, x.plain.media.addr()); err != nil {
						b.Fatal(err)
					}
					x.plain.media.receive(&e.relay.bundle, 0)
				}
				e.browsers.keep(false)
			}
			b.ReportMetric(float64(processor(b)-before)/float64(20*b.N), "cpu-ns/packet")
			sent := uint64(0)
			for _, x := range all {
				sent += x.secure.leg.count.packetsOut.Load()
			}
			if sent < uint64(20*b.N) {
				b.Fatalf("%d of %d packets relayed", sent, 20*b.N)
			}
		})
	}
}

// A relay that naps carries the same packets.
func TestNap(t *testing.T) {
	e, err := New(Config{Listen: "127.0.0.1:0", Ports: "20980-20999", Nap: MaxNap}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	e.serve(e.browsers, e.receive)
	b, p := newBrowser(t), newPhone(t)
	dial(t, e, b, p)
	reaches(t, b.say, p, "sound")
	reaches(t, p.mouth, b, "sound")
}
