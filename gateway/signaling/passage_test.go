package signaling

import (
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

// subscribeAs has a guest subscribe at its PBX.
func (b *browser) subscribeAs(event, target, callID, password string) {
	more := []string{"Event: " + event, "Accept: application/x-told", "Expires: 600"}
	if password != "" {
		more = append(more, "Proxy-Authorization: "+prove("SUBSCRIBE", "sip:"+target+"@pbx.example", password))
	}
	b.send(b.build("SUBSCRIBE", "sip:"+target+"@pbx.example", "<sip:"+target+"@pbx.example>", callID, "from", "", more...))
}

// tells has the PBX notify in the dialog that the SUBSCRIBE makes.
func (w *world) tells(subscribe *sip.Request, seq int, state string) {
	w.pbx.send(strings.Join([]string{
		"NOTIFY " + subscribe.Contact().Address.String() + " SIP/2.0",
		"Via: SIP/2.0/UDP " + w.pbx.addr() + ";branch=z9hG4bK" + token(),
		"Max-Forwards: 70",
		"From: " + subscribe.To().Value() + ";tag=told",
		"To: " + subscribe.From().Value(),
		"Call-ID: " + subscribe.CallID().Value(),
		"CSeq: " + itoa(seq) + " NOTIFY",
		"Contact: <sip:told@" + w.pbx.addr() + ">",
		"Event: " + valueOf(subscribe, "Event"),
		"Subscription-State: " + state,
		"Content-Type: application/x-told",
		"Content-Length: 4", "", "news"}, "\r\n"))
}

// grants has the PBX take a SUBSCRIBE.
func (w *world) grants(req *sip.Request, expires string) {
	res := sip.NewResponseFromRequest(req, 200, "OK", nil)
	res.To().Params.Add("tag", "told")
	res.AppendHeader(sip.NewHeader("Contact", "<sip:told@"+w.pbx.addr()+">"))
	res.AppendHeader(sip.NewHeader("Expires", expires))
	w.pbx.send(res.String())
}

// A guest watches what its PBX tells, of whatever kind, by its own credentials.
func TestPassthroughSubscribes(t *testing.T) {
	t.Parallel() // it waits for seconds
	w, _ := passWorld(t, func(*authority) {})
	b := w.guest()
	b.ask("600", "")
	b.response(401, sip.REGISTER)
	b.subscribeAs("dialog", "200", "early", "")
	b.response(403, sip.SUBSCRIBE) // before the password
	b.ask("600", guestPassword)
	b.response(200, sip.REGISTER)
	for _, event := range []string{"dialog", "message-summary", "presence", "x-anything"} {
		t.Run(event, func(t *testing.T) {
			b.subscribeAs(event, "200", event, "")
			first := w.pbx.request(sip.SUBSCRIBE)
			w.pbx.challenged(first)
			if h := b.response(407, sip.SUBSCRIBE).GetHeader("Proxy-Authenticate"); h == nil || h.Value() != challenge {
				t.Errorf("challenge = %v, want the PBX's own", h)
			}
			b.subscribeAs(event, "200", event, guestPassword)
			req := w.pbx.request(sip.SUBSCRIBE)
			if !proves(req, "Proxy-Authorization") || req.Recipient.String() != "sip:200@pbx.example" || req.From().Address.String() != "sip:100@pbx.example" ||
				valueOf(req, "Event") != event || valueOf(req, "Accept") != "application/x-told" || valueOf(req, "Expires") != "600" {
				t.Errorf("the PBX got\n%s", req)
			}
			if c := req.Contact().Address; strings.Contains(c.String(), b.host) || c.User == "100" {
				t.Errorf("contact %s", c.String())
			}
			w.tells(req, 1, "active;expires=600") // faster than the answer, but not down the flow
			eventually(t, "NOTIFY taken", func() bool {
				p := w.srv.passages.at(req.Contact().Address.User)
				p.far.mu.Lock()
				defer p.far.mu.Unlock()
				return p.far.remote.tag == "told"
			})
			w.grants(req, "300")
			ok := b.response(200, sip.SUBSCRIBE)
			if len(b.kept) > 0 {
				t.Errorf("before the answer the browser got\n%s", b.kept)
			}
			if valueOf(ok, "Expires") != "300" || tagOf(t, ok.To().Params) != "told" || ok.Contact().Address.Host != "pbx.example" {
				t.Errorf("the browser got\n%s", ok)
			}
			told := b.request(sip.NOTIFY)
			if string(told.Body()) != "news" || valueOf(told, "Event") != event || told.Recipient.Host != b.host || tagOf(t, told.From().Params) != "told" {
				t.Errorf("the browser got\n%s", told)
			}
			b.answer(told, 200, "OK", "", "", "")
			w.pbx.response(200, sip.NOTIFY)

			refresh := func(expires string) *sip.Request {
				b.seq++
				uri := ok.Contact().Address.String()
				b.send(b.build("SUBSCRIBE", uri, ok.To().Value(), event, "from", "", "Event: "+event, "Expires: "+expires, "Proxy-Authorization: "+prove("SUBSCRIBE", uri, guestPassword)))
				next := w.pbx.request(sip.SUBSCRIBE)
				if next.Recipient.User != "told" || tagOf(t, next.To().Params) != "told" || next.CSeq().SeqNo <= req.CSeq().SeqNo || !proves(next, "Proxy-Authorization") {
					t.Errorf("refreshed by\n%s", next)
				}
				return next
			}
			w.grants(refresh("600"), "600")
			b.response(200, sip.SUBSCRIBE)
			w.grants(refresh("0"), "0")
			b.response(200, sip.SUBSCRIBE)
			w.tells(req, 2, "terminated;reason=timeout")
			b.answer(b.request(sip.NOTIFY), 200, "OK", "", "", "")
			w.pbx.response(200, sip.NOTIFY)
			w.tells(req, 3, "active;expires=600") // it has ended
			w.pbx.response(481, sip.NOTIFY)
		})
	}
	if n := len(w.srv.passages.by); n > 0 {
		t.Errorf("%d are left", n)
	}
}

// What is left of a subscription when its browser is gone, and whom it does not let in.
func TestPassageEnds(t *testing.T) {
	w, _ := passWorld(t, func(*authority) {})
	b := w.guest()
	b.signIn("600")
	b.subscribeAs("dialog", "200", "one", "")
	req := w.pbx.request(sip.SUBSCRIBE)
	w.grants(req, "600")
	ok := b.response(200, sip.SUBSCRIBE)

	other := w.dial("alice", true)
	other.send(other.build("SUBSCRIBE", ok.Contact().Address.String(), ok.To().Value(), "one", "from", "", "Event: dialog"))
	other.response(481, sip.SUBSCRIBE)
	b.subscribeAs("dialog", "200", "refused", "")
	w.pbx.answer(w.pbx.request(sip.SUBSCRIBE), 489, "Bad Event", "x", "", "")
	b.response(489, sip.SUBSCRIBE)
	b.send(b.build("SUBSCRIBE", "sip:200@elsewhere.example", "<sip:200@elsewhere.example>", "where", "from", "", "Event: dialog"))
	b.response(404, sip.SUBSCRIBE)
	if n := len(w.srv.passages.by); n != 2 {
		t.Errorf("%d tokens lead to one subscription", n)
	}
	b.subscribeAs("dialog", "200", "two", "")
	two := w.pbx.request(sip.SUBSCRIBE)
	open, astray := w.srv.passages.at(two.Contact().Address.User), two.Clone()
	astray.Contact().Address.User = open.near.token
	w.tells(astray, 1, "active;expires=600")
	w.pbx.response(481, sip.NOTIFY)
	if tag := open.far.remote.tag; tag != "" {
		t.Errorf("a NOTIFY to the browser's side has made a dialog with %s", tag)
	}
	w.pbx.answer(two, 489, "Bad Event", "x", "", "")
	b.response(489, sip.SUBSCRIBE)
	_ = b.conn.CloseNow()
	eventually(t, "forgotten", func() bool { return w.srv.passages.at(req.Contact().Address.User) == nil })
	w.tells(req, 1, "active;expires=600")
	w.pbx.response(481, sip.NOTIFY)

	var ps passages
	p := &passage{guest: &guest{}, near: &leg{token: "n"}, far: &leg{token: "f"}}
	for i := range maxSubscriptions {
		if !ps.admit(&passage{guest: p.guest, near: &leg{token: "n" + itoa(i)}, far: &leg{token: "f" + itoa(i)}}) {
			t.Fatalf("only %d", i)
		}
	}
	if ps.admit(p) {
		t.Error("too many")
	}
	ps.lasts(p, time.Hour) // is not in
	ps.leave(p.guest)
	ps.leave(p.guest)
	if len(ps.by) > 0 || len(ps.of) > 0 || p.end != nil {
		t.Errorf("left: %v", ps.by)
	}
}

// MESSAGE and PUBLISH go to the PBX with the browser's credentials, and what the PBX tells of its own accord comes to the browser.
func TestPassthroughMessages(t *testing.T) {
	w, a := passWorld(t, func(*authority) {})
	b := w.guest()
	b.signIn("600")
	<-a.came
	contact := (<-a.came).Contact().Address.String()
	for _, method := range []sip.RequestMethod{sip.MESSAGE, sip.PUBLISH} {
		ask := func(password string) *sip.Request {
			uri := "sip:200@pbx.example"
			more := []string{"Event: presence", "Expires: 600", "SIP-If-Match: old"}
			if password != "" {
				more = append(more, "Proxy-Authorization: "+prove(string(method), uri, password))
			}
			b.send(b.build(string(method), uri, "<"+uri+">", "m"+string(method), "from", "hello", more...))
			return w.pbx.request(method)
		}
		w.pbx.challenged(ask(""))
		if h := b.response(407, method).GetHeader("Proxy-Authenticate"); h == nil || h.Value() != challenge {
			t.Errorf("%s: challenge = %v, want the PBX's own", method, h)
		}
		req := ask(guestPassword)
		if !proves(req, "Proxy-Authorization") || string(req.Body()) != "hello" || valueOf(req, "Expires") != "600" || valueOf(req, "SIP-If-Match") != "old" || req.GetHeader("Contact") != nil {
			t.Errorf("the PBX got\n%s", req)
		}
		res := sip.NewResponseFromRequest(req, 200, "OK", nil)
		res.AppendHeader(sip.NewHeader("SIP-ETag", "new"))
		res.AppendHeader(sip.NewHeader("Expires", "300"))
		w.pbx.send(res.String())
		if ok := b.response(200, method); valueOf(ok, "SIP-ETag") != "new" || valueOf(ok, "Expires") != "300" {
			t.Errorf("the browser got\n%s", ok)
		}
	}
	for _, method := range []string{"MESSAGE", "NOTIFY"} {
		w.pbx.send(method + " " + contact + " SIP/2.0\r\nVia: SIP/2.0/UDP " + w.pbx.addr() + ";branch=z9hG4bKx" + method + "\r\nFrom: <sip:pbx@pbx.example>;tag=p\r\n" +
			"To: <sip:100@pbx.example>\r\nCall-ID: own" + method + "\r\nCSeq: 1 " + method + "\r\nEvent: message-summary\r\nSubscription-State: active\r\nContact: <sip:pbx@" + w.pbx.addr() + ">\r\n" +
			"Content-Type: application/simple-message-summary\r\nContent-Length: 22\r\n\r\nMessages-Waiting: yes\n")
		got := b.request(sip.RequestMethod(method))
		if got.Recipient.Host != b.host || string(got.Body()) != "Messages-Waiting: yes\n" || valueOf(got, "Event") != "message-summary" {
			t.Errorf("the browser got\n%s", got)
		}
		b.answer(got, 200, "OK", "", "", "")
		w.pbx.response(200, sip.RequestMethod(method))
	}
	wrong := "Proxy-Authorization: " + prove("MESSAGE", "sip:200@pbx.example", "wrong")
	w.pbx.taking(func(req *sip.Request) bool {
		if req.Method != sip.MESSAGE {
			return false
		}
		w.pbx.challenged(req)
		return true
	})
	for range 20 {
		b.send(b.build("MESSAGE", "sip:200@pbx.example", "<sip:200@pbx.example>", token(), "from", "hello", wrong))
		res := b.await("answer", func(m sip.Message) bool { _, is := m.(*sip.Response); return is }).(*sip.Response)
		if res.StatusCode == 503 {
			return // who guesses has to wait, because the PBX would ban us
		}
	}
	t.Error("guesses go on")
}

// A call of a guest goes on after a crash of ours, when its browser has connected and registered again.
func TestPassthroughCallSurvives(t *testing.T) {
	for _, way := range []string{"registers again", "page was loaded again"} {
		t.Run(way, func(t *testing.T) {
			w := &lasting{live: &fakeLive{calls: make(map[string][]byte)}}
			w.world = buildWorld(t, ModePassthrough, func(cfg *Config, deps *Deps) {
				cfg.PBX[0].Domains = []string{"pbx.example"}
				cfg.PBX[0].Username, cfg.PBX[0].Password = "", ""
				deps.Live = w.live
				w.cfg, w.deps = *cfg, *deps
			})
			newAuthority(w.world, func(*authority) {})
			w.start()
			b := w.guest()
			b.signIn("600")
			b.callAs("200", "mine", "")
			invite := w.pbx.request(sip.INVITE)
			w.pbx.answer(invite, 200, "OK", "phone", "<sip:phone@"+w.pbx.addr()+">", "v=0 of phone")
			ok := b.response(200, sip.INVITE)
			b.send(b.within("ACK", ok, b.seq, ""))
			w.pbx.request(sip.ACK)
			if state := w.live.state(w.srv.Calls()[0].ID); strings.Contains(state, guestPassword) || strings.Contains(state, "Digest") {
				t.Errorf("kept: %s", state)
			}
			w.crash()
			_ = b.conn.CloseNow()
			w.restart()
			eventually(t, "the PBX is reached", func() bool { return w.srv.PBXStatus()[0].State == stateReachable })
			again := w.guest()
			if way == "registers again" {
				again.host = b.host
				again.signIn("600")
				w.comesBack(again, ok)
			} else {
				again.signIn("600")
				again.send(again.build("INVITE", "sip:200@pbx.example", "<sip:200@pbx.example>", "again", "from", "v=0",
					"Replaces: mine;to-tag="+tagOf(t, ok.To().Params)+";from-tag=from", "Require: replaces"))
				ok = again.response(200, sip.INVITE)
				again.send(again.within("ACK", ok, again.seq, ""))
			}
			uri := ok.Contact().Address.String()
			again.seq += 10
			again.send(again.build("BYE", uri, ok.To().Value(), ok.CallID().Value(), "from", "", "Proxy-Authorization: "+prove("BYE", uri, guestPassword)))
			bye := w.pbx.request(sip.BYE)
			if !proves(bye, "Proxy-Authorization") || bye.CallID().Value() != "mine" || tagOf(t, bye.To().Params) != "phone" {
				t.Errorf("the PBX got\n%s", bye)
			}
			w.pbx.answer(bye, 200, "OK", "", "", "")
			again.response(200, sip.BYE)
			w.over()
		})
	}
}
