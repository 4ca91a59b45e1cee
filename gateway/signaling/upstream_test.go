package signaling

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/auth"
	"cordboard/gateway/call"
	"cordboard/gateway/presence"
)

// upstreamSide is the PBX's side of a subscription of ours.
type upstreamSide struct {
	*fakePBX
	req *sip.Request // the first SUBSCRIBE
	seq int
}

// subscribed takes a subscription to a number.
func (p *fakePBX) subscribed(event string) *upstreamSide {
	p.t.Helper()
	req := p.request(sip.SUBSCRIBE)
	if got, _ := eventOf(req); got != event {
		p.t.Errorf("SUBSCRIBE to %s, want %s", got, event)
	}
	p.grant(req, "300")
	return &upstreamSide{fakePBX: p, req: req}
}

// grant accepts SUBSCRIBE.
func (p *fakePBX) grant(req *sip.Request, expires string) {
	res := sip.NewResponseFromRequest(req, 200, "OK", nil)
	if _, tagged := req.To().Params.Get("tag"); !tagged {
		res.To().Params.Add("tag", "pbx-"+tagOf(p.t, req.From().Params))
	}
	res.AppendHeader(sip.NewHeader("Contact", "<sip:"+p.addr()+">"))
	res.AppendHeader(sip.NewHeader("Expires", expires))
	p.send(res.String())
}

// notify sends NOTIFY inside the subscription's dialog.
func (u *upstreamSide) notify(state, event, content, body string) {
	u.seq++
	if content != "" {
		content = "Content-Type: " + content + "\r\n"
	}
	tag := tagOf(u.t, u.req.From().Params)
	u.send(fmt.Sprintf("NOTIFY %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s\r\nMax-Forwards: 70\r\nFrom: <%s>;tag=pbx-%s\r\nTo: <%s>;tag=%s\r\nCall-ID: %s\r\nCSeq: %d NOTIFY\r\n"+
		"Contact: <sip:%s>\r\nEvent: %s\r\nSubscription-State: %s\r\n%sContent-Length: %d\r\n\r\n%s",
		u.req.Contact().Address.String(), u.addr(), token(), u.req.To().Address.String(), tag, u.req.From().Address.String(), tag, u.req.CallID().Value(), u.seq,
		u.addr(), event, state, content, len(body), body))
}

func (u *upstreamSide) tell(version uint32, partial bool, dialogs ...presence.Dialog) {
	u.t.Helper()
	u.notify("active;expires=300", eventDialog, presence.DialogInfoType,
		string(presence.DialogInfo{Version: version, Partial: partial, Entity: "sip:300@pbx", Dialogs: dialogs}.Marshal()))
	u.response(200, sip.NOTIFY)
}

// spectator reads what Watch tells.
type spectator struct {
	t     *testing.T
	news  <-chan call.News
	lamps map[string]call.Lamp
	mail  *call.Voicemail
}

func (w *world) spectator(user string, targets ...string) *spectator {
	ctx, stop := context.WithCancel(context.Background())
	w.t.Cleanup(stop)
	return &spectator{t: w.t, news: w.srv.Watch(ctx, user, targets), lamps: make(map[string]call.Lamp)}
}

// until reads until ok holds.
func (s *spectator) until(what string, ok func() bool) {
	s.t.Helper()
	for !ok() {
		n, open := <-s.news
		if !open {
			s.t.Fatalf("the news ended without %s; %v", what, s.lamps)
		}
		for _, l := range n.Lamps {
			s.lamps[l.Target] = l
		}
		if n.Voicemail != nil {
			s.mail = n.Voicemail
		}
	}
}

func (s *spectator) lamp(target string, want call.LampState) {
	s.t.Helper()
	s.until(fmt.Sprint(target, " ", want), func() bool { return s.lamps[target].State == want })
}

