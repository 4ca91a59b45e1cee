package media

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/pion/dtls/v2"
	"github.com/pion/rtcp"
	"github.com/pion/srtp/v2"

	"cordboard/gateway/call"
	"cordboard/gateway/sdp"
)

// toDTLS is a party that is offered DTLS.
var toDTLS = call.Party{Leg: "dtls", Profile: sdp.DTLS, Host: loopback}

// engines are a call through two engines, each of which takes the other one for its PBX, between two phones.
type engines struct {
	t          *testing.T
	near, far  *Engine
	here, away *phone
	between    call.Party
	change     func(string) string // of what one engine tells the other
}

// call sets the call up, or offers anew.
func (p *engines) call() {
	p.t.Helper()
	ctx := p.t.Context()
	cross := func(text []byte) []byte { return []byte(p.change(string(text))) }
	offer := cross(must(p.t)(p.near.Offer(ctx, "call", desk, p.between, p.here.description("sendrecv"))))
	p.away.hear(must(p.t)(p.far.Offer(ctx, "call", p.between, desk, offer)))
	answer := cross(must(p.t)(p.far.Answer(ctx, "call", desk, p.between, p.away.description("sendrecv"))))
	p.here.hear(must(p.t)(p.near.Answer(ctx, "call", p.between, desk, answer)))
}

// back offers anew from the other end.
func (p *engines) back() {
	p.t.Helper()
	ctx := p.t.Context()
	cross := func(text []byte) []byte { return []byte(p.change(string(text))) }
	offer := cross(must(p.t)(p.far.Offer(ctx, "call", desk, p.between, p.away.description("sendrecv"))))
	p.here.hear(must(p.t)(p.near.Offer(ctx, "call", p.between, desk, offer)))
	answer := cross(must(p.t)(p.near.Answer(ctx, "call", desk, p.between, p.here.description("sendrecv"))))
	p.away.hear(must(p.t)(p.far.Answer(ctx, "call", p.between, desk, answer)))
}

// talk checks sound both ways, and how it goes.
func (p *engines) talk(want string) {
	p.t.Helper()
	reaches(p.t, p.here.mouth, p.away, "there")
	reaches(p.t, p.away.mouth, p.here, "back")
	for _, e := range []*Engine{p.near, p.far} {
		if s := stats(p.t, e, "call", p.between.Leg); s.Profile != want {
			p.t.Errorf("leg is %s, want %s", s.Profile, want)
		}
		// Without mux the port of RTCP has a handshake of its own, for which sound does not wait.
		waitFor(p.t, "all keys", func() bool { return stats(p.t, e, "call", p.between.Leg).State == "up" })
	}
}

// reports checks that reports arrive both ways. They take seconds, as their interval wants.
func (p *engines) reports() {
	p.t.Helper()
	for _, way := range [][2]*phone{{p.here, p.away}, {p.away, p.here}} {
		buf := make([]byte, 1500)
		for end := time.Now().Add(patience); ; {
			way[0].control.WriteToUDPAddrPort(compound(p.t, &rtcp.ReceiverReport{SSRC: way[0].ssrc}), way[0].remote.RTCP)
			p.near.hurry("call")
			p.far.hurry("call")
			way[1].control.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			if n, _, err := way[1].control.ReadFromUDPAddrPort(buf); err == nil && sort(buf[:n]) == kindRTCP {
				break
			}
			if time.Now().After(end) {
				p.t.Fatal("no report arrives")
			}
		}
	}
}

// hurry makes the reports to the parties of a call due.
func (e *Engine) hurry(id string) {
	s, err := e.lock(id, false)
	if err != nil {
		return
	}
	defer s.mu.Unlock()
	for _, l := range s.legs {
		l.streams.mu.Lock()
		l.streams.due = 0
		l.streams.mu.Unlock()
	}
}

