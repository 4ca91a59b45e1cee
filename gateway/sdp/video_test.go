package sdp

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

const (
	// eyes is the picture of a phone, as baresip offers it, H.264 before VP8.
	eyes = "m=video 10222 RTP/AVP 97 96\r\nb=AS:512\r\na=rtpmap:97 H264/90000\r\na=fmtp:97 packetization-mode=0;profile-level-id=42801f\r\n" +
		"a=rtpmap:96 VP8/90000\r\na=fmtp:96 max-fs=3600\r\na=rtcp:10223\r\na=sendrecv\r\na=rtcp-fb:* nack pli\r\n"

	// encryptedEyes is a phone that encrypts both by SDES; asteriskEyes goes with asteriskDTLS.
	encryptedEyes = "v=0\r\no=root 1 1 IN IP4 192.0.2.30\r\ns=call\r\nc=IN IP4 192.0.2.30\r\nt=0 0\r\nm=audio 4000 RTP/SAVP 0\r\n" +
		"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + key30 + "\r\nm=video 4002 RTP/SAVP 96\r\na=rtpmap:96 VP8/90000\r\n" +
		"a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:" + key30 + "|1:4\r\n"
	asteriskEyes = "m=video 18002 UDP/TLS/RTP/SAVP 96\r\na=connection:new\r\na=setup:actpass\r\na=fingerprint:SHA-256 " + print32 +
		"\r\na=rtpmap:96 VP8/90000\r\na=rtcp-mux\r\na=sendrecv\r\n"

	videoToPBX = "m=video 20002 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n"
)

// withVideo gives a side of ours a place for pictures.
func withVideo(l Local) Local {
	l.Video, l.VideoRTCP = netip.MustParseAddrPort("192.0.2.1:20002"), netip.MustParseAddrPort("192.0.2.1:20003")
	return l
}

// media gives the m= line of a kind and what follows it.
func media(text []byte, kind string) string {
	_, rest, _ := strings.Cut(string(text), "\r\nm="+kind)
	one, _, _ := strings.Cut(rest, "\r\nm=")
	return "m=" + kind + strings.TrimSuffix(one, "\r\n") + "\r\n"
}

func TestVideoOfBrowser(t *testing.T) {
	offer, err := Translate([]byte(chromium), nil, withVideo(towardPBX))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := media(offer, "video"), videoToPBX+"a=sendrecv\r\n"; got != want {
		t.Errorf("the phone is offered\n%s\nwant\n%s", got, want)
	}
	for _, tt := range []struct {
		name, answer, want, bundle string
	}{
		{
			"taken", "m=video 10222 RTP/AVP 96\r\nb=AS:512\r\na=rtpmap:96 VP8/90000\r\na=fmtp:96 max-fs=3600\r\na=sendonly\r\n",
			"m=video 8443 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 192.0.2.1\r\nb=AS:512\r\na=rtpmap:96 VP8/90000\r\na=fmtp:96 max-fs=3600\r\na=rtcp-fb:96 nack pli\r\na=rtcp-fb:96 ccm fir\r\n" +
				strings.Replace(secured("1", "passive"), "cordboard audio", "cordboard video", 1) + "a=sendonly\r\n", "0 1",
		},
		{"refused", "m=video 0 RTP/AVP 96\r\n", "m=video 0 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=rtpmap:96 VP8/90000\r\na=inactive\r\n", "0"},
		{"no stream", "", "m=video 0 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=rtpmap:96 VP8/90000\r\na=inactive\r\n", "0"},
		{"another codec", "m=video 10222 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\n", "m=video 0 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=rtpmap:96 VP8/90000\r\na=inactive\r\n", "0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			told, err := Translate([]byte(phone+pcmu+tt.answer), []byte(chromium), withVideo(answering(toBrowser)))
			if err != nil {
				t.Fatal(err)
			}
			if got := media(told, "video"); got != tt.want {
				t.Errorf("the browser is told\n%s\nwant\n%s", got, tt.want)
			}
			if !strings.Contains(string(told), "\r\na=group:BUNDLE "+tt.bundle+"\r\n") {
				t.Errorf("not bundled as %s:\n%s", tt.bundle, told)
			}
		})
	}
}

