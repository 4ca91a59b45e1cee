package media

import (
	"bytes"
	"crypto/rand"
	"net"
	"net/netip"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pion/dtls/v2"
	"github.com/pion/rtp"
	"github.com/pion/stun/v3"
	"github.com/pion/webrtc/v3"
)

// stranger is a socket that belongs to nobody in the call.
func stranger(t testing.TB, addr string) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(addr+":0")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// replied says whether a datagram comes back to a socket.
func replied(conn *net.UDPConn, wait time.Duration) []byte {
	buf := make([]byte, 2000)
	conn.SetReadDeadline(time.Now().Add(wait))
	n, _, err := conn.ReadFromUDPAddrPort(buf)
	if err != nil {
		return nil
	}
	return buf[:n]
}

// otherFingerprint puts another certificate's fingerprint into a description.
func otherFingerprint(text []byte) []byte {
	sum := strings.TrimSuffix(strings.Repeat("AB:", 32), ":")
	return regexp.MustCompile(`a=fingerprint:.*`).ReplaceAll(text, []byte("a=fingerprint:sha-256 "+sum+"\r"))
}

func TestWrongFingerprint(t *testing.T) {
	t.Run("in the offer", func(t *testing.T) {
		e := startEngine(t, "20400-20419")
		b, p := newBrowser(t), newPhone(t)
		p.hear(must(t)(e.Offer(t.Context(), "call", alice, pbx, otherFingerprint(b.offer()))))
		b.accept(must(t)(e.Answer(t.Context(), "call", pbx, alice, p.description("sendrecv"))))
		refused(t, e, b, p)
	})
	t.Run("in the answer", func(t *testing.T) {
		e := startEngine(t, "20420-20439")
		b, p := newBrowser(t), newPhone(t)
		answer := b.answer(must(t)(e.Offer(t.Context(), "call", pbx, alice, p.description("sendrecv"))))
		waitFor(t, "handshake begun", func() bool { return stats(t, e, "call", "alice").State == "dtls" })
		time.Sleep(200 * time.Millisecond) // the handshake may be over before the answer comes
		if s := stats(t, e, "call", "alice"); s.State != "dtls" {
			t.Errorf("before the answer the leg is %q", s.State)
		}
		p.hear(must(t)(e.Answer(t.Context(), "call", alice, pbx, otherFingerprint(answer))))
		refused(t, e, b, p)
	})
}

// refused waits until the engine has refused a browser, and checks that no media flows.
func refused(t *testing.T, e *Engine, b *browser, p *phone) {
	t.Helper()
	for end := time.Now().Add(patience); stats(t, e, "call", "alice").State != "failed"; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the leg is %q", stats(t, e, "call", "alice").State)
		}
	}
	silent(t, b.say, p, "from the browser")
	silent(t, p.mouth, b, "from the phone")
}

func TestInjection(t *testing.T) {
	e := startEngine(t, "20440-20459")
	b, p := newBrowser(t), newPhone(t)
	dial(t, e, b, p)
	other, near := stranger(t, "127.0.0.2"), stranger(t, "127.0.0.1")
	silent(t, func(s string) { p.say(other, s) }, b, "from another host, first")
	reaches(t, p.mouth, b, "from the phone")
	silent(t, func(s string) { p.say(other, s) }, b, "from another host")
	attacker := *p
	attacker.ssrc, attacker.seq = random32(), 7
	silent(t, func(s string) {
		p.mouth("the phone, that goes on")
		attacker.say(near, s)
	}, b, "from another port of the host")
	if s := stats(t, e, "call", "pbx"); s.Dropped < 4 {
		t.Errorf("dropped %d", s.Dropped)
	}
	unknown := packet(t, rtp.Header{PayloadType: 18, SequenceNumber: 1, SSRC: 1}, "other codec")
	silent(t, func(string) { p.media.WriteToUDPAddrPort(unknown, p.remote.Audio) }, b, "other codec")
	reaches(t, b.say, p, "still to the phone")
	reaches(t, p.mouth, b, "still to the browser")
}

func TestLatchesToAnotherPortOfTheHost(t *testing.T) {
	e := startEngine(t, "20460-20479")
	b, p := newBrowser(t), newPhone(t)
	dial(t, e, b, p)
	moved := stranger(t, "127.0.0.1")
	reaches(t, func(s string) { p.say(moved, s) }, b, "from a port that was not signaled")
	for end := time.Now().Add(patience); ; {
		b.say("to where it came from")
		if p := replied(moved, 20*time.Millisecond); bytes.Contains(p, []byte("to where")) {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the answer went elsewhere")
		}
	}
	silent(t, b.say, p, "to the old port")
}

