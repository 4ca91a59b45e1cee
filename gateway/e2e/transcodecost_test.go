//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v3"

	"cordboard/audio"
	"cordboard/audio/codec"
	"cordboard/gateway/call"
	"cordboard/gateway/media"
	"cordboard/gateway/sdp"
)

// costlyCalls are carried at a time.
const costlyCalls = 20

// converting is a program that converts calls between a party that knows Opus alone and one that knows PCMA alone.
type converting interface {
	offer(t *testing.T, id string, description []byte) []byte
	answer(t *testing.T, id string, description []byte) []byte
	took(t *testing.T, length time.Duration) float64
}

// What it costs of a core to turn Opus into PCMA and back for 20 calls, beside rtpengine, which does the same. It is measured, for as long as
// CORDBOARD_TRANSCODE_COST says, as "10s", and judged by the mark of half of what rtpengine takes: that wants a quiet machine.
func TestTranscodeCost(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv("CORDBOARD_TRANSCODE_COST"))
	if err != nil {
		t.Skip("CORDBOARD_TRANSCODE_COST does not say how long to measure, as 10s")
	}
	var ours, theirs float64
	for range 2 { // by turns, as the machine's other work comes and goes
		t.Run("rtpengine", func(t *testing.T) { theirs += costOf(t, rtpengineConverts{startRTPEngine(t)}, length) })
		t.Run("cordboard", func(t *testing.T) { ours += costOf(t, startConverting(t), length) })
	}
	t.Logf("%.2f of rtpengine: %.2f %% of a core for each call, and %.2f", ours/theirs, ours/2/costlyCalls, theirs/2/costlyCalls)
	if ours > theirs/2 {
		t.Errorf("converting costs %.2f of what rtpengine takes, want half", ours/theirs)
	}
}

// costOf sets calls up, has both sides of each speak, and gives what a program takes of a core, in percent.
func costOf(t *testing.T, c converting, length time.Duration) float64 {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	var heard [2]atomic.Int64 // packets that came in the right codec
	var browsers []*costlyBrowser
	var phones []*costlyPhone
	for i := range costlyCalls {
		opus, law := newCostlyBrowser(t, &heard[0]), newCostlyPhone(t)
		id := fmt.Sprint("call", i)
		law.told(t, c.offer(t, id, opus.description(t)))
		opus.told(t, c.answer(t, id, law.description()))
		browsers, phones = append(browsers, opus), append(phones, law)
		running.Go(func() { law.listen(&heard[1]) })
	}
	opus, law := tonePayloads(t, "opus", codec.OpusRate, 2), tonePayloads(t, "PCMA", codec.G711Rate, 1)
	running.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ctx.Err() == nil; n++ {
			<-tick.C
			for i := range costlyCalls {
				browsers[i].say(n, opus[n%len(opus)])
				phones[i].say(n, law[n%len(law)])
			}
		}
		for i := range costlyCalls {
			browsers[i].pc.Close()
			phones[i].conn.Close()
		}
	})
	eventually(t, patience, "sound of all calls both ways", func() bool {
		before := [2]int64{heard[0].Load(), heard[1].Load()}
		time.Sleep(time.Second)
		return min(heard[0].Load()-before[0], heard[1].Load()-before[1]) > 45*costlyCalls
	})
	before := [2]int64{heard[0].Load(), heard[1].Load()}
	took := c.took(t, length)
	for side, name := range []string{"Opus", "PCMA"} {
		want := costlyCalls * length.Milliseconds() / 20
		if got := heard[side].Load() - before[side]; got < want*9/10 {
			t.Errorf("%d packets of %s came, want %d", got, name, want)
		}
	}
	if share := audio.Goertzel(phones[0].sound(), codec.G711Rate, tonePhone); share < 0.5 {
		t.Errorf("the share of the tone after Opus is %.2f", share)
	}
	t.Logf("%.1f %% of a core", took)
	return took
}

// costlyBrowser is the side that knows Opus alone, by pion.
type costlyBrowser struct {
	pc    *webrtc.PeerConnection
	voice *webrtc.TrackLocalStaticRTP
}