func eventOfMessage(r *sip.Request, ok bool) (string, string) {
	if !ok || r.Method != sip.SUBSCRIBE {
		return "", ""
	}
	return eventOf(r)
}

// dialogsOfNumber takes the subscription to the dialogs of a number.
func (w *world) dialogsOfNumber(number string) *upstreamSide {
	w.t.Helper()
	req := w.pbx.await("SUBSCRIBE to the dialogs of "+number, func(m sip.Message) bool {
		r, ok := m.(*sip.Request)
		event, _ := eventOfMessage(r, ok)
		return event == eventDialog && r.Recipient.User == number
	}).(*sip.Request)
	w.pbx.grant(req, "300")
	return &upstreamSide{fakePBX: w.pbx, req: req}
}

// refresh gives the next SUBSCRIBE to dialogs inside a dialog.
func (p *fakePBX) refresh() *sip.Request {
	p.t.Helper()
	return p.await("refresh", func(m sip.Message) bool {
		r, ok := m.(*sip.Request)
		event, _ := eventOfMessage(r, ok)
		return event == eventDialog && r.To().Params.Has("tag")
	}).(*sip.Request)
}

func TestLampOfANumber(t *testing.T) {
	t.Parallel() // it waits for seconds
	w := newWorld(t, ModeTrunk)
	s, other := w.spectator("alice", "300"), w.spectator("bob", "300")
	up := w.dialogsOfNumber("300")
	if up.req.From().Address.User != "trunk" || valueOf(up.req, "Accept") != presence.DialogInfoType {
		t.Errorf("SUBSCRIBE:\n%s", up.req)
	}
	s.lamp("300", call.LampUnknown)
	if l := s.lamps["300"]; l.Name != "300" || l.Extension != "300" {
		t.Errorf("lamp %+v", l)
	}
	up.tell(7, false)
	s.lamp("300", call.LampIdle)
	other.lamp("300", call.LampIdle)
	in := presence.Dialog{ID: "a", CallID: "c", State: presence.Early, Direction: presence.Recipient}
	up.tell(8, false, in)
	s.lamp("300", call.LampRinging)
	in.State = presence.Confirmed
	up.tell(9, true, in)
	s.lamp("300", call.LampBusy)
	other.lamp("300", call.LampBusy)

	up.tell(9, true, presence.Dialog{ID: "a", State: presence.Terminated}) // old news
	up.tell(12, true, presence.Dialog{ID: "a", State: presence.Terminated})
	again := w.pbx.refresh()
	if tagOf(t, again.To().Params) == "" || again.CallID().Value() != up.req.CallID().Value() {
		t.Errorf("the refresh is no refresh:\n%s", again)
	}
	w.pbx.grant(again, "300")
	up.tell(13, false)
	s.lamp("300", call.LampIdle)

	t.Run("forgotten by the PBX", func(t *testing.T) {
		up.tell(14, false, in)
		s.lamp("300", call.LampBusy)
		up.tell(20, true, in) // a gap makes it refresh
		again := w.pbx.refresh()
		w.pbx.answer(again, 481, "Subscription Does Not Exist", "", "", "")
		fresh := w.dialogsOfNumber("300")
		if fresh.req.CallID().Value() == up.req.CallID().Value() {
			t.Error("the new subscription has the Call-ID of the old one")
		}
		s.lamp("300", call.LampUnknown)
		fresh.tell(0, false)
		s.lamp("300", call.LampIdle)
		up = fresh
	})
	t.Run("ended by the PBX", func(t *testing.T) {
		up.notify("terminated;reason=deactivated", eventDialog, "", "")
		up.response(200, sip.NOTIFY)
		s.lamp("300", call.LampUnknown)
		up = w.dialogsOfNumber("300")
		up.tell(0, false)
		s.lamp("300", call.LampIdle)
	})
	t.Run("what is no document", func(t *testing.T) {
		up.notify("active", eventDialog, presence.DialogInfoType, "<dialog-info")
		up.response(400, sip.NOTIFY)
		up.notify("active", eventDialog, "text/plain", "x")
		up.response(415, sip.NOTIFY)
		up.notify("active", "presence", presence.DialogInfoType, "x")
		up.response(489, sip.NOTIFY)
	})
	t.Run("of another dialog", func(t *testing.T) {
		other := &upstreamSide{fakePBX: w.pbx, req: up.req.Clone()}
		id := sip.CallIDHeader("other")
		other.req.ReplaceHeader(&id)
		other.notify("active", eventDialog, presence.DialogInfoType, "x")
		other.response(481, sip.NOTIFY)
	})
	t.Run("at the end", func(t *testing.T) {
		go w.stop()
		last := w.pbx.await("the end of the subscription", func(m sip.Message) bool {
			r, ok := m.(*sip.Request)
			event, _ := eventOfMessage(r, ok)
			return event == eventDialog && valueOf(r, "Expires") == "0"
		}).(*sip.Request)
		w.pbx.grant(last, "0")
		for range s.news { // ends
		}
	})
}

