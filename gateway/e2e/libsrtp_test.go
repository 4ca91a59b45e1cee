//go:build e2e

package e2e

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"cordboard/gateway/call"
	"cordboard/gateway/media"
	"cordboard/gateway/sdp"
)

// buildSRTP builds testdata/srtp.c once and gives the program's path.
var buildSRTP = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(workshop, "srtp")
	if out, err := exec.Command("gcc", "-O1", "-o", binary, "testdata/srtp.c", "-lsrtp2").CombinedOutput(); err != nil {
		return "", fmt.Errorf("gcc: %w\n%s", err, out)
	}
	return binary, nil
})

// libSuites are the suites as testdata/srtp.c numbers them.
var libSuites = []string{"AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "AES_256_CM_HMAC_SHA1_80", "AES_256_CM_HMAC_SHA1_32", "AEAD_AES_128_GCM", "AEAD_AES_256_GCM"}

// libsrtp encrypts one stream of a phone, both ways, by the library that most phones have.
type libsrtp struct {
	suite sdp.Suite
	key   []byte // of what the phone sends
	mki   []byte // stands in it; nil: none does

	mu     sync.Mutex
	theirs []byte
	in     io.WriteCloser
	out    io.Reader
}

// startSRTP runs libsrtp2 until the test ends, with a key for what the phone sends.
func startSRTP(t *testing.T, suite string, mki []byte) *libsrtp {
	t.Helper()
	program, err := buildSRTP()
	if err != nil {
		missing(t, "libsrtp2: "+err.Error())
	}
	i := slices.IndexFunc(sdp.Suites, func(s sdp.Suite) bool { return s.Name == suite })
	s := &libsrtp{suite: sdp.Suites[i], mki: mki}
	cmd := exec.Command(program)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if s.in, err = cmd.StdinPipe(); err == nil {
		s.out, err = cmd.StdoutPipe()
	}
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan error)
	starter() <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		t.Fatalf("start %s: %v", program, err)
	}
	t.Cleanup(func() {
		s.in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("libsrtp2 ends by %v", err)
		}
	})
	s.speak(t, 'O')
	return s
}

// do gives a command and its answer; false when libsrtp refuses.
func (s *libsrtp) do(command byte, data []byte) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.in.Write(append([]byte{command, byte(len(data) >> 8), byte(len(data))}, data...)); err != nil {
		return nil, false
	}
	var head [3]byte
	if _, err := io.ReadFull(s.out, head[:]); err != nil {
		return nil, false
	}
	answer := make([]byte, binary.BigEndian.Uint16(head[1:]))
	_, err := io.ReadFull(s.out, answer)
	return answer, err == nil && head[0] == 0
}

// take gives libsrtp a key of one direction.
func (s *libsrtp) take(t *testing.T, command byte, key, mki []byte) {
	t.Helper()
	data := append([]byte{byte(slices.Index(libSuites, s.suite.Name)), byte(len(mki))}, mki...)
	if _, ok := s.do(command, append(data, key...)); !ok {
		t.Fatalf("libsrtp2 doesn't take a key of %s with MKI %x", s.suite.Name, mki)
	}
}

// speak makes a new key for what the phone sends: 'O' for a new stream, 'o' for one whose rollovers count on.
func (s *libsrtp) speak(t *testing.T, command byte) {
	t.Helper()
	s.key = make([]byte, s.suite.Key+s.suite.Salt)
	rand.Read(s.key)
	s.take(t, command, s.key, s.mki)
}

// line is what the phone says of its key.
func (s *libsrtp) line(tag int) string {
	text := fmt.Sprintf("a=crypto:%d %s inline:%s", tag, s.suite.Name, base64.StdEncoding.EncodeToString(s.key))
	if s.mki != nil {
		var number uint64
		for _, b := range s.mki {
			number = number<<8 | uint64(b)
		}
		text += fmt.Sprintf("|2^31|%d:%d", number, len(s.mki))
	}
	return text + "\r\n"
}

// hear takes the key of what comes, of the line with the phone's suite, and gives the line's tag.
func (s *libsrtp) hear(t *testing.T, lines []sdp.Crypto) int {
	t.Helper()
	i := slices.IndexFunc(lines, func(c sdp.Crypto) bool { return c.Suite == s.suite })
	if i < 0 {
		t.Fatalf("no line for %s in %v", s.suite.Name, lines)
	}
	if key := lines[i].Key; !slices.Equal(key, s.theirs) { // else all goes on
		s.take(t, map[bool]byte{true: 'I', false: 'i'}[s.theirs == nil], key, nil)
		s.theirs = key
	}
	return lines[i].Tag
}

// encrypted makes a description of RTP one of SRTP, by the keys of its streams in their order.
func encrypted(description []byte, tags []int, streams ...*libsrtp) []byte {
	parts := strings.SplitAfter(strings.ReplaceAll(string(description), " RTP/AVP ", " RTP/SAVP "), "\r\n")
	var text strings.Builder
	for _, part := range parts {
		text.WriteString(part)
		if strings.HasPrefix(part, "m=") && len(streams) > 0 {
			text.WriteString(streams[0].line(tags[0]))
			streams, tags = streams[1:], tags[1:]
		}
	}
	return []byte(text.String())
}

