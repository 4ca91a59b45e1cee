package desk

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/call"
)

// referral is a transfer of ours: the other side calls a third one (RFC 3515).
type referral struct {
	with  *conversation // whom we have called ourselves before; nil: a blind transfer
	tries int
}

// A REFER may overtake the ACK of the change before it; the other side then refuses it, and is asked again a moment later.
const (
	referTries = 4
	referAgain = 300 * time.Millisecond
)

// refer asks the other side to call to; with is a call of ours with that one, which it shall take over (RFC 5589 §7).
func (c *conversation) refer(to sip.Uri, with *conversation) {
	p := c.p
	if c.state != call.Talking || with != nil && with.state != call.Talking {
		return // one of them has ended, or was transferred, meanwhile
	}
	target := *to.Clone()
	if with != nil {
		target.Headers = sip.HeaderParams{{K: "Replaces", V: escape(with.replaces())}}
	}
	req := c.request(sip.REFER)
	h := sip.ContactHeader{Address: target}
	req.AppendHeader(sip.NewHeader("Refer-To", h.Value()))
	by := sip.ContactHeader{Address: c.local.uri}
	req.AppendHeader(sip.NewHeader("Referred-By", by.Value()))
	if c.referral == nil {
		c.referral = &referral{with: with}
	}
	r := c.referral
	r.tries++
	p.ask(req, func(res *sip.Response) {
		switch {
		case res != nil && (res.IsProvisional() || res.IsSuccess()) || c.referral != r || c.state == call.Ended:
		case res != nil && r.tries < referTries && slices.Contains([]int{sip.StatusForbidden, sip.StatusRequestPending, sip.StatusInternalServerError}, res.StatusCode):
			time.AfterFunc(referAgain, func() {
				p.mu.Lock()
				defer p.mu.Unlock()
				if c.referral == r {
					c.refer(to, with)
				}
			})
		default:
			c.transferFailed(call.ReasonRefused)
		}
	})
	p.changed()
}

// replaces names the dialog as the other side of it knows it (RFC 3891 §6.1).
func (c *conversation) replaces() string {
	return c.callID + ";to-tag=" + c.remote.tag + ";from-tag=" + c.local.tag
}

func (c *conversation) transferFailed(why string) {
	c.referral = nil
	if c.moves != nil {
		c.stays()
		return
	}
	c.note = "The transfer failed: " + why
	c.p.changed()
}

// notified hears how a transfer of ours goes.
func (c *conversation) notified(req *sip.Request) {
	event, _, _ := strings.Cut(strings.ToLower(value(req, "Event")), ";")
	if strings.TrimSpace(event) != "refer" || c.referral == nil {
		c.p.reply(req, sip.StatusCallTransactionDoesNotExists, "Subscription Does Not Exist", "")
		return
	}
	c.p.reply(req, sip.StatusOK, "OK", "")
	line, _, _ := strings.Cut(string(req.Body()), "\r\n")
	fields := strings.Fields(line)
	status := 0
	if len(fields) >= 2 && strings.HasPrefix(fields[0], "SIP/") {
		status, _ = strconv.Atoi(fields[1])
	}
	switch {
	case status >= 300:
		c.transferFailed(call.Reason(status, true))
	case status >= 200:
		with := c.referral.with
		c.referral, c.note = nil, "The call was transferred"
		left := "Transferred"
		if c.moves != nil { // the server may say so first, by ending the call
			left = reasonMoved
		}
		for _, done := range []*conversation{c, with} {
			if done != nil && done.state != call.Ended {
				done.leave(left)
			}
		}
		c.p.changed()
	case status > 100:
		c.note = "The call is being transferred: it rings there"
		c.p.changed()
	}
}

