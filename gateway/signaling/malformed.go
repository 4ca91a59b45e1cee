package signaling

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/emiago/sipgo/sip"
)

// maxRefused is the longest head of a message, in bytes, of which so much is read that its sender can be told that it can't be.
const maxRefused = 8 << 10

// refusalOf is the answer, as it goes over the wire, to a request that can't be read (RFC 3261 §8.2.6, RFC 4475): 505 to another version of SIP,
// 416 to an address of another kind, 405 to a method that we don't know, else 400. It is nil for what is no request, for ACK, and where no Via says who waits for an answer or something
// is in the way of repeating what the sender knows its request by.
func refusalOf(msg []byte) []byte {
	for bytes.HasPrefix(msg, crlf) { // RFC 3261 §7.5
		msg = msg[len(crlf):]
	}
	if end := bytes.Index(msg, blankLine); end >= 0 {
		msg = msg[:end]
	}
	if len(msg) > maxRefused {
		return nil
	}
	start, head, _ := strings.Cut(string(msg), "\r\n")
	status, ok := faultOf(start)
	if !ok {
		return nil
	}
	head = strings.NewReplacer("\r\n ", " ", "\r\n\t", " ").Replace(head)
	var vias []string
	known := make(map[string]string)
	for line := range strings.SplitSeq(head, "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		if full, short := shortNames[name]; short {
			name = full
		}
		switch name {
		case "via":
			vias = append(vias, value)
		case "from", "to", "call-id", "cseq":
			if known[name] == "" {
				known[name] = value
			}
		default:
			continue
		}
		if strings.ContainsFunc(escaped.ReplaceAllLiteralString(value, ""), func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			return nil
		}
	}
	if len(vias) == 0 || !strings.HasPrefix(strings.ToUpper(strings.ReplaceAll(vias[0], " ", "")), "SIP/") {
		return nil
	}
	if to := known["to"]; to != "" && !strings.Contains(strings.ToLower(strings.ReplaceAll(to, " ", "")), ";tag=") {
		known["to"] = to + ";tag=" + token()
	}
	var res bytes.Buffer
	res.WriteString(status)
	for _, via := range vias {
		res.WriteString("\r\nVia: " + via)
	}
	for _, name := range []string{"From", "To", "Call-ID", "CSeq"} {
		if value := known[strings.ToLower(name)]; value != "" {
			res.WriteString("\r\n" + name + ": " + value)
		}
	}
	res.WriteString("\r\nContent-Length: 0\r\n\r\n")
	return res.Bytes()
}

// shortNames are the compact forms of the headers that an answer repeats (RFC 3261 §7.3.3).
var shortNames = map[string]string{"v": "via", "f": "from", "t": "to", "i": "call-id"}

// escaped is a character that stands for itself in a quoted text, be it a control character (RFC 3261 §25.1, quoted-pair).
var escaped = regexp.MustCompile(`\\[^\r\n]`)

// faultOf is the status line for a request with that start line; false when it begins none that is answered.
func faultOf(start string) (status string, ok bool) {
	parts := strings.Fields(start)
	if len(parts) < 3 || strings.HasPrefix(parts[0], "SIP/") || strings.EqualFold(parts[0], "ACK") || strings.ContainsFunc(parts[0], func(r rune) bool { return r > 0x7f || notToken(byte(r)) }) {
		return "", false
	}
	version := strings.ToUpper(parts[len(parts)-1])
	scheme, _, hasScheme := strings.Cut(parts[1], ":")
	switch {
	case !strings.HasPrefix(version, "SIP/"):
		return "", false
	case version != sipVersion:
		return sipVersion + " 505 Version Not Supported", true
	case hasScheme && isToken(scheme) && !strings.EqualFold(scheme, "sip") && !strings.EqualFold(scheme, "sips"):
		return sipVersion + " 416 Unsupported URI Scheme", true
	}
	if !slices.Contains(strings.Split(allow, ", "), strings.ToUpper(parts[0])) && parts[0] != string(sip.REGISTER) {
		return sipVersion + " 405 Method Not Allowed\r\nAllow: " + allow, true
	}
	return sipVersion + " 400 Bad Request", true
}

// misread answers datagrams that sipgo can't read. It tells nobody of them but its log, while it reads from the socket: so that is listened to, and
// the datagram is the one that the read filter has let through just before, of somebody whom we know.
type misread struct {
	srv *Server

	mu   sync.Mutex
	from net.Addr // of the datagram
}

func (m *misread) heard(from net.Addr) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.from = from
}

// answer tells the sender of the last datagram that it can't be read.
func (m *misread) answer(data string) {
	m.mu.Lock()
	from := m.from
	m.mu.Unlock()
	res := refusalOf([]byte(data))
	if from == nil || res == nil {
		return
	}
	if _, err := m.srv.ports().udp.WriteTo(res, from); err != nil {
		m.srv.log.Debug("refusal not sent", "error", err)
	}
}

// udpLog is sipgo's log, of which only what its UDP transport can't read is of interest.
type udpLog struct {
	misread *misread
	udp     bool
}

// What sipgo writes of a message that it can't read.
const (
	sipgoUnread = "failed to parse"
	sipgoUDP    = "Transport<UDP>"
)

// Enabled implements slog.Handler.
func (l udpLog) Enabled(_ context.Context, level slog.Level) bool {
	return l.udp && level >= slog.LevelError
}

// WithAttrs implements slog.Handler.
func (l udpLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, a := range attrs {
		if a.Key == "caller" {
			l.udp = a.Value.String() == sipgoUDP
		}
	}
	return l
}

// WithGroup implements slog.Handler.
func (l udpLog) WithGroup(string) slog.Handler { return l }

// Handle implements slog.Handler.
func (l udpLog) Handle(_ context.Context, r slog.Record) error {
	if r.Message != sipgoUnread {
		return nil
	}
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "data" {
			l.misread.answer(a.Value.String())
		}
		return a.Key != "data"
	})
	return nil
}

// candid is a connection of which sipgo reads whole messages, and whose peer is told when sipgo ends it because it can't read what came.
type candid struct {
	net.Conn
	in   whole // sipgo's
	mu   sync.Mutex
	last []byte // read and not followed by another read; sipgo's
}

// Read gives one message and notes it.
func (c *candid) Read(p []byte) (int, error) {
	c.mu.Lock()
	c.last = nil
	c.mu.Unlock()
	n, err := c.in.read(c.Conn, p)
	c.mu.Lock()
	c.last = p[:n]
	c.mu.Unlock()
	return n, err
}

// Close ends the connection. That nobody wants to read on after something was read says that it was not understood.
func (c *candid) Close() error {
	c.mu.Lock()
	last := bytes.Clone(c.last)
	c.last = nil
	c.mu.Unlock()
	if _, err := sip.ParseMessage(last); len(last) > 0 && err != nil {
		if res := refusalOf(last); res != nil {
			_, _ = c.Conn.Write(res) // it ends in any case
		}
	}
	return c.Conn.Close()
}
