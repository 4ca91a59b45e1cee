package media

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Where a browser is say its checks, whatever its description says of candidates, or does not say. Nothing in it is looked
// up or waited for.
func TestCandidatesOfBrowsers(t *testing.T) {
	e := startEngine(t, "21150-21169")
	candidates := regexp.MustCompile(`(?m)^a=(candidate:.*|end-of-candidates)\r\n`)
	for name, lines := range map[string]string{
		"none yet": "",
		"none":     "a=end-of-candidates\r\n",
		"mDNS":     "a=candidate:1 1 udp 2122260223 5d0c7a40-7a1e-4b1c-8a5a-0f5b1e2d3c4b.local 51234 typ host generation 0\r\n",
		"active TCP": "a=candidate:2 1 tcp 1518280447 192.0.2.7 9 typ host tcptype active generation 0\r\n" +
			"a=candidate:3 1 tcp 1518214911 2001:db8::7 9 typ host tcptype active\r\na=end-of-candidates\r\n",
		"a zone":    "a=candidate:4 1 udp 2122260223 fe80::1%eth0 51234 typ host\r\n",
		"a relay":   "a=candidate:5 1 udp 41885439 198.51.100.3 5000 typ relay raddr 0.0.0.0 rport 0\r\n",
		"no sense":  "a=candidate:\r\na=candidate:x y z\r\na=candidate:6 1 udp 4294967296 256.0.0.1 99999 typ host\r\n",
		"many more": strings.Repeat("a=candidate:7 1 udp 2122260223 192.0.2.7 51234 typ host\r\n", 200),
	} {
		t.Run(name, func(t *testing.T) {
			b, p := newBrowser(t), newPhone(t)
			offer := candidates.ReplaceAll(b.offer(), nil)
			offer = bytes.Replace(offer, []byte("a=ice-ufrag:"), []byte(lines+"a=ice-ufrag:"), 1)
			begin := time.Now()
			p.hear(must(t)(e.Offer(t.Context(), name, alice, pbx, offer)))
			b.accept(must(t)(e.Answer(t.Context(), name, pbx, alice, p.description("sendrecv"))))
			t.Logf("described in %v", time.Since(begin))
			reaches(t, b.say, p, "from the browser")
			reaches(t, p.mouth, b, "from the phone")
			e.Delete(name, "")
		})
	}
}
