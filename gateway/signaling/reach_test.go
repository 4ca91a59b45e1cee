package signaling

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/locate"
)

// streamWorld is a world whose PBX is reached through l; uri is a format for the PBX's address.
func streamWorld(t *testing.T, mode string, l net.Listener, uri string, change func(*Config, *Deps)) (*world, *streams) {
	t.Helper()
	s := listenStreams(t, l)
	pbx := fakePBXOn(t, s)
	w := buildWorld(t, mode, func(cfg *Config, deps *Deps) {
		cfg.PBX[0].URI = fmt.Sprintf(uri, l.Addr())
		if strings.HasPrefix(l.Addr().String(), "[") {
			cfg.Listen = "[::1]:0"
		}
		if change != nil {
			change(cfg, deps)
		}
	})
	w.pbx = pbx
	w.start()
	return w, s
}

// bothWays calls the PBX and has the PBX call 101, and ends each call from the PBX's side.
func (w *world) bothWays(alice *browser, transport string) {
	t := w.t
	t.Helper()
	contact := w.pbx.contact("101")
	_, invite := w.up(alice)
	if via := invite.Via(); via.Transport != transport {
		t.Errorf("Via = %s, want %s", via.Value(), transport)
	}
	w.pbx.send(w.within("BYE", invite, 2, ""))
	w.pbx.response(200, sip.BYE)
	alice.answer(alice.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
	callID := token()
	body := "v=0 of caller"
	head := "Via: SIP/2.0/" + transport + " " + w.pbx.addr() + ";branch=z9hG4bK" + callID + "%s\r\nFrom: <sip:300@pbx>;tag=carol\r\nTo: <sip:101@pbx>%s\r\nCall-ID: " + callID +
		"\r\nCSeq: %d %s\r\nContact: <sip:carol@" + w.pbx.addr() + ">\r\nMax-Forwards: 70\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s"
	w.pbx.send("INVITE " + contact + " SIP/2.0\r\n" + fmt.Sprintf(head, "1", "", 1, "INVITE", len(body), body))
	in := alice.request(sip.INVITE)
	alice.answer(in, 200, "OK", "a", "<sip:alice@"+alice.host+";transport=ws>", "v=0 of alice")
	ok := w.pbx.response(200, sip.INVITE)
	w.pbx.send("ACK " + ok.Contact().Address.String() + " SIP/2.0\r\n" + fmt.Sprintf(head, "2", ";tag=a", 1, "ACK", 0, ""))
	alice.request(sip.ACK)
	w.pbx.send("BYE " + ok.Contact().Address.String() + " SIP/2.0\r\n" + fmt.Sprintf(head, "3", ";tag=a", 2, "BYE", 0, ""))
	w.pbx.response(200, sip.BYE)
	alice.answer(alice.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
}

func TestCallsByTCP(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(addr, func(t *testing.T) {
			w, s := streamWorld(t, ModeExtension, listenAt(t, addr), "sip:%s;transport=tcp", nil)
			alice := w.dial("alice", true)
			alice.register()
			w.bothWays(alice, "TCP")
			contact := w.pbx.contact("101")
			if !strings.Contains(contact, "@"+strings.TrimSuffix(addr, "0")+itoa(int(w.srv.Addr().Port()))+";transport=tcp") {
				t.Errorf("Contact = %s, want our address, port and transport", contact)
			}
			if n := s.connections(); n != 1 {
				t.Errorf("%d connections, want one for all", n)
			}
		})
	}
}

func TestCallsByUDPOverIPv6(t *testing.T) {
	conn, err := net.ListenPacket("udp", "[::1]:0")
	if err != nil {
		t.Skipf("no IPv6 here: %v", err)
	}
	pbx := fakePBXOn(t, conn)
	w := buildWorld(t, ModeExtension, func(cfg *Config, _ *Deps) {
		cfg.PBX[0].URI, cfg.Listen = "sip:"+conn.LocalAddr().String(), ":0"
	})
	w.pbx = pbx
	w.start()
	alice := w.dial("alice", true)
	alice.register()
	w.bothWays(alice, "UDP")
	if contact := w.pbx.contact("101"); !strings.Contains(contact, "@[::1]:") {
		t.Errorf("Contact = %s, want [::1]", contact)
	}
}

// A connection that breaks is opened again, and the PBX told at once.
func TestConnectionComesBack(t *testing.T) {
	w, s := streamWorld(t, ModeExtension, listenAt(t, "127.0.0.1:0"), "sip:%s;transport=tcp", nil)
	alice := w.dial("alice", true)
	alice.register()
	w.pbx.contact("101")
	w.pbx.mu.Lock()
	clear(w.pbx.regs)
	w.pbx.mu.Unlock()
	before := s.cut()
	w.pbx.contact("101")
	if n := s.connections(); n != before+1 {
		t.Errorf("%d connections, want one more than %d", n, before)
	}
	w.bothWays(alice, "TCP")
}

func TestKeepAlive(t *testing.T) {
	l := listenAt(t, "127.0.0.1:0")
	s := listenStreams(t, l)
	ls := newLines(new(misread))
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	line, ok := ls.add(conn, nil, locate.Target{}, "TCP")
	if !ok {
		t.Fatal("not taken")
	}
	if !line.ping() {
		t.Error("ping = false on a connection that is open")
	}
	eventually(t, "CRLF CRLF at the PBX", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.pings == 2
	})
	ls.close()
	if line.ping() {
		t.Error("ping = true on a closed connection")
	}
}