// Two engines understand each other in every profile, and go on after an offer of either.
func TestEnginesBackToBack(t *testing.T) {
	near, far := startEngine(t, "21070-21079"), startEngine(t, "21080-21089")
	same := func(text string) string { return text }
	for _, tt := range []struct {
		name    string
		profile sdp.Profile
		change  func(string) string
		want    string
	}{
		{"RTP", sdp.RTP, same, "RTP"},
		{"SDES", sdp.SDES, same, "SDES"},
		{"OSRTP", sdp.OSRTP, same, "SDES"},
		{"DTLS", sdp.DTLS, same, "DTLS"},
		{"DTLS without mux", sdp.DTLS, func(text string) string { return strings.Replace(text, "a=rtcp-mux\r\n", "", 1) }, "DTLS"},
		{"DTLS in place of SDES", sdp.SDES, func(text string) string {
			if i := strings.Index(text, "a=crypto"); i >= 0 && strings.Contains(text, "a=setup:actpass") {
				return text[:i] + text[strings.Index(text, "a=fingerprint"):]
			}
			return text
		}, "DTLS"},
		{"OSRTP by fingerprint", sdp.DTLS, func(text string) string { return strings.Replace(text, "UDP/TLS/RTP/SAVP", "RTP/AVP", 1) }, "DTLS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			party := toDTLS
			party.Profile = tt.profile
			p := &engines{t: t, near: near, far: far, here: newPhone(t), away: newPhone(t), between: party, change: tt.change}
			defer near.Delete("call", "")
			defer far.Delete("call", "")
			p.call()
			p.talk(tt.want)
			if strings.HasPrefix(tt.name, "DTLS") {
				p.reports()
			}
			p.call()
			p.talk(tt.want)
			p.back()
			p.talk(tt.want)
		})
	}
}

// A call that comes back after a crash shakes hands anew, in both roles.
func TestDTLSRestored(t *testing.T) {
	for _, later := range []string{"near", "far"} {
		t.Run(later, func(t *testing.T) {
			ports := map[string]string{"near": "21070-21079", "far": "21080-21089"}
			p := &engines{t: t, near: startEngine(t, ports["near"]), far: startEngine(t, ports["far"]), here: newPhone(t), away: newPhone(t), between: toDTLS,
				change: func(text string) string { return text }}
			p.call()
			p.talk("DTLS")
			back, other := &p.near, p.far
			if later == "far" {
				back, other = &p.far, p.near
			}
			*back = restart(t, *back, "call", ports[later])
			silent(t, p.here.mouth, p.away, "too early")
			offer := must(t)((*back).Reoffer(t.Context(), "call", toDTLS.Leg))
			answer := must(t)(other.Keep(t.Context(), "call", toDTLS, desk, offer))
			if err := (*back).Reanswer(t.Context(), "call", toDTLS.Leg, answer); err != nil {
				t.Fatal(err)
			}
			p.talk("DTLS")
		})
	}
}

// dtlsPhone is a phone that speaks DTLS by pion.
type dtlsPhone struct {
	*deskPhone
	certificate tls.Certificate
	held        *[][]byte // the end of its handshake, which it keeps back; nil: it doesn't
}

