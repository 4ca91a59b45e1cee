package desk

import (
	"math/rand/v2"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/audio"
	"cordboard/gateway/call"
)

// conversation is a call: its dialog (RFC 3261 §12), or the beginning of one, and its sound. The phone's mutex guards it.
type conversation struct {
	p   *Phone
	id  string
	out bool // made by us

	callID              string
	local, remote       party
	target              sip.Uri
	routes              []sip.Uri
	localSeq, remoteSeq uint32
	invite              *sip.Request // the one that begins the call, until it is answered

	state           call.State
	since, answered time.Time
	peer, name      string // the other one, as people know them
	held            bool   // what we want
	told            bool   // what the other side has been told of it
	waits           bool   // the other side holds us
	muted, joined   bool
	away            bool // the other side has sent us to somebody else, and is not heard meanwhile
	changing        bool // an INVITE or UPDATE of either side is under way
	early           bool // the other side is heard before the answer
	digits          string
	note, reason    string // of a transfer; of the end

	session  uint64
	version  int
	voice    Voice // nil: none yet
	label    string
	untold   []notification      // those that wait for the one before to be answered
	referral *referral           // on a transfer of ours that is under way
	progress func(status int)    // tells who transferred us how the call to the third one goes; nil: nobody did
	then     func(answered bool) // what follows our call's answer or failure
	quiet    func()              // what waits for the end of a change
	kept     []byte              // its state as it is written down; nil: it is not
	moves    *conversation       // the call that goes on where this one is answered; nil: it is a call like others
}

// newConversation puts a call into the list. The caller holds p.mu, as do those of all that follows.
func (p *Phone) newConversation(out bool, peer, name string) *conversation {
	c := &conversation{p: p, id: newToken()[:12], out: out, state: call.Calling, since: time.Now(), peer: peer, name: name, session: rand.Uint64() >> 2}
	p.calls = append(p.calls, c)
	return c
}

// ongoing are the calls that have not ended.
func (p *Phone) ongoing() []*conversation {
	var list []*conversation
	for _, c := range p.calls {
		if c.state != call.Ended {
			list = append(list, c)
		}
	}
	return list
}

// dialogOf finds the call with that dialog; nil when there is none. remote "" matches any.
func (p *Phone) dialogOf(callID, local, remote string) *conversation {
	for _, c := range p.ongoing() {
		if c.callID == callID && c.local.tag == local && (remote == "" || c.remote.tag == "" || c.remote.tag == remote) {
			return c
		}
	}
	return nil
}

// build makes a request inside the dialog, or the INVITE that begins it.
func (c *conversation) build(method sip.RequestMethod, seq uint32) *sip.Request {
	req := sip.NewRequest(method, *c.target.Clone())
	req.AppendHeader(&sip.FromHeader{DisplayName: c.local.display, Address: c.local.uri, Params: tagged(c.local.tag)})
	req.AppendHeader(&sip.ToHeader{DisplayName: c.remote.display, Address: c.remote.uri, Params: tagged(c.remote.tag)})
	id := sip.CallIDHeader(c.callID)
	req.AppendHeader(&id)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: seq, MethodName: method})
	for _, r := range c.routes {
		req.AppendHeader(&sip.RouteHeader{Address: *r.Clone()})
	}
	if method != sip.BYE && method != sip.ACK {
		req.AppendHeader(c.p.contact())
	}
	if method == sip.INVITE {
		req.AppendHeader(sip.NewHeader("Allow", allow))
		req.AppendHeader(sip.NewHeader("Supported", "replaces"))
	}
	return req
}

// request makes the next request of ours.
func (c *conversation) request(method sip.RequestMethod) *sip.Request {
	c.localSeq++
	return c.build(method, c.localSeq)
}

// acknowledge sends the ACK of a 2xx (RFC 3261 §13.2.2.4).
func (c *conversation) acknowledge(seq uint32, text []byte) {
	req := c.build(sip.ACK, seq)
	c.p.via(req)
	describe(req, text)
	c.p.send(req)
}

