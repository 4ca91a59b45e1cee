//go:build e2e

package e2e

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cordboard/audio"
	"cordboard/gateway/sdp"
)

// mirror is a phone within the test, which the gateway takes for its PBX: it encrypts by libsrtp2, with a key for the sound and one for the
// pictures, and sends back what it hears and sees. It takes other keys whenever it is asked anew.
type mirror struct {
	t             *testing.T
	sound, sight  *libsrtp
	sip, ear, eye *net.UDPConn

	mu       sync.Mutex
	faults   []string
	noise    int  // packets of comfort noise that came
	level    byte // of the comfort noise that it sends back, in dB under full scale
	pictures int  // requests for a whole picture that came
}

// The mirror's SSRCs are the others' but for this.
const mirrored = 0x5A5A5A5A

// noiseType is the payload type of comfort noise (RFC 3389).
const noiseType = 13

func startMirror(t *testing.T, sound, sight string) (m *mirror, table string) {
	t.Helper()
	m = &mirror{t: t, sound: startSRTP(t, sound, []byte{0, 0, 0, 1}), sight: startSRTP(t, sight, []byte{7}), sip: listenUDP(t), ear: listenUDP(t), eye: listenUDP(t)}
	var running sync.WaitGroup
	running.Go(func() { answerCalls(m.sip, m.describe) })
	running.Go(func() { m.reflect(m.ear, m.sound) })
	running.Go(func() { m.reflect(m.eye, m.sight) })
	t.Cleanup(func() {
		for _, c := range []*net.UDPConn{m.sip, m.ear, m.eye} {
			c.Close()
		}
		running.Wait()
		for _, fault := range m.faults {
			t.Error(fault)
		}
	})
	return m, fmt.Sprintf("[[pbx]]\nname = \"vault\"\nuri = \"sip:%s\"\nmode = \"peer\"\nmedia = \"sdes\"\n", m.sip.LocalAddr())
}

// fault notes what is wrong. The mirror goes on.
func (m *mirror) fault(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.faults = append(m.faults, fmt.Sprintf(format, args...))
}

// describe answers an offer, with new keys.
func (m *mirror) describe(offer []byte) []byte {
	r, err := sdp.Parse(offer)
	if err != nil || r.Video == nil {
		m.fault("offered %v\n%s", err, offer)
		return nil
	}
	i := slices.IndexFunc(r.Video.Codecs, func(c sdp.Codec) bool { return strings.EqualFold(c.Name, "VP8") })
	if i < 0 {
		m.fault("no VP8 in\n%s", offer)
		return nil
	}
	port := func(c *net.UDPConn) int { return c.LocalAddr().(*net.UDPAddr).Port }
	line := func(s *libsrtp, lines []sdp.Crypto) string {
		command := byte('o')
		if s.theirs == nil {
			command = 'O'
		}
		s.speak(m.t, command)
		return s.line(s.hear(m.t, lines))
	}
	return fmt.Appendf(nil, "v=0\r\no=- 1 %d IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"+
		"m=audio %d RTP/SAVP 0 %d\r\n%sa=rtcp:%[2]d\r\nm=video %[5]d RTP/SAVPF %[6]d\r\na=rtpmap:%[6]d VP8/90000\r\na=rtcp-fb:%[6]d nack pli\r\na=rtcp:%[5]d\r\n%[7]s",
		time.Now().UnixNano(), port(m.ear), noiseType, line(m.sound, r.Crypto), port(m.eye), r.Video.Codecs[i].PT, line(m.sight, r.Video.Crypto))
}

// reflect sends back what comes, until the socket closes.
func (m *mirror) reflect(conn *net.UDPConn, secret *libsrtp) {
	b := make([]byte, 2000)
	for {
		n, from, err := conn.ReadFromUDP(b)
		if err != nil {
			return
		}
		if n < 12 {
			continue
		}
		if b[1] >= 200 && b[1] < 208 {
			p, ok := secret.do('V', b[:n])
			if !ok {
				m.fault("libsrtp2 doesn't open a report")
				continue
			}
			if answer := m.report(p); answer != nil {
				if answer, ok = secret.do('C', answer); ok {
					conn.WriteToUDP(answer, from)
				}
			}
			continue
		}
		p, ok := secret.do('U', b[:n])
		if !ok {
			continue // one of the old key, as it was under way when that changed: the tests find out if there are more
		}
		if p[1]&0x7F == noiseType && secret == m.sound && len(p) > 12 {
			m.mu.Lock()
			m.noise++
			p[12] = m.level
			m.mu.Unlock()
		}
		binary.BigEndian.PutUint32(p[8:], binary.BigEndian.Uint32(p[8:])^mirrored)
		if p, ok = secret.do('P', p); !ok {
			m.fault("libsrtp2 doesn't seal what it opened")
			continue
		}
		conn.WriteToUDP(p, from)
	}
}