func TestGarbageOnEverySocket(t *testing.T) {
	e := startEngine(t, "20480-20499")
	b, p := newBrowser(t), newPhone(t)
	dial(t, e, b, p)
	reaches(t, b.say, p, "before")
	reaches(t, p.mouth, b, "before")
	noise := make([]byte, 1500)
	send := func(conn *net.UDPConn, to netip.AddrPort) {
		for i := range 300 {
			rand.Read(noise)
			size := i * 5
			if i%3 == 0 {
				noise[0] = []byte{0, 1, 20, 22, 63, 0x80, 0x90, 0xBF}[i/3%8]
			}
			conn.WriteToUDPAddrPort(noise[:size], to)
			if i%50 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
	}
	for _, conn := range []*net.UDPConn{stranger(t, "127.0.0.1"), stranger(t, "127.0.0.2"), p.media, p.control} {
		for _, to := range []netip.AddrPort{e.Addr(), p.remote.Audio, p.remote.RTCP} {
			send(conn, to)
		}
	}
	// The browser's own address: its packets too may be anything.
	table := e.table
	table.mu.RLock()
	var bound []netip.AddrPort
	for addr := range table.bound {
		bound = append(bound, addr)
	}
	table.mu.RUnlock()
	for _, src := range bound {
		line := table.lookup(src)
		for i := range 3000 {
			buf := make([]byte, bufferSize)
			rand.Read(buf)
			buf[0] = []byte{20, 22, 0x80, 0x90, 0xB1}[i%5]
			if p := buf[:i%1500+2]; sort(p) == kindRTP || sort(p) == kindRTCP {
				// The line's contexts belong to the reader, so others are tried.
				k, err := dtlsKeys(material{}, dtls.SRTP_AEAD_AES_128_GCM, i%2 == 0)
				if err != nil {
					t.Fatal(err)
				}
				in := &k.in
				if h, ok := parseRTP(p); ok && sort(p) == kindRTP {
					if _, err := in.open(p, h); err == nil {
						t.Error("noise was taken for SRTP")
					}
				}
				if _, err := in.openControl(p); err == nil {
					t.Error("noise was taken for SRTCP")
				}
				if len(in.media.all)+len(in.control.all) > 0 {
					t.Error("noise made a source")
				}
			} else {
				line.security.receive(p)
			}
		}
	}
	reaches(t, b.say, p, "after")
	reaches(t, p.mouth, b, "after")
}

func TestStrangersOnTheBrowserPort(t *testing.T) {
	e := startEngine(t, "20500-20519")
	b, p := newBrowser(t), newPhone(t)
	dial(t, e, b, p)
	reaches(t, b.say, p, "before")
	conn := stranger(t, "127.0.0.1")
	offered := e.table
	offered.mu.RLock()
	var ufrag string
	for ufrag = range offered.names {
	}
	offered.mu.RUnlock()
	t.Run("STUN with a wrong password", func(t *testing.T) {
		pad := attribute(stun.AttrSoftware, make([]byte, 40)...)
		conn.WriteToUDPAddrPort(request(t, stun.NewUsername(ufrag+":x"), pad, stun.NewShortTermIntegrity("wrong"), stun.Fingerprint), e.Addr())
		var m stun.Message
		if reply := replied(conn, patience); stun.Decode(reply, &m) != nil || m.Type != stun.BindingError {
			t.Errorf("reply %x", reply)
		}
		if e.table.lookup(conn.LocalAddr().(*net.UDPAddr).AddrPort()) != nil {
			t.Error("bound")
		}
	})
	t.Run("DTLS from an unbound address", func(t *testing.T) {
		before := e.stray.Load()
		for _, part := range clientHello(t) {
			conn.WriteToUDPAddrPort(part, e.Addr())
		}
		if reply := replied(conn, calm); reply != nil {
			t.Errorf("reply %x", reply)
		}
		if e.stray.Load() == before {
			t.Error("not counted")
		}
	})
	reaches(t, b.say, p, "after")
	reaches(t, p.mouth, b, "after")
}

// clientHello gives the datagrams of a real ClientHello.
func clientHello(t testing.TB, profiles ...dtls.SRTPProtectionProfile) [][]byte {
	t.Helper()
	if len(profiles) == 0 {
		profiles = []dtls.SRTPProtectionProfile{dtls.SRTP_AES128_CM_HMAC_SHA1_80}
	}
	local, remote := net.Pipe()
	defer remote.Close()
	go dtls.Client(local, &dtls.Config{SRTPProtectionProfiles: profiles, InsecureSkipVerify: true})
	buf := make([]byte, 4000)
	n, err := remote.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return [][]byte{buf[:n]}
}

// Nothing is left of a call after Delete, and nothing of the engine after Run: no goroutine, no name, no address.
func TestNothingIsLeft(t *testing.T) {
	e := startEngine(t, "20520-20539")
	b, p := newBrowser(t), newPhone(t)
	dial(t, e, b, p)
	reaches(t, b.say, p, "sound")
	playTo(t, e)
	e.Delete("call", "")
	e.Delete("tone", "")
	waitFor(t, "no goroutine of the calls", func() bool { return len(running()) <= 2 }) // Run and the browsers' reader
	e.table.mu.RLock()
	defer e.table.mu.RUnlock()
	if len(e.table.bound)+len(e.table.names) != 0 || len(e.calls) != 0 {
		t.Errorf("left: %v %v %v", e.table.bound, e.table.names, e.calls)
	}
	if err := e.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
	waitFor(t, "no goroutine of the engine", func() bool { return len(running()) == 0 })
	if _, err := e.Offer(t.Context(), "late", desk, pbx, p.description("sendrecv")); err == nil {
		t.Error("a closed engine takes an offer")
	}
}

// playTo starts a tone for another browser, so that there is one more kind of goroutine.
func playTo(t *testing.T, e *Engine) {
	t.Helper()
	other := newBrowser(t)
	other.accept(must(t)(e.Local(t.Context(), "tone", bob, Tone, other.offer())))
	if other.next(patience) == nil {
		t.Fatal("no tone")
	}
}

// waitFor waits until something holds.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: never; running:\n%s", what, strings.Join(running(), "\n\n"))
		}
	}
}

