package media

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v2"

	"cordboard/gateway/call"
	"cordboard/gateway/sdp"
)

// trunk is a party that is offered SDES; its media may be in the clear all the same.
var trunk = call.Party{Leg: "trunk", Profile: sdp.SDES, Host: loopback}

// pionSuites are the suites as pion numbers them.
var pionSuites = map[string]srtp.ProtectionProfile{
	"AES_CM_128_HMAC_SHA1_80": srtp.ProtectionProfileAes128CmHmacSha1_80, "AES_CM_128_HMAC_SHA1_32": srtp.ProtectionProfileAes128CmHmacSha1_32,
	"AES_256_CM_HMAC_SHA1_80": srtp.ProtectionProfileAes256CmHmacSha1_80, "AES_256_CM_HMAC_SHA1_32": srtp.ProtectionProfileAes256CmHmacSha1_32,
	"AEAD_AES_128_GCM": srtp.ProtectionProfileAeadAes128Gcm, "AEAD_AES_256_GCM": srtp.ProtectionProfileAeadAes256Gcm,
}

// deskPhone is a phone that speaks SDES by pion's SRTP.
type deskPhone struct {
	*phone
	protocol string
	tag      int
	suite    sdp.Suite
	key      []byte
	in, out  *srtp.Context
}

func newDeskPhone(t testing.TB, protocol, suite string) *deskPhone {
	t.Helper()
	p := &deskPhone{phone: newPhone(t), protocol: protocol, tag: 7}
	i := slices.IndexFunc(sdp.Suites, func(s sdp.Suite) bool { return s.Name == suite })
	p.suite = sdp.Suites[i]
	p.rekey()
	return p
}

