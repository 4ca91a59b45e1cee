package sdp

import (
	"net/netip"
	"strings"
	"testing"
)

const (
	// linphone is how Linphone 5 offers a call with feedback (AVPF) and ICE, to phones that may have neither.
	linphone = "v=0\r\no=bob 2131 1709 IN IP4 192.0.2.30\r\ns=Talk\r\nc=IN IP4 192.0.2.30\r\nb=AS:80\r\nt=0 0\r\na=ice-pwd:7c1f9d8f3d1fb3f2ae0d4f21\r\na=ice-ufrag:3e5d2f10\r\n" +
		"a=rtcp-xr:rcvr-rtt=all:10000 stat-summary=loss,dup,jitt,TTL voip-metrics\r\na=record:off\r\n" +
		"m=audio 7078 RTP/AVPF 96 0 8 18 101\r\nb=AS:64\r\nb=RR:800\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\na=fmtp:18 annexb=yes\r\n" +
		"a=rtpmap:101 telephone-event/48000\r\na=rtcp-mux\r\na=rtcp:7179\r\na=candidate:1 1 UDP 2130706303 192.0.2.30 7078 typ host\r\na=rtcp-fb:* trr-int 5000\r\na=rtcp-fb:* ccm tmmbr\r\n"

	// jssip is how a JsSIP page under Firefox offers a call on hold, its camera before its microphone.
	jssip = "v=0\r\no=mozilla...THIS_IS_SDPARTA-99.0 42 3 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=sendrecv\r\na=fingerprint:sha-1 " + "0A:1B:2C:3D:4E:5F:60:71:82:93:A4:B5:C6:D7:E8:F9:0A:1B:2C:3D\r\n" +
		"a=fingerprint:sha-256 " + print32 + "\r\na=group:BUNDLE cam mic\r\na=ice-options:trickle\r\na=msid-semantic:WMS *\r\n" +
		"m=video 9 UDP/TLS/RTP/SAVPF 120 121\r\nc=IN IP4 0.0.0.0\r\na=sendonly\r\na=ice-pwd:0123456789abcdef0123456789abcdef\r\na=ice-ufrag:9a8b7c6d\r\na=mid:cam\r\na=rtcp-mux\r\n" +
		"a=rtpmap:120 VP8/90000\r\na=rtpmap:121 VP9/90000\r\na=setup:actpass\r\n" +
		"m=audio 9 UDP/TLS/RTP/SAVPF 109 9 0 8 101\r\nc=IN IP4 0.0.0.0\r\na=sendonly\r\na=ice-pwd:0123456789abcdef0123456789abcdef\r\na=ice-ufrag:9a8b7c6d\r\na=mid:mic\r\na=rtcp-mux\r\n" +
		"a=rtpmap:109 opus/48000/2\r\na=rtpmap:9 G722/8000/1\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000/1\r\na=fmtp:101 0-15\r\na=setup:actpass\r\n"

	phone = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n" // the head of a phone's description
	pcmu  = "m=audio 4000 RTP/AVP 0\r\n"

	headRTP    = "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
	headWebRTC = "v=0\r\no=- 3 4 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"
)

