package signaling

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

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
