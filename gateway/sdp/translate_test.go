package sdp

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

const (
	// chromium is how Chromium 156 offers a microphone and a camera.
	chromium = "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS stream\r\n" +
		"m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n" +
		"a=candidate:1 1 udp 2122260223 5d0c7a40-7a1e-4b1c-8a5a-0f5b1e2d3c4b.local 51234 typ host generation 0 network-id 1\r\n" +
		"a=ice-ufrag:Yp6k\r\na=ice-pwd:Jb8V1fO1dDkq3S0mXh2nQwEr\r\na=ice-options:trickle\r\n" +
		"a=fingerprint:sha-256 " + print32 + "\r\na=setup:actpass\r\na=mid:0\r\n" +
		"a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=sendrecv\r\na=msid:stream audio\r\na=rtcp-mux\r\na=rtcp-rsize\r\n" +
		"a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n" +
		"a=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:13 CN/8000\r\n" +
		"a=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\na=ssrc:2586440219 cname:q8v/6BEjAQYz0P1N\r\n" +
		"m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:Yp6k\r\na=ice-pwd:Jb8V1fO1dDkq3S0mXh2nQwEr\r\na=fingerprint:sha-256 " + print32 +
		"\r\na=setup:actpass\r\na=mid:1\r\na=sendrecv\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n"

	// baresip is how baresip 1.0 offers a call; its rtpmap of the static types is complete.
	baresip = "v=0\r\no=- 2208988801 1 IN IP4 192.0.2.20\r\ns=-\r\nc=IN IP4 192.0.2.20\r\nt=0 0\r\na=tool:baresip 1.0.0\r\n" +
		"m=audio 10220 RTP/AVP 9 0 8 3 101\r\na=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:3 GSM/8000\r\n" +
		"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=rtcp:10221\r\na=sendrecv\r\na=label:1\r\na=rtcp-rsize\r\na=ssrc:1234 cname:sip:200@192.0.2.20\r\na=ptime:20\r\n"

	// asterisk is how Asterisk 20 answers a call.
	asterisk = "v=0\r\no=- 7 9 IN IP4 192.0.2.10\r\ns=Asterisk\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n" +
		"m=audio 18000 RTP/AVP 8 126\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:126 telephone-event/8000\r\na=fmtp:126 0-16\r\na=ptime:20\r\na=maxptime:150\r\na=sendrecv\r\n" +
		"m=video 0 RTP/AVP 96\r\n"

	// firefox is how Firefox answers a call that we offered.
	firefox = "v=0\r\no=mozilla...THIS_IS_SDPARTA-99.0 5160389563125438573 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=fingerprint:sha-256 " + print32 + "\r\n" +
		"a=group:BUNDLE 0\r\na=ice-options:trickle\r\na=msid-semantic:WMS *\r\n" +
		"m=audio 9 UDP/TLS/RTP/SAVPF 9 101\r\nc=IN IP4 0.0.0.0\r\na=recvonly\r\na=end-of-candidates\r\na=ice-pwd:0123456789abcdef0123456789abcdef\r\na=ice-ufrag:9a8b7c6d\r\n" +
		"a=mid:0\r\na=rtcp-mux\r\na=rtpmap:9 G722/8000/1\r\na=rtpmap:101 telephone-event/8000/1\r\na=fmtp:101 0-15\r\na=setup:active\r\na=ssrc:99 cname:{x}\r\n"

	print32 = "0A:1B:2C:3D:4E:5F:60:71:82:93:A4:B5:C6:D7:E8:F9:0A:1B:2C:3D:4E:5F:60:71:82:93:A4:B5:C6:D7:E8:F9"
)

var (
	towardPBX = Local{Profile: RTP, Session: 1, Version: 2, Audio: netip.MustParseAddrPort("192.0.2.1:20000"), RTCP: netip.MustParseAddrPort("192.0.2.1:20001")}
	toBrowser = Local{Profile: WebRTC, Session: 3, Version: 4, Audio: netip.MustParseAddrPort("192.0.2.1:8443"), ICEUfrag: "abcd", ICEPwd: "0123456789012345678901",
		Candidates:  []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:8443"), netip.MustParseAddrPort("[2001:db8::1]:8443")},
		TCP:         []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:443"), netip.MustParseAddrPort("[2001:db8::1]:443")},
		Fingerprint: "sha-256 " + print32, Setup: "actpass"}
	toVoice = Local{Profile: PCM, Session: 1, Version: 2, Audio: netip.MustParseAddrPort("127.0.0.1:9"), Label: "L7"}
)