func TestPBXWithoutSubscriptions(t *testing.T) {
	w := newWorld(t, ModeTrunk)
	s := w.spectator("alice", "300", "nobody", "301")
	w.pbx.await("refused SUBSCRIBE to dialogs", func(m sip.Message) bool {
		req, ok := m.(*sip.Request)
		if !ok || req.Method != sip.SUBSCRIBE {
			return false
		}
		w.pbx.answer(req, 489, "Bad Event", "x", "", "")
		event, _ := eventOf(req)
		return event == eventDialog
	})
	s.lamp("300", call.LampUnknown)
	s.lamp("nobody", call.LampUnknown)
	eventually(t, "the refusal is remembered", func() bool {
		return w.srv.around.refuses(source{pbx: w.srv.pbxes()[0], event: eventDialog}) > 0
	})
}

func TestLampsOfColleagues(t *testing.T) {
	w := newWorld(t, "")
	alice, bob := w.dial("alice", true), w.dial("bob", true)
	alice.register()
	s := w.spectator("alice", "102")
	s.lamp("bob", call.LampUnreachable)
	if got := s.lamps["bob"]; got != (call.Lamp{Target: "bob", Name: "Bob Roe", Extension: "102", State: call.LampUnreachable}) {
		t.Errorf("bob's lamp: %+v", got)
	}
	bob.register()
	s.lamp("bob", call.LampIdle)
	s.lamp("102", call.LampIdle)
	_, _, text := alice.invite("bob")
	in := bob.request(sip.INVITE)
	bob.answer(in, 180, "Ringing", "b", "<sip:bob@"+bob.host+">", "")
	s.lamp("bob", call.LampRinging)
	watched := w.spectator("bob")
	watched.lamp("alice", call.LampBusy)
	alice.send(strings.ReplaceAll(text, "INVITE", "CANCEL"))
	bob.answer(bob.request(sip.CANCEL), 200, "OK", "", "", "")
	bob.answer(in, 487, "Request Terminated", "b", "", "")
	s.lamp("bob", call.LampIdle)
	watched.lamp("alice", call.LampIdle)
	quiet := presence.Presence{Entity: "sip:bob@office.example", Basic: presence.Open, Activities: []string{presence.Busy}}
	bob.send(strings.Replace(bob.build("PUBLISH", "sip:bob@office.example", "<sip:bob@office.example>", token(), token(), string(quiet.Marshal()), "Event: presence"),
		sdpType, presence.PIDFType, 1))
	bob.response(200, sip.PUBLISH)
	s.lamp("bob", call.LampDisturb)
	_, _, text = alice.invite("bob")
	in = bob.request(sip.INVITE)
	bob.answer(in, 180, "Ringing", "b", "<sip:bob@"+bob.host+">", "")
	s.lamp("bob", call.LampRinging)
	alice.send(strings.ReplaceAll(text, "INVITE", "CANCEL"))
	bob.answer(bob.request(sip.CANCEL), 200, "OK", "", "", "")
	bob.answer(in, 487, "Request Terminated", "b", "", "")
	s.lamp("bob", call.LampDisturb)
	_ = bob.conn.CloseNow()
	s.lamp("bob", call.LampUnreachable)
	if _, ok := s.lamps["alice"]; ok {
		t.Error("alice has a lamp of her own")
	}
}

