package signaling

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/locate"
)

// twoServers is a Resolver that knows one domain with two servers, the first the better one.
type twoServers [2]netip.AddrPort

func (s twoServers) NAPTR(context.Context, string) ([]locate.NAPTR, time.Duration, error) {
	return nil, time.Hour, nil
}

func (s twoServers) SRV(_ context.Context, name string) ([]locate.SRV, time.Duration, error) {
	if !strings.HasSuffix(name, "._udp.pbx.test") && !strings.HasSuffix(name, "._tcp.pbx.test") {
		return nil, time.Hour, nil
	}
	return []locate.SRV{{Priority: 1, Port: s[0].Port(), Target: "first.test"}, {Priority: 2, Port: s[1].Port(), Target: "second.test"}}, time.Hour, nil
}

func (s twoServers) Addrs(_ context.Context, name string) ([]netip.Addr, time.Duration, error) {
	if name == "first.test" {
		return []netip.Addr{s[0].Addr()}, time.Hour, nil
	}
	return []netip.Addr{s[1].Addr()}, time.Hour, nil
}

// pairWorld is a world whose PBX has two servers.
func pairWorld(t *testing.T, mode string) (w *world, first, second *fakePBX) {
	t.Helper()
	first, second = newFakePBX(t), newFakePBX(t)
	w = buildWorld(t, mode, func(cfg *Config, deps *Deps) {
		cfg.PBX[0].URI = "sip:pbx.test;transport=udp"
		deps.Resolver = twoServers{netip.MustParseAddrPort(first.addr()), netip.MustParseAddrPort(second.addr())}
	})
	w.pbx = first
	w.start()
	return w, first, second
}

func (p *fakePBX) setMute(mute bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mute = mute
}

func (p *fakePBX) taking(take func(*sip.Request) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.take = take
}

// inUse waits until the PBX's server in use is p.
func (w *world) inUse(p *fakePBX) {
	w.t.Helper()
	eventually(w.t, "server "+p.addr()+" in use", func() bool { return w.srv.PBXStatus()[0].Server == "udp:"+p.addr() })
}

func TestNextServerWhenOneIsSilent(t *testing.T) {
	t.Parallel() // it waits for seconds
	w, first, second := pairWorld(t, ModeExtension)
	alice := w.dial("alice", true)
	alice.register()
	first.contact("101")
	w.up(alice)
	first.setMute(true)
	alice2 := w.dial("bob", true)
	alice2.register()
	alice2.invite("200")
	invite := second.request(sip.INVITE) // after 5 s in which the first showed no life
	if invite.Contact().Address.Host != "127.0.0.1" || invite.GetHeader("Authorization") != nil {
		t.Errorf("INVITE at the second server:\n%s", invite)
	}
	second.answer(invite, 200, "OK", "phone", "<sip:phone@"+second.addr()+">", "v=0 of phone")
	ok := alice2.response(200, sip.INVITE)
	alice2.send(alice2.within("ACK", ok, int(ok.CSeq().SeqNo), ""))
	second.request(sip.ACK)
	w.inUse(second)
	second.contact("101")
	second.contact("102")

	first.mu.Lock()
	clear(first.regs)
	first.mute = false
	first.mu.Unlock()
	w.inUse(first)
	first.contact("101")
	first.contact("102")
	alice2.send(alice2.within("BYE", ok, int(ok.CSeq().SeqNo)+1, "")) // the call stays where it was made
	second.answer(second.request(sip.BYE), 200, "OK", "", "", "")
	alice2.response(200, sip.BYE)
}

// A server that takes a call and then dies has not called anybody yet as far as we know.
func TestNextServerWhenOneDies(t *testing.T) {
	t.Parallel() // it waits for seconds
	w, first, second := pairWorld(t, ModePeer)
	w.inUse(first)
	alice := w.dial("alice", true)
	alice.invite("200")
	first.answer(first.request(sip.INVITE), 100, "Trying", "", "", "")
	first.setMute(true)
	invite := second.request(sip.INVITE)
	second.answer(invite, 486, "Busy Here", "p", "", "")
	second.request(sip.ACK)
	alice.response(486, sip.INVITE)
	w.over()
}

// One that has rung somebody may not be asked for again elsewhere: who is called would ring twice.
func TestServerThatDiesAfterItRang(t *testing.T) {
	t.Parallel()
	w, first, second := pairWorld(t, ModePeer)
	w.inUse(first)
	alice := w.dial("alice", true)
	alice.invite("200")
	invite := first.request(sip.INVITE)
	first.answer(invite, 180, "Ringing", "p", "", "")
	alice.response(180, sip.INVITE)
	first.setMute(true)
	w.srv.pbxes()[0].suspect(w.srv.pbxes()[0].server().Target, false)
	w.inUse(second)
	first.answer(invite, 486, "Busy Here", "p", "", "")
	alice.response(486, sip.INVITE)
	w.over()
}

