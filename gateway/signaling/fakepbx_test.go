package signaling

import (
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/emiago/sipgo/sip"
)

// fakePBX is a UDP socket with a registrar that takes everything with the right password.
type fakePBX struct {
	end
	conn net.PacketConn
	gw   atomic.Value // net.Addr, where the gateway sends from
	mu   sync.Mutex
	mute bool
	regs map[string]string // contact by address of record
	ask  string            // password to ask REGISTER for; "": none

	odd atomic.Bool // it has sent what can't be read, and so need not be what answers that

	registrar func(*sip.Request)      // takes REGISTER in the place of register; nil: none
	take      func(*sip.Request) bool // takes a request before all else; nil: none
}

func newFakePBX(t *testing.T) *fakePBX {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return fakePBXOn(t, conn)
}

// fakePBXOn is a PBX that reads one message at a time from conn.
func fakePBXOn(t *testing.T, conn net.PacketConn) *fakePBX {
	t.Cleanup(func() { conn.Close() })
	p := &fakePBX{conn: conn, regs: make(map[string]string)}
	p.end = end{t: t, name: "PBX", in: make(chan sip.Message, 100), send: func(text string) { _, _ = conn.WriteTo([]byte(text), p.gw.Load().(net.Addr)) }}
	go p.read()
	return p
}

func (p *fakePBX) read() {
	buf := make([]byte, 65536)
	seen := make(map[string]bool) // a repeated request by UDP is no new one
	for {
		n, from, err := p.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		over := p.t.Context().Err() != nil
		mute := p.mute && !over
		p.mu.Unlock()
		if mute {
			continue
		}
		p.gw.Store(from)
		msg, err := sip.ParseMessage(append([]byte(nil), buf[:n]...))
		if err != nil && p.odd.Load() {
			p.parsed(buf[:n])
			continue
		}
		if err != nil {
			p.t.Errorf("PBX got what is not SIP: %v\n%s", err, buf[:n])
			continue
		}
		for _, bad := range []string{".invalid", "transport=ws", "a=ice", "/WS"} {
			if strings.Contains(string(buf[:n]), bad) {
				p.t.Errorf("PBX got %q in\n%s", bad, buf[:n])
			}
		}
		if req, ok := msg.(*sip.Request); ok {
			if over && !slices.Contains([]sip.RequestMethod{sip.ACK, sip.OPTIONS, sip.REGISTER}, req.Method) {
				p.answer(req, 200, "OK", "", "", "") // the test is over; nobody shall wait for the answer
				continue
			}
			if strings.Contains(string(buf[:n]), evil) {
				p.t.Errorf("PBX got of an attack\n%s", buf[:n])
			}
			if branch, _ := req.Via().Params.Get("branch"); req.Method != sip.ACK && seen[branch+string(req.Method)] {
				continue
			} else {
				seen[branch+string(req.Method)] = true
			}
			p.mu.Lock()
			take := p.take
			p.mu.Unlock()
			if take != nil && take(req) {
				continue
			}
			switch req.Method {
			case sip.OPTIONS:
				p.answer(req, 200, "OK", "t", "", "")
				continue
			case sip.REGISTER:
				p.mu.Lock()
				take := p.registrar
				p.mu.Unlock()
				if take == nil {
					take = p.register
				}
				take(req)
				continue
			}
		}
		p.in <- msg
	}
}

func (p *fakePBX) register(req *sip.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	user := req.To().Address.User
	h := req.GetHeader("Authorization")
	if h == nil || (p.ask != "" && p.ask != user) { // the right password is not computed here; who may is named by ask
		res := sip.NewResponseFromRequest(req, 401, "Unauthorized", nil)
		res.AppendHeader(sip.NewHeader("WWW-Authenticate", `Digest realm="pbx", nonce="`+token()+`", algorithm=MD5, qop="auth"`))
		p.send(res.String())
		return
	}
	if valueOf(req, "Expires") == "0" {
		delete(p.regs, user)
	} else {
		p.regs[user] = req.Contact().Address.String()
	}
	res := sip.NewResponseFromRequest(req, 200, "OK", nil)
	res.AppendHeader(sip.HeaderClone(req.Contact()))
	res.AppendHeader(sip.NewHeader("Expires", valueOf(req, "Expires")))
	p.send(res.String())
}

// contact waits until user is registered and gives its contact.
func (p *fakePBX) contact(user string) string {
	p.t.Helper()
	var got string
	eventually(p.t, user+" registered at the PBX", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		got = p.regs[user]
		return got != ""
	})
	return got
}

func (p *fakePBX) addr() string { return p.conn.LocalAddr().String() }
