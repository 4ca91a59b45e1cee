package media

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/stun/v3"
	"github.com/pion/webrtc/v3"
)

// startTCPEngine is startEngine with a TCP port beside.
func startTCPEngine(t testing.TB, listen, ports string) (*Engine, net.Listener) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	at := l.Addr().(*net.TCPAddr).AddrPort()
	e, err := New(Config{Listen: listen, TCP: at, Ports: ports}, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- e.Run(ctx) }()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				done <- nil
				return
			}
			e.ServeTCP(conn, nil)
		}
	}()
	t.Cleanup(func() {
		stop()
		l.Close()
		for range 2 {
			if err := <-done; err != nil && !errors.Is(err, errClosed) {
				t.Errorf("Run = %v", err)
			}
		}
		e.tcp.mu.Lock()
		defer e.tcp.mu.Unlock()
		if len(e.tcp.all) > 0 || len(e.tcp.of) > 0 || len(e.tcp.unproven) > 0 || e.tcp.waiting != 0 {
			t.Errorf("left: %d flows of %d lines, %v", len(e.tcp.all), len(e.tcp.of), e.tcp.unproven)
		}
	})
	return e, l
}

// byTCP makes a browser without UDP.
func byTCP(se *webrtc.SettingEngine) {
	se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeTCP4})
}

// A browser that has nothing but TCP is called and calls.
func TestMediaByTCP(t *testing.T) {
	for _, listen := range []string{"127.0.0.1:0", ":0"} {
		e, _ := startTCPEngine(t, listen, "21100-21109")
		for _, way := range []string{"browser calls", "phone calls"} {
			t.Run(way+" "+listen, func(t *testing.T) {
				b, p := newBrowser(t, byTCP), newPhone(t)
				if way == "browser calls" {
					dial(t, e, b, p)
				} else {
					answer := b.answer(must(t)(e.Offer(t.Context(), "call", pbx, alice, p.description("sendrecv"))))
					p.hear(must(t)(e.Answer(t.Context(), "call", alice, pbx, answer)))
				}
				reaches(t, b.say, p, "to the phone")
				reaches(t, p.mouth, b, "to the browser")
				e.Delete("call", "")
				waitFor(t, "flows ended", func() bool { return len(flows(e)) == 0 })
			})
		}
	}
}

// pipeEnd is one end of a pipe in memory that claims to come from an address.
type pipeEnd struct {
	net.Conn
	from netip.AddrPort
}

func (p pipeEnd) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(p.from) }

// flowsOnly is an engine with nothing but its flows.
func flowsOnly(t *testing.T) *Engine {
	t.Helper()
	e := &Engine{table: newTable(), start: time.Now()}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	e.agent.table = e.table
	sink, err := net.ListenUDP("udp4", &net.UDPAddr{IP: loopback.AsSlice()})
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	if err := e.tcp.open(sink.LocalAddr().(*net.UDPAddr).AddrPort()); err != nil {
		t.Fatal(err)
	}
	return e
}

// finish ends the engine and waits for its goroutines.
func (e *Engine) finish() {
	e.cancel()
	e.tasks.Wait()
	e.tcp.close()
}

// flowFrom makes a flow from an address and gives the browser's end of it.
func flowFrom(e *Engine, from netip.AddrPort, begun []byte) net.Conn {
	ours, theirs := net.Pipe()
	e.ServeTCP(pipeEnd{ours, from}, begun)
	return theirs
}

// flows are those of the moment.
func flows(e *Engine) []*tcpFlow {
	e.tcp.mu.Lock()
	defer e.tcp.mu.Unlock()
	return slices.Collect(maps.Values(e.tcp.all))
}