// tlsPBX listens with a certificate for name; clients, if any, may sign what we show.
func tlsPBX(t *testing.T, ca *testCA, name string, end time.Time, clients *testCA) net.Listener {
	t.Helper()
	pair, _, _ := ca.issue(name, end)
	cfg := &tls.Config{Certificates: []tls.Certificate{pair}}
	if clients != nil {
		cfg.ClientAuth, cfg.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		cfg.ClientCAs.AddCert(clients.cert)
	}
	return tls.NewListener(listenAt(t, "127.0.0.1:0"), cfg)
}

func TestCallsByTLS(t *testing.T) {
	ca := newTestCA(t, "Office CA")
	later := time.Now().Add(time.Hour)
	for _, tt := range []struct{ name, uri, contact string }{
		{"transport", "sip:%s;transport=tls", "sip:101@127.0.0.1:%d;transport=tls"},
		{"sips", "sips:%s", "sips:101@127.0.0.1:%d"},
	} {
		for _, listening := range []bool{false, true} {
			t.Run(fmt.Sprint(tt.name, " listening ", listening), func(t *testing.T) {
				w, s := streamWorld(t, ModeExtension, tlsPBX(t, ca, "127.0.0.1", later, nil), tt.uri, func(cfg *Config, deps *Deps) {
					cfg.PBX[0].CA = ca.file
					if listening {
						pair, _, _ := ca.issue("127.0.0.1", later)
						cfg.ListenTLS, deps.TLS = "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}}
					}
				})
				alice := w.dial("alice", true)
				alice.register()
				w.bothWays(alice, "TLS")
				w.pbx.contact("101")
				port := w.pbx.gw.Load().(net.Addr).(*net.TCPAddr).Port // the connection's own
				if listening {
					port = w.srv.ports().tls.Addr().(*net.TCPAddr).Port
				}
				if want, got := fmt.Sprintf(tt.contact, port), w.pbx.contact("101"); got != want {
					t.Errorf("Contact = %s, want %s", got, want)
				}
				if n := s.connections(); n != 1 {
					t.Errorf("%d connections, want one for all", n)
				}
				if st := w.srv.PBXStatus()[0]; !strings.HasPrefix(st.Server, "tls:127.0.0.1:") {
					t.Errorf("server = %q, want tls:127.0.0.1:…", st.Server)
				}
			})
		}
	}
}

