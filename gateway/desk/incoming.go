package desk

import (
	"strings"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/call"
)

// allow lists the methods we take (RFC 3261 §20.5).
const allow = "INVITE, ACK, CANCEL, BYE, UPDATE, INFO, REFER, NOTIFY, OPTIONS"

// maxCalls is how many calls there are at most; the next caller hears that it is busy.
const maxCalls = 6

// asked takes a request of the server's. The caller holds p.mu.
func (p *Phone) asked(req *sip.Request) {
	tag := tagOf(req.To().Params)
	if req.Method == sip.CANCEL {
		p.cancelled(req)
		return
	}
	if tag == "" {
		switch req.Method {
		case sip.INVITE:
			p.invited(req)
		case sip.OPTIONS:
			p.reply(req, sip.StatusOK, "OK", newToken(), sip.NewHeader("Allow", allow), sip.NewHeader("Accept", "application/sdp"))
		case sip.ACK:
		default:
			p.reply(req, sip.StatusMethodNotAllowed, "Method Not Allowed", newToken(), sip.NewHeader("Allow", allow))
		}
		return
	}
	from := tagOf(req.From().Params)
	c := p.dialogOf(req.CallID().Value(), tag, from)
	if c == nil {
		c = p.awake(req.CallID().Value(), tag, from)
	}
	switch {
	case c == nil && req.Method == sip.ACK:
		return
	case c == nil:
		p.reply(req, sip.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist", "")
		return
	case req.Method == sip.ACK:
		c.acknowledged(req)
		return
	case req.CSeq().SeqNo <= c.remoteSeq && (req.Method == sip.INVITE || req.Method == sip.UPDATE): // RFC 3261 §12.2.2
		p.reply(req, sip.StatusInternalServerError, "CSeq Out of Order", "")
		return
	}
	c.remoteSeq = max(c.remoteSeq, req.CSeq().SeqNo) // others may have overtaken each other on their way: nothing is wrong with them
	switch req.Method {
	case sip.INVITE, sip.UPDATE:
		c.changed(req)
	case sip.BYE:
		p.reply(req, sip.StatusOK, "OK", "")
		c.ended(req)
	case sip.INFO:
		c.informed(req)
	case sip.REFER:
		c.referred(req)
	case sip.NOTIFY:
		c.notified(req)
	case sip.OPTIONS:
		p.reply(req, sip.StatusOK, "OK", "", sip.NewHeader("Allow", allow))
	default:
		p.reply(req, sip.StatusMethodNotAllowed, "Method Not Allowed", "", sip.NewHeader("Allow", allow))
	}
}

// invited takes a new call.
func (p *Phone) invited(req *sip.Request) {
	if p.busy || len(p.ongoing()) >= maxCalls || p.ours(req) {
		p.reply(req, sip.StatusBusyHere, "Busy Here", newToken())
		return
	}
	if req.Contact() == nil {
		p.reply(req, sip.StatusBadRequest, "Contact Missing", newToken())
		return
	}
	if text := described(req); len(text) > 0 {
		if _, err := read(text); err != nil {
			p.log.Info("call refused", "error", err)
			p.reply(req, sip.StatusNotAcceptableHere, "Not Acceptable Here", newToken())
			return
		}
	}
	from := req.From()
	c := p.newConversation(false, p.peerOf(from.Address), from.DisplayName)
	c.callID = req.CallID().Value()
	c.remote = party{from.DisplayName, from.Address, tagOf(from.Params)}
	c.local = party{req.To().DisplayName, req.To().Address, newToken()}
	c.target = *req.Contact().Address.Clone()
	for _, h := range req.GetHeaders("Record-Route") {
		c.route(h)
	}
	c.remoteSeq = req.CSeq().SeqNo
	c.learn(req)
	c.state, c.invite = call.Ringing, req
	p.reply(req, sip.StatusRinging, "Ringing", c.local.tag, p.contact())
	p.changed()
}

// ours says whether a call comes from this phone itself.
func (p *Phone) ours(req *sip.Request) bool {
	c := p.dialogOf(req.CallID().Value(), tagOf(req.From().Params), "")
	return c != nil && c.out
}

// cancelled ends a call that its caller gave up.
func (p *Phone) cancelled(req *sip.Request) {
	branch, _ := req.Via().Params.Get("branch")
	for _, c := range p.ongoing() {
		if c.out || c.invite == nil || c.callID != req.CallID().Value() {
			continue
		}
		if b, _ := c.invite.Via().Params.Get("branch"); b != branch {
			continue
		}
		p.reply(req, sip.StatusOK, "OK", c.local.tag)
		p.reply(c.invite, sip.StatusRequestTerminated, "Request Terminated", c.local.tag)
		c.over(whyCancelled(req))
		return
	}
	p.reply(req, sip.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist", newToken())
}

// whyCancelled says why a call stops to ring (RFC 3326).
func whyCancelled(req *sip.Request) string {
	switch why := value(req, "Reason"); {
	case strings.Contains(why, "cause=200"):
		return "Answered elsewhere"
	case strings.Contains(why, "cause=603"):
		return call.ReasonDeclined
	}
	return call.ReasonHungUp
}

// answer takes a call that rings.
func (c *conversation) answer() error {
	p := c.p
	var text []byte
	var err error
	c.version++
	if offered := described(c.invite); len(offered) > 0 {
		text, err = c.answerTo(offered)
	} else {
		text = offer(c.session, c.version, false)
	}
	if err != nil {
		p.log.Warn("call not answered", "error", err)
		p.reply(c.invite, sip.StatusNotAcceptableHere, "Not Acceptable Here", c.local.tag)
		c.over(call.ReasonNoSound)
		return err
	}
	c.changing = true // until its ACK
	p.send(p.response(c.invite, sip.StatusOK, "OK", c.local.tag, text, p.contact(), sip.NewHeader("Allow", allow), sip.NewHeader("Supported", "replaces")))
	c.invite = nil
	c.talks()
	p.changed()
	return nil
}

// answerTo takes an offer and answers it.
func (c *conversation) answerTo(offered []byte) ([]byte, error) {
	d, err := read(offered)
	if err != nil {
		return nil, err
	}
	text, err := answer(d, c.session, c.version, c.told) // that we hold an offer of our own will tell, which says so for sure
	if err != nil {
		return nil, err
	}
	if err := c.hear(d); err != nil {
		return nil, err
	}
	return text, nil
}

// acknowledged takes the ACK of a 2xx of ours; it may bring the answer to our offer.
func (c *conversation) acknowledged(req *sip.Request) {
	if err := c.apply(described(req)); err != nil {
		c.p.log.Warn("description not usable", "error", err)
	}
	c.changing = false
	c.settle()
	c.p.changed()
}

// changed takes a re-INVITE (RFC 3261 §14) or UPDATE (RFC 3311).
func (c *conversation) changed(req *sip.Request) {
	p := c.p
	if c.state != call.Talking && req.Method == sip.INVITE || c.changing && (req.Method == sip.INVITE || len(described(req)) > 0) {
		p.reply(req, sip.StatusRequestPending, "Request Pending", "")
		return
	}
	var text []byte
	var err error
	switch offered := described(req); {
	case len(offered) > 0:
		c.version++
		text, err = c.answerTo(offered)
	case req.Method == sip.INVITE:
		c.version++
		text = offer(c.session, c.version, c.told)
	}
	if err != nil {
		p.log.Info("change of a call refused", "error", err)
		p.reply(req, sip.StatusNotAcceptableHere, "Not Acceptable Here", "")
		return
	}
	if h := req.Contact(); h != nil {
		c.target = *h.Address.Clone()
	}
	c.learn(req)
	c.changing = req.Method == sip.INVITE // until its ACK
	p.send(p.response(req, sip.StatusOK, "OK", "", text, p.contact(), sip.NewHeader("Allow", allow)))
	p.changed()
}

// ended takes a BYE.
func (c *conversation) ended(req *sip.Request) {
	if c.invite != nil && !c.out { // before the answer (RFC 3261 §15.1.2)
		c.p.reply(c.invite, sip.StatusRequestTerminated, "Request Terminated", c.local.tag)
	}
	why := call.ReasonAnswered
	for text, reason := range map[string]string{"Taken over": reasonMoved, "Connection lost": call.ReasonLost,
		"Cordboard stops": call.ReasonStopped, "No common sound": call.ReasonNoSound} {
		if strings.Contains(value(req, "Reason"), text) {
			why = reason
		}
	}
	c.over(why)
}

// informed takes an INFO, which may carry a key.
func (c *conversation) informed(req *sip.Request) {
	kind, _, _ := strings.Cut(strings.ToLower(value(req, "Content-Type")), ";")
	if req.GetHeader("Info-Package") != nil {
		c.p.reply(req, 469, "Bad Info Package", "", sip.NewHeader("Recv-Info", ""))
		return
	}
	c.p.reply(req, sip.StatusOK, "OK", "")
	if strings.TrimSpace(kind) == "application/dtmf-relay" || strings.TrimSpace(kind) == "application/dtmf" {
		if digit, ok := keyIn(string(req.Body())); ok {
			c.hears(digit)
		}
	}
}

// keyIn reads the key in the body of an INFO: "Signal=5" among other lines, or "5" alone.
func keyIn(body string) (rune, bool) {
	signal := strings.TrimSpace(body)
	for line := range strings.Lines(body) {
		if name, value, ok := strings.Cut(line, "="); ok && strings.EqualFold(strings.TrimSpace(name), "signal") {
			signal = strings.TrimSpace(value)
		}
	}
	switch signal = strings.ToUpper(signal); {
	case signal == "10":
		signal = "*"
	case signal == "11":
		signal = "#"
	}
	if len(signal) != 1 || !strings.Contains(Keys, signal) {
		return 0, false
	}
	return rune(signal[0]), true
}
