package signaling

import (
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
)

// moved answers an INVITE with a 3xx and its contacts.
func (e *end) moved(req *sip.Request, status int, contacts ...string) {
	res := sip.NewResponseFromRequest(req, status, "Moved", nil)
	res.To().Params.Add("tag", "moved")
	for _, c := range contacts {
		res.AppendHeader(sip.NewHeader("Contact", c))
	}
	e.send(res.String())
	e.request(sip.ACK)
}

func values(msg interface{ GetHeaders(string) []sip.Header }, name string) string {
	var list []string
	for _, h := range msg.GetHeaders(name) {
		list = append(list, h.Value())
	}
	return strings.Join(list, " | ")
}

// The PBX redirects alice: in order of q, each target once.
func TestPBXRedirects(t *testing.T) {
	w := newWorld(t, ModeExtension)
	bob := w.dial("bob", true)
	bob.register()
	alice := w.dial("alice", true)
	pbx := w.pbx.addr()
	for _, tt := range []struct {
		name     string
		status   int
		contacts []string
		tries    []string // numbers the PBX is asked for then; each is busy
		bob      bool     // rings in the end, and declines
		want     int
	}{
		{"in order of q", 302, []string{"<sip:301@" + pbx + ">;q=0.2", "<sip:302@192.0.2.7:5070>;q=0.9", "<tel:+4930-303>"}, []string{"+4930303", "302", "301"}, false, 486},
		{"to the same again", 302, []string{"<sip:200@" + pbx + ">"}, nil, false, 482},
		{"to a user of ours", 301, []string{"<sips:bob@office.example>"}, nil, true, 603},
		{"to a stranger", 302, []string{"<sip:eve@elsewhere.example>"}, nil, false, 404},
		{"to what is no phone", 300, []string{"<mailto:eve@elsewhere.example>"}, nil, false, 480},
		{"to a built-in", 302, []string{"<sip:echo@office.example>"}, nil, false, 404},
		{"to a proxy", 305, []string{"<sip:300@" + pbx + ">"}, nil, false, 480},
		{"to another service", 380, []string{"<sip:300@" + pbx + ">"}, []string{"300"}, false, 486},
		{"to nobody", 380, nil, nil, false, 480},
		{"too often", 300, []string{"<sip:1@x>", "<sip:2@x>", "<sip:3@x>", "<sip:4@x>", "<sip:5@x>", "<sip:6@x>"}, []string{"1", "2", "3", "4", "5"}, false, 486},
	} {
		t.Run(tt.name, func(t *testing.T) {
			alice.invite("200")
			w.pbx.moved(w.pbx.request(sip.INVITE), tt.status, tt.contacts...)
			for _, number := range tt.tries {
				next := w.pbx.request(sip.INVITE)
				if next.Recipient.User != number || next.From().Address.User != "101" {
					t.Errorf("next is %s from %s, want %s from 101", next.Recipient.User, next.From().Address.User, number)
				}
				w.pbx.answer(next, 486, "Busy Here", "x", "", "")
				w.pbx.request(sip.ACK)
			}
			if tt.bob {
				invite := bob.request(sip.INVITE)
				if got := values(invite, "Diversion"); got != "<sip:200@office.example>;reason=unconditional;counter=1" {
					t.Errorf("Diversion = %s", got)
				}
				bob.answer(invite, 603, "Decline", "b", "", "")
				bob.request(sip.ACK)
			}
			alice.response(tt.want, sip.INVITE)
			w.over()
		})
	}
	t.Run("in a circle", func(t *testing.T) {
		alice.invite("200")
		for _, next := range []string{"301", "302", "200"} {
			w.pbx.moved(w.pbx.request(sip.INVITE), 302, "<sip:"+next+"@"+pbx+">")
		}
		alice.response(482, sip.INVITE)
		w.over()
	})
	t.Run("is answered", func(t *testing.T) {
		alice.invite("200")
		w.pbx.moved(w.pbx.request(sip.INVITE), 302, "<sip:301@"+pbx+">")
		next := w.pbx.request(sip.INVITE)
		host := w.srv.pbxes()[0].uri.Host
		if got := values(next, "History-Info"); got != "<sip:200@"+pbx+"?Reason=SIP%3Bcause%3D302>;index=1 | <sip:301@"+host+">;index=1.1;mp=1" {
			t.Errorf("History-Info = %s", got)
		}
		w.pbx.answer(next, 200, "OK", "phone", "<sip:phone@"+pbx+">", "v=0 of phone")
		ok := alice.response(200, sip.INVITE)
		alice.send(alice.within("ACK", ok, int(ok.CSeq().SeqNo), ""))
		w.pbx.request(sip.ACK)
		alice.send(alice.within("BYE", ok, int(ok.CSeq().SeqNo)+1, ""))
		w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
		alice.response(200, sip.BYE)
		w.over()
	})
}

