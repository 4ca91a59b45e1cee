package sdp

import (
	"strings"
	"testing"
)

// A browser is told the source of what it will hear, and that RTCP may be of reduced size if it can do that.
func TestSource(t *testing.T) {
	to := toBrowser
	to.SSRC, to.CNAME, to.ReducedSize = 4294967295, "ABC", true
	plain := strings.Replace(chromium, "a=rtcp-rsize\r\n", "", 1)
	for _, tt := range []struct {
		name        string
		text, offer string
		reduced     bool
	}{
		{"answer", asterisk, chromium, true},
		{"answer to one that can't", asterisk, plain, false},
		{"offer", baresip, "", true},
		{"hold", strings.Replace(asterisk, "sendrecv", "recvonly", 1), chromium, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var offer []byte
			if tt.offer != "" {
				offer = []byte(tt.offer)
			}
			text, err := Translate([]byte(tt.text), offer, to)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(text), "a=ssrc:4294967295 cname:ABC\r\n") {
				t.Errorf("no source:\n%s", text)
			}
			if r, err := Parse(text); err != nil || r.ReducedSize != tt.reduced {
				t.Errorf("reduced size %v, %v, want %v:\n%s", r.ReducedSize, err, tt.reduced, text)
			}
		})
	}
}
