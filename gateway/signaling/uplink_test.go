package signaling

import (
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/call"
)

func TestClientOfAnotherGateway(t *testing.T) {
	for name, target := range map[string]string{"number": "102@home.example", "name": "bob@home.example", "name there": "bob@office.example"} {
		t.Run(name, func(t *testing.T) {
			office, home := officeAndHome(t, "", func(cfg *Config, _ *Deps) { cfg.PBX[0].Domains = []string{"office.example"} })
			st := home.stands(stateRegistered)
			if st.User != "anna" || !strings.HasPrefix(st.Server, "wss:127.0.0.1:") {
				t.Errorf("status = %+v", st)
			}
			bob, anna := office.member("bob"), home.member("anna")
			anna.calls(target)
			in := bob.answers("v=0 of bob")
			if from := in.From(); from.Address.User != "alice" {
				t.Errorf("the office sees a call of %s, want alice", from.Value())
			}
			if got := string(in.Body()); got != "offer for WebRTC of offer for WebRTC of v=0 of anna" {
				t.Errorf("bob is offered %q", got)
			}
			ok := anna.response(200, sip.INVITE)
			if got := string(ok.Body()); got != "answer for WebRTC of answer for WebRTC of v=0 of bob" {
				t.Errorf("anna is answered %q", got)
			}
			anna.ackOf(ok)
			bob.request(sip.ACK)
			hangUp(anna, ok, bob)
			home.over()
			office.over()
		})
	}
}

func TestClientIsCalled(t *testing.T) {
	office, home := officeAndHome(t, "", unchanged)
	home.stands(stateRegistered)
	bob, anna := office.member("bob"), home.member("anna")
	bob.calls("101@office.example")
	in := anna.answers("v=0 of anna")
	if from := in.From(); from.Address.User != "bob" || from.DisplayName != "Bob Roe" {
		t.Errorf("anna sees a call of %s, want Bob Roe", from.Value())
	}
	ok := bob.response(200, sip.INVITE)
	contact := ok.Contact().Address
	if contact.Host != "office.example" {
		t.Errorf("Contact of the office = %s", contact.String())
	}
	bob.ackOf(ok)
	anna.request(sip.ACK)

	// Hold by the office's side, and by ours.
	bob.send(bob.within("INVITE", ok, 5, "v=0 hold"))
	hold := anna.request(sip.INVITE)
	if got := string(hold.Body()); got != "offer for WebRTC of offer for WebRTC of v=0 hold" {
		t.Errorf("anna is offered %q", got)
	}
	anna.answer(hold, 200, "OK", "", "<sip:anna@"+anna.host+";transport=ws>", "v=0 held")
	held := bob.response(200, sip.INVITE)
	bob.ackOf(held)
	anna.request(sip.ACK)

	hangUp(bob, ok, anna)
	home.over()
	office.over()
}

// TestClientGivesUp: CANCEL goes all the way, in both directions.
func TestClientGivesUp(t *testing.T) {
	office, home := officeAndHome(t, "", unchanged)
	home.stands(stateRegistered)
	bob, anna := office.member("bob"), home.member("anna")
	for _, way := range []struct {
		from, to *browser
		target   string
	}{{anna, bob, "102@home.example"}, {bob, anna, "101@office.example"}} {
		invite := way.from.calls(way.target)
		in := way.to.request(sip.INVITE)
		way.to.answer(in, 180, "Ringing", "t-"+way.to.user, "<sip:"+way.to.user+"@"+way.to.host+";transport=ws>", "v=0 early")
		if ringing := way.from.response(180, sip.INVITE); !strings.Contains(string(ringing.Body()), "v=0 early") {
			t.Errorf("no early media for %s: %q", way.from.user, ringing.Body())
		}
		way.from.send(cancelOf(invite))
		way.to.answer(way.to.request(sip.CANCEL), 200, "OK", "", "", "")
		way.to.answer(in, 487, "Request Terminated", "t-"+way.to.user, "", "")
		way.from.response(487, sip.INVITE)
	}
}

