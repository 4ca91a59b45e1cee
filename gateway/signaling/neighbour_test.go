package signaling

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/auth"
	"cordboard/gateway/call"
)

// IDs of ours and of two neighbours.
const (
	ownID   = "0123456789abcdef0123456789abcdef"
	nearID  = "fedcba9876543210fedcba9876543210"
	otherID = "00000000000000000000000000000000"

	strangeID = "11111111111111111111111111111111"
)

// workshop and attic are paired.
var paired = []Neighbour{{nearID, "workshop", "Workshop"}, {otherID, "attic", "Attic"}}

// dialer gives the near ends of connections to fake neighbours.
type dialer func(id string) (net.Conn, error)

func (d dialer) Dial(_ context.Context, id string) (net.Conn, error) { return d(id) }

// Stranger knows one that is not paired.
func (d dialer) Stranger(address string) (Neighbour, bool) {
	return Neighbour{strangeID, "office-2.local", "Office 2"}, address == "office-2.local"
}

// nearWorld is a world with a PBX and two neighbours; those that are reached answer on the returned end.
func nearWorld(t *testing.T) (*world, *near) {
	t.Helper()
	n := newNear(t)
	w := buildWorld(t, ModeExtension, func(_ *Config, d *Deps) {
		d.Neighbours = dialer(func(id string) (net.Conn, error) {
			if id != nearID {
				return nil, errors.New("nobody is there")
			}
			return n.pair(t), nil
		})
		d.Owner = func(ctx context.Context) (auth.User, error) { return d.Users.User(ctx, "bob") }
	})
	w.srv.SetNeighbours(ownID, paired)
	w.start()
	return w, n
}

// near is the far end of a connection with a neighbour.
type near struct {
	end
	seq int
}

func newNear(t *testing.T) *near {
	return &near{end: end{t: t, name: "neighbour", in: make(chan sip.Message, 100)}}
}

// pair makes a connection and gives our end.
func (n *near) pair(t *testing.T) net.Conn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ours, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	s := &streams{in: make(chan streamed), done: make(chan struct{}), conns: make(map[string]net.Conn)}
	n.send = func(text string) { theirs.Write([]byte(text)) }
	go s.read(theirs)
	go func() {
		for {
			select {
			case m := <-s.in:
				n.parsed([]byte(m.text))
			case <-s.done:
				return
			}
		}
	}()
	t.Cleanup(func() { close(s.done); theirs.Close() })
	return ours
}

// comes has a neighbour open a connection.
func (w *world) comes(id string) *near {
	n := newNear(w.t)
	conn := n.pair(w.t)
	go w.srv.Link(conn, id)
	eventually(w.t, "link", func() bool { return w.srv.lines.of(w.srv.neighbour(id), "") != nil })
	return n
}

// build writes a request of bob's at the neighbour.
func (n *near) build(method, user, callID, body string, more ...string) string {
	n.seq++
	lines := append([]string{
		method + " sips:" + user + "@" + ownID + " SIP/2.0",
		"Via: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bK" + token(),
		"From: \"Bob\" <sip:bob@elsewhere.example>;tag=near",
		"To: <sips:" + user + "@" + ownID + ">",
		"Call-ID: " + callID,
		"CSeq: " + itoa(n.seq) + " " + method,
		"Contact: <sips:bob@127.0.0.1:9>",
		"Max-Forwards: 70",
	}, more...)
	if body != "" {
		lines = append(lines, "Content-Type: application/sdp")
	}
	return strings.Join(append(lines, "Content-Length: "+itoa(len(body))), "\r\n") + "\r\n\r\n" + body
}

