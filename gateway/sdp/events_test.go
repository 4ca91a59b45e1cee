package sdp

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestEvents(t *testing.T) {
	const (
		pcmu    = "a=rtpmap:0 PCMU/8000\r\n"
		opus    = "a=rtpmap:111 opus/48000/2\r\n"
		narrow  = "a=rtpmap:126 telephone-event/8000\r\n"
		wide    = "a=rtpmap:110 telephone-event/48000\r\n"
		addedTo = "101:telephone-event/8000"
	)
	for _, tt := range []struct {
		name        string
		profile     Profile
		events      Events
		said, offer string // formats and their rtpmaps; offer empty: said is one
		want        string // payload types and codecs told
	}{
		{"offer with none", RTP, EventsAlways, "0\r\n" + pcmu, "", "0:PCMU/8000 " + addedTo},
		{"offer with none, as said", RTP, EventsAsSaid, "0\r\n" + pcmu, "", "0:PCMU/8000"},
		{"offer with its own", RTP, EventsAlways, "0 126\r\n" + pcmu + narrow, "", "0:PCMU/8000 126:telephone-event/8000"},
		{"offer to one who shall have none", RTP, EventsNever, "0 126\r\n" + pcmu + narrow, "", "0:PCMU/8000"},
		{"the usual number is taken", WebRTC, EventsAlways, "0 101\r\n" + pcmu + "a=rtpmap:101 opus/48000/2\r\n", "",
			"0:PCMU/8000 101:opus/48000/2 96:telephone-event/8000 97:telephone-event/48000"},
		{"offer of Opus alone", WebRTC, EventsAlways, "111\r\n" + opus, "", "111:opus/48000/2 101:telephone-event/48000"},
		{"offer of a clock that phones have not", RTP, EventsAlways, "0 110\r\n" + pcmu + wide, "", "0:PCMU/8000 " + addedTo},
		{"answer with none", WebRTC, EventsAlways, "0\r\n" + pcmu, "0 111 126 110\r\n" + pcmu + opus + narrow + wide, "0:PCMU/8000 126:telephone-event/8000"},
		{"answer with none, to an offer without", RTP, EventsAlways, "0\r\n" + pcmu, "0\r\n" + pcmu, "0:PCMU/8000"},
		{"answer by another number", WebRTC, EventsAlways, "0 101\r\n" + pcmu + "a=rtpmap:101 telephone-event/8000\r\n", "0 126\r\n" + pcmu + narrow, "0:PCMU/8000 " + addedTo},
		{"answer to one who shall have none", RTP, EventsNever, "0 126\r\n" + pcmu + narrow, "0 126\r\n" + pcmu + narrow, "0:PCMU/8000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := func(formats string) []byte {
				if formats == "" {
					return nil
				}
				return fmt.Appendf(nil, "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP %s", formats)
			}
			to := Local{Profile: tt.profile, Events: tt.events, Audio: netip.MustParseAddrPort("192.0.2.1:20000")}
			got, err := Translate(text(tt.said), text(tt.offer), to)
			if err != nil {
				t.Fatal(err)
			}
			told, err := Parse(got)
			if err != nil {
				t.Fatal(err)
			}
			var list []string
			for _, c := range told.Codecs {
				list = append(list, fmt.Sprint(c.PT, ":", strings.SplitN(c.rtpmap(), " ", 2)[1]))
			}
			if have := strings.Join(list, " "); have != tt.want {
				t.Errorf("told of %s, want %s", have, tt.want)
			}
		})
	}
}

func TestPacketTimes(t *testing.T) {
	for lines, want := range map[string][2]time.Duration{
		"":                                 {},
		"a=ptime:30\r\na=maxptime:60\r\n":  {30 * time.Millisecond, 60 * time.Millisecond},
		"a=ptime:0\r\na=maxptime:-5\r\n":   {},
		"a=ptime:x\r\na=maxptime:9999\r\n": {},
	} {
		r, err := Parse([]byte("v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n" + lines))
		if err != nil || r.PTime != want[0] || r.MaxPTime != want[1] {
			t.Errorf("%q: %v and %v, %v", lines, r.PTime, r.MaxPTime, err)
		}
	}
}
