package sdp

import (
	"bytes"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	// legal is the form of every line that we write.
	legal = regexp.MustCompile(`^(v=0|s=-|t=0 0|o=- \d+ \d+ IN IP[46] [0-9a-f:.]+|c=IN IP[46] [0-9a-f:.]+|b=T?I?AS:\d+|m=[!-~]+ \d+ [!-~]+( [ -~]+)+|a=[a-z0-9-]+(:[ -~]+)?)$`)
	// foreign is what no phone must see.
	foreign = regexp.MustCompile(`(?i)^a=(ice-|candidate|end-of|fingerprint|setup|rtcp-mux|rtcp-rsize|rtcp-fb|group|mid|msid|extmap|ssrc|crypto)|TLS/|\.local|\.invalid`)
)

// FuzzParse: whatever comes is refused by one of our errors or gives what the engine can rely on.
func FuzzParse(f *testing.F) {
	for _, text := range []string{chromium, firefox, jssip, baresip, asterisk, linphone, snom, asteriskDTLS} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := Parse(text)
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrNoAudio) {
				t.Fatalf("error %v", err)
			}
			return
		}
		if r.Profile.String() == "none" || Reverse(Reverse(r.Direction)) != r.Direction || narrow(r.Direction, "sendrecv") != r.Direction {
			t.Fatalf("%+v", r)
		}
		if a := r.Audio; a.IsValid() && (a.Port() == 0 || !isUnicast(a.Addr())) || r.RTCP.IsValid() && (r.RTCP.Port() == 0 || !isUnicast(r.RTCP.Addr())) {
			t.Fatalf("addresses %v, %v", r.Audio, r.RTCP)
		}
		seen := make(map[uint8]bool)
		for _, c := range r.Codecs {
			if c.PT > 127 || seen[c.PT] || c.ClockRate == 0 || c.Channels < 1 || !isToken(c.Name) || !isPrintable(c.Fmtp) {
				t.Fatalf("codec %+v", c)
			}
			seen[c.PT] = true
		}
		tags := make(map[int]bool)
		for _, c := range r.Crypto {
			if c.Tag < 1 || c.Tag > maxTag || tags[c.Tag] || len(c.Key) != c.Suite.Key+c.Suite.Salt || !slices.Contains(Suites, c.Suite) {
				t.Fatalf("crypto %v", c)
			}
			tags[c.Tag] = true
		}
		if r.Profile == OSRTP && len(r.Crypto) == 0 && r.Fingerprint == "" || r.Profile == DTLS && r.Fingerprint == "" || r.Profile == RTP && len(r.Crypto) > 0 {
			t.Fatalf("%v with %d keys and fingerprint %q", r.Profile, len(r.Crypto), r.Fingerprint)
		}
		if (r.ICEUfrag == "") != (r.ICEPwd == "") {
			t.Fatalf("half a credential: %q %q", r.ICEUfrag, r.ICEPwd)
		}
	})
}

// FuzzTranslate: what we write is read again and tells the same, its lines are legal and as many as they should be, and a
// phone sees nothing of WebRTC.
func FuzzTranslate(f *testing.F) {
	for _, text := range []string{chromium, firefox, jssip, baresip, asterisk, linphone, snom, asteriskDTLS, phone + pcmu + "m=image 4002 udptl t38\r\n"} {
		f.Add([]byte(text), []byte(chromium))
		f.Add([]byte(text), []byte(baresip))
		f.Add([]byte(text), []byte(jssip))
		f.Add([]byte(text), []byte(snom))
		f.Add([]byte(text), []byte(asteriskDTLS))
		f.Add([]byte(text), []byte(strings.Replace(snom, "/SAVP", "/AVPF", 1)))
		f.Add([]byte(text), []byte(strings.Replace(chromium, "9 UDP/TLS/RTP/SAVPF", "0 RTP/SAVP", 1))) // refused, so written without keys
	}
	f.Fuzz(func(t *testing.T, text, other []byte) {
		said, err := Parse(text)
		if err != nil {
			if _, err := Translate(text, nil, towardPBX); err == nil {
				t.Fatal("translated what does not parse")
			}
			return
		}
		whole, _ := read(text)
		for _, to := range []Local{towardPBX, toBrowser, guarded(SDES), guarded(DTLS), guarded(OSRTP), toVoice} {
			if got, err := Translate(text, nil, to); err == nil {
				checkWritten(t, got, to, said.Direction, said.Rejected, len(whole.streams))
			}
			known, err := read(other)
			own, ownErr := known.remote()
			if err != nil || ownErr != nil {
				continue
			}
			if own.Profile == written(to.Profile) { // a party answers, and is offered, what it speaks itself
				if got, err := Translate(text, other, to); err == nil {
					checkWritten(t, got, to, narrow(said.Direction, own.Direction), said.Rejected || own.Rejected, len(known.streams))
				}
				to.Previous = other
				if got, err := Translate(text, nil, to); err == nil {
					checkWritten(t, got, to, said.Direction, said.Rejected, max(len(whole.streams), len(known.streams)))
				}
			}
		}
	})
}

func checkWritten(t *testing.T, got []byte, to Local, direction string, rejected bool, streams int) {
	t.Helper()
	text := string(got)
	if !strings.HasSuffix(text, "\r\n") {
		t.Fatalf("no end of line: %q", text)
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\r\n"), "\r\n") {
		if !legal.MatchString(line) {
			t.Fatalf("line %q", line)
		}
		if written(to.Profile) == RTP && to.Previous == nil && foreign.MatchString(line) && !strings.Contains(line, "fmtp") && !strings.HasPrefix(line, "m=") {
			t.Fatalf("a phone sees %q", line)
		}
	}
	if n := strings.Count(text, "\r\nm="); n != streams {
		t.Fatalf("%d m= lines, want %d\n%q", n, streams, text)
	}
	again, err := Parse(got)
	switch {
	case err != nil:
		t.Fatalf("does not parse: %v\n%q", err, text)
	case again.Rejected != rejected:
		t.Fatalf("rejected %v, want %v\n%q", again.Rejected, rejected, text)
	case rejected:
	case again.Profile != written(to.Profile) || again.Direction != direction:
		t.Fatalf("says %v %s, want %v %s\n%q", again.Profile, again.Direction, to.Profile, direction, text)
	case to.Profile == WebRTC && (again.Fingerprint != to.Fingerprint || again.ICEUfrag != to.ICEUfrag || again.ICEPwd != to.ICEPwd || again.Setup != to.Setup):
		t.Fatalf("keys are gone: %+v", again)
	case len(again.Crypto) != len(to.Crypto) || len(to.Crypto) > 0 && !bytes.Equal(again.Crypto[0].Key, to.Crypto[0].Key):
		t.Fatalf("keys are gone: %v", again.Crypto)
	case again.Fingerprint != to.Fingerprint || again.Setup != to.Setup || again.Mux != (to.Mux || to.Profile == WebRTC):
		t.Fatalf("DTLS is gone: %+v", again)
	}
}

// written is what a description for a party of the profile seems to be.
func written(p Profile) Profile {
	if p == PCM {
		return RTP
	}
	return p
}