// A browser forwards what rings there, at its own user's cost.
func TestBrowserRedirects(t *testing.T) {
	w := newWorld(t, ModeExtension)
	alice, bob := w.dial("alice", true), w.dial("bob", true)
	alice.register()
	bob.register()
	host, pbx := w.srv.pbxes()[0].uri.Host, w.pbx.addr()
	t.Run("a call of the PBX to a number", func(t *testing.T) {
		invite := strings.Replace(w.fromPhone(w.pbx.contact("102"), "c-first", "first", "v=0 of first"), "Max-Forwards",
			"Diversion: <sip:500@"+host+">;reason=user-busy\r\nHistory-Info: <sip:500@"+host+">;index=1, <sip:102@"+host+">;index=1.1\r\nMax-Forwards", 1)
		w.pbx.send(invite)
		at := bob.request(sip.INVITE)
		if got := values(at, "Diversion"); got != "<sip:500@office.example>;reason=user-busy" {
			t.Errorf("Diversion = %s", got)
		}
		bob.moved(at, 302, "<sip:300@office.example>")
		next := w.pbx.request(sip.INVITE)
		if next.Recipient.User != "300" || next.From().Address.User != "102" || next.From().DisplayName != "Phone first" {
			t.Errorf("%s to %s, want the first phone's name at bob's extension", next.From().Value(), next.Recipient.User)
		}
		if next.CallID().Value() == "c-first" {
			t.Error("back at the PBX the call has the Call-ID with which it came")
		}
		if got := values(next, "Diversion"); got != "<sip:102@"+pbx+">;reason=unconditional;counter=1 | <sip:500@"+pbx+">;reason=user-busy" {
			t.Errorf("Diversion = %s", got)
		}
		if got := values(next, "History-Info"); !strings.HasSuffix(got, "<sip:102@"+pbx+"?Reason=SIP%3Bcause%3D302>;index=1.1.1 | <sip:300@"+host+">;index=1.1.1.1;mp=1.1.1") {
			t.Errorf("History-Info = %s", got)
		}
		w.pbx.answer(next, 486, "Busy Here", "x", "", "")
		w.pbx.request(sip.ACK)
		w.pbx.response(486, sip.INVITE)
		w.over()
	})
	t.Run("a call of the PBX to another user", func(t *testing.T) {
		w.pbx.send(w.fromPhone(w.pbx.contact("102"), "c-second", "second", "v=0 of second"))
		at := bob.request(sip.INVITE)
		bob.answer(at, 180, "Ringing", "b", "<sip:bob@"+bob.host+">", "")
		w.pbx.response(180, sip.INVITE)
		bob.moved(at, 302, "<sip:alice@office.example>")
		next := alice.request(sip.INVITE)
		if next.From().DisplayName != "Phone second" || next.From().Address.User != "second" {
			t.Errorf("alice is called by %s, want the second phone", next.From().Value())
		}
		if got := values(next, "Diversion"); got != "<sip:bob@office.example>;reason=deflection;counter=1" {
			t.Errorf("Diversion = %s", got)
		}
		alice.answer(next, 200, "OK", "a", "<sip:alice@"+alice.host+";transport=ws>", "v=0 of alice")
		ok := w.pbx.response(200, sip.INVITE)
		w.pbx.send(w.insidePhone("ACK", ok, 7))
		alice.request(sip.ACK)
		w.pbx.send(w.insidePhone("BYE", ok, 8))
		w.pbx.response(200, sip.BYE)
		alice.answer(alice.request(sip.BYE), 200, "OK", "", "", "")
		w.over()
	})
	t.Run("back to who calls", func(t *testing.T) {
		alice.invite("bob")
		bob.moved(bob.request(sip.INVITE), 302, "<sip:bob@office.example>;q=0.1", "<sip:carol@office.example>;q=x")
		alice.response(482, sip.INVITE)
		w.over()
	})
}