func TestNextServerWhenOneIsBusy(t *testing.T) {
	w, first, second := pairWorld(t, ModePeer)
	alice := w.dial("alice", true)
	alice.register()
	w.inUse(first)
	alice.invite("200")
	refused := first.request(sip.INVITE)
	res := sip.NewResponseFromRequest(refused, 503, "Service Unavailable", nil)
	res.AppendHeader(sip.NewHeader("Retry-After", "120 (overloaded)"))
	first.send(res.String())
	first.request(sip.ACK)
	taken := second.request(sip.INVITE)
	if a, b := refused.Via().Params, taken.Via().Params; a.ToString(';') == b.ToString(';') {
		t.Error("the second INVITE has the branch of the first")
	}
	if refused.CallID().Value() != taken.CallID().Value() {
		t.Error("the second INVITE has another Call-ID")
	}
	second.answer(taken, 486, "Busy Here", "x", "", "")
	alice.response(486, sip.INVITE)
	w.over()
	w.inUse(second)
	alice.invite("201")
	second.answer(second.request(sip.INVITE), 486, "Busy Here", "x", "", "")
	alice.response(486, sip.INVITE)
	w.over()
}

// A 503 without another server is the caller's to hear.
func TestAllServersBusy(t *testing.T) {
	w, first, second := pairWorld(t, ModePeer)
	alice := w.dial("alice", true)
	w.inUse(first)
	alice.invite("200")
	first.answer(first.request(sip.INVITE), 503, "Service Unavailable", "x", "", "")
	second.answer(second.request(sip.INVITE), 503, "Service Unavailable", "x", "", "")
	alice.response(503, sip.INVITE)
	w.over()
}

func TestNextServerForRegister(t *testing.T) {
	first, second := newFakePBX(t), newFakePBX(t)
	first.taking(func(req *sip.Request) bool {
		if req.Method != sip.REGISTER {
			return false
		}
		first.answer(req, 503, "Service Unavailable", "x", "", "")
		return true
	})
	w := buildWorld(t, ModeExtension, func(cfg *Config, deps *Deps) {
		cfg.PBX[0].URI = "sip:pbx.test;transport=udp"
		deps.Resolver = twoServers{netip.MustParseAddrPort(first.addr()), netip.MustParseAddrPort(second.addr())}
	})
	w.start()
	second.contact("101")
	second.contact("102")
}

// A refused connection is known at once.
func TestNextServerWhenOneRefuses(t *testing.T) {
	gone := listenAt(t, "127.0.0.1:0")
	l := listenAt(t, "127.0.0.1:0")
	s := listenStreams(t, l)
	pbx := fakePBXOn(t, s)
	w := buildWorld(t, ModePeer, func(cfg *Config, deps *Deps) {
		cfg.PBX[0].URI = "sip:pbx.test;transport=tcp"
		deps.Resolver = twoServers{netip.MustParseAddrPort(gone.Addr().String()), netip.MustParseAddrPort(l.Addr().String())}
	})
	gone.Close()
	w.pbx = pbx
	w.start()
	alice := w.dial("alice", true)
	w.up(alice)
}

func TestLongRequestsGoByTCP(t *testing.T) {
	udp := newFakePBX(t)
	l, err := net.Listen("tcp", udp.addr())
	if err != nil {
		t.Skipf("TCP port of the same number: %v", err)
	}
	s := listenStreams(t, l)
	tcp := fakePBXOn(t, s)
	w := buildWorld(t, ModePeer, func(cfg *Config, _ *Deps) { cfg.PBX[0].URI = "sip:" + udp.addr() })
	w.start()
	alice := w.dial("alice", true)
	long := strings.Repeat("v=0 of alice ", 100)
	call := func(body string) {
		alice.send(alice.build("INVITE", "sip:200@office.example", "<sip:200@office.example>", token(), token(), body))
	}
	over := func(p *fakePBX, transport string) {
		t.Helper()
		invite := p.request(sip.INVITE)
		if invite.Via().Transport != transport {
			t.Errorf("Via = %s, want %s", invite.Via().Value(), transport)
		}
		p.answer(invite, 486, "Busy Here", "x", "", "")
		p.request(sip.ACK)
		alice.response(486, sip.INVITE)
		w.over()
	}
	call("v=0")
	over(udp, "UDP")
	call(long)
	over(tcp, "TCP")
	s.Close()
	s.cut()
	eventually(t, "connection given up", func() bool { return w.srv.lines.at("TCP", udp.addr()) == nil })
	call(long)
	over(udp, "UDP")
}

