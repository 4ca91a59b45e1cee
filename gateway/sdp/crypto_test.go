package sdp

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/big"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	key30 = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5"                         // 16 octets of key, 14 of salt
	key28 = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nw=="                         // 16 and 12
	key46 = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NQ==" // 32 and 14
	key44 = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM="     // 32 and 12

	// snom is how a desk phone offers SDES, with two suites, an MKI, a lifetime and what we can't take.
	snom = "v=0\r\no=root 1 1 IN IP4 192.0.2.30\r\ns=call\r\nc=IN IP4 192.0.2.30\r\nt=0 0\r\nm=audio 4000 RTP/SAVP 9 0 101\r\n" +
		"a=crypto:1 AES_CM_128_HMAC_SHA1_32 inline:" + key30 + "|1:4\r\na=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:" + key30 + "|2^31 WSH=128\r\n" +
		"a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:" + key30 + " UNENCRYPTED_SRTP\r\n" +
		"a=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n"

	// asteriskDTLS is how Asterisk offers DTLS without ICE.
	asteriskDTLS = "v=0\r\no=- 7 9 IN IP4 192.0.2.10\r\ns=Asterisk\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\nm=audio 18000 UDP/TLS/RTP/SAVP 8 0 101\r\n" +
		"a=connection:new\r\na=setup:actpass\r\na=fingerprint:SHA-256 " + print32 + "\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n" +
		"a=ptime:20\r\na=maxptime:150\r\na=rtcp-mux\r\na=sendrecv\r\n"
)

func TestReadCrypto(t *testing.T) {
	for _, tt := range []struct {
		name, value string
		ok          bool
	}{
		{"plain", "1 AES_CM_128_HMAC_SHA1_80 inline:" + key30, true},
		{"lower case", "1 aes_cm_128_hmac_sha1_80 INLINE:" + key30, true},
		{"lifetime as a power", "7 AES_CM_128_HMAC_SHA1_32 inline:" + key30 + "|2^48", true},
		{"lifetime as a number", "7 AES_CM_128_HMAC_SHA1_32 inline:" + key30 + "|1048576", true},
		{"256 bits", "1 AES_256_CM_HMAC_SHA1_80 inline:" + key46, true},
		{"256 bits, short tag", "1 AES_256_CM_HMAC_SHA1_32 inline:" + key46, true},
		{"without padding", "1 AES_256_CM_HMAC_SHA1_80 inline:" + strings.TrimRight(key46, "="), true},
		{"GCM", "1 AEAD_AES_128_GCM inline:" + key28, true},
		{"GCM of 256 bits", "999999999 AEAD_AES_256_GCM inline:" + key44, true},
		{"window and rate", "1 AES_CM_128_HMAC_SHA1_80 inline:" + key30 + " WSH=64 KDR=0 -FOO", true},
		{"MKI", "1 AES_CM_128_HMAC_SHA1_80 inline:" + key30 + "|2^20|1:4", true},
		{"MKI without lifetime", "1 AES_CM_128_HMAC_SHA1_80 inline:" + key30 + "|1:4", true},
		{"MKI of one octet", "1 AES_CM_128_HMAC_SHA1_80 inline:" + key30 + "|2^31|255:1", true},
		{"longest MKI", "1 AES_CM_128_HMAC_SHA1_80 inline:" + key30 + "|" + strings.Repeat("9", 308) + ":128", true},
		{"MKI too long", "1 AES_CM_128_HMAC_SHA1_80 inline:" + key30 + "|1:129", false},
		{"MKI of no octets", "1 AES_CM_128_HMAC_SHA1_80 inline:" + key30 + "|1:0", false},
		{"MKI that does not fit", "1 AES_CM_128_HMAC_SHA1_80 inline:" + key30 + "|256:1", false},
		{"MKI without length", "1 AES_CM_128_HMAC_SHA1_80 inline:" + key30 + "|2^20|1", false},
		{"negative MKI", "1 AES_CM_128_HMAC_SHA1_80 inline:" + key30 + "|-1:4", false},
		{"two MKIs", "1 AES_CM_128_HMAC_SHA1_80 inline:" + key30 + "|1:4|2:4", false},
		{"MKI before the lifetime", "1 AES_CM_128_HMAC_SHA1_80 inline:" + key30 + "|1:4|2^20", false},
		{"empty part", "1 AES_CM_128_HMAC_SHA1_80 inline:" + key30 + "|", false},
		{"lifetime of nothing", "1 AES_CM_128_HMAC_SHA1_80 inline:" + key30 + "|0", false},
		{"lifetime too long", "1 AES_CM_128_HMAC_SHA1_80 inline:" + key30 + "|2^49", false},
		{"two keys", "1 AES_CM_128_HMAC_SHA1_80 inline:" + key30 + ";inline:" + key30, false},
		{"not encrypted", "1 AES_CM_128_HMAC_SHA1_80 inline:" + key30 + " UNENCRYPTED_SRTP", false},
		{"control not encrypted", "1 AES_CM_128_HMAC_SHA1_80 inline:" + key30 + " UNENCRYPTED_SRTCP", false},
		{"not authenticated", "1 AES_CM_128_HMAC_SHA1_80 inline:" + key30 + " UNAUTHENTICATED_SRTP", false},
		{"forward correction", "1 AES_CM_128_HMAC_SHA1_80 inline:" + key30 + " FEC_ORDER=FEC_SRTP", false},
		{"rate", "1 AES_CM_128_HMAC_SHA1_80 inline:" + key30 + " KDR=1", false},
		{"other method", "1 AES_CM_128_HMAC_SHA1_80 mikey:" + key30, false},
		{"unknown suite", "1 F8_128_HMAC_SHA1_80 inline:" + key30, false},
		{"no encryption", "1 NULL_HMAC_SHA1_80 inline:" + key30, false},
		{"key too short", "1 AES_CM_128_HMAC_SHA1_80 inline:" + key28, false},
		{"key too long", "1 AES_CM_128_HMAC_SHA1_80 inline:" + key46, false},
		{"key for another suite", "1 AEAD_AES_128_GCM inline:" + key30, false},
		{"not base64", "1 AES_CM_128_HMAC_SHA1_80 inline:" + strings.Repeat("!", 40), false},
		{"tag 0", "0 AES_CM_128_HMAC_SHA1_80 inline:" + key30, false},
		{"tag with zero in front", "01 AES_CM_128_HMAC_SHA1_80 inline:" + key30, false},
		{"tag too long", "1000000000 AES_CM_128_HMAC_SHA1_80 inline:" + key30, false},
		{"no key", "1 AES_CM_128_HMAC_SHA1_80", false},
		{"nothing", "", false},
	} {
		c, ok := readCrypto(tt.value)
		if ok != tt.ok {
			t.Errorf("%s: ok = %v, want %v", tt.name, ok, tt.ok)
			continue
		}
		if !ok {
			continue
		}
		again, ok := readCrypto(strings.TrimPrefix(c.line(), "a=crypto:"))
		if !ok || again.Tag != c.Tag || again.Suite != c.Suite || !bytes.Equal(again.Key, c.Key) {
			t.Errorf("%s: written and read again %v, want %v", tt.name, again, c)
		}
		if text := fmt.Sprintf("%v %+v %#v %s", c, c, []Crypto{c}, c.LogValue()); strings.Contains(text, base64.StdEncoding.EncodeToString(c.Key)) || strings.Contains(text, string(c.Key)) || strings.Contains(text, "48, 49") {
			t.Errorf("%s: its text has the key: %s", tt.name, text)
		}
	}
}

