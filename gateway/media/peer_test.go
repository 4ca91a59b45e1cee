package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/logging"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v3"

	"cordboard/gateway/call"
	"cordboard/gateway/sdp"
)

// patience is how long a test waits for what must come; calm is how long it listens for what must not.
const (
	patience = 10 * time.Second
	calm     = 300 * time.Millisecond
)

var (
	loopback = netip.MustParseAddr("127.0.0.1")
	alice    = call.Party{Leg: "alice", Profile: sdp.WebRTC, Host: loopback}
	bob      = call.Party{Leg: "bob", Profile: sdp.WebRTC, Host: loopback}
	pbx      = call.Party{Leg: "pbx", Profile: sdp.RTP, Host: loopback}
	desk     = call.Party{Leg: "desk", Profile: sdp.RTP, Host: loopback}
)

// startEngine runs an engine on loopback until the test ends. Each test has ports of its own, out of the range that the
// kernel gives away.
func startEngine(t testing.TB, ports string) *Engine {
	t.Helper()
	return startEngineAt(t, "127.0.0.1:0", ports)
}

// startEngineAt is startEngine with an address of choice.
func startEngineAt(t testing.TB, listen, ports string) *Engine {
	t.Helper()
	e, err := New(Config{Listen: listen, Ports: ports}, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil && !errors.Is(err, errClosed) { // a test may have been faster
			t.Errorf("Run = %v", err)
		}
	})
	return e
}

// browser is a WebRTC client by pion, with an ICE agent, DTLS and SRTP that share nothing with the engine's.
type browser struct {
	t     testing.TB
	pc    *webrtc.PeerConnection
	voice *webrtc.TrackLocalStaticRTP
	heard chan *rtp.Packet
	told  chan rtcp.Packet
	seq   uint16
}

func newBrowser(t testing.TB, settings ...func(*webrtc.SettingEngine)) *browser {
	t.Helper()
	return newBrowserOf(t, []sdp.Codec{pcmuCodec, pcmaCodec, eventSlow}, settings...)
}

// newBrowserOf is newBrowser with codecs of choice, in order of preference; it speaks the first.
func newBrowserOf(t testing.TB, codecs []sdp.Codec, settings ...func(*webrtc.SettingEngine)) *browser {
	t.Helper()
	var se webrtc.SettingEngine
	quiet := logging.NewDefaultLoggerFactory()
	quiet.Writer, quiet.DefaultLogLevel = io.Discard, logging.LogLevelDisabled
	se.LoggerFactory = quiet
	se.SetIncludeLoopbackCandidate(true)
	se.SetIPFilter(func(ip net.IP) bool { return ip.IsLoopback() })
	se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	for _, set := range settings {
		set(&se)
	}
	var me webrtc.MediaEngine
	for _, c := range codecs {
		known := webrtc.RTPCodecParameters{RTPCodecCapability: capability(c), PayloadType: webrtc.PayloadType(c.PT)}
		if err := me.RegisterCodec(known, webrtc.RTPCodecTypeAudio); err != nil {
			t.Fatal(err)
		}
	}
	vp8 := webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeVP8, ClockRate: 90000, RTCPFeedback: []webrtc.RTCPFeedback{{Type: "nack", Parameter: "pli"}},
		}, PayloadType: 96,
	}
	h264 := vp8
	h264.MimeType, h264.PayloadType, h264.SDPFmtpLine = webrtc.MimeTypeH264, 97, h264Parameters
	for _, c := range []webrtc.RTPCodecParameters{vp8, h264} { // of use to who adds a camera
		if err := me.RegisterCodec(c, webrtc.RTPCodecTypeVideo); err != nil {
			t.Fatal(err)
		}
	}
	api := webrtc.NewAPI(webrtc.WithSettingEngine(se), webrtc.WithMediaEngine(&me))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.Close() })
	b := &browser{t: t, pc: pc, heard: make(chan *rtp.Packet, 1000), told: make(chan rtcp.Packet, 100)}
	b.voice, err = webrtc.NewTrackLocalStaticRTP(capability(codecs[0]), "audio", "voice")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pc.AddTrack(b.voice); err != nil {
		t.Fatal(err)
	}
	pc.OnTrack(func(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
		go func() {
			for {
				parts, _, err := receiver.ReadRTCP()
				if err != nil {
					return
				}
				for _, part := range parts {
					select {
					case b.told <- part:
					default:
					}
				}
			}
		}()
		for {
			p, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			select {
			case b.heard <- p:
			default:
			}
		}
	})
	return b
}

// capability is a codec as pion names it.
func capability(c sdp.Codec) webrtc.RTPCodecCapability {
	known := webrtc.RTPCodecCapability{MimeType: "audio/" + c.Name, ClockRate: c.ClockRate, SDPFmtpLine: c.Fmtp}
	if c.Channels > 1 {
		known.Channels = uint16(c.Channels)
	}
	return known
}