// Each PBX is asked about its own users and numbers, and hears of no other's accounts.
func TestLampsOfTwoPBXs(t *testing.T) {
	second := newFakePBX(t)
	w := buildWorld(t, ModeExtension, func(cfg *Config, deps *Deps) {
		cfg.PBX = append(cfg.PBX, PBX{Name: "other", URI: "sip:" + second.addr(), Prefixes: []string{"7"}})
		users, err := deps.Users.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		users[0].PBXName, users[1].PBXName = "other", "office" // alice is known at the second one
		deps.Users = auth.Static(users)
	})
	w.start()
	second.contact("101")
	w.pbx.contact("102")
	for name, want := range map[string]struct {
		at   *fakePBX
		asks map[string]string // at what number, as whom
	}{
		"first":  {w.pbx, map[string]string{"300": "102", "102": "102"}},
		"second": {second, map[string]string{"700": "101", "101": "101"}},
	} {
		w.spectator("x", "300", "700")
		got := make(map[string]string)
		for range want.asks {
			up := want.at.subscribed(eventDialog)
			got[up.req.Recipient.User] = up.req.From().Address.User
			up.tell(1, false)
		}
		if !maps.Equal(got, want.asks) {
			t.Errorf("%s PBX is asked %v, want %v", name, got, want.asks)
		}
	}
}

func TestVoicemail(t *testing.T) {
	t.Parallel() // it waits for seconds
	w := newWorld(t, ModeExtension)
	w.pbx.contact("101")
	alice := w.dial("alice", true)
	m, doc := alice.watches(eventSummary, "alice")
	if !strings.Contains(doc, "Messages-Waiting: no") {
		t.Errorf("before the PBX has told: %q", doc)
	}
	up := w.pbx.subscribed(eventSummary)
	if up.req.Recipient.User != "101" || up.req.From().Address.User != "101" {
		t.Errorf("SUBSCRIBE:\n%s", up.req)
	}
	s := w.spectator("alice")
	up.notify("active;expires=300", eventSummary, presence.SummaryType, "Messages-Waiting: yes\r\nVoice-Message: 2/1 (1/0)\r\n")
	up.response(200, sip.NOTIFY)
	if doc = m.next("active"); !strings.Contains(doc, "Voice-Message: 2/1 (1/0)") || !strings.Contains(doc, "Message-Account: sip:alice@office.example") {
		t.Errorf("alice hears %q", doc)
	}
	s.until("mail", func() bool { return s.mail != nil && *s.mail == call.Voicemail{New: 2, Old: 1} })

	unasked := func(uri, body string) {
		w.pbx.send(fmt.Sprintf("NOTIFY %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s\r\nMax-Forwards: 70\r\nFrom: <sip:mail@pbx>;tag=f\r\nTo: <sip:102@pbx>\r\nCall-ID: %s\r\nCSeq: 1 NOTIFY\r\n"+
			"o: message-summary\r\nSubscription-State: active\r\nContent-Type: application/simple-message-summary\r\nContent-Length: %d\r\n\r\n%s", uri, w.pbx.addr(), token(), token(), len(body), body))
	}
	unasked(w.pbx.contact("102"), "Messages-Waiting: yes\r\nVoice-Message: 3/0\r\n")
	w.pbx.response(200, sip.NOTIFY)
	b := w.spectator("bob")
	b.until("mail", func() bool { return b.mail != nil && *b.mail == call.Voicemail{New: 3} })
	unasked(strings.Replace(w.pbx.contact("102"), "102", "999", 1), "Messages-Waiting: yes\r\n")
	w.pbx.response(404, sip.NOTIFY)
	unasked(w.pbx.contact("102"), "nothing")
	w.pbx.response(400, sip.NOTIFY)
	defer func() {
		if err := w.srv.SetPBXs(nil, "127.0.0.1:0", ""); err != nil {
			t.Fatal(err)
		}
		for _, of := range []*spectator{s, b} {
			of.until("no mail of a PBX that was removed", func() bool { return *of.mail == call.Voicemail{} })
		}
	}()
	t.Run("a browser may not say so", func(t *testing.T) {
		text := alice.build("NOTIFY", "sip:bob@office.example", "<sip:bob@office.example>", token(), token(), "x", "Event: message-summary")
		alice.send(strings.Replace(text, sdpType, presence.SummaryType, 1))
		alice.response(481, sip.NOTIFY)
	})
}

