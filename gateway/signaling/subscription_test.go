package signaling

import (
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/presence"
)

// watching is a browser's side of a subscription.
type watching struct {
	*browser
	event, callID, tag string
	res                *sip.Response // that accepted it
}

func (b *browser) subscribeText(event, target, callID, tag string, more ...string) string {
	return b.build("SUBSCRIBE", "sip:"+target+"@office.example", "<sip:"+target+"@office.example>", callID, tag, "", append(more, "Event: "+event)...)
}

// watches subscribes and gives the first document.
func (b *browser) watches(event, target string, more ...string) (*watching, string) {
	b.t.Helper()
	s := &watching{browser: b, event: event, callID: token(), tag: token()}
	b.send(b.subscribeText(event, target, s.callID, s.tag, more...))
	s.res = b.response(200, sip.SUBSCRIBE)
	return s, s.next("active")
}

// next gives the next document of the subscription, whose state is as wanted.
func (s *watching) next(state string) string {
	s.t.Helper()
	got := s.await("NOTIFY of "+s.event, func(m sip.Message) bool {
		r, ok := m.(*sip.Request)
		return ok && r.Method == sip.NOTIFY && r.CallID().Value() == s.callID
	}).(*sip.Request)
	s.answer(got, 200, "OK", "", "", "")
	if !strings.HasPrefix(valueOf(got, "Subscription-State"), state) {
		s.t.Errorf("Subscription-State: %s, want %s", valueOf(got, "Subscription-State"), state)
	}
	if event, _ := eventOf(got); event != s.event {
		s.t.Errorf("Event: %s, want %s", valueOf(got, "Event"), s.event)
	}
	if from, _ := got.From().Params.Get("tag"); from != tagOf(s.t, s.res.To().Params) {
		s.t.Errorf("NOTIFY of another dialog:\n%s", got)
	}
	return string(got.Body())
}

// until waits for a document with a text in it.
func (s *watching) until(text string) string {
	s.t.Helper()
	for {
		if doc := s.next("active"); strings.Contains(doc, text) {
			return doc
		}
	}
}

// refreshText is SUBSCRIBE inside the dialog.
func (s *watching) refreshText(expires string) string {
	return strings.Replace(s.within("SUBSCRIBE", s.res, s.seq+1, ""), "Max-Forwards", "Event: "+s.event+"\r\nExpires: "+expires+"\r\nMax-Forwards", 1)
}

func TestSubscriptionLifetime(t *testing.T) {
	w := newWorld(t, "")
	alice := w.dial("alice", true)
	s, doc := alice.watches(eventReg, "alice", "Expires: 600")
	if valueOf(s.res, "Expires") != "600" || s.res.Contact() == nil || !strings.Contains(doc, `state="init"`) {
		t.Errorf("answer\n%s\ndocument %s", s.res, doc)
	}
	alice.register()
	if doc = s.next("active"); !strings.Contains(doc, alice.host) || !strings.Contains(doc, `version="1"`) {
		t.Errorf("after signing in: %s", doc)
	}
	alice.send(s.refreshText("300"))
	if res := alice.response(200, sip.SUBSCRIBE); valueOf(res, "Expires") != "300" {
		t.Errorf("refresh granted %s s", valueOf(res, "Expires"))
	}
	if doc = s.next("active;expires=300"); !strings.Contains(doc, `version="2"`) {
		t.Errorf("after a refresh: %s", doc)
	}
	alice.send(s.refreshText("5"))
	if res := alice.response(423, sip.SUBSCRIBE); valueOf(res, "Min-Expires") != "60" {
		t.Errorf("too brief:\n%s", res)
	}
	alice.send(s.refreshText("0"))
	alice.response(200, sip.SUBSCRIBE)
	s.next("terminated;reason=timeout")
	alice.send(s.refreshText("600"))
	alice.response(481, sip.SUBSCRIBE)

	t.Run("fetch", func(t *testing.T) {
		callID, tag := token(), token()
		alice.send(alice.subscribeText(eventPresence, "bob", callID, tag, "Expires: 0"))
		f := &watching{browser: alice, event: eventPresence, callID: callID, tag: tag, res: alice.response(200, sip.SUBSCRIBE)}
		if doc := f.next("terminated"); !strings.Contains(doc, "<basic>closed</basic>") {
			t.Errorf("presence of bob: %s", doc)
		}
	})
	t.Run("refused by the browser", func(t *testing.T) {
		alice.send(alice.subscribeText(eventPresence, "bob", token(), token()))
		alice.response(200, sip.SUBSCRIBE)
		alice.answer(alice.request(sip.NOTIFY), 481, "Subscription Does Not Exist", "", "", "")
		eventually(t, "subscription forgotten", func() bool { return len(w.srv.around.subscriptions(func(*subscription) bool { return true })) == 0 })
	})
	t.Run("goes on down another flow", func(t *testing.T) {
		bob := w.dial("bob", true)
		bob.register()
		seen, _ := bob.watches(eventPresence, "alice", "Expires: 600")
		for _, open := range []bool{false, true} { // whether the old connection is still there
			again := w.dial("bob", true)
			again.host, again.seq = bob.host, bob.seq
			if !open {
				w.lose(bob)
			}
			again.register()
			seen.browser = again
			if doc := seen.next("active"); !strings.Contains(doc, "<basic>") {
				t.Errorf("presence of alice: %s", doc)
			}
			again.send(seen.refreshText("600"))
			again.response(200, sip.SUBSCRIBE)
			seen.next("active")
			bob = again
		}
		other := w.dial("bob", true) // another page
		w.lose(bob)
		other.register()
		other.quiet(sip.NOTIFY)
		known := func() (subs []*subscription, waiting, watching int) {
			subs = w.srv.around.subscriptions(func(*subscription) bool { return true })
			w.srv.around.mu.Lock()
			defer w.srv.around.mu.Unlock()
			return subs, w.srv.around.waiting["bob"], len(w.srv.around.watching)
		}
		eventually(t, "one subscription waits", func() bool {
			subs, waiting, _ := known()
			return len(subs) == 1 && waiting == 1
		})
		subs, _, _ := known()
		w.srv.around.abandoned(subs[0])
		w.srv.around.abandoned(subs[0])
		if subs, waiting, watching := known(); len(subs)+waiting+watching != 0 {
			t.Errorf("%d subscriptions, %d wait, on %d flows", len(subs), waiting, watching)
		}
	})
}

