package signaling

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/time/rate"
)

// newCostBench is a Server on loopback TCP without TLS, and a browser of user0 that has registered once.
func newCostBench(tb testing.TB) (*idleWorld, *costBrowser) {
	w := newIdleWorld(tb, 2, false)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	web := &http.Server{Handler: w.srv}
	go web.Serve(l)
	tb.Cleanup(func() { web.Close() })
	return w, w.costBrowser(l.Addr().String(), "user0")
}

// costBrowser is a browser that costs little itself.
type costBrowser struct {
	*idleBrowser
	tb testing.TB
	p  []byte
}

func (w *idleWorld) costBrowser(addr, user string) *costBrowser {
	c := &costBrowser{w.openAt(user, func() net.Conn {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			w.tb.Fatal(err)
		}
		return conn
	}), w.tb, make([]byte, 1<<16)}
	c.want("SIP/2.0 200 ", c.register())
	w.srv.door.mu.RLock()
	defer w.srv.door.mu.RUnlock()
	for _, f := range w.srv.door.flows {
		f.frames.SetLimit(rate.Inf)
		f.requests.Load().SetLimit(rate.Inf)
	}
	return c
}

// want sends text and reads until a message begins so.
func (c *costBrowser) want(begin, text string) string {
	if err := c.send(text); err != nil {
		c.tb.Fatal(err)
	}
	return c.next(begin)
}

func (c *costBrowser) next(begin string) string {
	for {
		msg, err := c.read(c.p)
		if err != nil {
			c.tb.Fatal(err)
		}
		if strings.HasPrefix(string(msg), begin) {
			return string(msg)
		}
	}
}

// refresh gives what refreshes c's registration and waits for the answer.
func (c *costBrowser) refresh() func() {
	text := []byte(c.register())
	seq, branch := strings.Index(string(text), "CSeq: ")+len("CSeq: "), strings.Index(string(text), "z9hG4bK")+len("z9hG4bK")
	text = append(text[:seq:seq], append([]byte("1000000"), text[seq+strings.IndexByte(string(text[seq:]), ' '):]...)...)
	n := 1_000_000
	return func() {
		n++
		strconv.AppendInt(text[:seq], int64(n), 10)
		strconv.AppendInt(text[:branch], int64(n), 10)
		c.want("SIP/2.0 200 ", string(text))
	}
}

// text writes a request of c inside or outside of a dialog with to.
func (c *costBrowser) text(method, uri, callID, toTag, body string) string {
	c.seq++
	return fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/WS x.invalid;branch=z9hG4bK%d%s%s\r\nMax-Forwards: 69\r\nFrom: <sip:%s@office.example>;tag=f\r\n"+
		"To: <sip:user1@office.example>%s\r\nCall-ID: %s\r\nCSeq: %d %s\r\nContact: <sip:%s@x.invalid;transport=ws>\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s",
		method, uri, c.seq, method, c.user, c.user, toTag, callID, c.seq, method, c.user, len(body), body)
}

// field cuts what stands between two texts.
func field(msg, from, to string) string {
	_, rest, _ := strings.Cut(msg, from)
	value, _, _ := strings.Cut(rest, to)
	return value
}

// answer writes a callee's answer to a request.
func (c *idleBrowser) answer(request, status, body string) string {
	var head []string
	for line := range strings.SplitSeq(request, "\r\n") {
		switch name, _, _ := strings.Cut(line, ":"); name {
		case "Via", "From", "Call-ID", "CSeq":
			head = append(head, line)
		case "To":
			if !strings.Contains(line, ";tag=") {
				line += ";tag=callee"
			}
			head = append(head, line)
		}
	}
	return fmt.Sprintf("SIP/2.0 %s\r\n%s\r\nContact: <sip:%s@x.invalid;transport=ws>\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s",
		status, strings.Join(head, "\r\n"), c.user, len(body), body)
}

// call sets a call up from a to c and gives the address that a's requests in the dialog go to.
func (a *costBrowser) call(c *costBrowser, callID string) (uri string) {
	if err := a.send(a.text("INVITE", "sip:user1@office.example", callID, "", "v=0")); err != nil {
		a.tb.Fatal(err)
	}
	if err := c.send(c.answer(c.next("INVITE "), "200 OK", "v=0")); err != nil {
		a.tb.Fatal(err)
	}
	uri = field(a.next("SIP/2.0 200 "), "Contact: <", ">")
	a.seq-- // the ACK has the INVITE's number, and after a gap the gateway would wait for what is missing
	if err := a.send(a.text("ACK", uri, callID, ";tag=callee", "")); err != nil {
		a.tb.Fatal(err)
	}
	c.next("ACK ")
	return uri
}

// hangUp ends a call that a made to c.
func (a *costBrowser) hangUp(c *costBrowser, uri, callID string) {
	if err := a.send(a.text("BYE", uri, callID, ";tag=callee", "")); err != nil {
		a.tb.Fatal(err)
	}
	if err := c.send(c.answer(c.next("BYE "), "200 OK", "")); err != nil {
		a.tb.Fatal(err)
	}
	a.next("SIP/2.0 200 ")
}

// press passes an INFO of a's on to c, and c's answer back.
func (a *costBrowser) press(c *costBrowser, uri, callID string) {
	if err := a.send(a.text("INFO", uri, callID, ";tag=callee", "Signal=1")); err != nil {
		a.tb.Fatal(err)
	}
	if err := c.send(c.answer(c.next("INFO "), "200 OK", "")); err != nil {
		a.tb.Fatal(err)
	}
	a.next("SIP/2.0 200 ")
}