// TestClientTrunk: one account for all, with people by their extensions.
func TestClientTrunk(t *testing.T) {
	office, home := officeAndHome(t, ModeTrunk, func(cfg *Config, _ *Deps) {
		cfg.PBX[0].Username, cfg.PBX[0].Password = "alice", "password-of-alice"
	})
	home.stands(stateRegistered)
	bob, anna := office.member("bob"), home.member("anna")
	bob.calls("101@office.example") // whoever is on the trunk
	anna.answers("v=0 of anna")
	ok := bob.response(200, sip.INVITE)
	bob.ackOf(ok)
	anna.request(sip.ACK)
	hangUp(bob, ok, anna)
	home.over()
	office.over()
}

// TestClientTransfers: a call that came from the office goes on to somebody else there, and one that went there comes back to another.
func TestClientTransfers(t *testing.T) {
	c := talkingAcross(t, func(cfg *Config, _ *Deps) { cfg.PBX[0].Domains = []string{"office.example"} })
	anna, bob, in := c.anna, c.bob, c.in
	anna.send(strings.Replace(anna.within("REFER", c.ok, 4, ""), "Contact:", "Refer-To: <sip:103@home.example>\r\nContact:", 1))
	refer := bob.request(sip.REFER)
	if got := valueOf(refer, "Refer-To"); got != "<sip:103@office.example>" {
		t.Errorf("bob is referred to %s", got)
	}
	bob.answer(refer, 202, "Accepted", "", "", "")
	anna.response(202, sip.REFER)

	from, _ := in.From().Params.Get("tag")
	contact := in.Contact().Address
	bob.send(bob.build("REFER", contact.String(), "<"+in.From().Address.String()+">;tag="+from, in.CallID().Value(), "tag-of-bob", "", "Refer-To: <sip:104@office.example>"))
	refer = anna.request(sip.REFER)
	if got := valueOf(refer, "Refer-To"); got != "<sip:104@home.example>" {
		t.Errorf("anna is referred to %s", got)
	}
	anna.answer(refer, 202, "Accepted", "", "", "")
	bob.response(202, sip.REFER)
	c.ends(false)
}

// TestClientSendsKeysAndTexts: what belongs to a call passes, and messages do without one.
func TestClientSendsKeysAndTexts(t *testing.T) {
	c := talkingAcross(t, unchanged)
	anna, bob := c.anna, c.bob
	anna.send(infoOf(anna, c.ok, 4, relayType, "Signal=5\r\nDuration=160\r\n"))
	info := bob.request(sip.INFO)
	if !strings.Contains(string(info.Body()), "Signal=5") {
		t.Errorf("bob is told %q", info.Body())
	}
	bob.answer(info, 200, "OK", "", "", "")
	anna.response(200, sip.INFO)

	text := anna.build("MESSAGE", "sip:102@home.example", "<sip:102@home.example>", token(), token(), "")
	anna.send(strings.Replace(text, "Content-Length: 0\r\n\r\n", "Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello", 1))
	message := bob.request(sip.MESSAGE)
	if string(message.Body()) != "hello" {
		t.Errorf("bob reads %q", message.Body())
	}
	bob.answer(message, 200, "OK", "", "", "")
	anna.response(200, sip.MESSAGE)
	c.ends(false)
}

// TestClientSeesLamps: the office tells how its people are doing, and again after the connection broke.
func TestClientSeesLamps(t *testing.T) {
	office, home := officeAndHome(t, "", unchanged)
	home.stands(stateRegistered)
	bob := office.member("bob")
	s := home.spectator("anna", "102")
	s.lamp("102", call.LampIdle)
	cutUplinks(home)
	eventually(t, "no connection", func() bool { return home.srv.uplinks.by(home.srv.pbxes()[0].uplinkName("alice")).gone() })
	bob.calls("echo@office.example")
	ok := bob.response(200, sip.INVITE)
	bob.ackOf(ok)
	s.lamp("102", call.LampBusy)
	bob.send(bob.within("BYE", ok, 20, ""))
	bob.response(200, sip.BYE)
	office.over()
}

func (u *uplink) gone() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.flow == nil
}