func TestVideoOfPhone(t *testing.T) {
	offer, err := Translate([]byte(baresip+eyes), nil, withVideo(toBrowser))
	if err != nil {
		t.Fatal(err)
	}
	want := "m=video 8443 UDP/TLS/RTP/SAVPF 97 96\r\nc=IN IP4 192.0.2.1\r\nb=AS:512\r\na=rtpmap:97 H264/90000\r\na=fmtp:97 packetization-mode=0;profile-level-id=42801f\r\n" +
		"a=rtpmap:96 VP8/90000\r\na=fmtp:96 max-fs=3600\r\na=rtcp-fb:97 nack pli\r\na=rtcp-fb:97 ccm fir\r\na=rtcp-fb:96 nack pli\r\na=rtcp-fb:96 ccm fir\r\n" +
		strings.Replace(secured("1", "actpass"), "cordboard audio", "cordboard video", 1) + "a=sendrecv\r\n"
	if got := media(offer, "video"); got != want {
		t.Errorf("the browser is offered\n%s\nwant\n%s", got, want)
	}
	// The browser's answer, in which it takes H.264 in another profile and VP8.
	answer := strings.Replace(chromium, "SAVPF 96 97\r\n", "SAVPF 97 96\r\na=rtpmap:97 H264/90000\r\na=fmtp:97 packetization-mode=1;profile-level-id=640c1f\r\n", 1)
	told, err := Translate([]byte(answer), []byte(baresip+eyes), withVideo(answering(towardPBX)))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := media(told, "video"), videoToPBX+"a=sendrecv\r\n"; got != want {
		t.Errorf("the phone is told\n%s\nwant\n%s", got, want)
	}
	feedback := strings.ReplaceAll(baresip+eyes, "RTP/AVP", "RTP/AVPF")
	if told, err = Translate([]byte(answer), []byte(feedback), withVideo(answering(towardPBX))); err != nil || !strings.Contains(media(told, "video"), "a=rtcp-fb:96 nack pli\r\n") {
		t.Errorf("a phone with feedback is told %v\n%s", err, told)
	}
}

// Who has had no pictures is offered them later in a stream of their own, and one that was refused is taken up again.
func TestVideoAdded(t *testing.T) {
	for name, first := range map[string]string{"new": baresip, "refused before": baresip + strings.Replace(eyes, "10222", "0", 1)} {
		to := withVideo(toBrowser)
		before, err := Translate([]byte(first), nil, to)
		if err != nil {
			t.Fatal(err)
		}
		to.Previous = before
		after, err := Translate([]byte(baresip+eyes), nil, to)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Parse(after)
		if err != nil || r.Video == nil || strings.Count(string(after), "\r\nm=") != 2 {
			t.Errorf("%s: %+v, %v\n%s", name, r, err, after)
		}
	}
}

// A browser that does not bundle its pictures would need another transport for them; a phone that encrypts other keys.
func TestVideoThatCannotTravel(t *testing.T) {
	for name, text := range map[string]string{
		"unbundled": strings.Replace(chromium, "a=group:BUNDLE 0 1", "a=group:BUNDLE 0", 1),
		"encrypted": strings.Replace(baresip+eyes, "m=audio 10220 RTP/AVP 9", "m=audio 10220 RTP/SAVP 9", 1),
		"held":      strings.Replace(baresip+eyes, "m=audio 10220", "m=audio 0", 1),
	} {
		if r, err := Parse([]byte(text)); err == nil && r.Video != nil {
			t.Errorf("%s: %+v", name, r.Video)
		}
	}
}

// Pictures of a phone that encrypts are told of with keys of their own, in offers and in answers.
func TestVideoEncrypted(t *testing.T) {
	sdes, dtls := withVideo(guarded(SDES)), withVideo(guarded(DTLS))
	sdes.VideoCrypto = []Crypto{{Tag: 3, Suite: Suites[1], Key: []byte("abcdefghijklmnopqrstuvwxyz0123")}}
	dtls.VideoMux = true
	own := "a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXowMTIz\r\n"
	prints := func(setup string) string {
		return "a=rtcp-mux\r\na=fingerprint:sha-256 " + print32 + "\r\na=setup:" + setup + "\r\n"
	}
	for _, tt := range []struct {
		name, offer string
		to          Local
		protocol    string
		keys        string
	}{
		{"offer SDES", "", sdes, "RTP/SAVP", own},
		{"answer SDES", encryptedEyes, sdes, "RTP/SAVP", own},
		{"offer DTLS", "", dtls, "UDP/TLS/RTP/SAVP", prints("actpass")},
		{"answer DTLS", asteriskDTLS + asteriskEyes, answering(dtls), "UDP/TLS/RTP/SAVP", prints("passive")},
	} {
		var offer []byte
		if tt.offer != "" {
			offer = []byte(tt.offer)
			if r, err := Parse(offer); err != nil || r.Video == nil || !r.Video.Encrypts(r.Keying()) || r.Video.RTP.Port() == 0 {
				t.Errorf("%s: %+v, %v", tt.name, r.Video, err)
			}
		}
		got, err := Translate([]byte(chromium), offer, tt.to)
		if want := "m=video 20002 " + tt.protocol + " 96\r\na=rtpmap:96 VP8/90000\r\n" + tt.keys + "a=sendrecv\r\n"; err != nil || media(got, "video") != want {
			t.Errorf("%s: %v\n%s\nwant\n%s", tt.name, err, media(got, "video"), want)
		}
	}
	sdes.VideoCrypto = nil
	if got, err := Translate([]byte(chromium), nil, sdes); err != nil || !strings.Contains(string(got), "m=video 0 ") {
		t.Errorf("without keys: %v\n%s", err, got)
	}
}