func newDTLSPhone(t testing.TB) *dtlsPhone {
	t.Helper()
	certificate, err := newCertificate(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return &dtlsPhone{deskPhone: &deskPhone{phone: newPhone(t)}, certificate: certificate}
}

func (p *dtlsPhone) description(setup string) []byte {
	return []byte(strings.Replace(string(p.phone.description("sendrecv")), "RTP/AVP 0 8 101\r\n", fmt.Sprintf("UDP/TLS/RTP/SAVP 0 8 101\r\na=rtcp-mux\r\na=setup:%s\r\na=fingerprint:%s\r\n",
		setup, fingerprint(p.certificate.Certificate[0])), 1))
}

// hearsNothing fails if sound comes before there are keys.
func (p *dtlsPhone) hearsNothing(from *phone) {
	p.t.Helper()
	buf := make([]byte, 2000)
	defer p.media.SetReadDeadline(time.Time{})
	for end := time.Now().Add(calm); time.Now().Before(end); {
		from.mouth("in the clear")
		p.media.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		if n, _, err := p.media.ReadFromUDPAddrPort(buf); err == nil && sort(buf[:n]) == kindRTP {
			p.t.Fatalf("sound before the handshake: %x", buf[:n])
		}
	}
}

// connect shakes hands and makes the SRTP contexts.
func (p *dtlsPhone) connect(client bool) error {
	begin := dtls.Server
	if client {
		begin = dtls.Client
	}
	conn, err := begin(&toward{p.media, net.UDPAddrFromAddrPort(p.remote.Audio), p.held}, &dtls.Config{
		Certificates: []tls.Certificate{p.certificate}, InsecureSkipVerify: true, ClientAuth: dtls.RequireAnyClientCert,
		SRTPProtectionProfiles: []dtls.SRTPProtectionProfile{dtls.SRTP_AES128_CM_HMAC_SHA1_80},
	})
	if err != nil {
		return err
	}
	state := conn.ConnectionState()
	config := srtp.Config{Profile: srtp.ProtectionProfileAes128CmHmacSha1_80}
	if err := config.ExtractSessionKeysFromDTLS(&state, client); err != nil {
		return err
	}
	p.suite = sdp.Suites[1]
	p.out = p.context(append(bytes.Clone(config.Keys.LocalMasterKey), config.Keys.LocalMasterSalt...))
	p.in = p.context(append(bytes.Clone(config.Keys.RemoteMasterKey), config.Keys.RemoteMasterSalt...))
	return nil
}

// toward is a socket as a connection to one address.
type toward struct {
	*net.UDPConn
	to   *net.UDPAddr
	held *[][]byte // keeps the end of the handshake; nil: it goes
}

func (c *toward) Write(p []byte) (int, error) {
	if c.held != nil && finishing(p) {
		*c.held = append(*c.held, bytes.Clone(p))
		return len(p), nil
	}
	return c.WriteToUDP(p, c.to)
}
func (c *toward) RemoteAddr() net.Addr { return c.to }

// A phone may be on either side of the handshake, in calls of either direction; one with another certificate than its own
// is told so, and not heard.
func TestDTLSPhone(t *testing.T) {
	e := startEngine(t, "21090-21099")
	for _, tt := range []struct {
		name   string
		offers bool
		setup  string
		client bool
		stolen bool
	}{
		{"offers actpass", true, "actpass", true, false},
		{"offers active", true, "active", true, false},
		{"offers passive", true, "passive", false, false},
		{"answers active", false, "active", true, false},
		{"answers passive", false, "passive", false, false},
		{"answers active with another certificate", false, "active", true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer e.Delete("call", "")
			a, b := newPhone(t), newDTLSPhone(t)
			description := b.description(tt.setup)
			if tt.stolen {
				description = bytes.Replace(description, []byte(fingerprint(b.certificate.Certificate[0])), []byte(e.fingerprint), 1)
			}
			var err error
			if tt.offers {
				a.hear(must(t)(e.Offer(t.Context(), "call", toDTLS, desk, description)))
				b.remote, err = sdp.Parse(must(t)(e.Answer(t.Context(), "call", desk, toDTLS, a.description("sendrecv"))))
			} else {
				b.remote, err = sdp.Parse(must(t)(e.Offer(t.Context(), "call", desk, toDTLS, a.description("sendrecv"))))
				a.hear(must(t)(e.Answer(t.Context(), "call", toDTLS, desk, description)))
			}
			if err != nil {
				t.Fatal(err)
			}
			b.hearsNothing(a)
			if err := b.connect(tt.client); (err == nil) == tt.stolen {
				t.Fatalf("the phone's handshake ends with %v", err)
			}
			if tt.stolen {
				for end := time.Now().Add(patience); stats(t, e, "call", toDTLS.Leg).State != "failed"; time.Sleep(time.Millisecond) {
					if time.Now().After(end) {
						t.Fatalf("leg is %s, want failed", stats(t, e, "call", toDTLS.Leg).State)
					}
				}
				return
			}
			reaches(t, a.mouth, b, "there")
			reaches(t, b.mouth, a, "back")
		})
	}
}

