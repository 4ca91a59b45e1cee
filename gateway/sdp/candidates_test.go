package sdp

import (
	"slices"
	"strings"
	"testing"

	"github.com/pion/ice/v2"
)

func TestCandidates(t *testing.T) {
	for _, tt := range []struct{ name, value, want string }{
		{"host", "1 1 udp 2130706431 192.0.2.1 4000 typ host generation 0", "1 1 udp 2130706431 192.0.2.1 4000 typ host"},
		{"capitals and what is behind", "x 1 UDP 1 192.0.2.1 4000 typ relay raddr 10.0.0.1 rport 9 ufrag abcd", "x 1 udp 1 192.0.2.1 4000 typ relay"},
		{"IPv6", "1 1 udp 1 2001:db8::1 4000 typ srflx", "1 1 udp 1 2001:db8::1 4000 typ srflx"},
		{"mapped IPv4", "1 1 udp 1 ::ffff:192.0.2.1 4000 typ host", "1 1 udp 1 192.0.2.1 4000 typ host"},
		{"passive TCP", "1 1 tcp 1 192.0.2.1 443 typ host tcptype passive", "1 1 tcp 1 192.0.2.1 443 typ host tcptype passive"},
		{"active TCP", "1 1 tcp 1 192.0.2.1 9 typ host tcptype active", ""},
		{"TCP of no type", "1 1 tcp 1 192.0.2.1 443 typ host", ""},
		{"RTCP", "1 2 udp 1 192.0.2.1 4001 typ host", ""},
		{"mDNS", "1 1 udp 1 6d0b1b3c-3a0c-4b1e-8f4f-1f0a2b3c4d5e.local 4000 typ host", ""},
		{"multicast", "1 1 udp 1 224.0.0.1 4000 typ host", ""},
		{"any address", "1 1 udp 1 0.0.0.0 4000 typ host", ""},
		{"with a zone", "1 1 udp 1 fe80::1%eth0 4000 typ host", ""},
		{"port 0", "1 1 udp 1 192.0.2.1 0 typ host", ""},
		{"port too large", "1 1 udp 1 192.0.2.1 65536 typ host", ""},
		{"priority too large", "1 1 udp 4294967296 192.0.2.1 4000 typ host", ""},
		{"of another type", "1 1 udp 1 192.0.2.1 4000 typ magic", ""},
		{"too short", "1 1 udp 1 192.0.2.1 4000 typ", ""},
	} {
		got, ok := candidate(tt.value)
		if got != tt.want || ok != (tt.want != "") {
			t.Errorf("%s: %q, %v", tt.name, got, ok)
		}
		if _, err := ice.UnmarshalCandidate(got); ok && err != nil {
			t.Errorf("%s: pion does not take it: %v", tt.name, err)
		}
	}
}

// In a bundle the stream that stands for the others has the candidates; more than anybody needs are not taken.
func TestCandidatesOfBundle(t *testing.T) {
	of := func(port string) string { return "a=candidate:1 1 udp 1 192.0.2.1 " + port + " typ host\r\n" }
	audio := "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:a\r\n"
	video := "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\na=mid:v\r\n"
	bundle := headWebRTC + "a=group:BUNDLE v a\r\n"
	for name, tt := range map[string]struct{ text, port string }{
		"its own":                     {bundle + video + of("1") + audio + of("2"), "2"},
		"of the first in the bundle":  {bundle + video + of("1") + audio, "1"},
		"of another that is bundled":  {headWebRTC + "a=group:BUNDLE a v\r\n" + video + of("1") + audio, ""},
		"no bundle":                   {headWebRTC + video + of("1") + audio, ""},
		"of a bundle without a first": {headWebRTC + "a=group:BUNDLE x a\r\n" + video + of("1") + audio, ""},
	} {
		r, err := Parse([]byte(tt.text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := strings.Join(r.Candidates, ","); tt.port == "" && got != "" || tt.port != "" && got != "1 1 udp 1 192.0.2.1 "+tt.port+" typ host" {
			t.Errorf("%s: %q", name, got)
		}
	}
	r, err := Parse([]byte(headWebRTC + audio + strings.Repeat(of("1"), 2*maxCandidates)))
	if err != nil || len(r.Candidates) != maxCandidates {
		t.Errorf("%d candidates, %v", len(r.Candidates), err)
	}
}

// A full agent says nothing of being lite, and lists what it gathered.
func TestFullAgent(t *testing.T) {
	full := toBrowser
	full.Candidates, full.TCP = nil, nil
	full.Full, full.Gathered = true, []string{"1 1 udp 2130706431 192.0.2.1 4000 typ host", "2 1 udp 1 203.0.113.1 4001 typ srflx raddr 192.0.2.1 rport 4001"}
	text, err := Translate([]byte(baresip), nil, full)
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]bool{
		"a=ice-lite": false, "a=ice-options:ice2": true, "a=candidate:" + full.Gathered[0]: true, "a=candidate:" + full.Gathered[1]: true, "a=end-of-candidates": true,
	} {
		if slices.Contains(strings.Split(string(text), "\r\n"), line) != want {
			t.Errorf("%s: %v expected in\n%s", line, want, text)
		}
	}
	r, err := Parse(text)
	if err != nil || r.ICELite || len(r.Candidates) != 2 {
		t.Errorf("read as %+v, %v", r, err)
	}
}
