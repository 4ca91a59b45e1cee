package signaling

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/auth"
)

func TestWays(t *testing.T) {
	down := errors.New("no answer in 5 s")
	s := &Server{}
	var list []*pbx
	for _, cfg := range []PBX{
		{Name: "guests", URI: "sip:192.0.2.9", Mode: ModePassthrough, Domains: []string{"guests.example"}},
		{Name: "main", URI: "sip:192.0.2.1"},
		{Name: "city", URI: "sip:192.0.2.2", Mode: ModePeer, Prefixes: []string{"0", "+49"}, Strip: true},
		{Name: "city2", URI: "sip:192.0.2.3", Mode: ModePeer, Prefixes: []string{"0"}},
		{Name: "world", URI: "sip:192.0.2.4", Mode: ModePeer, Prefixes: []string{"00", "+"}},
		{Name: "sales", URI: "sip:192.0.2.5", Mode: ModePeer, Prefixes: []string{"#9"}, Domains: []string{"sales.example", "Shop.Example"}},
	} {
		uri, err := cfg.uri()
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, &pbx{cfg: cfg, uri: uri, srv: s})
	}
	s.known.Store(newRoster(list, nil))
	list[1].err = down // routing looks at that later
	for _, tt := range []struct{ number, host, want string }{
		{"200", "office.example", "main:200"},
		{"030123", "office.example", "city:30123 city2:030123"},
		{"0", "office.example", "city:0 city2:0"},
		{"0049", "office.example", "world:0049"},
		{"+4930", "office.example", "city:30"},
		{"+31", "office.example", "world:+31"},
		{"200", "sales.example", "sales:200"},
		{"carol", "SHOP.example", "sales:carol"},
		{"0123", "sales.example", "city:123 city2:0123"},
		{"%2395", "office.example", "sales:%2395"},
		{"200", "guests.example", "main:200"},
		{"200", "192.0.2.5", "main:200"},
	} {
		var got []string
		for _, w := range s.ways(tt.number, tt.host) {
			got = append(got, w.pbx.cfg.Name+":"+w.number)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("ways of %s at %s = %q, want %q", tt.number, tt.host, got, tt.want)
		}
	}
	for name, want := range map[string]string{"": "main", "main": "main", "city": "<nil>", "none": "<nil>"} {
		got := "<nil>"
		if p := s.home(auth.User{PBXName: name}); p != nil {
			got = p.cfg.Name
		}
		if got != want {
			t.Errorf("a user of PBX %q registers at %s, want %s", name, got, want)
		}
	}
	s.known.Store(newRoster(list[:1], nil))
	if ways := s.ways("200", "office.example"); len(ways) != 0 {
		t.Errorf("a number of a local user goes to a PBX in mode passthrough: %v", ways)
	}
}

// twoPBXs is a world with a second PBX for the same prefix.
func twoPBXs(t *testing.T) (*world, *fakePBX) {
	t.Helper()
	second := newFakePBX(t)
	w := buildWorld(t, ModePeer, func(cfg *Config, _ *Deps) {
		cfg.PBX[0].Prefixes = []string{"0"}
		cfg.PBX = append(cfg.PBX, PBX{Name: "other", URI: "sip:" + second.addr(), Mode: ModePeer, Prefixes: []string{"0"}, Strip: true, Domains: []string{"other.example"}})
	})
	w.start()
	for _, p := range w.srv.pbxes() {
		eventually(t, p.cfg.Name+" answers", func() bool { return p.status()[0].State == stateReachable })
	}
	return w, second
}

func TestNextPBX(t *testing.T) {
	w, second := twoPBXs(t)
	alice := w.dial("alice", true)
	alice.register()
	answered := func() {
		t.Helper()
		invite := second.request(sip.INVITE)
		if invite.Recipient.User != "30" {
			t.Errorf("the second PBX was called for %s, want 30", invite.Recipient.User)
		}
		second.answer(invite, 486, "Busy Here", "t", "", "")
		second.request(sip.ACK)
		alice.response(486, sip.INVITE)
		w.over()
	}

	alice.invite("030")
	first := w.pbx.request(sip.INVITE)
	w.pbx.answer(first, 503, "Service Unavailable", "t", "", "")
	answered()

	alice.invite("030")
	w.pbx.answer(w.pbx.request(sip.INVITE), 404, "Not Found", "t", "", "")
	alice.response(404, sip.INVITE)
	w.over()

	w.srv.pbxes()[0].note(errNoAnswer)
	alice.invite("030")
	answered()

	w.srv.pbxes()[1].note(errNoAnswer)
	alice.invite("030")
	alice.response(503, sip.INVITE)
	w.over()
}

func TestPBXByDomain(t *testing.T) {
	w, second := twoPBXs(t)
	alice := w.dial("alice", true)
	alice.register()
	for _, target := range []string{"carol", "77", "echo"} {
		uri := "sip:" + target + "@other.example"
		alice.send(alice.build("INVITE", uri, "<"+uri+">", token(), "t", "v=0"))
		invite := second.request(sip.INVITE)
		if invite.Recipient.User != target {
			t.Errorf("the PBX was called for %s, want %s", invite.Recipient.User, target)
		}
		second.answer(invite, 486, "Busy Here", "t", "", "")
		alice.response(486, sip.INVITE)
	}
	w.over()
}

func TestUserOfSecondPBX(t *testing.T) {
	second := newFakePBX(t)
	w := buildWorld(t, ModeExtension, func(cfg *Config, deps *Deps) {
		cfg.PBX = append(cfg.PBX, PBX{Name: "other", URI: "sip:" + second.addr(), Prefixes: []string{"0"}})
		users, err := deps.Users.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		users[1].PBXName = "other"
		deps.Users = auth.Static(users)
	})
	w.start()
	w.pbx.contact("101")
	contact := second.contact("102")
	for name, p := range map[string]*fakePBX{"102": w.pbx, "101": second} {
		p.mu.Lock()
		if p.regs[name] != "" {
			t.Errorf("%s is registered at both", name)
		}
		p.mu.Unlock()
	}
	bob := w.dial("bob", true)
	bob.register()
	second.send(fmt.Sprintf("INVITE %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKx\r\nFrom: <sip:300@pbx>;tag=c\r\nTo: <sip:102@pbx>\r\nCall-ID: in\r\nCSeq: 7 INVITE\r\n"+
		"Contact: <sip:c@%s>\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n", contact, second.addr(), second.addr()))
	bob.answer(bob.request(sip.INVITE), 486, "Busy Here", "b", "", "")
	second.response(486, sip.INVITE)
	w.over()
}