// dialled begins a call of ours. more are headers of its INVITE.
func (c *conversation) dialled(to sip.Uri, more ...sip.Header) {
	p := c.p
	c.callID = newToken()
	c.local = p.self()
	c.local.tag = newToken()
	c.remote = party{uri: to}
	c.target = to
	req := c.request(sip.INVITE)
	for _, h := range more {
		req.AppendHeader(h)
	}
	c.version++
	describe(req, offer(c.session, c.version, false))
	c.invite = req
	c.changing = true
	p.ask(req, func(res *sip.Response) { c.dialledTo(res) })
	p.changed()
}

// dialledTo takes a response to the INVITE that began the call.
func (c *conversation) dialledTo(res *sip.Response) {
	p := c.p
	switch {
	case c.state == call.Ended: // given up meanwhile
		if res != nil && res.IsSuccess() {
			c.confirmed(res)
			c.acknowledge(res.CSeq().SeqNo, nil)
			p.ask(c.request(sip.BYE), func(*sip.Response) {})
		}
		return
	case res == nil:
		c.over(call.ReasonNotAnswered)
	case res.StatusCode == sip.StatusTrying:
	case res.IsProvisional():
		c.state = call.Ringing
		c.learn(res)
		if c.apply(described(res)) == nil && c.voice != nil {
			c.early = true
		}
	case res.IsSuccess():
		c.confirmed(res)
		c.acknowledge(res.CSeq().SeqNo, nil)
		c.invite, c.changing, c.early = nil, false, false
		c.talks()
		c.learn(res)
		if err := c.apply(described(res)); err != nil || c.voice == nil {
			p.log.Warn("call without sound", "error", err)
			c.leave(call.ReasonNoSound)
			return
		}
		c.settle()
	default:
		c.over(why(res, c.state == call.Ringing))
	}
	if c.progress != nil && res != nil {
		c.progress(res.StatusCode)
	}
	if c.then != nil && (res == nil || !res.IsProvisional()) {
		c.then(c.state == call.Talking)
		c.then = nil
	}
	p.changed()
}

// confirmed takes the dialog from a 2xx (RFC 3261 §12.1.2).
func (c *conversation) confirmed(res *sip.Response) {
	c.remote.tag = tagOf(res.To().Params)
	if h := res.Contact(); h != nil {
		c.target = *h.Address.Clone()
	}
	c.routes = nil
	list := res.GetHeaders("Record-Route")
	for i := len(list) - 1; i >= 0; i-- {
		c.route(list[i])
	}
}

func (c *conversation) route(h sip.Header) {
	if r, ok := h.(*sip.RecordRouteHeader); ok {
		c.routes = append(c.routes, r.Address)
	}
}

// talks enters the conversation proper.
func (c *conversation) talks() {
	c.state, c.answered = call.Talking, time.Now()
}

// learn takes the name of the other one, as the server asserts it (RFC 3325).
func (c *conversation) learn(msg sip.Message) {
	var uri sip.Uri
	display, err := sip.ParseAddressValue(value(msg, "P-Asserted-Identity"), &uri, &sip.HeaderParams{})
	if err != nil || uri.User == "" {
		return
	}
	c.peer, c.name = uri.User, display
	if strings.EqualFold(uri.Host, c.remote.uri.Host) { // a PBX may assert that of who is elsewhere, and calls them by number all the same
		c.peer = c.p.peerOf(uri)
	}
}

// peerOf is whom people call to reach an address: those of this office by name or number alone, a neighbour's by name and its address too.
func (p *Phone) peerOf(uri sip.Uri) string {
	if host := strings.ToLower(uri.Host); host == "" || host == strings.ToLower(p.cfg.Domain) || strings.HasSuffix(host, ".invalid") {
		return uri.User
	}
	return uri.User + "@" + uri.Host
}

// keepEnded is how long a call that has ended stays in the list.
const keepEnded = 30 * time.Second

