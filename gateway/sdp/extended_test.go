package sdp

import (
	"strings"
	"testing"
)

// A phone that asks for extended reports is told that it gets those that we make; a browser has others. Of phones we want those that say what they threw away.
func TestExtendedReports(t *testing.T) {
	for _, tt := range []struct {
		text string
		want Extended
		line string
	}{
		{"", Extended{}, ""},
		{"a=rtcp-xr:rcvr-rtt=all:10000 stat-summary=loss,dup,jitt,TTL voip-metrics\r\n", Extended{true, true}, "a=rtcp-xr:voip-metrics rcvr-rtt=all\r\n"},
		{"a=rtcp-xr:voip-metrics\r\n", Extended{Metrics: true}, "a=rtcp-xr:voip-metrics\r\n"},
		{"a=rtcp-xr:rcvr-rtt=sender\r\n", Extended{Reference: true}, "a=rtcp-xr:rcvr-rtt=all\r\n"},
		{"a=rtcp-xr:pkt-loss-rle\r\n", Extended{}, ""},
		{"a=rtcp-xr\r\n", Extended{}, ""},
	} {
		offer := []byte(phone + pcmu + tt.text)
		r, err := Parse(offer)
		if err != nil || r.Extended != tt.want {
			t.Errorf("%q: %+v, %v", tt.text, r.Extended, err)
		}
		translated, err := Translate([]byte(phone+pcmu), offer, answering(towardPBX))
		if err != nil {
			t.Fatal(err)
		}
		built, err := Answer(offer, r.Codecs[0], answering(towardPBX))
		if err != nil {
			t.Fatal(err)
		}
		for _, answer := range [][]byte{translated, built} {
			if tt.line != "" && !strings.Contains(string(answer), tt.line) || tt.line == "" && strings.Contains(string(answer), "rtcp-xr") {
				t.Errorf("%q is answered by\n%s", tt.text, answer)
			}
		}
	}
	for to, asked := range map[*Local]bool{&towardPBX: true, &toBrowser: false, &toVoice: false} {
		if offer, err := Translate([]byte(phone+pcmu), nil, *to); err != nil || strings.Contains(string(offer), "a=rtcp-xr:voip-metrics\r\n") != asked {
			t.Errorf("%s is asked for reports: %v\n%s", to.Profile, err, offer)
		}
	}
	if r, err := Parse([]byte(strings.Replace(chromium, "a=rtcp-mux\r\n", "a=rtcp-mux\r\na=rtcp-xr:voip-metrics\r\n", 1))); err != nil || r.Extended.Metrics {
		t.Errorf("a browser: %+v, %v", r.Extended, err)
	}
}