func (p *deskPhone) context(key []byte) *srtp.Context {
	p.t.Helper()
	c, err := srtp.CreateContext(key[:p.suite.Key], key[p.suite.Key:], pionSuites[p.suite.Name])
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

// rekey gives the phone a new key.
func (p *deskPhone) rekey() {
	p.key = make([]byte, p.suite.Key+p.suite.Salt)
	rand.Read(p.key)
	p.out = p.context(p.key)
}

// description is the phone's SDP with its key.
func (p *deskPhone) description(direction string) []byte {
	text := string(p.phone.description(direction))
	line := fmt.Sprintf("a=crypto:%d %s inline:%s\r\n", p.tag, p.suite.Name, base64.StdEncoding.EncodeToString(p.key))
	return []byte(strings.Replace(text, "RTP/AVP 0 8 101\r\n", p.protocol+" 0 8 101\r\n"+line, 1))
}

// hear takes our key, from an offer that of the line with the phone's suite.
func (p *deskPhone) hear(description []byte) {
	p.t.Helper()
	remote, err := sdp.Parse(description)
	if err != nil {
		p.t.Fatalf("%v\n%s", err, description)
	}
	i := slices.IndexFunc(remote.Crypto, func(c sdp.Crypto) bool { return c.Suite == p.suite })
	if i < 0 {
		p.t.Fatalf("no line for %s:\n%s", p.suite.Name, description)
	}
	if p.in == nil || !bytes.Equal(remote.Crypto[i].Key, p.remoteKey()) {
		p.in = p.context(remote.Crypto[i].Key)
	}
	p.tag = remote.Crypto[i].Tag
	p.remote = remote
}

func (p *deskPhone) remoteKey() []byte {
	for _, c := range p.remote.Crypto {
		if c.Suite == p.suite {
			return c.Key
		}
	}
	return nil
}

// sealed is the next packet of the phone, encrypted.
func (p *deskPhone) sealed(payload string) []byte {
	p.t.Helper()
	p.seq++
	h := rtp.Header{SequenceNumber: p.seq, Timestamp: 160 * uint32(p.seq), SSRC: p.ssrc}
	sealed, err := p.out.EncryptRTP(nil, packet(p.t, h, payload), nil)
	if err != nil {
		p.t.Fatal(err)
	}
	return sealed
}

func (p *deskPhone) mouth(payload string) { p.send(p.media, p.sealed(payload)) }

func (p *deskPhone) send(from *net.UDPConn, data []byte) {
	from.WriteToUDPAddrPort(data, p.remote.Audio)
}

// next gives the next RTP packet heard that the phone can decrypt, nil when none comes in time.
func (p *deskPhone) next(wait time.Duration) *rtp.Packet {
	buf := make([]byte, 2000)
	p.media.SetReadDeadline(time.Now().Add(wait))
	for {
		n, _, err := p.media.ReadFromUDPAddrPort(buf)
		if err != nil {
			return nil
		}
		var got rtp.Packet
		clear, err := p.in.DecryptRTP(nil, buf[:n], nil)
		if err == nil && got.Unmarshal(clear) == nil {
			return &got
		}
	}
}

// talkToEcho has the echo answer the phone.
func (p *deskPhone) talkToEcho(e *Engine) {
	p.t.Helper()
	p.hear(must(p.t)(e.Local(p.t.Context(), "call", pbx, Echo, p.description("sendrecv"))))
}

// A phone that encrypts is answered by its own tag and suite, and understood.
func TestSDESOffered(t *testing.T) {
	e := startEngine(t, "21000-21009")
	for name := range pionSuites {
		for _, protocol := range []string{"RTP/SAVP", "RTP/SAVPF", "RTP/AVP", "RTP/AVPF"} {
			p := newDeskPhone(t, protocol, name)
			answer := must(t)(e.Local(t.Context(), "call", pbx, Echo, p.description("sendrecv")))
			for _, want := range []string{" " + protocol + " 0 101\r\n", "a=crypto:7 " + name + " inline:"} {
				if !strings.Contains(string(answer), want) || strings.Count(string(answer), "a=crypto") != 1 {
					t.Errorf("%s by %s: no %q in the answer\n%s", name, protocol, want, answer)
				}
			}
			p.hear(answer)
			reaches(t, p.mouth, p, "hello "+name)
			if s := stats(t, e, "call", pbx.Leg); s.Profile != "SDES" || s.State != "up" {
				t.Errorf("%s by %s: leg is %s, %s", name, protocol, s.Profile, s.State)
			}
			e.Delete("call", "")
		}
	}
}

// A phone chooses among the lines that it is offered, and may also pass all of them over.
func TestSDESAnswered(t *testing.T) {
	e := startEngine(t, "21010-21019")
	for _, tt := range []struct {
		wish     sdp.Profile
		protocol string
		suite    string
	}{
		{sdp.SDES, "RTP/SAVP", "AEAD_AES_128_GCM"}, {sdp.SDES, "RTP/SAVP", "AES_CM_128_HMAC_SHA1_80"}, {sdp.SDES, "RTP/SAVP", "AES_256_CM_HMAC_SHA1_80"},
		{sdp.OSRTP, "RTP/AVP", "AES_CM_128_HMAC_SHA1_80"}, {sdp.OSRTP, "RTP/AVP", ""}, {sdp.RTP, "RTP/AVP", ""},
	} {
		t.Run(tt.wish.String()+" "+tt.suite, func(t *testing.T) {
			defer e.Delete("call", "")
			party := trunk
			party.Profile = tt.wish
			a := newPhone(t)
			offer := must(t)(e.Offer(t.Context(), "call", desk, party, a.description("sendrecv")))
			if n := strings.Count(string(offer), "a=crypto"); !strings.Contains(string(offer), " "+tt.protocol+" ") || (n > 0) != (tt.wish != sdp.RTP) {
				t.Fatalf("%d keys:\n%s", n, offer)
			}
			if tt.suite == "" {
				b := newPhone(t)
				b.remote, _ = sdp.Parse(offer)
				a.hear(must(t)(e.Answer(t.Context(), "call", party, desk, b.description("sendrecv"))))
				reaches(t, a.mouth, b, "clear")
				reaches(t, b.mouth, a, "clear")
				return
			}
			b := newDeskPhone(t, tt.protocol, tt.suite)
			b.hear(offer)
			a.hear(must(t)(e.Answer(t.Context(), "call", party, desk, b.description("sendrecv"))))
			reaches(t, a.mouth, b, "secret")
			reaches(t, b.mouth, a, "secret")
			a.control.WriteToUDPAddrPort(compound(t, &rtcp.ReceiverReport{SSRC: a.ssrc}), a.remote.RTCP)
			buf := make([]byte, 1500)
			b.control.SetReadDeadline(time.Now().Add(patience))
			n, _, err := b.control.ReadFromUDPAddrPort(buf)
			if err != nil {
				t.Fatalf("no report: %v", err)
			}
			if _, err := b.in.DecryptRTCP(nil, buf[:n], nil); err != nil {
				t.Errorf("report not understood: %v", err)
			}
			sealed, err := b.out.EncryptRTCP(nil, compound(t, &rtcp.ReceiverReport{SSRC: b.ssrc}), nil)
			if err != nil {
				t.Fatal(err)
			}
			b.control.WriteToUDPAddrPort(sealed, b.remote.RTCP)
			a.control.SetReadDeadline(time.Now().Add(patience))
			if n, _, err = a.control.ReadFromUDPAddrPort(buf); err != nil || sort(buf[:n]) != kindRTCP {
				t.Errorf("no report in the clear: %v", err)
			}
		})
	}
}

// Packets that are not the party's change nothing but a counter.
func TestSDESForged(t *testing.T) {
	e := startEngine(t, "21020-21029")
	for name := range pionSuites {
		t.Run(name, func(t *testing.T) {
			defer e.Delete("call", "")
			p := newDeskPhone(t, "RTP/SAVP", name)
			p.talkToEcho(e)
			stranger := newPhone(t).media
			forged := p.sealed("forged")
			forged[len(forged)-1]++
			clear := packet(t, rtp.Header{SequenceNumber: 9, SSRC: p.ssrc}, "clear")
			other := newDeskPhone(t, "RTP/SAVP", name)
			for i, data := range [][]byte{forged, clear, other.sealed("other key"), p.sealed("x")[:13], []byte("nothing")} {
				p.send(stranger, data)
				eventuallyDropped(t, e, uint64(i+1))
			}
			reaches(t, p.mouth, p, "true") // nobody was latched
			if s := stats(t, e, "call", pbx.Leg); s.PacketsIn != 1 || s.Dropped != 5 {
				t.Errorf("%d packets in and %d dropped, want 1 and 5", s.PacketsIn, s.Dropped)
			}
			again := p.sealed("again")
			p.send(p.media, again)
			if got := p.next(patience); got == nil || string(got.Payload) != "again" {
				t.Fatalf("heard %v", got)
			}
			p.send(p.media, again)
			eventuallyDropped(t, e, 6)
			p.send(stranger, p.sealed("from elsewhere"))
			eventuallyDropped(t, e, 7)
		})
	}
}

func eventuallyDropped(t *testing.T, e *Engine, want uint64) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if stats(t, e, "call", pbx.Leg).Dropped >= want {
			return
		}
	}
	t.Fatalf("%d packets dropped, want %d", stats(t, e, "call", pbx.Leg).Dropped, want)
}