// The m= lines of a party keep their number, order, protocol and names, whatever the other side has.
func TestLayout(t *testing.T) {
	knowing := func(l Local, previous, mid string) Local {
		l.Previous, l.MID = []byte(previous), mid
		return l
	}
	toBrowserPCMU := func(mid, setup, direction string) string {
		return "m=audio 8443 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 192.0.2.1\r\na=rtpmap:0 PCMU/8000\r\n" + secured(mid, setup) + "a=" + direction + "\r\n"
	}
	const toPhonePCMU = "m=audio 20000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=rtcp-xr:voip-metrics\r\na=sendrecv\r\n"
	const noCamera = "m=video 0 UDP/TLS/RTP/SAVPF 120\r\nc=IN IP4 0.0.0.0\r\na=mid:cam\r\na=rtpmap:120 VP8/90000\r\na=inactive\r\n"
	for _, tt := range []struct {
		name, text, offer string
		to                Local
		want              string
	}{
		{
			name: "fax beside audio, for a phone", text: phone + pcmu + "m=image 4002 udptl t38\r\na=T38FaxVersion:0\r\n", to: towardPBX,
			want: headRTP + toPhonePCMU + "m=image 0 udptl t38\r\na=inactive\r\n",
		},
		{
			name: "fax beside audio, for a browser that knows no such thing", text: phone + pcmu + "m=image 4002 udptl t38\r\n", to: toBrowser,
			want: headWebRTC + "a=group:BUNDLE 0\r\na=ice-lite\r\na=ice-options:trickle ice2\r\n" + toBrowserPCMU("0", "actpass", "sendrecv") +
				"m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=inactive\r\n",
		},
		{
			name: "a browser's data channel, for a phone", to: towardPBX,
			text: strings.Replace(jssip, "m=video 9 UDP/TLS/RTP/SAVPF 120 121", "m=application 9 UDP/DTLS/SCTP webrtc-datachannel", 1),
			want: headRTP + "m=application 0 udp octet-stream\r\na=inactive\r\nm=audio 20000 RTP/AVP 9 0 8 101\r\na=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\n" +
				"a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=rtcp-xr:voip-metrics\r\na=sendonly\r\n",
		},
		{
			name: "a phone that says nothing of hold answers one that is", text: phone + pcmu, offer: jssip, to: answering(toBrowser),
			want: headWebRTC + "a=group:BUNDLE mic\r\na=ice-lite\r\na=ice-options:trickle ice2\r\n" + noCamera + toBrowserPCMU("mic", "passive", "recvonly"),
		},
		{
			name: "no bundle in the offer, none in the answer", text: phone + pcmu, offer: strings.Replace(jssip, "a=group:BUNDLE cam mic\r\n", "", 1), to: answering(toBrowser),
			want: headWebRTC + "a=ice-lite\r\na=ice-options:trickle ice2\r\n" + noCamera + toBrowserPCMU("mic", "passive", "recvonly"),
		},
		{
			name: "re-offer to a browser whose camera came first", text: phone + pcmu, to: knowing(toBrowser, jssip, "mic"),
			want: headWebRTC + "a=group:BUNDLE mic\r\na=ice-lite\r\na=ice-options:trickle ice2\r\n" + noCamera + toBrowserPCMU("mic", "actpass", "sendrecv"),
		},
		{
			name: "re-offer with one more stream than before", text: phone + pcmu + "m=video 0 RTP/AVP 99\r\nm=text 0 RTP/AVP 98\r\n", to: knowing(toBrowser, jssip, "mic"),
			want: headWebRTC + "a=group:BUNDLE mic\r\na=ice-lite\r\na=ice-options:trickle ice2\r\n" + noCamera + toBrowserPCMU("mic", "actpass", "sendrecv") +
				"m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\na=inactive\r\n",
		},
		{
			name: "of two audio streams the living one", text: phone + "m=audio 4000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\nm=audio 0 RTP/AVP 8\r\n" + pcmu, to: towardPBX,
			want: headRTP + "m=audio 0 RTP/AVP 0\r\na=inactive\r\nm=audio 0 RTP/AVP 0\r\na=inactive\r\n" + toPhonePCMU,
		},
		{
			name: "feedback profile answered in kind", text: phone + pcmu, offer: linphone, to: towardPBX,
			want: headRTP + "m=audio 20000 RTP/AVPF 0\r\na=rtpmap:0 PCMU/8000\r\na=rtcp-xr:voip-metrics rcvr-rtt=all\r\na=sendrecv\r\n",
		},
		{
			name: "limits of bandwidth, but not those of RTCP", text: linphone, to: towardPBX,
			want: headRTP + "m=audio 20000 RTP/AVP 0 8\r\nb=AS:64\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtcp-xr:voip-metrics\r\na=sendrecv\r\n",
		},
		{
			name: "audio given up", text: phone + "m=audio 0 RTP/AVP 0\r\n", to: knowing(toBrowser, jssip, "mic"),
			want: headWebRTC + "a=ice-lite\r\na=ice-options:trickle ice2\r\n" + noCamera +
				"m=audio 0 UDP/TLS/RTP/SAVPF 109\r\nc=IN IP4 0.0.0.0\r\na=mid:mic\r\na=rtpmap:109 opus/48000/2\r\na=inactive\r\n",
		},
		{
			name: "other people's lines and order", to: towardPBX,
			text: "v=0\no=- 1 1 IN IP4 192.0.2.9\ns=R\xe9union\ni=x\nu=:\ne=x@example.com\nb=FOO:1\nt=0 0\nr=x\nk=clear:x\nm=audio 4000/2 RTP/AVP 9 0 300\na=rtpmap:9 G722/16000\na=rtpmap:x\na=ptime:30\nc=IN IP4 192.0.2.9\n\n",
			want: headRTP + "m=audio 20000 RTP/AVP 9 0\r\na=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=ptime:30\r\na=rtcp-xr:voip-metrics\r\na=sendrecv\r\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var offer []byte
			if tt.offer != "" {
				offer = []byte(tt.offer)
			}
			got, err := Translate([]byte(tt.text), offer, tt.to)
			if err != nil || string(got) != tt.want {
				t.Errorf("%v, got\n%s\nwant\n%s", err, got, tt.want)
			}
		})
	}
}