// A stream's profile is told by its protocol and its keys.
func TestProfiles(t *testing.T) {
	crypto := "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + key30 + "\r\n"
	print := "a=fingerprint:sha-256 " + print32 + "\r\na=setup:actpass\r\n"
	ice := "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n"
	stream := func(protocol, keys string) string { return phone + "m=audio 4000 " + protocol + " 0\r\n" + keys }
	for _, tt := range []struct {
		name, text string
		want       Profile
		tags       []int
		feedback   bool
	}{
		{"in the clear", phone + pcmu, RTP, nil, false},
		{"with feedback", stream("RTP/AVPF", ""), RTP, nil, true},
		{"keys that need not be used", stream("RTP/AVP", crypto), OSRTP, []int{1}, false},
		{"fingerprint that needs not be used", stream("RTP/AVPF", print), OSRTP, nil, true},
		{"in the clear with keys that we can't take", stream("RTP/AVP", "a=crypto:1 X inline:x\r\n"), RTP, nil, false},
		{"SDES", snom, SDES, []int{1, 2}, false},
		{"SDES with feedback", stream("RTP/SAVPF", crypto), SDES, []int{1}, true},
		{"SDES without keys", stream("RTP/SAVP", ""), SDES, nil, false},
		{"two lines of one tag", stream("RTP/SAVP", crypto+crypto), SDES, []int{1}, false},
		{"SDES rather than DTLS", stream("RTP/SAVP", crypto+print), SDES, []int{1}, false},
		{"DTLS", asteriskDTLS, DTLS, nil, false},
		{"DTLS with feedback", stream("UDP/TLS/RTP/SAVPF", print), DTLS, nil, true},
		{"DTLS as of old", stream("RTP/SAVP", print), DTLS, nil, false},
		{"browser", chromium, WebRTC, nil, true},
		{"browser of old", stream("RTP/SAVPF", print+ice), WebRTC, nil, true},
		{"encrypted or not, as we like", phone + "m=audio 4000 RTP/SAVP 0\r\n" + crypto + pcmu, SDES, []int{1}, false},
		{"encrypted in a way that we can't, or not", phone + "m=audio 4000 RTP/SAVP 0\r\na=crypto:1 X inline:x\r\n" + pcmu, RTP, nil, false},
	} {
		r, err := Parse([]byte(tt.text))
		var tags []int
		for _, c := range r.Crypto {
			tags = append(tags, c.Tag)
		}
		if err != nil || r.Profile != tt.want || !slices.Equal(tags, tt.tags) || r.Feedback != tt.feedback {
			t.Errorf("%s: %v with tags %v, feedback %v, %v; want %v, %v, %v", tt.name, r.Profile, tags, r.Feedback, err, tt.want, tt.tags, tt.feedback)
		}
	}
	if r, _ := Parse([]byte(asteriskDTLS)); r.RTCP != r.Audio || !r.Mux {
		t.Errorf("RTCP of DTLS with mux at %v, want %v", r.RTCP, r.Audio)
	}
}