// report answers a request for a whole picture with one.
func (m *mirror) report(p []byte) []byte {
	for ; len(p) >= 12; p = p[min(len(p), 4+4*int(binary.BigEndian.Uint16(p[2:]))):] {
		if p[1] != 206 || p[0]&0x1F != 1 {
			continue
		}
		m.mu.Lock()
		m.pictures++
		m.mu.Unlock()
		theirs := binary.BigEndian.Uint32(p[8:]) ^ mirrored // about which it is
		answer := binary.BigEndian.AppendUint32([]byte{0x80, 201, 0, 1}, theirs^mirrored)
		answer = binary.BigEndian.AppendUint32(append(answer, 0x81, 206, 0, 2), theirs^mirrored)
		return binary.BigEndian.AppendUint32(answer, theirs)
	}
	return nil
}

// framesDecoded counts the pictures that a browser has decoded.
const framesDecoded = `(async () => {
  for (const s of (await window.pc.getStats()).values()) if (s.type === "inbound-rtp" && s.kind === "video") return s.framesDecoded ?? 0;
  return 0;
})()`

// Chromium and a phone that encrypts by libsrtp see and hear one another, each stream under a key of its own, and go on when the phone
// changes its keys. In the pauses both describe the noise behind them (RFC 3389): Chromium makes such packets, and plays them.
func TestMirror(t *testing.T) {
	t.Parallel()
	program(t, "npm")
	folder, err := buildClients()
	if err != nil {
		missing(t, "the bundle of SIP.js and JsSIP: "+err.Error())
	}
	site := httptest.NewServer(http.FileServer(http.Dir(folder)))
	defer site.Close()
	m, table := startMirror(t, "AES_256_CM_HMAC_SHA1_80", "AEAD_AES_128_GCM")
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, PBX: table, Extra: fmt.Sprintf("[auth]\nsecrets = [%q]\n[web]\norigins = [%q]\n", secret, site.URL)})
	proves(t, "Encrypted video with a phone (SDES)", sipJS)
	proves(t, "Comfort noise (RFC 3389)", sipJS)
	c := openDevice(t, startBrowser(t, toneAlice, g.ca()), site.URL, "sipjs", map[string]any{"ws": g.ws() + credentialQuery(alice.Name, time.Now().Add(time.Hour)), "user": alice.Name, "video": true})
	c.do(t, "await phone.call('300')")
	c.wantState(t, "talking")
	wantTone(t, "the client", c, toneAlice)
	c.wantPicture(t)
	key := slices.Clone(m.sight.key)
	c.do(t, "await phone.hold(true)")
	c.do(t, "await phone.hold(false)")
	if slices.Equal(m.sight.key, key) {
		t.Error("the phone was not asked anew")
	}
	before := eval[int](t, c.tab, framesDecoded)
	eventually(t, patience, "picture under other keys", func() bool { return eval[int](t, c.tab, framesDecoded) > before+10 })
	wantTone(t, "the client, under other keys", c, toneAlice)

	c.do(t, "window.pc.getSenders().find((s) => s.track?.kind === 'audio').track.enabled = false")
	m.mu.Lock()
	m.level, m.noise = 40, 0
	m.mu.Unlock()
	eventually(t, patience, "Chromium's comfort noise", func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.noise > 0
	})
	var rms float64 // 40 dB under 32768 are 328
	if !within(patience, func() bool {
		rms = audio.RMS(c.heard(t).last(500 * time.Millisecond).samples)
		return rms > 100 && rms < 1000 && c.heard(t).last(500*time.Millisecond).share(toneAlice) < 0.1
	}) {
		t.Errorf("Chromium plays noise of RMS %.0f, want 328", rms)
	}
	c.do(t, "await phone.hangUp()")
	c.wantState(t, "ended")
	m.mu.Lock()
	defer m.mu.Unlock()
	t.Logf("%d packets of noise came, %d requests for pictures", m.noise, m.pictures)
}