// A ClientHello that comes before the answer is kept until then.
func TestDTLSBeforeAnswer(t *testing.T) {
	e := startEngine(t, "21090-21099")
	a, b := newPhone(t), newDTLSPhone(t)
	var err error
	if b.remote, err = sdp.Parse(must(t)(e.Offer(t.Context(), "call", desk, toDTLS, a.description("sendrecv")))); err != nil {
		t.Fatal(err)
	}
	for _, part := range clientHello(t) {
		b.send(b.media, part)
	}
	line := func() *plainLine {
		s, err := e.lock("call", false)
		if err != nil {
			t.Fatal(err)
		}
		defer s.mu.Unlock()
		return s.legs[toDTLS.Leg].line.(*plainLine)
	}()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		line.dtls.mu.Lock()
		kept := len(line.dtls.early)
		line.dtls.mu.Unlock()
		if kept > 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the ClientHello is not kept")
		}
	}
	a.hear(must(t)(e.Answer(t.Context(), "call", toDTLS, desk, b.description("active"))))
	b.media.SetReadDeadline(time.Now().Add(patience))
	buf := make([]byte, 2000)
	if n, _, err := b.media.ReadFromUDPAddrPort(buf); err != nil || sort(buf[:n]) != kindDTLS {
		t.Errorf("answer to the early ClientHello: %v", err)
	}
}

// A PBX that offers what browsers offer is answered as they are.
func TestPBXOffersICE(t *testing.T) {
	const ports = "21090-21099"
	for _, profile := range []sdp.Profile{sdp.RTP, sdp.DTLS} {
		e := startEngine(t, ports)
		a, b := newPhone(t), newBrowser(t)
		party := toDTLS
		party.Profile = profile
		a.hear(must(t)(e.Offer(t.Context(), "call", party, desk, b.offer())))
		b.accept(must(t)(e.Answer(t.Context(), "call", desk, party, a.description("sendrecv"))))
		reaches(t, a.mouth, b, "there")
		reaches(t, b.say, a, "back")
		if again := must(t)(e.Offer(t.Context(), "call", desk, party, a.description("sendrecv"))); !bytes.Contains(again, []byte(" UDP/TLS/RTP/SAVPF ")) || !bytes.Contains(again, []byte("a=ice-ufrag")) {
			t.Errorf("offered in turn:\n%s", again)
		}
		if s := stats(t, e, "call", party.Leg); s.Profile != "WebRTC" {
			t.Errorf("leg is %s", s.Profile)
		}
		e = restart(t, e, "call", ports)
		after := newBrowser(t) // pion can't change to another certificate of its peer
		answer := after.answer(must(t)(e.Reoffer(t.Context(), "call", party.Leg)))
		if err := e.Reanswer(t.Context(), "call", party.Leg, answer); err != nil {
			t.Fatal(err)
		}
		reaches(t, a.mouth, after, "after a crash")
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Another phone takes the place of the first one, in the same leg, and has RTCP where that had not: beside RTP or at a port of its own.
func TestDTLSOtherMux(t *testing.T) {
	e := startEngine(t, "21090-21099")
	for _, muxed := range []bool{true, false} { // the first one
		t.Run(fmt.Sprint(muxed), func(t *testing.T) {
			defer e.Delete("call", "")
			a := newPhone(t)
			meet := func(b *dtlsPhone, mux bool) {
				t.Helper()
				description := b.description("active")
				if !mux {
					description = bytes.Replace(description, []byte("a=rtcp-mux\r\n"), nil, 1)
				}
				a.hear(must(t)(e.Offer(t.Context(), "call", toDTLS, desk, description)))
				answer := must(t)(e.Answer(t.Context(), "call", desk, toDTLS, a.description("sendrecv")))
				if bytes.Contains(answer, []byte("a=rtcp-mux")) != mux {
					t.Fatalf("answered by\n%s", answer)
				}
				var err error
				if b.remote, err = sdp.Parse(answer); err != nil {
					t.Fatal(err)
				}
				if err := b.connect(true); err != nil {
					t.Fatal(err)
				}
				reaches(t, b.mouth, a, "sound")
				if !mux {
					other := &phone{t: t, media: b.control, remote: sdp.Remote{Audio: b.remote.RTCP}}
					if err := (&dtlsPhone{deskPhone: &deskPhone{phone: other}, certificate: b.certificate}).connect(true); err != nil {
						t.Fatalf("at the port of RTCP: %v", err)
					}
				}
				waitFor(t, "both keys", func() bool { return stats(t, e, "call", toDTLS.Leg).State == "up" })
			}
			meet(newDTLSPhone(t), muxed)
			meet(newDTLSPhone(t), !muxed)
		})
	}
}
