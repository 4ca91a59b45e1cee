package desk

import (
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// How long a request of ours waits for its final response: the server answers well before.
const (
	inviteTime = 200 * time.Second
	answerTime = 32 * time.Second
)

// ownHost is the phone's own, which nobody ever looks up.
const ownHost = "desk.invalid"

// pending is a request of ours that waits for its final response.
type pending struct {
	req   *sip.Request
	done  func(*sip.Response)
	timer *time.Timer
}

// party is somebody as From and To name them.
type party struct {
	display string
	uri     sip.Uri
	tag     string
}

// self is the phone's owner. The caller holds p.mu.
func (p *Phone) self() party {
	return party{display: p.display, uri: sip.Uri{Scheme: "sip", User: p.owner, Host: p.cfg.Domain}}
}

func (p *Phone) contact() *sip.ContactHeader {
	return &sip.ContactHeader{Address: sip.Uri{Scheme: "sip", User: Name, Host: p.host, UriParams: sip.HeaderParams{{K: "transport", V: "ws"}}}}
}

func newToken() string { return strings.ToLower(rand.Text()) }

func tagged(tag string) sip.HeaderParams {
	if tag == "" {
		return nil
	}
	return sip.HeaderParams{{K: "tag", V: tag}}
}

// ask sends a request. done is called with each response, with p.mu held, and with nil when no final one came. The caller holds p.mu.
func (p *Phone) ask(req *sip.Request, done func(*sip.Response)) {
	key := pendingKey(p.via(req), req.Method)
	limit := answerTime
	if req.IsInvite() {
		limit = inviteTime
	}
	w := &pending{req: req, done: done}
	w.timer = time.AfterFunc(limit, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.pending[key] == w {
			delete(p.pending, key)
			done(nil)
			p.giveUp()
		}
	})
	p.pending[key] = w
	p.send(req)
}

// via gives a request its Via header and returns its branch.
func (p *Phone) via(req *sip.Request) string {
	branch := sip.GenerateBranchN(16)
	via := &sip.ViaHeader{ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: "WSS", Host: p.host}
	via.Params.Add("branch", branch)
	req.PrependHeader(via)
	hops := sip.MaxForwardsHeader(70)
	req.AppendHeader(&hops)
	req.AppendHeader(sip.NewHeader("User-Agent", "Cordboard/"+p.cfg.Version))
	return branch
}

// send puts a message on the line. When that fails the line is closing, and everything on it ends. The caller holds p.mu.
func (p *Phone) send(msg interface{ String() string }) {
	if p.line == nil {
		return
	}
	if err := p.line.Send([]byte(msg.String())); err != nil {
		p.log.Debug("message not sent", "error", err)
		_ = p.line.Close()
	}
}

// reply answers a request. The caller holds p.mu.
func (p *Phone) reply(req *sip.Request, status int, reason, tag string, more ...sip.Header) {
	p.send(p.response(req, status, reason, tag, nil, more...))
}

// response makes the answer to a request, with a description or none.
func (p *Phone) response(req *sip.Request, status int, reason, tag string, body []byte, more ...sip.Header) *sip.Response {
	if to := req.To(); tag != "" && to != nil && !to.Params.Has("tag") {
		to.Params.Add("tag", tag)
	}
	res := sip.NewResponseFromRequest(req, status, reason, nil)
	res.AppendHeader(sip.NewHeader("Server", "Cordboard/"+p.cfg.Version))
	for _, h := range more {
		res.AppendHeader(h)
	}
	describe(res, body)
	return res
}

// describe puts a description into a message.
func describe(msg sip.Message, text []byte) {
	if len(text) > 0 {
		msg.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
	}
	msg.SetBody(text)
}

// described is the description in a message; nil when there is none.
func described(msg sip.Message) []byte {
	if !strings.HasPrefix(strings.ToLower(value(msg, "Content-Type")), "application/sdp") {
		return nil
	}
	return msg.Body()
}

// take takes what comes from the server.
func (p *Phone) take(data []byte) {
	if len(strings.TrimSpace(string(data))) == 0 { // keep-alive
		return
	}
	msg, err := parse(data)
	if err != nil {
		p.log.Debug("message dropped", "error", err)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.line == nil {
		return
	}
	switch msg := msg.(type) {
	case *sip.Request:
		p.asked(msg)
	case *sip.Response:
		p.answered(msg)
	}
}

// parse reads a message. A panic of the parser, which would end the process, becomes an error.
func parse(data []byte) (msg sip.Message, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("parse SIP message: %v", r)
		}
	}()
	msg, err = sip.ParseMessage(data)
	if err != nil {
		return nil, fmt.Errorf("parse SIP message: %w", err)
	}
	if msg.Via() == nil || msg.From() == nil || msg.To() == nil || msg.CallID() == nil || msg.CSeq() == nil {
		return nil, fmt.Errorf("parse SIP message: without Via, From, To, Call-ID or CSeq")
	}
	return msg, nil
}

// answered gives a response to who waits for it. The caller holds p.mu.
func (p *Phone) answered(res *sip.Response) {
	branch, _ := res.Via().Params.Get("branch")
	key := pendingKey(branch, res.CSeq().MethodName)
	w := p.pending[key]
	switch {
	case w == nil:
		if res.IsSuccess() && res.CSeq().MethodName == sip.INVITE { // again: our ACK has crossed it
			if c := p.dialogOf(res.CallID().Value(), tagOf(res.From().Params), tagOf(res.To().Params)); c != nil {
				c.acknowledge(res.CSeq().SeqNo, nil)
			}
		}
		return
	case !res.IsProvisional():
		w.timer.Stop()
		delete(p.pending, key)
		if w.req.IsInvite() && !res.IsSuccess() {
			p.acknowledge(w.req, res)
		}
	}
	w.done(res)
	p.giveUp()
}

// pendingKey tells a request from others (RFC 3261 §17.1.3).
func pendingKey(branch string, method sip.RequestMethod) string { return branch + " " + string(method) }

// acknowledge sends the ACK of a refusal, which belongs to the INVITE's transaction (RFC 3261 §17.1.1.3).
func (p *Phone) acknowledge(invite *sip.Request, res *sip.Response) {
	p.send(related(invite, sip.ACK, res.To()))
}

// related makes the ACK or CANCEL that goes with an INVITE.
func related(invite *sip.Request, method sip.RequestMethod, to *sip.ToHeader) *sip.Request {
	req := sip.NewRequest(method, *invite.Recipient.Clone())
	req.AppendHeader(sip.HeaderClone(invite.Via()))
	hops := sip.MaxForwardsHeader(70)
	req.AppendHeader(&hops)
	for _, h := range invite.GetHeaders("Route") {
		req.AppendHeader(sip.HeaderClone(h))
	}
	req.AppendHeader(sip.HeaderClone(invite.From()))
	req.AppendHeader(sip.HeaderClone(to))
	req.AppendHeader(sip.HeaderClone(invite.CallID()))
	req.AppendHeader(&sip.CSeqHeader{SeqNo: invite.CSeq().SeqNo, MethodName: method})
	req.SetBody(nil)
	return req
}

func tagOf(params sip.HeaderParams) string {
	tag, _ := params.Get("tag")
	return tag
}