// referred takes a REFER: we call the third one, and tell how it goes (RFC 3515 §2.4.4).
func (c *conversation) referred(req *sip.Request) {
	p := c.p
	var to sip.Uri
	_, err := sip.ParseAddressValue(value(req, "Refer-To"), &to, &sip.HeaderParams{})
	if err != nil || to.Scheme != "sip" && to.Scheme != "sips" || len(req.GetHeaders("Refer-To")) != 1 {
		p.reply(req, sip.StatusBadRequest, "Bad Refer-To", "")
		return
	}
	if c.state != call.Talking || c.away || len(p.ongoing()) >= maxCalls {
		p.reply(req, sip.StatusGlobalDecline, "Decline", "")
		return
	}
	p.reply(req, sip.StatusAccepted, "Accepted", "", p.contact())
	var more []sip.Header
	for _, h := range to.Headers {
		if text, err := url.PathUnescape(h.V); err == nil && strings.EqualFold(h.K, "replaces") {
			more = append(more, sip.NewHeader("Replaces", text))
		}
	}
	if by := value(req, "Referred-By"); by != "" {
		more = append(more, sip.NewHeader("Referred-By", by))
	}
	to.Headers = nil
	id := req.CSeq().SeqNo
	c.notify(id, sip.StatusTrying, "Trying", nil)
	c.away, c.joined, c.note = true, false, "The call is being transferred to "+p.peerOf(to)
	third := p.newConversation(true, p.peerOf(to), "")
	last := sip.StatusTrying
	third.progress = func(status int) {
		if c.state == call.Ended || status == last || status >= 300 {
			return
		}
		last = status
		if status < 200 {
			c.notify(id, status, "Ringing", nil)
		}
	}
	third.then = func(answered bool) {
		if c.state == call.Ended {
			return
		}
		if answered {
			c.note = "The call was transferred"
			c.notify(id, sip.StatusOK, "OK", func() { // who transferred us may have hung up by now
				if c.state != call.Ended {
					c.leave("Transferred to " + third.peer)
				}
			})
			return
		}
		c.notify(id, sip.StatusServiceUnavailable, "Service Unavailable", nil)
		c.away, c.note = false, "The transfer to "+third.peer+" failed: "+third.reason
	}
	third.dialled(to, more...)
}

// notify tells who transferred us how the call to the third one goes, and then does more. One notification waits for the answer to the one
// before, because requests may overtake each other on their way.
func (c *conversation) notify(id uint32, status int, reason string, then func()) {
	c.untold = append(c.untold, notification{id, status, reason, then})
	if len(c.untold) == 1 {
		c.tell()
	}
}

// notification says how the call to the third one goes.
type notification struct {
	id     uint32 // of the REFER
	status int
	reason string
	then   func() // when it has been told; nil: nothing
}

// tell sends the first notification.
func (c *conversation) tell() {
	n := c.untold[0]
	req := c.request(sip.NOTIFY)
	req.AppendHeader(sip.NewHeader("Event", fmt.Sprintf("refer;id=%d", n.id)))
	state := "terminated;reason=noresource"
	if n.status < 200 {
		state = "active;expires=180"
	}
	req.AppendHeader(sip.NewHeader("Subscription-State", state))
	req.AppendHeader(sip.NewHeader("Content-Type", "message/sipfrag;version=2.0"))
	req.SetBody(fmt.Appendf(nil, "SIP/2.0 %d %s\r\n", n.status, n.reason))
	c.p.ask(req, func(res *sip.Response) {
		if res != nil && res.IsProvisional() {
			return
		}
		if n.then != nil {
			n.then()
		}
		if c.untold = c.untold[1:]; len(c.untold) > 0 && c.state != call.Ended {
			c.tell()
		}
	})
}

// value is a header's value; empty when it is not there.
func value(msg sip.Message, name string) string {
	if list := msg.GetHeaders(name); len(list) > 0 {
		return list[0].Value()
	}
	return ""
}

// escape writes a value as a header inside a SIP address (RFC 3261 §25.1, hvalue).
func escape(text string) string {
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.!~*'()", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}