func TestNeighbourIsCalled(t *testing.T) {
	w, n := nearWorld(t)
	alice := w.dial("alice", true)
	for _, target := range []struct{ dialed, user string }{{"sip:bob@workshop", "bob"}, {"sip:102@WORKSHOP", "102"}, {"sip:workshop@office.example", ownerName}} {
		alice.send(alice.build("INVITE", target.dialed, "<"+target.dialed+">", token(), token(), "v=0 of alice", "P-Asserted-Identity: <sip:boss@office.example>"))
		invite := n.request(sip.INVITE)
		if invite.Recipient.User != target.user || invite.Recipient.Host != nearID || invite.From().Address.Host != ownID || invite.From().Address.User != "alice" {
			t.Errorf("INVITE %s from %s", invite.Recipient.String(), invite.From().Value())
		}
		if h := invite.GetHeaders("P-Asserted-Identity"); len(h) != 1 || !strings.Contains(h[0].Value(), "alice@"+ownID) {
			t.Errorf("asserted: %v", h)
		}
		if got := string(invite.Body()); got != "offer for DTLS of v=0 of alice" {
			t.Errorf("offer %q", got)
		}
		res := sip.NewResponseFromRequest(invite, 200, "OK", []byte("v=0 of bob"))
		res.To().Params.Add("tag", "bob")
		res.AppendHeader(sip.NewHeader("Contact", "<sips:bob@127.0.0.1:9>"))
		res.AppendHeader(sip.NewHeader("Content-Type", sdpType))
		res.AppendHeader(sip.NewHeader("P-Asserted-Identity", "<sip:boss@"+ownID+">"))
		n.send(res.String())
		ok := alice.response(200, sip.INVITE)
		if ok.GetHeader("P-Asserted-Identity") != nil || string(ok.Body()) != "answer for WebRTC of v=0 of bob" {
			t.Errorf("alice hears\n%s", ok)
		}
		alice.send(alice.within("ACK", ok, int(ok.CSeq().SeqNo), ""))
		n.request(sip.ACK)
		alice.send(alice.within("BYE", ok, int(ok.CSeq().SeqNo)+1, ""))
		n.answer(n.request(sip.BYE), 200, "OK", "", "", "")
		alice.response(200, sip.BYE)
		w.over()
	}
	eventually(t, "bob@workshop in the history", func() bool {
		c := w.kept.records()
		return len(c) == 3 && c[0].To == "bob@workshop" && c[0].Direction == call.Out
	})
	alice.send(alice.build("INVITE", "sip:bob@attic", "<sip:bob@attic>", token(), token(), "v=0"))
	alice.response(503, sip.INVITE)
	alice.send(alice.build("INVITE", "sip:bob@cellar", "<sip:bob@cellar>", token(), token(), "v=0"))
	alice.response(404, sip.INVITE)
}

func TestNeighbourCalls(t *testing.T) {
	w, _ := nearWorld(t)
	alice, bob := w.dial("alice", true), w.dial("bob", true)
	alice.register()
	bob.register()
	n := w.comes(nearID)
	for _, tt := range []struct {
		user string
		at   *browser
	}{{"alice", alice}, {"101", alice}, {ownerName, bob}} {
		id := token()
		n.send(n.build("INVITE", tt.user, id, "v=0 of bob", "P-Asserted-Identity: \"Chief\" <sip:chief@"+ownID+">", "Alert-Info: <http://127.0.0.1>;info=alert-autoanswer",
			"Diversion: <sip:chief@"+ownID+">"))
		invite := tt.at.request(sip.INVITE)
		if f := invite.From(); f.DisplayName != "Bob" || f.Address.String() != "sip:bob@workshop" {
			t.Errorf("the call is from %s", f.Value())
		}
		for _, h := range []string{"P-Asserted-Identity", "Alert-Info", "Diversion"} {
			if invite.GetHeader(h) != nil {
				t.Errorf("a neighbour's %s is believed", invite.GetHeader(h))
			}
		}
		tt.at.answer(invite, 486, "Busy Here", "x", "", "")
		n.response(486, sip.INVITE)
		w.over()
	}
	for _, user := range []string{"0301234", "+49301234", "300", "nobody", "workshop"} {
		n.send(n.build("INVITE", user, token(), "v=0"))
		n.response(404, sip.INVITE)
	}
	n.send(n.build("INVITE", "echo", token(), "v=0"))
	n.response(200, sip.INVITE)
}

// A neighbour learns nothing beside its calls: no lamps, no voice mail, no messages, no registration.
func TestNeighbourMayOnlyCall(t *testing.T) {
	w, _ := nearWorld(t)
	n := w.comes(nearID)
	for _, method := range []sip.RequestMethod{sip.SUBSCRIBE, sip.PUBLISH, sip.MESSAGE, sip.REGISTER, sip.REFER, sip.INFO, sip.NOTIFY} {
		n.send(n.build(string(method), "alice", token(), "", "Event: dialog", "Expires: 60", "Refer-To: <sip:0301234@office.example>"))
		n.response(403, method)
	}
	conn := newNear(t).pair(t)
	w.srv.Link(conn, "ffffffffffffffffffffffffffffffff") // returns at once
	if _, err := conn.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a stranger's connection is open: %v", err)
	}
}