func newCostlyBrowser(t *testing.T, heard *atomic.Int64) *costlyBrowser {
	t.Helper()
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetIPFilter(func(ip net.IP) bool { return ip.IsLoopback() })
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	var codecs webrtc.MediaEngine
	opus := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: codec.OpusRate, Channels: 2}
	err := codecs.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: opus, PayloadType: 111}, webrtc.RTPCodecTypeAudio)
	if err != nil {
		t.Fatal(err)
	}
	b := &costlyBrowser{}
	if b.pc, err = webrtc.NewAPI(webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(&codecs)).NewPeerConnection(webrtc.Configuration{}); err != nil {
		t.Fatal(err)
	}
	if b.voice, err = webrtc.NewTrackLocalStaticRTP(opus, "audio", "voice"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.pc.AddTrack(b.voice); err != nil {
		t.Fatal(err)
	}
	b.pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			if _, _, err := track.ReadRTP(); err != nil {
				return
			}
			heard.Add(1)
		}
	})
	return b
}

func (b *costlyBrowser) description(t *testing.T) []byte {
	t.Helper()
	offer, err := b.pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(b.pc)
	if err := b.pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-gathered
	return []byte(b.pc.LocalDescription().SDP)
}

func (b *costlyBrowser) told(t *testing.T, description []byte) {
	t.Helper()
	if err := b.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(description)}); err != nil {
		t.Fatalf("%v\n%s", err, description)
	}
}

func (b *costlyBrowser) say(n int, payload []byte) {
	b.voice.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: uint16(n), Timestamp: 960 * uint32(n)}, Payload: payload})
}

// costlyPhone is the side that knows PCMA alone, in the clear.
type costlyPhone struct {
	conn   *net.UDPConn
	to     netip.AddrPort
	packet []byte

	mu   sync.Mutex
	last []int16 // heard of late
}

func newCostlyPhone(t *testing.T) *costlyPhone {
	return &costlyPhone{conn: listenUDP(t), packet: make([]byte, 12, 200)}
}

func (p *costlyPhone) description() []byte {
	return fmt.Appendf(nil, "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=sendrecv\r\n",
		p.conn.LocalAddr().(*net.UDPAddr).Port)
}

func (p *costlyPhone) told(t *testing.T, description []byte) {
	t.Helper()
	r, err := sdp.Parse(description)
	if err != nil || !r.Audio.IsValid() {
		t.Fatalf("told %v\n%s", err, description)
	}
	p.to = r.Audio
}

func (p *costlyPhone) say(n int, payload []byte) {
	b := append(p.packet[:12], payload...)
	b[0], b[1] = 0x80, 8
	binary.BigEndian.PutUint16(b[2:], uint16(n))
	binary.BigEndian.PutUint32(b[4:], 160*uint32(n))
	binary.BigEndian.PutUint32(b[8:], uint32(p.conn.LocalAddr().(*net.UDPAddr).Port))
	p.conn.WriteToUDPAddrPort(b, p.to)
}

func (p *costlyPhone) listen(heard *atomic.Int64) {
	buf := make([]byte, 1500)
	for {
		n, err := p.conn.Read(buf)
		if err != nil {
			return
		}
		if n <= 12 || buf[1]&0x7f != 8 {
			continue
		}
		heard.Add(1)
		p.mu.Lock()
		p.last = codec.PCMA.Decode(p.last[max(0, len(p.last)-codec.G711Rate):], buf[12:n])
		p.mu.Unlock()
	}
}

func (p *costlyPhone) sound() []int16 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]int16(nil), p.last...)
}

// tonePayloads is a second of a tone in a codec, in packets of 20 ms.
func tonePayloads(t *testing.T, name string, clock uint32, channels int) (payloads [][]byte) {
	t.Helper()
	encoder, rate, err := codec.NewEncoder(name, clock, channels)
	if err != nil {
		t.Fatal(err)
	}
	tone := audio.NewTone(tonePhone, rate, 9000)
	mono := make([]int16, rate/50)
	for range 50 {
		tone.Fill(mono)
		var pcm []int16
		for _, s := range mono {
			for range channels {
				pcm = append(pcm, s)
			}
		}
		payload, err := encoder.Encode(nil, pcm)
		if err != nil {
			t.Fatal(err)
		}
		payloads = append(payloads, payload)
	}
	return payloads
}

