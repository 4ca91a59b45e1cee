//go:build e2e

package e2e

import (
	"crypto/rand"
	"strings"
)

// sipRequest is a request of user as a browser sends it.
func sipRequest(method, uri, user string, more ...string) string {
	id := rand.Text()
	lines := []string{
		method + " " + uri + " SIP/2.0",
		"Via: SIP/2.0/WSS df7jal23ls0d.invalid;branch=z9hG4bK" + id,
		"Max-Forwards: 70",
		"From: <sip:" + user + "@" + domain + ">;tag=" + id[:8],
		"To: <" + uri + ">",
		"Call-ID: " + id,
		"CSeq: 1 " + method,
		"Contact: <sip:" + user + "@df7jal23ls0d.invalid;transport=ws>",
	}
	if method == "REGISTER" {
		lines[4] = "To: <sip:" + user + "@" + domain + ">"
		lines = append(lines, "Expires: 60")
	}
	return strings.Join(append(append(lines, more...), "Content-Length: 0"), "\r\n") + "\r\n\r\n"
}

func register(user string) string { return sipRequest("REGISTER", "sip:"+domain, user) }