// over ends the call here; why is one sentence.
func (c *conversation) over(why string) {
	if c.state == call.Ended {
		return
	}
	p := c.p
	failed := c.out && c.answered.IsZero() && c.moves == nil
	c.state, c.reason, c.joined, c.invite = call.Ended, why, false, nil
	c.silence()
	if ring := c.moved(); ring != nil && ring.answered.IsZero() { // else whoever answered hears it of the server
		ring.stays()
	}
	switch {
	case !failed || why == call.ReasonHungUp:
	case why == call.ReasonBusy:
		p.failedTone(audio.BusyTone)
	default:
		p.failedTone(audio.CongestionTone)
	}
	if c.then != nil {
		c.then(false)
		c.then = nil
	}
	time.AfterFunc(keepEnded, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for i := range p.calls {
			if p.calls[i] == c {
				p.calls = append(p.calls[:i], p.calls[i+1:]...)
				p.changed()
				return
			}
		}
	})
	p.changed()
}

// hangUp ends the call, or declines it.
func (c *conversation) hangUp() { c.leave(call.ReasonAnswered) }

// leave is hangUp; why is told here of a call that was answered.
func (c *conversation) leave(why string) {
	p := c.p
	switch {
	case c.state == call.Ended:
		return
	case !c.answered.IsZero():
		p.ask(c.request(sip.BYE), func(*sip.Response) {})
		c.over(why)
	case c.out:
		c.cancel()
		c.over(call.ReasonHungUp)
	default:
		p.reply(c.invite, sip.StatusGlobalDecline, "Decline", c.local.tag)
		c.over(call.ReasonDeclined)
	}
}

// cancel takes an INVITE of ours back (RFC 3261 §9.1).
func (c *conversation) cancel() {
	if c.invite != nil {
		c.p.send(related(c.invite, sip.CANCEL, c.invite.To()))
	}
}

// settled says whether the other side knows all and no change is under way.
func (c *conversation) settled() bool { return !c.changing && c.held == c.told }

// whenSettled does something then.
func (c *conversation) whenSettled(do func()) {
	c.quiet = do
	c.settle()
}

// settle tells the other side whether it is held, once nothing else is under way.
func (c *conversation) settle() {
	if c.quiet != nil && c.settled() {
		do := c.quiet
		c.quiet = nil
		do()
	}
	if c.state != call.Talking || c.changing || c.held == c.told {
		return
	}
	p, held := c.p, c.held
	c.changing = true
	c.version++
	req := c.request(sip.INVITE)
	describe(req, offer(c.session, c.version, held))
	p.ask(req, func(res *sip.Response) {
		switch {
		case res != nil && res.IsProvisional():
			return
		case res == nil || res.StatusCode == sip.StatusCallTransactionDoesNotExists || res.StatusCode == sip.StatusRequestTimeout:
			c.over(call.ReasonLost) // RFC 3261 §12.2.1.2
			return
		case res.IsSuccess():
			c.acknowledge(res.CSeq().SeqNo, nil)
			c.told = held
			c.learn(res)
			if err := c.apply(described(res)); err != nil {
				p.log.Warn("description not usable", "error", err)
			}
		case postponed(res):
			time.AfterFunc(glareTime+rand.N(glareTime), func() {
				p.mu.Lock()
				defer p.mu.Unlock()
				c.changing = false
				c.settle()
			})
			return
		default: // it stays as it was; here nobody is heard all the same
			p.log.Info("hold refused", "status", res.StatusCode)
			c.told = held
		}
		c.changing = false
		c.settle()
		p.changed()
	})
}

// postponed says whether a change that is refused shall be tried again: it met one of the other side, or one of ours (RFC 3261 §14.1, §14.2).
func postponed(res *sip.Response) bool {
	return res.StatusCode == sip.StatusRequestPending || res.StatusCode == sip.StatusInternalServerError && value(res, "Retry-After") != ""
}

// glareTime is the least that we wait before a change that met one of the other side is tried again.
const glareTime = 200 * time.Millisecond

// why says in words what a refusal means: the server's own, if it gives any.
func why(res *sip.Response, rang bool) string {
	if _, text, ok := strings.Cut(value(res, "Warning"), `399 cordboard "`); ok {
		text, _, _ = strings.Cut(text, `"`)
		return text
	}
	return call.Reason(res.StatusCode, rang)
}
