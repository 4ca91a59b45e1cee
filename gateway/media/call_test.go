package media

import (
	"bytes"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/pion/dtls/v2"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v3"

	"cordboard/audio"
	"cordboard/audio/codec"
	"cordboard/gateway/call"
	"cordboard/gateway/sdp"
)

// dial lets a browser call a phone.
func dial(t testing.TB, e *Engine, b *browser, p *phone) {
	t.Helper()
	p.hear(must(t)(e.Offer(t.Context(), "call", alice, pbx, b.offer())))
	b.accept(must(t)(e.Answer(t.Context(), "call", pbx, alice, p.description("sendrecv"))))
}

// mouth is how a phone speaks from its own socket.
func (p *phone) mouth(payload string) { p.say(p.media, payload) }

func TestBrowserCallsPhone(t *testing.T) {
	for name, profile := range map[string]dtls.SRTPProtectionProfile{
		"AES-GCM": dtls.SRTP_AEAD_AES_128_GCM, "AES-CM": dtls.SRTP_AES128_CM_HMAC_SHA1_80,
	} {
		t.Run(name, func(t *testing.T) {
			e := startEngine(t, "20100-20119")
			b := newBrowser(t, func(s *webrtc.SettingEngine) { s.SetSRTPProtectionProfiles(profile) })
			p := newPhone(t)
			dial(t, e, b, p)
			heard := reaches(t, b.say, p, "from the browser")
			if heard.Extension || heard.PayloadType != 0 {
				t.Errorf("the phone hears %+v", heard.Header)
			}
			heard = reaches(t, p.mouth, b, "from the phone")
			if heard.SSRC == p.ssrc || heard.PayloadType != 0 {
				t.Errorf("the browser hears %+v", heard.Header)
			}
			waitFor(t, "stats of both ways", func() bool { // counted after sending
				s := stats(t, e, "call", "alice")
				return s.State == "up" && s.PacketsIn > 0 && s.PacketsOut > 0 && !s.Last.IsZero()
			})
		})
	}
}

func TestPhoneCallsBrowser(t *testing.T) {
	for name, role := range map[string]webrtc.DTLSRole{"browser is DTLS client": webrtc.DTLSRoleClient, "browser is DTLS server": webrtc.DTLSRoleServer} {
		t.Run(name, func(t *testing.T) {
			e := startEngine(t, "20120-20139")
			b := newBrowser(t, func(s *webrtc.SettingEngine) {
				if err := s.SetAnsweringDTLSRole(role); err != nil {
					t.Fatal(err)
				}
			})
			p := newPhone(t)
			answer := b.answer(must(t)(e.Offer(t.Context(), "call", pbx, alice, p.description("sendrecv"))))
			time.Sleep(100 * time.Millisecond) // the browser's ClientHello may be here before its answer
			p.hear(must(t)(e.Answer(t.Context(), "call", alice, pbx, answer)))
			reaches(t, b.say, p, "from the browser")
			reaches(t, p.mouth, b, "from the phone")
		})
	}
}

func TestBrowserCallsBrowser(t *testing.T) {
	e := startEngine(t, "20140-20159")
	a, b := newBrowser(t), newBrowser(t)
	answer := b.answer(must(t)(e.Offer(t.Context(), "call", alice, bob, a.offer())))
	text := must(t)(e.Answer(t.Context(), "call", bob, alice, answer))
	if again := must(t)(e.Answer(t.Context(), "call", bob, alice, answer)); !bytes.Equal(again, text) {
		t.Errorf("the same answer again gives\n%s, before\n%s", again, text)
	}
	a.accept(text)
	reaches(t, a.say, b, "from alice")
	reaches(t, b.say, a, "from bob")
}

func TestPhoneCallsPhone(t *testing.T) {
	e := startEngine(t, "20160-20179")
	a, b := newPhone(t), newPhone(t)
	b.hear(must(t)(e.Offer(t.Context(), "call", desk, pbx, a.description("sendrecv"))))
	a.hear(must(t)(e.Answer(t.Context(), "call", pbx, desk, b.description("sendrecv"))))
	reaches(t, a.mouth, b, "from a")
	reaches(t, b.mouth, a, "from b")
}

func TestEcho(t *testing.T) {
	e := startEngine(t, "20200-20219")
	b, p := newBrowser(t), newPhone(t)
	b.accept(must(t)(e.Local(t.Context(), "one", alice, Echo, b.offer())))
	first := reaches(t, b.say, b, "hello")
	second := reaches(t, b.say, b, "again")
	if second.SSRC != first.SSRC || second.SequenceNumber == first.SequenceNumber {
		t.Errorf("first %+v, then %+v", first.Header, second.Header)
	}
	p.hear(must(t)(e.Local(t.Context(), "two", pbx, Echo, p.description("sendrecv"))))
	heard := reaches(t, p.mouth, p, "hello")
	if heard.SSRC == p.ssrc {
		t.Errorf("the phone hears its own source: %+v", heard.Header)
	}
	event := packet(t, rtp.Header{PayloadType: 101, SequenceNumber: 9000, SSRC: p.ssrc}, "key!")
	silent(t, func(string) { p.media.WriteToUDPAddrPort(event, p.remote.Audio) }, p, "key!")
}

