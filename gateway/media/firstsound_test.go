package media

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/dtls/v2"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v2"
	"github.com/pion/stun/v3"

	"cordboard/gateway/sdp"
)

// The steps from a browser's INVITE to sound both ways, each with all that the other sides take for it.
const (
	stepAgreed  = iota // both were told where media goes
	stepChecked        // the browser's first connectivity check is answered
	stepKeyed          // DTLS is done at both ends
	stepHeard          // the first packet of the phone is at the browser
	stepSpoken         // the first packet of the browser is at the phone
	steps
)

var stepNames = [steps]string{"sdp", "ice", "dtls", "heard", "spoken"}

// firstSound is a browser by hand, without a timer of its own, and a phone: sockets, of which each is read for patience at most.
type firstSound struct {
	t       testing.TB
	browser *net.UDPConn
	phone   *phone
	tls     tls.Certificate
}

func newFirstSound(t testing.TB) *firstSound {
	t.Helper()
	certificate, err := newCertificate(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: loopback.AsSlice()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	f := &firstSound{t, conn, newPhone(t), certificate}
	for _, c := range []*net.UDPConn{conn, f.phone.media} {
		c.SetReadDeadline(time.Now().Add(patience))
	}
	return f
}

// toEngine is the browser's socket, as DTLS uses it: what else comes is in other.
type toEngine struct {
	*net.UDPConn
	at          *net.UDPAddr
	dtls, other chan []byte // closed when nothing came for too long
}

// newToEngine reads a socket until it is closed.
func newToEngine(conn *net.UDPConn, at *net.UDPAddr) toEngine {
	c := toEngine{conn, at, make(chan []byte, 100), make(chan []byte, 100)}
	go func() {
		defer close(c.dtls)
		defer close(c.other)
		for {
			buf := make([]byte, 1500)
			n, err := conn.Read(buf)
			switch {
			case err != nil:
				return
			case sort(buf[:n]) == kindDTLS:
				c.dtls <- buf[:n]
			default:
				c.other <- buf[:n]
			}
		}
	}()
	return c
}

func (c toEngine) Read(p []byte) (int, error) {
	if got, ok := <-c.dtls; ok {
		return copy(p, got), nil
	}
	return 0, net.ErrClosed
}

func (c toEngine) Write(p []byte) (int, error)     { return c.WriteToUDP(p, c.at) }
func (c toEngine) RemoteAddr() net.Addr            { return c.at }
func (c toEngine) SetReadDeadline(time.Time) error { return nil }
func (c toEngine) SetDeadline(time.Time) error     { return nil }

// description is what the browser says of itself.
func (f *firstSound) description(setup string) []byte {
	return fmt.Appendf(nil, "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\n"+
		"a=rtpmap:0 PCMU/8000\r\na=mid:0\r\na=rtcp-mux\r\na=ice-ufrag:them\r\na=ice-pwd:theirpasswordtheirpassword\r\n"+
		"a=fingerprint:%s\r\na=setup:%s\r\na=sendrecv\r\n", fingerprint(f.tls.Certificate[0]), setup)
}

// run makes a call, of the browser or to it, as fast as can be. It gives the time that each step took.
func (f *firstSound) run(e *Engine, calls bool) (took [steps]time.Duration) {
	t := f.t
	t.Helper()
	began := time.Now()
	step := func(which int) {
		now := time.Now()
		took[which] += now.Sub(began)
		began = now
	}
	var told []byte
	if calls {
		f.phone.hear(must(t)(e.Offer(t.Context(), "call", alice, pbx, f.description("actpass"))))
		told = must(t)(e.Answer(t.Context(), "call", pbx, alice, f.phone.description("sendrecv")))
	} else {
		told = must(t)(e.Offer(t.Context(), "call", pbx, alice, f.phone.description("sendrecv")))
		f.phone.hear(must(t)(e.Answer(t.Context(), "call", alice, pbx, f.description("active"))))
	}
	step(stepAgreed)
	remote, err := sdp.Parse(told)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(told), "a=candidate:") {
		t.Fatalf("the browser is not told where to go:\n%s", told)
	}
	began = time.Now() // what the browser reads is its own
	conn := newToEngine(f.browser, net.UDPAddrFromAddrPort(e.Addr()))
	defer conn.Close()
	// The first check nominates nothing, as those of browsers don't.
	conn.Write(request(t, stun.NewUsername(remote.ICEUfrag+":them"), stun.NewShortTermIntegrity(remote.ICEPwd), stun.Fingerprint))
	if reply := <-conn.other; len(reply) < 2 || reply[0] != 1 || reply[1] != 1 {
		t.Fatalf("first after a check comes %x", reply)
	}
	step(stepChecked)
	client, err := dtls.ClientWithContext(t.Context(), conn, &dtls.Config{
		Certificates:           []tls.Certificate{f.tls},
		SRTPProtectionProfiles: []dtls.SRTPProtectionProfile{dtls.SRTP_AES128_CM_HMAC_SHA1_80},
		InsecureSkipVerify:     true,
		FlightInterval:         patience, // nothing is lost here
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := e.lock("call", false)
	if err != nil {
		t.Fatal(err)
	}
	line := s.legs[alice.Leg].line.(*secureLine)
	s.mu.Unlock()
	<-line.up
	step(stepKeyed)
	state := client.ConnectionState()
	config := srtp.Config{Profile: srtp.ProtectionProfileAes128CmHmacSha1_80}
	if err := config.ExtractSessionKeysFromDTLS(&state, true); err != nil {
		t.Fatal(err)
	}
	in, err := srtp.CreateContext(config.Keys.RemoteMasterKey, config.Keys.RemoteMasterSalt, config.Profile)
	if err != nil {
		t.Fatal(err)
	}
	out, err := srtp.CreateContext(config.Keys.LocalMasterKey, config.Keys.LocalMasterSalt, config.Profile)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := out.EncryptRTP(nil, packet(t, rtp.Header{SequenceNumber: 1, Timestamp: 160, SSRC: 7}, "spoken"), nil)
	if err != nil {
		t.Fatal(err)
	}

	began = time.Now()
	conn.Write(sealed)
	if got := f.phone.next(patience); got == nil || string(got.Payload) != "spoken" {
		t.Fatalf("the phone hears %+v", got)
	}
	step(stepSpoken)
	f.phone.say(f.phone.media, "heard")
	for p := range conn.other {
		if sort(p) != kindRTP {
			continue
		}
		clear, err := in.DecryptRTP(nil, p, nil)
		if err != nil || !strings.HasSuffix(string(clear), "heard") {
			t.Fatalf("the browser hears %x, %v", clear, err)
		}
		step(stepHeard)
		return took
	}
	t.Fatal("the browser hears nothing")
	return took
}

// From INVITE to sound nothing of ours waits: no candidate is gathered, the first check is answered, DTLS begins with it and not with a
// nomination, and the first packet each way is passed on.
func TestFirstSound(t *testing.T) {
	favourites() // measures by the clock
	for name, calls := range map[string]bool{"browser calls": true, "browser is called": false} {
		t.Run(name, func(t *testing.T) {
			took := newFirstSound(t).run(startEngine(t, "21980-21999"), calls)
			var all time.Duration
			for i, d := range took {
				if all += d; d > time.Second {
					t.Errorf("%s takes %v", stepNames[i], d)
				}
			}
			for i, d := range took {
				t.Logf("%-6s %8v %3d %%", stepNames[i], d.Round(time.Microsecond), 100*d/all)
			}
		})
		// In a bubble the clock stands still while a socket is waited for, as one is all the time here: a timer never fires.
		t.Run(name+", without a clock", func(t *testing.T) {
			late := time.AfterFunc(patience, func() { panic("the set-up waits for a timer") })
			defer late.Stop()
			f := newFirstSound(t)
			synctest.Test(t, func(t *testing.T) {
				f.t, f.phone.t = t, t
				for i, d := range f.run(startEngine(t, "21980-21999"), calls) {
					if d != 0 {
						t.Errorf("%s lets %v pass", stepNames[i], d)
					}
				}
			})
		})
	}
}

// BenchmarkFirstSound is each step from INVITE to sound, in µs, and what the browser and the phone take for it.
func BenchmarkFirstSound(b *testing.B) {
	e := startEngine(b, "21980-21999")
	e.log = slog.New(slog.DiscardHandler)
	var sum [steps]time.Duration
	for b.Loop() {
		b.StopTimer()
		f := newFirstSound(b)
		b.StartTimer()
		for i, d := range f.run(e, true) {
			sum[i] += d
		}
		b.StopTimer()
		e.Delete("call", "")
		f.browser.Close()
		f.phone.media.Close()
		f.phone.control.Close()
		b.StartTimer()
	}
	for i, d := range sum {
		b.ReportMetric(float64(d.Microseconds())/float64(b.N), stepNames[i]+"-µs")
	}
}