func TestServiceRoute(t *testing.T) {
	edge := newFakePBX(t)
	pbx := newFakePBX(t)
	pbx.taking(func(req *sip.Request) bool {
		if req.Method != sip.REGISTER || req.GetHeader("Authorization") == nil {
			return false
		}
		if !strings.Contains(valueOf(req, "Supported"), "path") {
			t.Error("REGISTER without Supported: path")
		}
		pbx.mu.Lock()
		pbx.regs[req.To().Address.User] = req.Contact().Address.String()
		pbx.mu.Unlock()
		res := sip.NewResponseFromRequest(req, 200, "OK", nil)
		res.AppendHeader(sip.NewHeader("Service-Route", "<sip:"+edge.addr()+";lr>, <sip:core.example;lr>"))
		res.AppendHeader(sip.NewHeader("Expires", valueOf(req, "Expires")))
		pbx.send(res.String())
		return true
	})
	w := buildWorld(t, ModeExtension, func(cfg *Config, _ *Deps) { cfg.PBX[0].URI = "sip:" + pbx.addr() })
	w.start()
	eventually(t, "registered", func() bool { return w.srv.PBXStatus()[0].State == stateRegistered })
	alice := w.dial("alice", true)
	alice.invite("200")
	invite := edge.request(sip.INVITE)
	routes := invite.GetHeaders("Route")
	if len(routes) != 2 || routes[0].Value() != "<sip:"+edge.addr()+";lr>" || routes[1].Value() != "<sip:core.example;lr>" {
		t.Errorf("Route = %v, want the two of Service-Route", routes)
	}
	edge.answer(invite, 486, "Busy Here", "x", "", "")
	edge.request(sip.ACK)
	alice.response(486, sip.INVITE)
	w.over()
}

func TestRouteList(t *testing.T) {
	for text, want := range map[string]string{
		`<sip:a;lr>`:                           "sip:a;lr",
		`<sip:a;lr>, "x, y" <sips:b:1;lr>;z=1`: "sip:a;lr|sips:b:1;lr",
		`<sip:a,b@c;lr>,<sip:d?Route=x>`:       "sip:a,b@c;lr|sip:d",
		`<tel:1>,*,,<`:                         "",
	} {
		var got []string
		for _, uri := range routeList(text) {
			got = append(got, uri.String())
		}
		if strings.Join(got, "|") != want {
			t.Errorf("routeList(%q) = %q, want %q", text, got, want)
		}
	}
}

func FuzzRouteList(f *testing.F) {
	f.Add(`<sip:a;lr>, "x, \" y" <sips:b:1;lr>;z=1`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, uri := range routeList(text) {
			if !isSIP(uri) || len(uri.Headers) > 0 {
				t.Errorf("routeList(%q) gives %q", text, uri.String())
			}
		}
	})
}

// A router gave us another address: the PBX tells it, and the next Contact has it.
func TestPublicAddressIsLearned(t *testing.T) {
	pbx := newFakePBX(t)
	pbx.taking(func(req *sip.Request) bool {
		if req.Method != sip.REGISTER || req.GetHeader("Authorization") == nil {
			return false
		}
		pbx.mu.Lock()
		pbx.regs[req.To().Address.User] = req.Contact().Address.String()
		pbx.mu.Unlock()
		res := sip.NewResponseFromRequest(req, 200, "OK", nil)
		res.Via().Params.Add("received", "198.51.100.7")
		res.Via().Params.Add("rport", "40123")
		res.AppendHeader(sip.NewHeader("Expires", "120"))
		pbx.send(res.String())
		return true
	})
	w := buildWorld(t, ModeTrunk, func(cfg *Config, _ *Deps) { cfg.PBX[0].URI = "sip:" + pbx.addr() })
	far := w.srv.pbxes()[0]
	far.near = func(netip.Addr) bool { return false }
	far.cfg.Name = "far"
	w.start()
	eventually(t, "Contact with the public address", func() bool { return pbx.contact("trunk") == "sip:trunk@198.51.100.7:40123;transport=udp" })
}

func TestOnOurNetwork(t *testing.T) {
	for addr, want := range map[string]bool{"127.0.0.1": true, "::1": true, "198.51.100.7": false, "2001:db8:5::1": false} {
		if got := onOurNetwork(netip.MustParseAddr(addr)); got != want {
			t.Errorf("onOurNetwork(%s) = %v, want %v", addr, got, want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	for text, want := range map[string]time.Duration{"": 0, "18": 18 * time.Second, " 60;duration=3600": time.Minute, "5 (soon)": 5 * time.Second,
		"99999999": maxBusy, "-1": 0, "x": 0} {
		res := &sip.Response{}
		if text != "" {
			res.AppendHeader(sip.NewHeader("Retry-After", text))
		}
		if got := retryAfter(res); got != want {
			t.Errorf("retryAfter(%q) = %v, want %v", text, got, want)
		}
	}
}