func TestTone(t *testing.T) {
	e := startEngine(t, "20220-20239")
	// The tone has no gap, though a machine that lets the engine sleep makes it pass over packets, but never over a few.
	hear := func(t *testing.T, from party) {
		t.Helper()
		var sound []int16
		var last *rtp.Packet
		for len(sound) < codec.G711Rate {
			p := from.next(patience)
			if p == nil {
				t.Fatalf("only %d samples came", len(sound))
			}
			if p.PayloadType != 0 || len(p.Payload) != 160 {
				t.Fatalf("heard %d octets of type %d", len(p.Payload), p.PayloadType)
			}
			if last != nil {
				gap := p.Timestamp - last.Timestamp
				slept := gap > maxCatchUp*160 && gap%160 == 0
				if p.SequenceNumber != last.SequenceNumber+1 || gap != 160 && !slept || p.SSRC != last.SSRC {
					t.Errorf("%+v follows %+v", p.Header, last.Header)
				}
			}
			last = p
			sound = codec.PCMU.Decode(sound, p.Payload)
		}
		if share := audio.Goertzel(sound, codec.G711Rate, 1004); share < 0.99 {
			t.Errorf("share of 1004 Hz: %.3f", share)
		}
		// -16 dBm0 is 19.17 dB under the loudest sine, whose RMS is 8159·4/√2 = 23077.
		if rms := audio.RMS(sound); rms < 2500 || rms > 2580 {
			t.Errorf("RMS %.0f, want 2539", rms)
		}
	}
	t.Run("browser", func(t *testing.T) {
		b := newBrowser(t)
		b.accept(must(t)(e.Local(t.Context(), "one", alice, Tone, b.offer())))
		hear(t, b)
	})
	t.Run("phone", func(t *testing.T) {
		p := newPhone(t)
		p.hear(must(t)(e.Local(t.Context(), "two", pbx, Tone, p.description("sendrecv"))))
		hear(t, p)
		p.hear(must(t)(e.Local(t.Context(), "two", pbx, Tone, p.description("sendonly"))))
		for p.next(50*time.Millisecond) != nil {
		}
		for late := 0; p.next(calm) != nil; late++ { // of a last step that was long on its way
			if late > maxCatchUp {
				t.Fatal("the tone goes on while the phone holds")
			}
		}
	})
	t.Run("no codec", func(t *testing.T) {
		offer := strings.NewReplacer("0 8 101", "18", "rtpmap:0 PCMU", "rtpmap:18 G729").Replace(string(newPhone(t).description("sendrecv")))
		if _, err := e.Local(t.Context(), "three", pbx, Tone, []byte(offer)); !errors.Is(err, sdp.ErrNoCodec) {
			t.Errorf("Local = %v, want ErrNoCodec", err)
		}
		if e.Stats("three") != nil {
			t.Error("a refused call is left")
		}
	})
}

func TestForking(t *testing.T) {
	e := startEngine(t, "20300-20319")
	p, first, second := newPhone(t), newBrowser(t), newBrowser(t)
	description := p.description("sendrecv")
	offer1 := must(t)(e.Offer(t.Context(), "call", pbx, alice, description))
	offer2 := must(t)(e.Offer(t.Context(), "call", pbx, bob, description))
	p.hear(must(t)(e.Answer(t.Context(), "call", alice, pbx, first.answer(offer1))))
	reaches(t, first.say, p, "early")
	p.hear(must(t)(e.Answer(t.Context(), "call", bob, pbx, second.answer(offer2))))
	reaches(t, second.say, p, "final")
	silent(t, first.say, p, "too late")
	e.Delete("call", "alice")
	reaches(t, p.mouth, second, "for bob")
	if all := e.Stats("call"); len(all) != 2 {
		t.Errorf("legs left: %+v", all)
	}
}

func TestUnknownCall(t *testing.T) {
	e := startEngine(t, "20320-20339")
	p := newPhone(t)
	if _, err := e.Answer(t.Context(), "none", pbx, alice, p.description("sendrecv")); !errors.Is(err, ErrUnknownCall) {
		t.Errorf("Answer = %v, want ErrUnknownCall", err)
	}
	must(t)(e.Offer(t.Context(), "call", desk, pbx, p.description("sendrecv")))
	for _, pair := range [][2]call.Party{{alice, desk}, {pbx, alice}, {desk, pbx}} {
		if _, err := e.Answer(t.Context(), "call", pair[0], pair[1], p.description("sendrecv")); !errors.Is(err, ErrUnknownCall) {
			t.Errorf("Answer from %s to %s = %v, want ErrUnknownCall", pair[0].Leg, pair[1].Leg, err)
		}
	}
	for _, bad := range []string{"", "v=0\r\n", "nonsense"} {
		if _, err := e.Offer(t.Context(), "bad", desk, pbx, []byte(bad)); err == nil {
			t.Errorf("offer %q: taken", bad)
		}
	}
	if e.Stats("bad") != nil {
		t.Error("a refused offer left a call behind")
	}
	e.Delete("none", "")
	e.Delete("call", "nobody")
}

func TestPortsRunOutAndComeBack(t *testing.T) {
	e := startEngine(t, "20340-20343") // two pairs
	p := newPhone(t)
	must(t)(e.Offer(t.Context(), "one", desk, pbx, p.description("sendrecv")))
	if _, err := e.Offer(t.Context(), "two", desk, pbx, p.description("sendrecv")); !errors.Is(err, ErrNoPorts) {
		t.Fatalf("Offer = %v, want ErrNoPorts", err)
	}
	if e.Stats("two") != nil {
		t.Error("a refused call is left")
	}
	e.Delete("one", "")
	must(t)(e.Offer(t.Context(), "three", desk, pbx, p.description("sendrecv")))
	e.Delete("three", "")
	for n := 20340; n <= 20343; n++ {
		conn, err := net.ListenUDP("udp4", &net.UDPAddr{Port: n})
		if err != nil {
			t.Errorf("port %d is still taken: %v", n, err)
			continue
		}
		conn.Close()
	}
}