// A removed account is nobody's colleague any more, and its own subscriptions end.
func TestWatchingFollowsTheAccounts(t *testing.T) {
	w := newWorld(t, "")
	alice := w.dial("alice", true)
	m, _ := alice.watches(eventPresence, "bob")
	s := w.spectator("alice")
	s.lamp("bob", call.LampUnreachable)
	users, err := w.srv.deps.Users.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	users = slices.DeleteFunc(users, func(u auth.User) bool { return u.Name == "bob" })
	w.srv.around.syncAccounts(t.Context(), users)
	m.next("terminated;reason=noresource")
}

// A device can tell of a call that does not go through us.
func TestPublishedDialogs(t *testing.T) {
	w := newWorld(t, "")
	bob := w.dial("bob", true)
	bob.register()
	s := w.spectator("alice")
	s.lamp("bob", call.LampIdle)
	publish := func(doc presence.DialogInfo, more ...string) {
		text := bob.build("PUBLISH", "sip:bob@office.example", "<sip:bob@office.example>", token(), token(), string(doc.Marshal()), append(more, "Event: dialog")...)
		bob.send(strings.Replace(text, sdpType, presence.DialogInfoType, 1))
	}
	talk := presence.Dialog{ID: "m", CallID: "mobile", State: presence.Confirmed}
	publish(presence.DialogInfo{Entity: "sip:bob@office.example", Dialogs: []presence.Dialog{talk}})
	etag := valueOf(bob.response(200, sip.PUBLISH), "SIP-ETag")
	s.lamp("bob", call.LampBusy)
	publish(presence.DialogInfo{Partial: true, Dialogs: []presence.Dialog{talk}}, "SIP-If-Match: "+etag)
	bob.response(400, sip.PUBLISH)
	publish(presence.DialogInfo{Entity: "sip:bob@office.example"}, "SIP-If-Match: "+etag)
	bob.response(200, sip.PUBLISH)
	s.lamp("bob", call.LampIdle)
}

// In mode extension a colleague's lamp also shows what the PBX knows of the extension, such as a call of a desk phone.
func TestColleagueWithADeskPhone(t *testing.T) {
	t.Parallel() // it waits for seconds
	w := newWorld(t, ModeExtension)
	w.pbx.contact("102")
	s := w.spectator("alice")
	up := w.dialogsOfNumber("102")
	if up.req.From().Address.User != "102" {
		t.Errorf("SUBSCRIBE as %s, want 102", up.req.From().Address.User)
	}
	up.tell(0, false)
	s.lamp("bob", call.LampUnreachable)
	up.tell(1, false, presence.Dialog{ID: "d", CallID: "desk", State: presence.Early, Direction: presence.Recipient})
	s.lamp("bob", call.LampRinging)
	bob := w.dial("bob", true)
	bob.register()
	up.tell(2, false)
	s.lamp("bob", call.LampIdle)
}
