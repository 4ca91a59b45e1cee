//go:build e2e

package e2e

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
)

// client is a browser as far as SIP goes.
type client struct {
	*socket
	host              string
	kept              []sip.Message   // came while something else was waited for
	lastCall, lastTag string          // of the call that was made last
	log               func() []string // what the phones say; each ACK and BYE makes them say more
}

func (b *client) await(t *testing.T, what string, match func(sip.Message) bool) sip.Message {
	t.Helper()
	for i, m := range b.kept {
		if match(m) {
			b.kept = append(b.kept[:i], b.kept[i+1:]...)
			return m
		}
	}
	for {
		text, err := b.message()
		if err != nil {
			var seen []string
			for _, m := range b.kept {
				seen = append(seen, strings.SplitN(m.String(), "\r\n", 2)[0])
			}
			t.Fatalf("no %s: %v; came: %q", what, err, seen)
		}
		m, err := sip.ParseMessage([]byte(text))
		if err != nil {
			t.Fatalf("the gateway sent what is no SIP: %v\n%s", err, text)
		}
		if match(m) {
			return m
		}
		b.kept = append(b.kept, m)
	}
}

func (b *client) request(t *testing.T, method sip.RequestMethod) *sip.Request {
	t.Helper()
	return b.await(t, string(method), func(m sip.Message) bool {
		req, ok := m.(*sip.Request)
		return ok && req.Method == method
	}).(*sip.Request)
}

func (b *client) response(t *testing.T, status int, method sip.RequestMethod) *sip.Response {
	t.Helper()
	return b.await(t, fmt.Sprint(status, " to ", method), func(m sip.Message) bool {
		res, ok := m.(*sip.Response)
		return ok && res.StatusCode == status && res.CSeq().MethodName == method
	}).(*sip.Response)
}

// answer answers a request inside a call.
func (b *client) answer(t *testing.T, req *sip.Request, status int, reason, sdp string) {
	t.Helper()
	res := sip.NewResponseFromRequest(req, status, reason, nil)
	res.AppendHeader(sip.NewHeader("Contact", "<sip:alice@"+b.host+";transport=ws>"))
	if sdp != "" {
		res.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
	}
	res.SetBody([]byte(sdp))
	b.send(t, res.String())
}

// dialog is a call of a client's.
type dialog struct {
	b               *client
	id, tag, remote string // remote is what To holds
	target          string
	seq             int
}

// invite begins a call.
func (b *client) invite(t *testing.T, number string) *dialog {
	t.Helper()
	uri := "sip:" + number + "@" + domain
	d := &dialog{b: b, id: rand.Text(), tag: rand.Text()[:8], remote: "<" + uri + ">", target: uri}
	b.lastCall, b.lastTag = d.id, d.tag
	b.send(t, d.request("INVITE", description("actpass", "sendrecv"), "Content-Type: application/sdp"))
	return d
}

// call is a call that gets answered.
func (b *client) call(t *testing.T, number string) *dialog {
	t.Helper()
	d := b.invite(t, number)
	d.answered(t)
	return d
}

// heard does what makes a phone say more, and waits until it has.
func (b *client) heard(t *testing.T, do func()) {
	t.Helper()
	said := len(b.log())
	do()
	eventually(t, patience, "word of the phone", func() bool { return len(b.log()) > said })
}

// answered takes the 200 that the dialog's INVITE gets.
func (d *dialog) answered(t *testing.T) *sip.Response {
	t.Helper()
	res := d.b.response(t, 200, sip.INVITE)
	d.confirm(t, res)
	return res
}

// confirm acknowledges the answer and waits until the phone knows.
func (d *dialog) confirm(t *testing.T, res *sip.Response) {
	t.Helper()
	d.b.heard(t, func() { d.acknowledge(t, res) })
}

// acknowledge acknowledges the answer.
func (d *dialog) acknowledge(t *testing.T, res *sip.Response) {
	t.Helper()
	d.remote, d.target = res.To().Value(), res.Contact().Address.String()
	d.b.send(t, d.request("ACK", ""))
}

// change offers another direction, checks the answer's, and waits until the phone says so: it is acknowledged before we are answered.
func (d *dialog) change(t *testing.T, direction, want string) {
	t.Helper()
	d.b.heard(t, func() {
		d.b.send(t, d.request("INVITE", description("actpass", direction), "Content-Type: application/sdp"))
		res := d.b.response(t, 200, sip.INVITE)
		if !strings.Contains(string(res.Body()), "a="+want) {
			t.Errorf("%s is answered by\n%s\nwant %s", direction, res.Body(), want)
		}
		d.acknowledge(t, res)
	})
}

func (d *dialog) hangUp(t *testing.T) {
	t.Helper()
	d.b.heard(t, func() { d.b.send(t, d.request("BYE", "")) })
	d.b.response(t, 200, sip.BYE)
}

// request writes a request of the dialog.
func (d *dialog) request(method, body string, headers ...string) string {
	if method != "ACK" {
		d.seq++
	}
	lines := []string{
		method + " " + d.target + " SIP/2.0",
		"Via: SIP/2.0/WSS " + d.b.host + ";branch=z9hG4bK" + rand.Text(),
		"Max-Forwards: 70",
		"From: <sip:alice@" + domain + ">;tag=" + d.tag,
		"To: " + d.remote,
		"Call-ID: " + d.id,
		fmt.Sprintf("CSeq: %d %s", d.seq, method),
		"Contact: <sip:alice@" + d.b.host + ";transport=ws>",
	}
	return strings.Join(append(append(lines, headers...), fmt.Sprintf("Content-Length: %d", len(body))), "\r\n") + "\r\n\r\n" + body
}