// saysGoodbye looks for a BYE in a compound RTCP packet.
func saysGoodbye(p []byte) bool {
	for len(p) >= 4 {
		if p[1] == 203 {
			return true
		}
		p = p[min(len(p), 4+4*int(binary.BigEndian.Uint16(p[2:]))):]
	}
	return false
}

// report sends a receiver report to the port for reports, where ours come back from.
func (p *wirePhone) report(t *testing.T, to netip.AddrPort) {
	t.Helper()
	packet := binary.BigEndian.AppendUint32([]byte{0x80, 201, 0, 1}, uint32(tonePhone))
	sealed, ok := p.secret.do('C', packet)
	if !ok {
		t.Fatal("libsrtp2 seals no report")
	}
	p.conn.WriteToUDPAddrPort(sealed, to)
}

// A phone that encrypts by libsrtp is understood and understands in each suite, in sound and reports, whether its packets name their key
// (MKI) or not, after its numbers have rolled over, and when it changes its key: whether it counts rollovers on (RFC 3711 §3.3.1) or
// begins anew, as those do that make all anew.
func TestLibSRTP(t *testing.T) {
	t.Parallel()
	ports, last := freeRange(t, 100)
	e := runEngine(t, media.Config{Listen: "127.0.0.1:0", Ports: fmt.Sprintf("%d-%d", ports, last)})
	type row struct {
		name      string
		calls     bool
		mki       []byte
		near, far *wirePhone
		said      []byte // by us, of the far leg
	}
	var rows []*row
	for i, suite := range libSuites {
		for _, mki := range [][]byte{nil, {1}, {0, 0, 0, 1}, slices.Repeat([]byte{7}, 8)} {
			if len(mki) != []int{0, 1, 4, 8}[i%4] && len(mki) != 4 {
				continue // each suite with four octets and one more
			}
			rows = append(rows, &row{name: fmt.Sprintf("%s with MKI %x", suite, mki), calls: true, mki: mki, far: &wirePhone{secret: startSRTP(t, suite, mki)}})
			if suite == "AEAD_AES_128_GCM" || suite == "AES_CM_128_HMAC_SHA1_80" || suite == "AES_256_CM_HMAC_SHA1_80" {
				rows = append(rows, &row{name: fmt.Sprintf("%s with MKI %x, called", suite, mki), mki: mki, far: &wirePhone{secret: startSRTP(t, suite, mki)}})
			}
		}
	}
	pbx := call.Party{Leg: "pbx", Profile: sdp.SDES, Host: netip.MustParseAddr("127.0.0.1")}
	desk := call.Party{Leg: "desk", Profile: sdp.RTP, Host: pbx.Host}
	negotiate := func(r *row) {
		t.Helper()
		must := func(text []byte, err error) []byte {
			t.Helper()
			if err != nil {
				t.Fatalf("%s: %v", r.name, err)
			}
			return text
		}
		keys := func(said []byte) int {
			t.Helper()
			remote, err := sdp.Parse(said)
			if err != nil {
				t.Fatalf("%s: %v\n%s", r.name, err, said)
			}
			return r.far.secret.hear(t, remote.Crypto)
		}
		if r.calls {
			pbx := pbx
			pbx.Profile = sdp.RTP
			r.near.told(t, must(e.Offer(t.Context(), r.name, pbx, desk, encrypted(r.far.description(), []int{7}, r.far.secret))))
			r.said = must(e.Answer(t.Context(), r.name, desk, pbx, r.near.description()))
			if tag := keys(r.said); tag != 7 {
				t.Errorf("%s: answered by tag %d", r.name, tag)
			}
		} else {
			r.said = must(e.Offer(t.Context(), r.name, desk, pbx, r.near.description()))
			r.near.told(t, must(e.Answer(t.Context(), r.name, pbx, desk, encrypted(r.far.description(), []int{keys(r.said)}, r.far.secret))))
		}
		r.far.told(t, r.said)
	}
	hear := func(when string) {
		t.Helper()
		for _, r := range rows {
			wantTone(t, "the phone before "+r.name+when, r.near, tonePhone)
			wantTone(t, "libsrtp2, "+r.name+when, r.far, toneAlice)
		}
	}
	for _, r := range rows {
		r.far.conn, r.far.first = listenUDP(t), 65530
		r.far.start(t, tonePhone)
		r.near = startWirePhone(t, toneAlice)
		negotiate(r)
		remote, err := sdp.Parse(r.said)
		if err != nil {
			t.Fatal(err)
		}
		r.far.report(t, remote.RTCP)
	}
	hear("")
	for _, command := range "oO" {
		for _, r := range rows {
			r.far.secret.speak(t, byte(command))
			negotiate(r)
		}
		hear(", another key by " + string(command))
	}
	for _, r := range rows {
		for _, s := range e.Stats(r.name) {
			if s.Leg == "pbx" && (s.Profile != "SDES" || s.State != "up" || s.Reports != 1) {
				t.Errorf("%s: %s, %s, %d reports", r.name, s.Profile, s.State, s.Reports)
			}
		}
		e.Delete(r.name, "")
		eventually(t, patience, "goodbye to "+r.name, func() bool {
			r.far.mu.Lock()
			defer r.far.mu.Unlock()
			return r.far.ended
		})
	}
}