func TestSubscriptionRefused(t *testing.T) {
	w := newWorld(t, "")
	alice := w.dial("alice", true)
	for _, tt := range []struct {
		name, event, target, more string
		status                    int
	}{
		{"unknown package", "conference", "bob", "X: y", 489},
		{"too brief", eventDialog, "bob", "Expires: 10", 423},
		{"nobody", eventDialog, "carol", "X: y", 404},
		{"a number and no PBX", eventDialog, "300", "X: y", 404},
		{"another's voice mail", eventSummary, "bob", "X: y", 403},
		{"another's devices", eventReg, "bob", "X: y", 403},
		{"documents we don't write", eventDialog, "bob", "Accept: application/cpim-pidf+xml", 406},
	} {
		t.Run(tt.name, func(t *testing.T) {
			alice.send(alice.subscribeText(tt.event, tt.target, token(), token(), tt.more))
			res := alice.response(tt.status, sip.SUBSCRIBE)
			if tt.status == 489 && !strings.Contains(valueOf(res, "Allow-Events"), "dialog") {
				t.Errorf("no Allow-Events:\n%s", res)
			}
		})
	}
	t.Run("not signed in", func(t *testing.T) {
		stranger := w.dial("alice", false)
		stranger.send(stranger.subscribeText(eventDialog, "bob", token(), token()))
		stranger.response(407, sip.SUBSCRIBE)
	})
	t.Run("too many", func(t *testing.T) {
		for range maxSubscriptions {
			alice.send(alice.subscribeText(eventReg, "alice", token(), token()))
			alice.response(200, sip.SUBSCRIBE)
			alice.answer(alice.request(sip.NOTIFY), 200, "OK", "", "", "")
		}
		alice.send(alice.subscribeText(eventDialog, "bob", token(), token()))
		alice.response(403, sip.SUBSCRIBE)
	})
}