// A re-INVITE that keeps the keys keeps the count of rollovers; one that changes them takes packets under the old key until the first
// one under the new.
func TestSDESRekeyed(t *testing.T) {
	e := startEngine(t, "21030-21039")
	for _, name := range []string{"AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM"} {
		t.Run(name, func(t *testing.T) {
			defer e.Delete("call", "")
			p := newDeskPhone(t, "RTP/SAVP", name)
			p.talkToEcho(e)
			p.seq = 65533
			for range 4 { // beyond the rollover, heard as well as said
				reaches(t, p.mouth, p, "over")
			}
			p.talkToEcho(e)
			reaches(t, p.mouth, p, "same keys")

			late, lost := p.sealed("late"), p.sealed("lost")
			ours := p.remoteKey()
			p.rekey()
			p.talkToEcho(e)
			if !bytes.Equal(p.remoteKey(), ours) {
				t.Error("we changed our key, too")
			}
			p.send(p.media, late)
			if got := p.next(patience); got == nil || string(got.Payload) != "late" {
				t.Fatalf("heard %v under the old key", got)
			}
			reaches(t, p.mouth, p, "new key")
			dropped := stats(t, e, "call", pbx.Leg).Dropped
			p.send(p.media, lost)
			eventuallyDropped(t, e, dropped+1)
		})
	}
}