func TestMutualTLS(t *testing.T) {
	ca := newTestCA(t, "Office CA")
	later := time.Now().Add(time.Hour)
	pair, _, _ := ca.issue("127.0.0.1", later)
	local, _, _ := newTestCA(t, "Own CA").issue("127.0.0.1", later)
	_, cert, key := ca.issue("gateway", later)
	w, _ := streamWorld(t, ModeExtension, tlsPBX(t, ca, "127.0.0.1", later, ca), "sip:%s;transport=tls", func(cfg *Config, deps *Deps) {
		cfg.PBX[0].CA, cfg.PBX[0].Cert, cfg.PBX[0].Key = ca.file, cert, key
		cfg.ListenTLS, deps.TLS = "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{local}}
	})
	alice := w.dial("alice", true)
	alice.register()
	w.bothWays(alice, "TLS")

	// The PBX connects to us: only with its own certificate. It sees the one set for it.
	other, _, _ := newTestCA(t, "Office CA").issue("127.0.0.1", later)
	elsewhere, _, _ := ca.issue("phone.example", later)
	for _, tt := range []struct {
		name  string
		pairs []tls.Certificate
		ok    bool
	}{
		{"its certificate", []tls.Certificate{pair}, true},
		{"none", nil, false},
		{"of another authority", []tls.Certificate{other}, false},
		{"for another name", []tls.Certificate{elsewhere}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			roots := x509.NewCertPool()
			roots.AddCert(ca.cert)
			conn, err := tls.Dial("tcp", w.srv.ports().tls.Addr().String(), &tls.Config{RootCAs: roots, ServerName: "gateway", Certificates: tt.pairs})
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(patient))
			fmt.Fprintf(conn, "OPTIONS sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:1;branch=z9hG4bK%s\r\nFrom: <sip:p@h>;tag=1\r\nTo: <sip:x@h>\r\nCall-ID: o\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n", token())
			buf := make([]byte, 1000)
			n, err := conn.Read(buf)
			if tt.ok != strings.HasPrefix(string(buf[:n]), "SIP/2.0 200") {
				t.Errorf("answer %q, %v; want one: %v", buf[:n], err, tt.ok)
			}
		})
	}
}

// A PBX that is spoken to by TLS gets no ear without it.
func TestNoPlainTextFromASecurePBX(t *testing.T) {
	ca := newTestCA(t, "Office CA")
	w, _ := streamWorld(t, ModePeer, tlsPBX(t, ca, "127.0.0.1", time.Now().Add(time.Hour), nil), "sip:%s;transport=tls", func(cfg *Config, _ *Deps) {
		cfg.PBX[0].CA = ca.file
	})
	if w.srv.knows(w.srv.pbxes()[0].server().Addr.Addr()) {
		t.Error("the PBX's address is known without TLS")
	}
}

func TestTLSFailuresInWords(t *testing.T) {
	t.Parallel() // it waits for seconds
	ca, other := newTestCA(t, "Office CA"), newTestCA(t, "Other CA")
	later := time.Now().Add(time.Hour)
	for _, tt := range []struct {
		name     string
		listener net.Listener
		ca, want string
	}{
		{"another authority", tlsPBX(t, other, "127.0.0.1", later, nil), ca.file, "certificate not trusted: its issuer, Other CA, is not known here; set ca to the PBX's authority"},
		{"no authority set", tlsPBX(t, ca, "127.0.0.1", later, nil), "", "certificate not trusted: its issuer, Office CA, is not known here; set ca to the PBX's authority"},
		{"another name", tlsPBX(t, ca, "pbx.example", later, nil), ca.file, "certificate is for another name (pbx.example), not 127.0.0.1"},
		{"expired", tlsPBX(t, ca, "127.0.0.1", time.Now().Add(-time.Hour), nil), ca.file, "certificate not trusted: good from "},
		{"no TLS", listenAt(t, "127.0.0.1:0"), ca.file, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, _ := streamWorld(t, ModePeer, tt.listener, "sip:%s;transport=tls", func(cfg *Config, _ *Deps) { cfg.PBX[0].CA = tt.ca })
			eventually(t, "state unreachable", func() bool { return w.srv.PBXStatus()[0].State == stateUnreachable })
			if st := w.srv.PBXStatus()[0]; !strings.HasPrefix(st.Detail, tt.want) {
				t.Errorf("detail = %q, want %q", st.Detail, tt.want)
			}
			alice := w.dial("alice", true)
			alice.invite("200")
			alice.response(503, sip.INVITE)
		})
	}
}
