package sdp

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	r, err := Parse([]byte(chromium))
	if err != nil {
		t.Fatal(err)
	}
	if r.Profile != WebRTC || !r.Mux || r.Audio.IsValid() || r.Direction != "sendrecv" || r.MID != "0" || r.Rejected ||
		r.ICEUfrag != "Yp6k" || r.ICEPwd != "Jb8V1fO1dDkq3S0mXh2nQwEr" || r.Setup != "actpass" || r.Fingerprint != "sha-256 "+print32 {
		t.Errorf("Chromium's: %+v", r)
	}
	if c, ok := r.Codec("Telephone-Event", 48000); !ok || c.PT != 110 || len(r.Codecs) != 8 {
		t.Errorf("codecs %+v", r.Codecs)
	}
	if r, err = Parse([]byte(baresip)); err != nil {
		t.Fatal(err)
	}
	if r.Profile != RTP || r.Audio != netip.MustParseAddrPort("192.0.2.20:10220") || r.RTCP != netip.MustParseAddrPort("192.0.2.20:10221") || r.PTime != 20*time.Millisecond {
		t.Errorf("baresip's: %+v", r)
	}
	if r, err = Parse([]byte(firefox)); err != nil || r.Fingerprint == "" || r.Direction != "recvonly" || r.Setup != "active" {
		t.Errorf("Firefox's: %+v, %v", r, err)
	}
}

func TestParseRefusesWeakKeys(t *testing.T) {
	for _, tt := range []struct{ name, from, to string }{
		{"short password", "a=ice-pwd:Jb8V1fO1dDkq3S0mXh2nQwEr", "a=ice-pwd:short"},
		{"strange characters", "a=ice-ufrag:Yp6k", "a=ice-ufrag:Y p;"},
	} {
		r, err := Parse([]byte(strings.ReplaceAll(chromium, tt.from, tt.to)))
		if err != nil || r.ICEUfrag != "" || r.ICEPwd != "" {
			t.Errorf("%s: %q %q %v, want no credentials", tt.name, r.ICEUfrag, r.ICEPwd, err)
		}
	}
	for _, tt := range []struct{ to, want string }{
		{"sha-1 0A:1B:2C:3D:4E:5F:60:71:82:93:A4:B5:C6:D7:E8:F9:0A:1B:2C:3D", ""},
		{"sha-256 " + print32[:90], ""},
		{"SHA-256 " + strings.ToLower(print32), "sha-256 " + print32},
	} {
		r, err := Parse([]byte(strings.ReplaceAll(chromium, "sha-256 "+print32, tt.to)))
		if err != nil || r.Fingerprint != tt.want {
			t.Errorf("fingerprint of %q = %q, %v; want %q", tt.to, r.Fingerprint, err, tt.want)
		}
	}
}