// secured is what every audio stream toward a browser has.
func secured(mid, setup string) string {
	if mid != "" {
		mid = "a=mid:" + mid + "\r\n"
	}
	return mid + "a=msid:cordboard audio\r\na=rtcp:8443 IN IP4 192.0.2.1\r\na=rtcp-mux\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 " + print32 +
		"\r\na=setup:" + setup + "\r\na=candidate:1 1 udp 2130706431 192.0.2.1 8443 typ host\r\na=candidate:2 1 udp 2130706175 2001:db8::1 8443 typ host\r\n" +
		"a=candidate:3 1 tcp 1520435199 192.0.2.1 443 typ host tcptype passive\r\na=candidate:4 1 tcp 1520434943 2001:db8::1 443 typ host tcptype passive\r\na=end-of-candidates\r\n"
}

func answering(l Local) Local {
	l.Setup = "passive"
	return l
}

func TestTranslate(t *testing.T) {
	odd := towardPBX
	odd.RTCP = netip.MustParseAddrPort("192.0.2.1:30000")
	six := towardPBX
	six.Audio, six.RTCP = netip.MustParseAddrPort("[2001:db8::1]:20000"), netip.MustParseAddrPort("[2001:db8::1]:20001")
	longer := toBrowser
	longer.Previous = []byte(headWebRTC + "m=audio 8443 UDP/TLS/RTP/SAVPF 0\r\na=mid:a\r\nm=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:v\r\n")
	longer.MID = "a"
	for _, tt := range []struct {
		name, text, offer string
		to                Local
		want              string
		err               error
	}{
		{
			name: "Chromium's offer for a phone", text: chromium, to: towardPBX,
			want: headRTP + "m=audio 20000 RTP/AVP 9 0 8 13 126\r\na=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:13 CN/8000\r\n" +
				"a=rtpmap:126 telephone-event/8000\r\na=rtcp-xr:voip-metrics\r\na=sendrecv\r\nm=video 0 RTP/AVP 31\r\na=inactive\r\n",
		},
		{
			name: "a phone's offer for a browser", text: baresip, to: toBrowser,
			want: headWebRTC + "a=group:BUNDLE 0\r\na=ice-lite\r\na=ice-options:trickle ice2\r\nm=audio 8443 UDP/TLS/RTP/SAVPF 9 0 8 101\r\nc=IN IP4 192.0.2.1\r\na=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\n" +
				"a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n" + secured("0", "actpass") + "a=sendrecv\r\n",
		},
		{
			name: "Asterisk's answer for Chromium", text: asterisk, offer: chromium, to: answering(toBrowser),
			want: headWebRTC + "a=group:BUNDLE 0\r\na=ice-lite\r\na=ice-options:trickle ice2\r\nm=audio 8443 UDP/TLS/RTP/SAVPF 8 126\r\nc=IN IP4 192.0.2.1\r\na=rtpmap:8 PCMA/8000\r\n" +
				"a=rtpmap:126 telephone-event/8000\r\na=fmtp:126 0-16\r\na=ptime:20\r\na=maxptime:150\r\n" + secured("0", "passive") + "a=sendrecv\r\n" +
				"m=video 0 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=rtpmap:96 VP8/90000\r\na=inactive\r\n",
		},
		{
			name: "Firefox's answer for a phone", text: firefox, offer: baresip, to: odd,
			want: headRTP + "m=audio 20000 RTP/AVP 9 101\r\na=rtpmap:9 G722/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=rtcp:30000\r\na=recvonly\r\n",
		},
		{
			name: "browser to browser keeps Opus", text: chromium, to: toBrowser,
			want: headWebRTC + "a=group:BUNDLE 0\r\na=ice-lite\r\na=ice-options:trickle ice2\r\nm=audio 8443 UDP/TLS/RTP/SAVPF 111 9 0 8 13 110 126\r\nc=IN IP4 192.0.2.1\r\na=rtpmap:111 opus/48000/2\r\n" +
				"a=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:13 CN/8000\r\n" +
				"a=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\n" + secured("0", "actpass") + "a=sendrecv\r\nm=video 0 UDP/TLS/RTP/SAVPF 120\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=rtpmap:120 VP8/90000\r\na=inactive\r\n",
		},
		{
			name: "static types without rtpmap, hold of old, IPv6", to: six,
			text: "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8\r\n",
			want: "v=0\r\no=- 1 2 IN IP6 2001:db8::1\r\ns=-\r\nc=IN IP6 2001:db8::1\r\nt=0 0\r\nm=audio 20000 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtcp-xr:voip-metrics\r\na=sendonly\r\n",
		},
		{
			name: "never fewer streams than before", text: "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n", to: longer,
			want: headWebRTC + "a=group:BUNDLE a\r\na=ice-lite\r\na=ice-options:trickle ice2\r\nm=audio 8443 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 192.0.2.1\r\na=rtpmap:0 PCMU/8000\r\n" + secured("a", "actpass") +
				"a=sendrecv\r\nm=video 0 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=mid:v\r\na=inactive\r\n",
		},
		{
			name: "Chromium's offer for a voice", text: chromium, to: toVoice,
			want: "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 111 9 0 8 13 110 126\r\na=rtpmap:111 opus/48000/2\r\n" +
				"a=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:13 CN/8000\r\n" +
				"a=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\na=label:L7\r\na=sendrecv\r\nm=video 0 RTP/AVP 31\r\na=inactive\r\n",
		},
		{
			name: "Asterisk's answer for a voice", text: asterisk, offer: baresip, to: toVoice,
			want: "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 8 126\r\na=rtpmap:8 PCMA/8000\r\n" +
				"a=rtpmap:126 telephone-event/8000\r\na=fmtp:126 0-16\r\na=ptime:20\r\na=maxptime:150\r\na=label:L7\r\na=sendrecv\r\n",
		},
		{name: "Opus alone for a phone", text: strings.Replace(chromium, "SAVPF 111 63 9 0 8 13 110 126", "SAVPF 111 126", 1), to: towardPBX, err: ErrNoCodec},
		{name: "an answer with nothing of the offer", text: strings.Replace(asterisk, "AVP 8 126", "AVP 3 126", 1), offer: chromium, to: toBrowser, err: ErrNoCodec},
		{name: "no audio", text: "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nt=0 0\r\nm=video 4000 RTP/AVP 96\r\n", to: towardPBX, err: ErrNoAudio},
		{name: "a bare CR", text: strings.Replace(baresip, "a=label:1", "a=label:1\ra=x", 1), to: toBrowser, err: ErrMalformed},
		{name: "NUL", text: strings.Replace(baresip, "a=label:1", "a=label:\x00", 1), to: toBrowser, err: ErrMalformed},
		{name: "too long", text: baresip + strings.Repeat("a=x\r\n", 20000), to: toBrowser, err: ErrMalformed},
		{name: "not a description", text: "hello", to: toBrowser, err: ErrMalformed},
		{name: "empty", text: "", to: toBrowser, err: ErrNoAudio},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var offer []byte
			if tt.offer != "" {
				offer = []byte(tt.offer)
			}
			got, err := Translate([]byte(tt.text), offer, tt.to)
			if !errors.Is(err, tt.err) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			if string(got) != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestAnswer(t *testing.T) {
	got, err := Answer([]byte(chromium), Codec{PT: 0, Name: "PCMU", ClockRate: 8000, Channels: 1}, answering(toBrowser))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(got), "m=audio 8443 UDP/TLS/RTP/SAVPF 0 126\r\n") || !strings.Contains(string(got), "a=mid:0\r\n") {
		t.Errorf("got\n%s", got)
	}
	got, err = Answer([]byte(strings.Replace(baresip, "a=sendrecv", "a=sendonly", 1)), Codec{PT: 8, Name: "PCMA", ClockRate: 8000, Channels: 1}, towardPBX)
	if err != nil || !strings.Contains(string(got), "m=audio 20000 RTP/AVP 8 101\r\n") || !strings.Contains(string(got), "a=recvonly\r\n") {
		t.Errorf("got\n%s%v", got, err)
	}
	if _, err = Answer([]byte(baresip), Codec{PT: 111, Name: "opus", ClockRate: 48000, Channels: 2}, towardPBX); !errors.Is(err, ErrNoCodec) {
		t.Errorf("error %v, want ErrNoCodec", err)
	}
}

func BenchmarkTranslate(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Translate([]byte(chromium), nil, towardPBX); err != nil {
			b.Fatal(err)
		}
	}
}