func TestNeighbourCantSpendOurMoney(t *testing.T) {
	w, n := nearWorld(t)
	alice := w.dial("alice", true)
	alice.send(alice.build("INVITE", "sip:bob@workshop", "<sip:bob@workshop>", token(), token(), "v=0 of alice"))
	invite := n.request(sip.INVITE)
	n.answer(invite, 302, "Moved", "x", "<sip:0301234@"+ownID+">", "") // to where the caller would pay
	alice.response(480, sip.INVITE)
	w.over()

	alice.send(alice.build("INVITE", "sip:bob@workshop", "<sip:bob@workshop>", token(), token(), "v=0 of alice"))
	invite = n.request(sip.INVITE)
	n.answer(invite, 200, "OK", "bob", "<sips:bob@127.0.0.1:9>", "v=0 of bob")
	ok := alice.response(200, sip.INVITE)
	alice.send(alice.within("ACK", ok, int(ok.CSeq().SeqNo), ""))
	n.request(sip.ACK)
	within := func(from *near, method string, seq int, more string) {
		from.send(method + " " + invite.Contact().Address.String() + " SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bK" + token() + "\r\nFrom: " + invite.To().Value() +
			";tag=bob\r\nTo: " + invite.From().Value() + "\r\nCall-ID: " + invite.CallID().Value() + "\r\nCSeq: " + itoa(seq) + " " + method + "\r\nMax-Forwards: 70\r\n" + more + "Content-Length: 0\r\n\r\n")
	}
	within(n, "REFER", 5, "Contact: <sips:bob@127.0.0.1:9>\r\nRefer-To: <sip:0301234@"+ownID+">\r\n")
	n.await("refusal of the REFER", func(m sip.Message) bool {
		r, is := m.(*sip.Response)
		return is && r.CSeq().MethodName == sip.REFER && r.StatusCode >= 400
	})
	for _, tt := range []struct{ to, want string }{ // its own people, and ours, as ours know them
		{"<sip:carol@" + nearID + ">", "<sip:carol@workshop>"}, {"<sip:103@" + nearID + ">", "<sip:103@workshop>"}, {"<sip:bob@" + ownID + ">", "<sip:bob@office.example>"},
	} {
		n.seq++
		within(n, "REFER", 5+n.seq, "Contact: <sips:bob@127.0.0.1:9>\r\nRefer-To: "+tt.to+"\r\n")
		refer := alice.request(sip.REFER)
		if got := refer.GetHeader("Refer-To").Value(); got != tt.want {
			t.Errorf("Refer-To %s became %s, want %s", tt.to, got, tt.want)
		}
		alice.answer(refer, 202, "Accepted", "", "", "")
		n.response(202, sip.REFER)
	}
	text := alice.within("REFER", ok, int(ok.CSeq().SeqNo)+1, "")
	alice.send(strings.Replace(text, "Content-Length", "Refer-To: <sip:bob@office.example>\r\nContent-Length", 1))
	refer := n.request(sip.REFER)
	if got := refer.GetHeader("Refer-To").Value(); got != "<sip:bob@"+ownID+">" {
		t.Errorf("Refer-To for the neighbour: %s", got)
	}
	n.answer(refer, 202, "Accepted", "", "", "")
	alice.response(202, sip.REFER)

	other := w.comes(otherID) // knows the dialog, and is not in it
	within(other, "BYE", 99, "")
	other.response(481, sip.BYE)

	w.srv.SetNeighbours(ownID, paired[1:]) // forgotten
	eventually(t, "the forgotten one's connection closed", func() bool { return w.srv.neighbourAt("workshop") == nil })
	alice.send(alice.build("INVITE", "sip:bob@workshop", "<sip:bob@workshop>", token(), token(), "v=0 of alice"))
	alice.response(404, sip.INVITE)
}

// Only a PBX may replace what it can name: a neighbour that has learned of a dialog of ours is not in it.
func TestNeighbourReplacesNothing(t *testing.T) {
	w, _ := nearWorld(t)
	bob := w.dial("bob", true)
	bob.register()
	w.talksToBob(bob, "first")
	n := w.comes(nearID)
	n.send(n.build("INVITE", "bob", token(), "v=0 of near", replacing("c-first", "b", "first")))
	n.response(481, sip.INVITE)
	if c := w.srv.Calls(); len(c) != 1 || c[0].State != "talking" {
		t.Errorf("calls = %+v, want the one that was there", c)
	}
}

func TestNeighbourCallsAMachineWithoutAccounts(t *testing.T) {
	w := buildWorld(t, ModeExtension, func(_ *Config, d *Deps) {
		d.Owner = func(context.Context) (auth.User, error) { return auth.User{}, nil }
	})
	w.srv.SetNeighbours(ownID, paired)
	w.start()
	n := w.comes(nearID)
	n.send(n.build("INVITE", ownerName, token(), "v=0 of near"))
	n.response(404, sip.INVITE)
}

// A neighbour that calls itself otherwise keeps its connection, and so its calls.
func TestRenamedNeighbourStaysConnected(t *testing.T) {
	w, _ := nearWorld(t)
	w.comes(nearID)
	before := w.srv.lines.of(w.srv.neighbour(nearID), "")
	w.srv.SetNeighbours(ownID, append([]Neighbour{{nearID, "workshop", "Warehouse"}}, paired[1:]...))
	if after := w.srv.lines.of(w.srv.neighbour(nearID), ""); before == nil || after != before {
		t.Error("another name ended the connection")
	}
}