// guarded are we toward phones that encrypt.
func guarded(p Profile) Local {
	l := towardPBX
	l.Profile = p
	switch p {
	case SDES, OSRTP:
		l.Crypto = []Crypto{{Tag: 2, Suite: Suites[1], Key: []byte("012345678901234567890123456789")}}
	case DTLS:
		l.Mux, l.Setup, l.Fingerprint = true, "actpass", "sha-256 "+print32
	}
	return l
}

func TestTranslateKeys(t *testing.T) {
	pcma := "m=audio 20000 %s 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\na=maxptime:150\r\n"
	pcmaOffered := pcma + "a=rtcp-xr:voip-metrics\r\n"
	line := "a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:" + key30 + "\r\n"
	dtls := func(setup string) string {
		return "a=rtcp-mux\r\na=fingerprint:sha-256 " + print32 + "\r\na=setup:" + setup + "\r\n"
	}
	said := strings.Replace(asteriskDTLS, " 8 0 101", " 8 101", 1)
	passive := answering(guarded(DTLS))
	for _, tt := range []struct {
		name, offer string
		to          Local
		want        string
	}{
		{"offer SDES", "", guarded(SDES), headRTP + fmt.Sprintf(pcmaOffered, "RTP/SAVP") + line},
		{"offer keys that need not be used", "", guarded(OSRTP), headRTP + fmt.Sprintf(pcmaOffered, "RTP/AVP") + line},
		{"offer DTLS", "", guarded(DTLS), headRTP + fmt.Sprintf(pcmaOffered, "UDP/TLS/RTP/SAVP") + dtls("actpass")},
		{"offer nothing of it", "", towardPBX, headRTP + fmt.Sprintf(pcmaOffered, "RTP/AVP")},
		{"answer SDES with feedback", strings.Replace(strings.Replace(snom, "/SAVP 9", "/SAVPF 8", 1), "9 G722", "8 PCMA", 1), guarded(SDES), headRTP + fmt.Sprintf(pcma, "RTP/SAVPF") + line},
		{"answer DTLS with feedback", strings.Replace(said, "/SAVP 8", "/SAVPF 8", 1), passive, headRTP + fmt.Sprintf(pcma, "UDP/TLS/RTP/SAVPF") + dtls("passive")},
		{"answer DTLS as of old", strings.Replace(said, "UDP/TLS/", "", 1), passive, headRTP + fmt.Sprintf(pcma, "RTP/SAVP") + dtls("passive")},
	} {
		var offer []byte
		if tt.offer != "" {
			offer = []byte(tt.offer)
		}
		got, err := Translate([]byte(said), offer, tt.to)
		if want := tt.want + "a=sendrecv\r\n"; err != nil || string(got) != want {
			t.Errorf("%s: %v, got\n%s\nwant\n%s", tt.name, err, got, want)
		}
	}
	to := guarded(SDES)
	to.Audio, to.RTCP = netip.MustParseAddrPort("192.0.2.1:20000"), netip.MustParseAddrPort("192.0.2.1:20001")
	to.Previous, _ = Translate([]byte(said), nil, towardPBX)
	if got, err := Translate([]byte(said), nil, to); err != nil || !strings.Contains(string(got), "m=audio 20000 RTP/SAVP 8") {
		t.Errorf("SDES offered after plain RTP: %v\n%s", err, got)
	}
}

// FuzzMKI: what is taken for an MKI is the number that was written, in as many octets as it says.
func FuzzMKI(f *testing.F) {
	for _, text := range []string{"1:4", "255:1", "256:1", "0:128", "1:0", ":4", "1:", "+1:4", "1:04", strings.Repeat("9", 400) + ":128"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		mki := readMKI(text)
		value, length, _ := strings.Cut(text, ":")
		number, ok := new(big.Int).SetString(value, 10)
		if mki == nil {
			if size, err := strconv.Atoi(length); ok && err == nil && size > 0 && size <= maxMKI && len(value) <= 3*maxMKI && number.BitLen() <= 8*size && value[0] >= '0' && length[0] >= '0' {
				t.Fatalf("%q is not taken", text)
			}
			return
		}
		if size, err := strconv.Atoi(length); !ok || err != nil || size != len(mki) || number.Cmp(new(big.Int).SetBytes(mki)) != 0 {
			t.Fatalf("%q is taken for %x", text, mki)
		}
	})
}
