package signaling

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/guard"
)

// scans are the first messages of well-known scanners, as they come from the network.
var scans = map[string]string{
	"svmap": "OPTIONS sip:100@{gw} SIP/2.0\r\nVia: SIP/2.0/{via};branch=z9hG4bK-3201;rport\r\nContent-Length: 0\r\n" +
		"From: \"sipvicious\"<sip:100@1.1.1.1>; tag=6333\r\nAccept: application/sdp\r\nUser-Agent: friendly-scanner\r\nTo: \"sipvicious\"<sip:100@1.1.1.1>\r\n" +
		"Contact: sip:100@{gw}\r\nCSeq: 1 OPTIONS\r\nCall-ID: 7325\r\nMax-Forwards: 70\r\n\r\n",
	"svwar": "REGISTER sip:{gw} SIP/2.0\r\nVia: SIP/2.0/{via};branch=z9hG4bK-3202;rport\r\nContent-Length: 0\r\n" +
		"From: \"100\"<sip:100@{gw}>; tag=3130\r\nAccept: application/sdp\r\nUser-Agent: friendly-scanner\r\nTo: \"100\"<sip:100@{gw}>\r\n" +
		"Contact: sip:100@{gw}\r\nCSeq: 1 REGISTER\r\nCall-ID: 2711\r\nMax-Forwards: 70\r\n\r\n",
	"a dialler": "INVITE sip:900442037690000@{gw} SIP/2.0\r\nVia: SIP/2.0/{via};branch=z9hG4bK-3203;rport\r\n" +
		"From: <sip:1001@{gw}>;tag=91\r\nTo: <sip:900442037690000@{gw}>\r\nCall-ID: 9911\r\nCSeq: 1 INVITE\r\nContact: <sip:1001@192.0.2.1:5070>\r\n" +
		"User-Agent: pplsip\r\nMax-Forwards: 70\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n",
	"nmap":      "OPTIONS sip:nm SIP/2.0\r\nVia: SIP/2.0/{via};branch=foo\r\nFrom: <sip:nm@nm>;tag=root\r\nTo: <sip:nm2@nm2>\r\nCall-ID: 50000\r\nCSeq: 42 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\nContact: <sip:nm@nm>\r\nAccept: application/sdp\r\n\r\n",
	"a browser": "GET / HTTP/1.1\r\nHost: {gw}\r\n\r\n",
	"noise":     "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}

// guarded is a world in which only 127.0.0.1, where its PBX is, is never banned.
func guarded(t *testing.T, mode string) (*world, *guard.Bans) {
	bans := guard.NewBans(nil)
	bans.Never([]netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")})
	w := buildWorld(t, mode, func(_ *Config, d *Deps) { d.Bans = bans })
	w.start()
	return w, bans
}

var stranger = netip.MustParseAddr("127.0.0.2")

// nothingKept checks that strangers have left no trace.
func (w *world) nothingKept() {
	w.t.Helper()
	w.srv.mu.Lock()
	legs := len(w.srv.legs)
	w.srv.mu.Unlock()
	if legs > 0 || len(w.srv.Calls()) > 0 || w.media.alive() > 0 {
		w.t.Errorf("strangers have left %d legs, %d calls, media of %d", legs, len(w.srv.Calls()), w.media.alive())
	}
}

func TestScannersGetNothing(t *testing.T) {
	w, bans := guarded(t, ModePeer)
	gw := w.srv.Addr()
	udp, err := net.ListenPacket("udp", stranger.String()+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	probe := func() { // comes by the same socket as what strangers have sent before; the second one is a repetition to SIP
		_, _ = w.pbx.conn.WriteTo([]byte("OPTIONS sip:cordboard@"+gw.String()+" SIP/2.0\r\nVia: SIP/2.0/UDP "+w.pbx.addr()+";branch=z9hG4bKp\r\n"+
			"From: <sip:p@p>;tag=1\r\nTo: <sip:c@c>\r\nCall-ID: p\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"), net.UDPAddrFromAddrPort(gw))
		w.pbx.response(200, sip.OPTIONS)
	}
	probe()
	before := goroutines()
	for name, text := range scans {
		text = strings.NewReplacer("{gw}", gw.String()).Replace(text)
		for range 20 {
			if _, err := udp.WriteTo([]byte(strings.ReplaceAll(text, "{via}", "UDP "+udp.LocalAddr().String())), net.UDPAddrFromAddrPort(gw)); err != nil {
				t.Fatal(err)
			}
		}
		c := dialFrom(t, stranger.String(), gw)
		_, _ = c.Write([]byte(strings.ReplaceAll(text, "{via}", "TCP "+c.LocalAddr().String())))
		if n, err := c.Read(make([]byte, 1)); n > 0 || err == nil || strings.Contains(err.Error(), "timeout") {
			t.Errorf("%s: by TCP came %d bytes, %v, want the end of the connection", name, n, err)
		}
		c.Close()
	}
	idle := dialFrom(t, stranger.String(), gw) // says nothing
	if n, err := idle.Read(make([]byte, 1)); n > 0 || err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("an idle stranger: %d bytes, %v, want the end of the connection", n, err)
	}
	idle.Close()
	probe()
	_ = udp.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, _, err := udp.ReadFrom(make([]byte, 100)); err == nil {
		t.Errorf("by UDP came %d bytes", n)
	}
	w.nothingKept()
	eventually(t, "goroutines of strangers are gone", func() bool { return goroutines() <= before+10 })
	if bans.Address(stranger, time.Now()) {
		t.Error("banned after seven connections; UDP, whose sender anybody can invent, must not count")
	}
	for i := 0; !bans.Address(stranger, time.Now()); i++ {
		if i == 50 {
			t.Fatal("not banned after 50 more connections to the SIP port")
		}
		c := dialFrom(t, stranger.String(), gw)
		_, _ = c.Read(make([]byte, 1))
		c.Close()
	}
	if _, res, err := w.knock(stranger.String(), "", ""); err == nil || res == nil || res.StatusCode != http.StatusForbidden {
		t.Errorf("handshake of the banned: %v, %v, want 403", res, err)
	}
	w.dial("alice", true).register() // from another address
}

// knock makes a WebSocket handshake from an address of ours. It has no Origin, as those of programs.
func (w *world) knock(from, username, password string) (*websocket.Conn, *http.Response, error) {
	d := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	tr := w.web.Client().Transport.(*http.Transport).Clone()
	tr.DialContext = d.DialContext
	w.t.Cleanup(tr.CloseIdleConnections)
	url := "wss" + strings.TrimPrefix(w.web.URL, "https") + "/ws"
	if username != "" {
		url += "?username=" + username + "&password=" + password
	}
	ctx, stop := context.WithTimeout(w.t.Context(), patient)
	defer stop()
	return websocket.Dial(ctx, url, &websocket.DialOptions{Subprotocols: []string{"sip"}, HTTPClient: &http.Client{Transport: tr}})
}

func TestScannersAtTheDoor(t *testing.T) {
	for name, text := range scans {
		t.Run(name, func(t *testing.T) {
			w, bans := guarded(t, ModePeer)
			text := strings.NewReplacer("{gw}", "office.example", "{via}", "WSS x.invalid").Replace(text)
			for i := 0; !bans.Address(stranger, time.Now()); i++ {
				if i == 200 {
					t.Fatal("not banned after 200 flows that nobody signed in on")
				}
				conn, _, err := w.knock(stranger.String(), "", "")
				if err != nil {
					continue // banned at this moment
				}
				if err := conn.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
					t.Fatal(err)
				}
				if strings.Contains(text, "CSeq") {
					if _, answer, err := conn.Read(t.Context()); err != nil || !strings.HasPrefix(string(answer), "SIP/2.0 4") {
						t.Fatalf("answer %q, %v, want a refusal", answer, err)
					}
				}
				_ = conn.CloseNow()
				eventually(t, "the flow is gone", func() bool {
					w.srv.door.mu.Lock()
					defer w.srv.door.mu.Unlock()
					return len(w.srv.door.flows) == 0
				})
			}
			w.nothingKept()
		})
	}
}

func TestMisbehaviourBans(t *testing.T) {
	for _, tt := range []struct {
		name  string
		tries int // at most until the ban
		do    func(t *testing.T, w *world) error
	}{
		{"wrong token in the handshake", 40, func(t *testing.T, w *world) error {
			_, _, err := w.knock(stranger.String(), fmt.Sprintf("9999999999:%s", token()), "wrong")
			if err == nil {
				t.Fatal("a wrong token opens the door")
			}
			return nil
		}},
		{"malformed messages", 20, func(t *testing.T, w *world) error {
			conn, _, err := w.knock(stranger.String(), "", "")
			if err != nil {
				return err
			}
			defer conn.CloseNow()
			for range flowMaxBad {
				_ = conn.Write(t.Context(), websocket.MessageText, []byte("nonsense\r\n\r\n"))
			}
			if _, _, err := conn.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
				t.Errorf("after nonsense: %v, want a close with 1008", err)
			}
			return nil
		}},
		{"another user's name", 20, func(t *testing.T, w *world) error {
			name, password := w.eph.Sign("alice", time.Now().Add(time.Hour))
			conn, _, err := w.knock(stranger.String(), name, strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D").Replace(password))
			if err != nil {
				return err
			}
			defer conn.CloseNow()
			b := &browser{user: "bob", host: "x.invalid"}
			_ = conn.Write(t.Context(), websocket.MessageText, []byte(b.build("REGISTER", "sip:office.example", "<sip:bob@office.example>", token(), "t", "")))
			for err == nil {
				_, _, err = conn.Read(t.Context())
			}
			if websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
				t.Errorf("after a breach: %v, want a close with 1008", err)
			}
			return nil
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, bans := guarded(t, "")
			for i := 0; !bans.Address(stranger, time.Now()); i++ {
				if i == tt.tries {
					t.Fatalf("not banned after %d tries", i)
				}
				if err := tt.do(t, w); err != nil {
					break // the ban came with what the try before has left to do
				}
			}
			eventually(t, "banned", func() bool { return bans.Address(stranger, time.Now()) })
			if _, res, err := w.knock(stranger.String(), "", ""); err == nil || res == nil || res.StatusCode != http.StatusForbidden {
				t.Errorf("handshake of the banned: %v, %v, want 403", res, err)
			}
			if tt.name == "another user's name" {
				name, password := w.eph.Sign("alice", time.Now().Add(time.Hour))
				_, res, err := w.knock("127.0.0.1", name, strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D").Replace(password))
				if err == nil || res == nil || res.StatusCode != http.StatusForbidden {
					t.Errorf("the banned user from elsewhere: %v, %v, want 403", res, err)
				}
				return
			}
			w.dial("alice", true).register()
		})
	}
}

// A PBX is never banned, whatever a browser on the same machine does.
func TestPBXIsNeverBanned(t *testing.T) {
	bans := guard.NewBans(nil)
	bans.Never(nil)
	w := buildWorld(t, ModePeer, func(_ *Config, d *Deps) { d.Bans = bans })
	w.start()
	for range 100 {
		bans.BlameAddress(netip.MustParseAddr("127.0.0.1"), guard.Breach, "", time.Now())
	}
	if _, err := bans.Add("127.0.0.1", "", time.Hour, time.Now()); !errors.Is(err, guard.ErrSpared) {
		t.Errorf("ban the PBX by hand: %v", err)
	}
	alice := w.dial("alice", true)
	ok, _ := w.up(alice)
	w.down(alice, ok)
}

// Also who may speak to the SIP port, as the far end of a call may, gets no answer while it is banned.
func TestBannedFarEndGetsNothing(t *testing.T) {
	w, bans := guarded(t, ModePeer)
	far, err := net.ListenPacket("udp", stranger.String()+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	gw := net.UDPAddrFromAddrPort(w.srv.Addr())
	e := &end{t: t, name: "far end", in: make(chan sip.Message, 100), send: func(text string) { _, _ = far.WriteTo([]byte(text), gw) }}
	go func() {
		buf := make([]byte, 65536)
		for {
			n, _, err := far.ReadFrom(buf)
			if err != nil {
				return
			}
			e.parsed(append([]byte(nil), buf[:n]...))
		}
	}()
	alice := w.dial("alice", true)
	alice.invite("200")
	w.pbx.answer(w.pbx.request(sip.INVITE), 200, "OK", "phone", "<sip:phone@"+far.LocalAddr().String()+">", "v=0")
	ok := alice.response(200, sip.INVITE)
	alice.send(alice.within("ACK", ok, int(ok.CSeq().SeqNo), ""))
	e.request(sip.ACK)
	options := func(from, id string) string {
		return "OPTIONS sip:" + w.srv.Addr().String() + " SIP/2.0\r\nVia: SIP/2.0/UDP " + from + ";branch=z9hG4bK" + id + "\r\nFrom: <sip:p@p>;tag=1\r\n" +
			"To: <sip:c@c>\r\nCall-ID: " + id + "\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
	}
	e.send(options(far.LocalAddr().String(), "before"))
	e.response(200, sip.OPTIONS)
	subject := guard.AddressSubject(stranger)
	if _, err := bans.Add(subject, "", time.Hour, time.Now()); err != nil {
		t.Fatal(err)
	}
	e.send(options(far.LocalAddr().String(), "banned"))
	w.pbx.send(options(w.pbx.addr(), "pbx")) // comes after it by the same socket
	w.pbx.response(200, sip.OPTIONS)
	bans.Remove(subject, time.Now())
	e.send(options(far.LocalAddr().String(), "after"))
	if got := e.response(200, sip.OPTIONS).CallID().Value(); got != "after" {
		t.Errorf("OPTIONS %q of the banned is answered", got)
	}
	alice.send(alice.within("BYE", ok, int(ok.CSeq().SeqNo)+1, ""))
	e.answer(e.request(sip.BYE), 200, "OK", "", "", "")
	alice.response(200, sip.BYE)
	w.over()
}