// running lists the goroutines that run the engine's code.
func running() (stacks []string) {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	for _, stack := range strings.Split(string(buf), "\n\n") {
		if strings.Contains(stack, "media.(*Engine)") || strings.Contains(stack, "media.playTone") || strings.Contains(stack, "media.(*association)") {
			if !strings.Contains(stack, "media.Test") {
				stacks = append(stacks, stack)
			}
		}
	}
	return stacks
}

// A browser that is not heard of any more is lost, and comes back; nothing is sent to it meanwhile.
func TestConsentRunsOut(t *testing.T) {
	e := startEngine(t, "20540-20559")
	b, p := newBrowser(t), newPhone(t)
	dial(t, e, b, p)
	reaches(t, p.mouth, b, "before")
	s, err := e.lock("call", false)
	if err != nil {
		t.Fatal(err)
	}
	line := s.legs["alice"].line.(*secureLine)
	s.mu.Unlock()
	now := e.now() + consent + time.Second
	if got := line.state(now); got != "lost" {
		t.Errorf("after %v: %q", consent, got)
	}
	if line.send(make([]byte, 12, bufferSize), rtpHeader{size: 12}, now) == nil {
		t.Error("sent to a browser that is lost")
	}
	line.checked(*line.remote.Load(), nil, "", false, now)
	if got := line.state(now); got != "up" {
		t.Errorf("after another check: %q", got)
	}
}

// A description that names another certificate ends the association; the new peer gets a handshake of its own.
func TestNewFingerprintNewKeys(t *testing.T) {
	e := startEngine(t, "20560-20579")
	first, second, p := newBrowser(t), newBrowser(t), newPhone(t)
	dial(t, e, first, p)
	reaches(t, first.say, p, "from the first")
	first.pc.Close()
	p.hear(must(t)(e.Offer(t.Context(), "call", alice, pbx, second.offer())))
	second.accept(must(t)(e.Answer(t.Context(), "call", pbx, alice, p.description("sendrecv"))))
	reaches(t, second.say, p, "from the second")
	reaches(t, p.mouth, second, "to the second")
}

func TestBrowserAsServerFromItsOffer(t *testing.T) {
	e := startEngine(t, "20580-20599")
	b := newBrowser(t)
	p := newPhone(t)
	offer := bytes.ReplaceAll(b.offer(), []byte("a=setup:actpass"), []byte("a=setup:passive"))
	p.hear(must(t)(e.Offer(t.Context(), "call", alice, pbx, offer)))
	answer := must(t)(e.Answer(t.Context(), "call", pbx, alice, p.description("sendrecv")))
	if !bytes.Contains(answer, []byte("a=setup:active")) {
		t.Errorf("answer to a passive offer:\n%s", answer)
	}
	b.accept(answer)
	reaches(t, b.say, p, "from the browser")
	if b.pc.ConnectionState() != webrtc.PeerConnectionStateConnected {
		t.Errorf("browser is %v", b.pc.ConnectionState())
	}
}