// offer makes the browser's offer.
func (b *browser) offer() []byte {
	b.t.Helper()
	offer, err := b.pc.CreateOffer(nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.set(offer)
}

// set applies a description of the browser's own and waits for its candidates.
func (b *browser) set(own webrtc.SessionDescription) []byte {
	b.t.Helper()
	gathered := webrtc.GatheringCompletePromise(b.pc)
	if err := b.pc.SetLocalDescription(own); err != nil {
		b.t.Fatal(err)
	}
	<-gathered
	return []byte(b.pc.LocalDescription().SDP)
}

// accept takes the answer to the browser's offer.
func (b *browser) accept(answer []byte) {
	b.t.Helper()
	if err := b.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(answer)}); err != nil {
		b.t.Fatalf("%v\n%s", err, answer)
	}
}

// answer answers an offer.
func (b *browser) answer(offer []byte) []byte {
	b.t.Helper()
	if err := b.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: string(offer)}); err != nil {
		b.t.Fatalf("%v\n%s", err, offer)
	}
	answer, err := b.pc.CreateAnswer(nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.set(answer)
}

// say sends a packet of PCMU.
func (b *browser) say(payload string) {
	b.seq++
	b.voice.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: b.seq, Timestamp: 160 * uint32(b.seq)}, Payload: []byte(payload)})
}

// next gives the next packet heard, nil when none comes in time.
func (b *browser) next(wait time.Duration) *rtp.Packet {
	select {
	case p := <-b.heard:
		return p
	case <-time.After(wait):
		return nil
	}
}

// phone is a plain RTP/AVP phone: two sockets and a description.
type phone struct {
	t              testing.TB
	media, control *net.UDPConn
	remote         sdp.Remote
	seq            uint16
	paused         uint32 // ticks by which its timestamps are ahead of its numbers
	ssrc           uint32
	version        int
}

func newPhone(t testing.TB) *phone {
	t.Helper()
	p := &phone{t: t, ssrc: random32()}
	for _, conn := range []**net.UDPConn{&p.media, &p.control} {
		var err error
		if *conn, err = net.ListenUDP("udp4", &net.UDPAddr{IP: loopback.AsSlice()}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { (*conn).Close() })
	}
	return p
}

// port is the port of a socket.
func port(conn *net.UDPConn) int { return conn.LocalAddr().(*net.UDPAddr).Port }

// description is the phone's SDP with a direction.
func (p *phone) description(direction string) []byte {
	p.version++
	return fmt.Appendf(nil, "v=0\r\no=- 1 %d IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"+
		"m=audio %d RTP/AVP 0 8 101\r\na=rtcp:%d\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"+
		"a=fmtp:101 0-15\r\na=%s\r\n", p.version, port(p.media), port(p.control), direction)
}

// hear reads where the other side listens.
func (p *phone) hear(description []byte) {
	p.t.Helper()
	remote, err := sdp.Parse(description)
	if err != nil {
		p.t.Fatalf("%v\n%s", err, description)
	}
	for _, alien := range []string{"ice", "fingerprint", "setup", "SAVP", "candidate", "extmap", "ssrc", "rtcp-mux"} {
		if strings.Contains(string(description), alien) {
			p.t.Errorf("the phone is told of %s:\n%s", alien, description)
		}
	}
	p.remote = remote
}

// say sends a packet of PCMU from a socket of the phone or of anyone.
func (p *phone) say(conn *net.UDPConn, payload string) {
	p.seq++
	h := rtp.Header{SequenceNumber: p.seq, Timestamp: 160 * uint32(p.seq), SSRC: p.ssrc}
	conn.WriteToUDPAddrPort(packet(p.t, h, payload), p.remote.Audio)
}

// next gives the next RTP packet heard, nil when none comes in time.
func (p *phone) next(wait time.Duration) *rtp.Packet {
	p.t.Helper()
	buf := make([]byte, 2000)
	p.media.SetReadDeadline(time.Now().Add(wait))
	n, _, err := p.media.ReadFromUDPAddrPort(buf)
	if err != nil {
		return nil
	}
	var got rtp.Packet
	if err := got.Unmarshal(buf[:n]); err != nil {
		p.t.Errorf("the phone hears %x: %v", buf[:n], err)
	}
	return &got
}

// party is what a browser and a phone have in common.
type party interface {
	next(wait time.Duration) *rtp.Packet
}

// reaches sends until a packet with that payload arrives.
func reaches(t testing.TB, say func(string), to party, payload string) *rtp.Packet {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		say(payload)
		for {
			p := to.next(20 * time.Millisecond)
			if p == nil {
				break
			}
			if string(p.Payload) == payload {
				return p
			}
		}
	}
	t.Fatalf("%q never arrived", payload)
	return nil
}

// silent sends for a while and fails if a packet with that payload arrives.
func silent(t testing.TB, say func(string), to party, payload string) {
	t.Helper()
	for end := time.Now().Add(calm); time.Now().Before(end); {
		say(payload)
		if p := to.next(20 * time.Millisecond); p != nil && string(p.Payload) == payload {
			t.Fatalf("%q arrived", payload)
		}
	}
}

// must is for a description that must be had.
func must(t testing.TB) func([]byte, error) []byte {
	return func(text []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
}

// stats finds a leg's counters.
func stats(t testing.TB, e *Engine, id, leg string) LegStats {
	t.Helper()
	for _, s := range e.Stats(id) {
		if s.Leg == leg {
			return s
		}
	}
	t.Fatalf("no leg %q", leg)
	return LegStats{}
}