// Another suite gets another key: with the first one's, numbers would be used twice if it came back.
func TestSDESOtherSuite(t *testing.T) {
	e := startEngine(t, "21040-21049")
	first := newDeskPhone(t, "RTP/SAVP", "AES_CM_128_HMAC_SHA1_80")
	first.talkToEcho(e)
	reaches(t, first.mouth, first, "first")
	second := newDeskPhone(t, "RTP/SAVP", "AEAD_AES_128_GCM")
	second.phone = first.phone
	second.talkToEcho(e)
	reaches(t, second.mouth, second, "second")
	third := newDeskPhone(t, "RTP/SAVP", "AES_CM_128_HMAC_SHA1_80")
	third.phone = first.phone
	before := first.in
	third.talkToEcho(e)
	reaches(t, third.mouth, third, "third")
	third.mouth("fourth")
	buf := make([]byte, 2000)
	third.media.SetReadDeadline(time.Now().Add(patience))
	n, _, err := third.media.ReadFromUDPAddrPort(buf)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := before.DecryptRTP(nil, buf[:n], nil); err == nil {
		t.Error("our first key is used again")
	}
}

// What is not encrypted well enough is refused, in offers and in answers.
func TestLeast(t *testing.T) {
	e := startEngine(t, "21050-21059")
	plain, keyed := newPhone(t), newDeskPhone(t, "RTP/SAVP", "AES_CM_128_HMAC_SHA1_80")
	opportunistic := newDeskPhone(t, "RTP/AVP", "AES_CM_128_HMAC_SHA1_80")
	keyless := bytes.Replace(plain.description("sendrecv"), []byte("RTP/AVP"), []byte("RTP/SAVP"), 1)
	print := fmt.Appendf(nil, "UDP/TLS/RTP/SAVP 0 8 101\r\na=setup:actpass\r\na=fingerprint:%s", e.fingerprint)
	dtls := bytes.Replace(plain.description("sendrecv"), []byte("RTP/AVP 0 8 101"), print, 1)
	for _, tt := range []struct {
		name        string
		description []byte
		least       sdp.Profile // the strongest least with which it is taken
		never       bool
	}{
		{"RTP", plain.description("sendrecv"), 0, false},
		{"SDES", keyed.description("sendrecv"), sdp.SDES, false},
		{"SDES without keys", keyless, 0, true},
		{"OSRTP", opportunistic.description("sendrecv"), sdp.SDES, false},
		{"DTLS", dtls, sdp.DTLS, false},
	} {
		for _, least := range []sdp.Profile{0, sdp.RTP, sdp.SDES, sdp.DTLS} {
			want := !tt.never && least.Strength() <= tt.least.Strength()
			party := call.Party{Leg: "least", Profile: sdp.SDES, Least: least, Host: loopback}
			if tt.name == "DTLS" {
				party.Profile = sdp.DTLS
			}
			_, err := e.Local(t.Context(), "offer", party, Echo, tt.description)
			if (err == nil) != want || err != nil && !errors.Is(err, sdp.ErrNoKeys) {
				t.Errorf("offer of %s where %v is the least: %v, want taken %v", tt.name, least, err, want)
			}
			must(t)(e.Offer(t.Context(), "answer", desk, party, plain.description("sendrecv")))
			_, err = e.Answer(t.Context(), "answer", party, desk, bytes.Replace(tt.description, []byte("actpass"), []byte("active"), 1))
			if (err == nil) != want || err != nil && !errors.Is(err, sdp.ErrNoKeys) {
				t.Errorf("answer of %s where %v is the least: %v, want taken %v", tt.name, least, err, want)
			}
			e.Delete("offer", "")
			e.Delete("answer", "")
		}
	}
}