func TestParseAddresses(t *testing.T) {
	at := netip.MustParseAddrPort
	for _, tt := range []struct {
		name, text  string
		audio, rtcp netip.AddrPort
	}{
		{"a phone's mux is not taken", linphone, at("192.0.2.30:7078"), at("192.0.2.30:7179")},
		{"multicast", strings.Replace(phone, "c=IN IP4 192.0.2.9", "c=IN IP4 224.2.1.1", 1) + pcmu, netip.AddrPort{}, netip.AddrPort{}},
		{"multicast with a scope", strings.Replace(phone, "c=IN IP4 192.0.2.9", "c=IN IP4 224.2.1.1/127", 1) + pcmu, netip.AddrPort{}, netip.AddrPort{}},
		{"host name", strings.Replace(phone, "c=IN IP4 192.0.2.9", "c=IN IP4 pbx.example.invalid", 1) + pcmu, netip.AddrPort{}, netip.AddrPort{}},
		{"IPv6 for RTCP alone", phone + pcmu + "a=rtcp:5 IN IP6 2001:db8::9\r\n", at("192.0.2.9:4000"), at("[2001:db8::9]:5")},
		{"IPv6, of the stream", phone + pcmu + "c=IN IP6 2001:db8::9\r\n", at("[2001:db8::9]:4000"), at("[2001:db8::9]:4001")},
		{"last port", phone + "m=audio 65535 RTP/AVP 0\r\n", at("192.0.2.9:65535"), netip.AddrPort{}},
		{"behind mux", strings.Replace(strings.Replace(chromium, "m=audio 9", "m=audio 51234", 1), "c=IN IP4 0.0.0.0", "c=IN IP4 192.0.2.40", 1), at("192.0.2.40:51234"), at("192.0.2.40:51234")},
	} {
		r, err := Parse([]byte(tt.text))
		if err != nil || r.Audio != tt.audio || r.RTCP != tt.rtcp {
			t.Errorf("%s: %v and %v, %v; want %v and %v", tt.name, r.Audio, r.RTCP, err, tt.audio, tt.rtcp)
		}
	}
}

func TestNarrow(t *testing.T) {
	for _, offer := range []string{"sendrecv", "sendonly", "recvonly", "inactive"} {
		if got := narrow("sendrecv", offer); got != Reverse(offer) {
			t.Errorf("sendrecv to %s = %s, want %s", offer, got, Reverse(offer))
		}
		if got := narrow("inactive", offer); got != "inactive" {
			t.Errorf("inactive to %s = %s", offer, got)
		}
	}
	if got := narrow("sendonly", "sendonly"); got != "inactive" {
		t.Errorf("sendonly to sendonly = %s, want inactive", got)
	}
}