// rtpengineConverts is rtpengine as it is installed.
type rtpengineConverts struct{ *rtpengine }

func (r rtpengineConverts) offer(t *testing.T, id string, description []byte) []byte {
	description = bytes.ReplaceAll(description, []byte("0.0.0.0"), []byte("127.0.0.1")) // which it takes for a hold
	return r.pass(t, "offer", id, description, map[string]any{"ICE": "remove", "transport-protocol": "RTP/AVP", "rtcp-mux": []string{"demux"},
		"codec": map[string]any{"mask": []string{"opus"}, "transcode": []string{"PCMA"}}})
}

func (r rtpengineConverts) answer(t *testing.T, id string, description []byte) []byte {
	return r.pass(t, "answer", id, description, map[string]any{"ICE": "force", "transport-protocol": "UDP/TLS/RTP/SAVPF"})
}

// ourConverting is our engine in a process of its own, so that it can be told what that takes.
type ourConverting struct {
	*process
	in  *json.Encoder
	out *json.Decoder
}

// converted is an offer or an answer on its way to our engine, or what becomes of it.
type converted struct {
	Answer bool
	ID     string
	SDP    []byte
	Error  string
}

const convertingHere = "CORDBOARD_CONVERTING"

func startConverting(t *testing.T) *ourConverting {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run", "^TestConvertingEngine$")
	cmd.Env = append(os.Environ(), convertingHere+"=yes")
	toIt, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, fromIt, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.ExtraFiles = []*os.File{toIt, fromIt}
	c := &ourConverting{start(t, "engine", cmd), json.NewEncoder(in), json.NewDecoder(bufio.NewReader(out))}
	t.Cleanup(func() {
		for _, f := range []*os.File{in, out, toIt, fromIt} {
			f.Close()
		}
	})
	return c
}

func (c *ourConverting) offer(t *testing.T, id string, description []byte) []byte {
	return c.ask(t, converted{ID: id, SDP: description})
}

func (c *ourConverting) answer(t *testing.T, id string, description []byte) []byte {
	return c.ask(t, converted{Answer: true, ID: id, SDP: description})
}

func (c *ourConverting) ask(t *testing.T, q converted) []byte {
	t.Helper()
	var a converted
	if err := c.in.Encode(q); err != nil {
		t.Fatal(err)
	}
	if err := c.out.Decode(&a); err != nil || a.Error != "" {
		t.Fatalf("ask the engine: %v %s", err, a.Error)
	}
	return a.SDP
}

// TestConvertingEngine is no test, but what runs in startConverting's process.
func TestConvertingEngine(t *testing.T) {
	if os.Getenv(convertingHere) == "" {
		t.Skip("is no test by itself")
	}
	os.RemoveAll(workshop)
	first, last := freeRange(t, 4*costlyCalls)
	e, err := media.New(media.Config{Listen: "127.0.0.1:0", Ports: fmt.Sprintf("%d-%d", first, last)}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	go e.Run(context.Background())
	host := netip.MustParseAddr("127.0.0.1")
	a, b := call.Party{Leg: "opus", Profile: sdp.WebRTC, Host: host}, call.Party{Leg: "law", Profile: sdp.RTP, Host: host}
	in, out := json.NewDecoder(os.NewFile(3, "in")), json.NewEncoder(os.NewFile(4, "out"))
	for {
		var q converted
		if in.Decode(&q) != nil {
			os.Exit(0)
		}
		var err error
		if q.Answer {
			q.SDP, err = e.Answer(t.Context(), q.ID, b, a, q.SDP)
		} else {
			q.SDP, err = e.Offer(t.Context(), q.ID, a, b, q.SDP)
		}
		if err != nil {
			q.Error = err.Error()
		}
		if out.Encode(q) != nil {
			os.Exit(0)
		}
	}
}