func TestSees(t *testing.T) {
	h264 := func(fmtp string) Codec { return Codec{Name: "h264", ClockRate: 90000, Channels: 1, Fmtp: fmtp} }
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"", "profile-level-id=42e01f", true},
		{"profile-level-id=42001f;packetization-mode=1", "packetization-mode=1; profile-level-id=42E034", true},
		{"packetization-mode=1", "", false},
		{"profile-level-id=64001f", "profile-level-id=42001f", false},
		{"profile-level-id=64001f", "profile-level-id=640028", true},
		{"profile-level-id=640c1f", "profile-level-id=64001f", false},
	} {
		if got := h264(tt.a).sees(h264(tt.b)); got != tt.want {
			t.Errorf("%q sees %q = %v", tt.a, tt.b, got)
		}
	}
}

// FuzzVideo: what we write of pictures is read again as what it was, and names nothing but the codecs that we relay.
func FuzzVideo(f *testing.F) {
	for _, text := range []string{chromium, jssip, baresip + eyes, asterisk, phone + pcmu + eyes} {
		f.Add([]byte(text), []byte(chromium))
		f.Add([]byte(text), []byte(baresip+eyes))
	}
	f.Add([]byte(chromium), []byte(encryptedEyes))
	f.Add([]byte(encryptedEyes), []byte(chromium))
	f.Add([]byte(encryptedEyes), []byte(encryptedEyes))
	f.Add([]byte(asteriskDTLS+asteriskEyes), []byte(chromium))
	f.Add([]byte(chromium), []byte(asteriskDTLS+asteriskEyes))
	sdes, dtls := withVideo(guarded(SDES)), withVideo(guarded(DTLS))
	sdes.VideoCrypto, dtls.VideoMux = sdes.Crypto, true
	f.Fuzz(func(t *testing.T, text, other []byte) {
		said, err := Parse(text)
		if err != nil {
			return
		}
		own, err := Parse(other)
		if err != nil {
			return
		}
		for _, to := range []Local{withVideo(towardPBX), withVideo(toBrowser), sdes, dtls} {
			offer, err := Translate(text, nil, to)
			if err == nil {
				checkVideo(t, offer, said.Video, said.Video)
			}
			if own.Profile != to.Profile {
				continue
			}
			if answer, err := Translate(text, other, to); err == nil {
				checkVideo(t, answer, said.Video, own.Video)
			}
			to.Previous = other
			if offer, err := Translate(text, nil, to); err == nil {
				checkVideo(t, offer, said.Video, said.Video)
			}
		}
	})
}

func checkVideo(t *testing.T, text []byte, said, own *Video) {
	t.Helper()
	for line := range strings.SplitSeq(strings.TrimSuffix(string(text), "\r\n"), "\r\n") {
		if !legal.MatchString(line) {
			t.Fatalf("line %q", line)
		}
	}
	got, err := Parse(text)
	if err != nil {
		t.Fatalf("does not parse: %v\n%q", err, text)
	}
	if got.Video == nil {
		return
	}
	if said == nil || own == nil || got.Rejected || got.Video.Direction != narrow(said.Direction, own.Direction) && said != own ||
		said == own && got.Video.Direction != said.Direction || len(got.Video.Codecs) == 0 {
		t.Fatalf("%+v of %+v and %+v\n%q", got.Video, said, own, text)
	}
	for _, c := range got.Video.Codecs {
		if !slices.ContainsFunc(own.Codecs, c.sees) || !slices.ContainsFunc(said.Codecs, c.same) {
			t.Fatalf("codec %+v\n%q", c, text)
		}
	}
	if !got.Video.Encrypts(got.Keying()) {
		t.Fatalf("sound is encrypted, and pictures are not\n%q", text)
	}
	control := uint16(20003)
	if got.Profile == DTLS && got.Video.Mux {
		control = 20002
	}
	if got.Profile.phone() && (got.Video.RTP.Port() != 20002 || got.Video.RTCP.Port() != control) {
		t.Fatalf("at %v and %v\n%q", got.Video.RTP, got.Video.RTCP, text)
	}
}
