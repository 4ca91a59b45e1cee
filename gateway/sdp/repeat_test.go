package sdp

import (
	"strings"
	"testing"
)

func TestRepeats(t *testing.T) {
	const full = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 9 8 0 101\r\n" +
		"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n"
	const chosen = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 101\r\n" +
		"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n"
	used := []Codec{{PT: 8, Name: "PCMA", ClockRate: 8000, Channels: 1}, {PT: 101, Name: "telephone-event", ClockRate: 8000, Channels: 1}}
	for _, tt := range []struct {
		name, before, offer, wish string
		replace                   []string // in the offer
		want                      bool
	}{
		{"the same", chosen, chosen, "sendrecv", nil, true},
		{"another address", chosen, chosen, "sendrecv", []string{"192.0.2.1", "192.0.2.7", "4000", "6000"}, true},
		{"hold", chosen, chosen, "sendrecv", []string{"sendrecv", "sendonly"}, false},
		{"hold of old", chosen, chosen, "sendrecv", []string{"c=IN IP4 192.0.2.1", "c=IN IP4 0.0.0.0"}, false},
		{"held by the other side, as it is", strings.Replace(chosen, "sendrecv", "recvonly", 1), chosen, "sendrecv", []string{"sendrecv", "recvonly"}, true},
		{"held by the other side, as it would be", strings.Replace(chosen, "sendrecv", "recvonly", 1), chosen, "sendrecv", nil, true},
		{"resume", strings.Replace(chosen, "sendrecv", "sendonly", 1), chosen, "sendonly", nil, false},
		{"all codecs again", full, full, "sendrecv", nil, true},
		{"another codec in front", chosen, full, "sendrecv", nil, false},
		{"the codec in front, more behind", chosen, chosen, "sendrecv", []string{"8 101", "8 0 101"}, true},
		{"the codec gone", chosen, chosen, "sendrecv", []string{"8 101", "0 101"}, false},
		{"the keys gone", chosen, chosen, "sendrecv", []string{"8 101", "8"}, false},
		{"another payload type", chosen, chosen, "sendrecv", []string{"101", "96"}, false},
		{"other keys", chosen, chosen, "sendrecv", []string{"0-15", "0-16"}, false},
		{"refused", chosen, chosen, "sendrecv", []string{"audio 4000", "audio 0"}, false},
		{"video", chosen, chosen + "m=video 5000 RTP/AVP 31\r\n", "sendrecv", nil, false},
		{"video refused", chosen, chosen + "m=video 0 RTP/AVP 31\r\n", "sendrecv", nil, true},
		{"other packets", chosen, chosen + "a=ptime:40\r\n", "sendrecv", nil, false},
	} {
		before, err := Parse([]byte(tt.before))
		if err != nil {
			t.Fatal(err)
		}
		offer, err := Parse([]byte(strings.NewReplacer(tt.replace...).Replace(tt.offer)))
		if err != nil {
			t.Fatal(err)
		}
		if got := offer.Repeats(before, used, tt.wish); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