// A colleague sees a call come, be answered and end, with what is needed to pick it up.
func TestDialogsOfAColleague(t *testing.T) {
	t.Parallel() // it waits for seconds
	w := newWorld(t, "")
	alice, bob, carol := w.dial("alice", true), w.dial("bob", true), w.dial("alice", true)
	bob.register()
	s, doc := carol.watches(eventDialog, "102")
	if !strings.Contains(doc, `entity="sip:102@office.example"`) || strings.Contains(doc, "<dialog ") {
		t.Errorf("bob at rest: %s", doc)
	}
	callID, tag, _ := alice.invite("bob")
	in := bob.request(sip.INVITE)
	bob.answer(in, 180, "Ringing", "bob-tag", "<sip:bob@"+bob.host+">", "")
	doc = s.until("<state>early</state>")
	for _, want := range []string{`call-id="` + callID + `"`, `local-tag="bob-tag"`, `remote-tag="` + tag + `"`, `direction="recipient"`,
		`<identity display="Alice Doe">sip:alice@office.example</identity>`, `<identity display="Bob Roe">sip:bob@office.example</identity>`} {
		if !strings.Contains(doc, want) {
			t.Errorf("no %s in %s", want, doc)
		}
	}
	if strings.Contains(doc, in.Contact().Address.User) {
		t.Errorf("the document has the token of the leg: %s", doc)
	}
	bob.answer(in, 200, "OK", "bob-tag", "<sip:bob@"+bob.host+">", "v=0 answer")
	res := alice.response(200, sip.INVITE)
	alice.send(alice.within("ACK", res, int(res.CSeq().SeqNo), ""))
	bob.request(sip.ACK)
	s.until("<state>confirmed</state>")
	alice.send(alice.within("BYE", res, int(res.CSeq().SeqNo)+1, ""))
	bob.answer(bob.request(sip.BYE), 200, "OK", "", "", "")
	for strings.Contains(doc, "<dialog ") {
		doc = s.next("active")
	}
}

func TestPublish(t *testing.T) {
	t.Parallel() // it waits for seconds
	w := newWorld(t, "")
	alice, bob := w.dial("alice", true), w.dial("bob", true)
	bob.register()
	s, doc := alice.watches(eventPresence, "bob")
	if !strings.Contains(doc, "<basic>open</basic>") {
		t.Errorf("bob signed in: %s", doc)
	}
	publish := func(body string, more ...string) {
		text := bob.build("PUBLISH", "sip:bob@office.example", "<sip:bob@office.example>", token(), token(), body, append(more, "Event: presence")...)
		bob.send(strings.Replace(text, sdpType, presence.PIDFType, 1))
	}
	busy := string(presence.Presence{Entity: "sip:bob@office.example", Basic: presence.Open, Note: "at <lunch>", Activities: []string{"meal"}}.Marshal())
	publish(busy, "Expires: 600")
	etag := valueOf(bob.response(200, sip.PUBLISH), "SIP-ETag")
	doc = s.until("lunch")
	if !strings.Contains(doc, "<rpid:meal/>") || !strings.Contains(doc, "at &lt;lunch&gt;") {
		t.Errorf("bob at lunch: %s", doc)
	}
	publish("", "SIP-If-Match: "+etag, "Expires: 300")
	res := bob.response(200, sip.PUBLISH)
	if valueOf(res, "Expires") != "300" || valueOf(res, "SIP-ETag") == etag {
		t.Errorf("refresh:\n%s", res)
	}
	publish(busy, "SIP-If-Match: "+etag)
	bob.response(412, sip.PUBLISH)
	etag = valueOf(res, "SIP-ETag")
	publish(string(presence.Presence{Entity: "x", Basic: presence.Closed}.Marshal()), "SIP-If-Match: "+etag)
	etag = valueOf(bob.response(200, sip.PUBLISH), "SIP-ETag")
	s.until("<basic>closed</basic>")
	publish("", "SIP-If-Match: "+etag, "Expires: 0")
	bob.response(200, sip.PUBLISH)
	s.until("<basic>open</basic>")

	publish("<!DOCTYPE x>" + busy)
	bob.response(400, sip.PUBLISH)
	publish("")
	bob.response(400, sip.PUBLISH)
	publish(busy, "Expires: 5")
	bob.response(423, sip.PUBLISH)
	bob.send(bob.build("PUBLISH", "sip:bob@office.example", "<sip:bob@office.example>", token(), token(), "x", "Event: presence"))
	bob.response(415, sip.PUBLISH)
	bob.send(bob.build("PUBLISH", "sip:bob@office.example", "<sip:bob@office.example>", token(), token(), "x", "Event: reg"))
	bob.response(489, sip.PUBLISH)
	bob.send(bob.build("PUBLISH", "sip:alice@office.example", "<sip:alice@office.example>", token(), token(), busy, "Event: presence"))
	bob.response(403, sip.PUBLISH)
	if err := <-bob.closed; err == nil {
		t.Error("the flow stays open after a publication for another user")
	}
}