// A connection lives as long as checks that prove themselves come in time.
func TestTCPTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := flowsOnly(t)
		defer e.finish()
		line := newSecureLine(e, &leg{engine: e})
		ends := func(conn net.Conn) (after time.Duration) {
			begin := time.Now()
			if _, err := conn.Read(make([]byte, 1)); err == nil {
				t.Error("read something")
			}
			return time.Since(begin)
		}
		if took := ends(flowFrom(e, browserAddr, nil)); took != proofTime {
			t.Errorf("one that says nothing ends after %v, want %v", took, proofTime)
		}
		if took := ends(flowFrom(e, browserAddr, appendFrame(nil, []byte("GET / HTTP/1.1\r\n\r\n")))); took != 0 {
			t.Errorf("one that begins otherwise ends after %v, want at once", took)
		}
		if took := ends(flowFrom(e, browserAddr, []byte{0xFF, 0xFF})); took != 0 {
			t.Errorf("one with too long a frame ends after %v, want at once", took)
		}
		conn := flowFrom(e, browserAddr, nil)
		for _, f := range flows(e) {
			if !f.bind(line, e.now()) {
				t.Error("not bound")
			}
			if other := newSecureLine(e, &leg{engine: e}); f.bind(other, e.now()) {
				t.Error("bound to two lines")
			}
			time.AfterFunc(20*time.Second, func() { f.bind(line, e.now()) })
		}
		if took := ends(conn); took != 20*time.Second+consent {
			t.Errorf("one that proved itself, last after 20 s, ends after %v", took)
		}
		conn = flowFrom(e, browserAddr, nil)
		for _, f := range flows(e) {
			f.bind(line, e.now())
		}
		time.AfterFunc(time.Second, line.cancel)
		if took := ends(conn); took != time.Second {
			t.Errorf("one whose leg ended after a second ends after %v", took)
		}
		synctest.Wait()
		if len(e.tcp.all) > 0 || len(e.tcp.of) > 0 || e.tcp.waiting != 0 {
			t.Errorf("left: %d flows of %d lines, %d unproven", len(e.tcp.all), len(e.tcp.of), e.tcp.waiting)
		}
	})
}

// Of one address only so many connections may be unproven, and a line has only so many.
func TestTCPLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := flowsOnly(t)
		defer e.finish()
		count := func() int {
			synctest.Wait()
			return len(flows(e))
		}
		for i := range 2 * maxUnprovenOfOne {
			flowFrom(e, netip.AddrPortFrom(browserAddr.Addr(), uint16(i+1)), nil)
		}
		if n := count(); n != maxUnprovenOfOne {
			t.Errorf("%d connections of one address, want %d", n, maxUnprovenOfOne)
		}
		flowFrom(e, strangerAddr, nil)
		if n := count(); n != maxUnprovenOfOne+1 {
			t.Error("another address is kept out")
		}
		line := newSecureLine(e, &leg{engine: e})
		for _, f := range flows(e) {
			f.bind(line, e.now())
		}
		if n := count(); n != maxBound {
			t.Errorf("%d connections of one line, want %d", n, maxBound)
		}
		if e.tcp.waiting != 0 {
			t.Errorf("%d unproven, want none", e.tcp.waiting)
		}
	})
}

// A browser that doesn't read costs no more than its outbox, and nobody waits for it.
func TestTCPNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := flowsOnly(t)
		defer e.finish()
		conn := flowFrom(e, browserAddr, nil)
		for _, f := range flows(e) {
			dropped := 0
			p := make([]byte, 1000)
			for range 100 {
				synctest.Wait()
				if f.send(p) != nil {
					dropped++
				}
			}
			f.mu.Lock()
			if len(f.out) > outboxSize || dropped < 80 {
				t.Errorf("%d octets wait, %d packets were dropped", len(f.out), dropped)
			}
			f.mu.Unlock()
			go io.Copy(io.Discard, conn)
			synctest.Wait()
			if err := f.send(p); err != nil {
				t.Errorf("now it reads, but: %v", err)
			}
		}
	})
}

// A connection that breaks gives way to the next address that is checked.
func TestTCPBreaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := flowsOnly(t)
		defer e.finish()
		line := newSecureLine(e, &leg{engine: e})
		own := e.table.enroll(line)
		p := request(t, stun.NewUsername(own.ufrag+":them"), stun.NewShortTermIntegrity(own.pwd), stun.Fingerprint)
		conn := flowFrom(e, browserAddr, nil)
		for _, f := range flows(e) {
			f.receive(bytes.Clone(p), e.now())
			if line.tcp.Load() != f {
				t.Error("not sent to the connection that was checked")
			}
			go io.Copy(io.Discard, conn)
			conn.Close()
			synctest.Wait()
			if e.agent.answer(bytes.Clone(p), strangerAddr, nil, e.now()) == nil || line.tcp.Load() != nil || *line.remote.Load() != strangerAddr {
				t.Errorf("after a check by UDP still sent to %v, %v", *line.remote.Load(), line.tcp.Load())
			}
		}
	})
}