// An answer by another way of encryption than the offer's is none.
func TestOtherEncryptionAnswered(t *testing.T) {
	e := startEngine(t, "21050-21059")
	a, keyed := newPhone(t), newDeskPhone(t, "RTP/SAVP", "AES_CM_128_HMAC_SHA1_80")
	print := bytes.Replace(a.description("sendrecv"), []byte("RTP/AVP"), []byte("RTP/SAVP 0 8 101\r\na=setup:active\r\na=fingerprint:"+e.fingerprint+"\r\na=x:"), 1)
	for _, tt := range []struct {
		offer  sdp.Profile
		answer []byte
	}{{sdp.OSRTP, print}, {sdp.RTP, print}, {sdp.DTLS, keyed.description("sendrecv")}, {sdp.RTP, keyed.description("sendrecv")}} {
		party := trunk
		party.Profile = tt.offer
		must(t)(e.Offer(t.Context(), "call", desk, party, a.description("sendrecv")))
		if _, err := e.Answer(t.Context(), "call", party, desk, tt.answer); !errors.Is(err, sdp.ErrNoKeys) {
			t.Errorf("answer to an offer of %s: %v\n%s", tt.offer, err, tt.answer)
		}
		e.Delete("call", "")
	}
}

// A phone that names keys in the answer to an offer without any goes on in the clear, where that is allowed.
func TestKeysAnsweredInVain(t *testing.T) {
	e := startEngine(t, "21050-21059")
	a, b, named := newPhone(t), newPhone(t), newDeskPhone(t, "RTP/AVP", "AES_CM_128_HMAC_SHA1_80")
	for _, least := range []sdp.Profile{0, sdp.SDES} {
		party := call.Party{Leg: "vain", Profile: sdp.RTP, Least: least, Host: loopback}
		named.phone = b
		b.hear(must(t)(e.Offer(t.Context(), "call", desk, party, a.description("sendrecv"))))
		answer, err := e.Answer(t.Context(), "call", party, desk, named.description("sendrecv"))
		if least != 0 {
			if !errors.Is(err, sdp.ErrNoKeys) {
				t.Errorf("answer: %v", err)
			}
			continue
		}
		a.hear(must(t)(answer, err))
		reaches(t, a.mouth, b, "clear")
		reaches(t, b.mouth, a, "clear")
		e.Delete("call", "")
	}
}

// No key is in the saved state; a call that comes back gets new ones by an offer of ours.
func TestSDESRestored(t *testing.T) {
	const ports = "21060-21069"
	e := startEngine(t, ports)
	a, b := newPhone(t), newDeskPhone(t, "RTP/SAVP", "AES_CM_128_HMAC_SHA1_80")
	b.hear(must(t)(e.Offer(t.Context(), "call", desk, trunk, a.description("sendrecv"))))
	a.hear(must(t)(e.Answer(t.Context(), "call", trunk, desk, b.description("sendrecv"))))
	reaches(t, a.mouth, b, "before")
	state, err := e.Save("call")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range [][]byte{b.key, b.remoteKey()} {
		for n := range len(key) - 8 {
			if bytes.Contains(state, []byte(base64.StdEncoding.EncodeToString(key[n:]))) || bytes.Contains(state, key[n:]) {
				t.Fatalf("a key is saved: %s", state)
			}
		}
	}
	ours := b.remoteKey()
	e = restart(t, e, "call", ports)
	silent(t, a.mouth, b, "too early")
	silent(t, b.mouth, a, "too early")
	if nothing, err := e.Reoffer(t.Context(), "call", desk.Leg); len(nothing) > 0 || err != nil {
		t.Errorf("the phone in the clear is offered %s, %v", nothing, err)
	}
	b.hear(must(t)(e.Reoffer(t.Context(), "call", trunk.Leg)))
	if bytes.Equal(b.remoteKey(), ours) {
		t.Error("the old key is offered again")
	}
	b.rekey()
	if err := e.Reanswer(t.Context(), "call", trunk.Leg, b.description("sendrecv")); err != nil {
		t.Fatal(err)
	}
	reaches(t, a.mouth, b, "after")
	reaches(t, b.mouth, a, "after")
	if nothing, err := e.Reoffer(t.Context(), "call", trunk.Leg); len(nothing) > 0 || err != nil {
		t.Errorf("offered once more: %s, %v", nothing, err)
	}
}
