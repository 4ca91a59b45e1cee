//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"cordboard/audio"
	"cordboard/audio/codec"
	"cordboard/gateway/call"
	"cordboard/gateway/media"
	"cordboard/gateway/sdp"
)

// rtpengine is a media proxy that speaks every way of encryption. Here it stands between our engine and a phone, as in a PBX.
type rtpengine struct {
	*process
	conn net.Conn
	last int
}

func startRTPEngine(t *testing.T, options ...string) *rtpengine {
	t.Helper()
	ng := freePort(t)
	first, last := freeRange(t, 100)
	ng.release()
	r := &rtpengine{process: start(t, "rtpengine", exec.Command(program(t, "rtpengine"), append(options, "--config-file=none", "--foreground", "--log-stderr",
		"--log-level=6", "--table=-1", "--interface=127.0.0.1", "--listen-ng="+ng.addr(), "--port-min="+strconv.Itoa(first), "--port-max="+strconv.Itoa(last), "--num-threads=2")...))}
	var err error
	if r.conn, err = net.Dial("udp4", ng.addr()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.conn.Close() })
	eventually(t, 20*time.Second, "answer of rtpengine to a ping", func() bool {
		answer, err := r.ask(map[string]any{"command": "ping"}, 300*time.Millisecond)
		return err == nil && answer["result"] == "pong"
	})
	return r
}

// bencode writes texts, lists of texts, and maps of both.
func bencode(v any) string {
	switch v := v.(type) {
	case string:
		return strconv.Itoa(len(v)) + ":" + v
	case []string:
		text := "l"
		for _, item := range v {
			text += bencode(item)
		}
		return text + "e"
	case map[string]any:
		var keys []string
		for key := range v {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		text := "d"
		for _, key := range keys {
			text += bencode(key) + bencode(v[key])
		}
		return text + "e"
	}
	return ""
}

// bdecode reads the texts of a map of texts, up to the first value that is none.
func bdecode(text string) map[string]string {
	read := func() (string, bool) {
		size, rest, _ := strings.Cut(text, ":")
		n, err := strconv.Atoi(size)
		if err != nil || n > len(rest) {
			return "", false
		}
		text = rest[n:]
		return rest[:n], true
	}
	found := make(map[string]string)
	text = strings.TrimPrefix(text, "d")
	for {
		key, ok := read()
		value, well := read()
		if !ok || !well {
			return found
		}
		found[key] = value
	}
}

// ask sends a command and gives the answer.
func (r *rtpengine) ask(command map[string]any, wait time.Duration) (map[string]string, error) {
	r.last++
	cookie := fmt.Sprintf("c%d ", r.last)
	if _, err := r.conn.Write([]byte(cookie + bencode(command))); err != nil {
		return nil, err
	}
	r.conn.SetReadDeadline(time.Now().Add(wait))
	buf := make([]byte, 64<<10)
	for {
		n, err := r.conn.Read(buf)
		if err != nil {
			return nil, err
		}
		if answer, ok := strings.CutPrefix(string(buf[:n]), cookie); ok {
			return bdecode(answer), nil
		}
	}
}

// pass has rtpengine take a description and gives what the other side is told.
func (r *rtpengine) pass(t *testing.T, command, id string, description []byte, flags map[string]any) []byte {
	t.Helper()
	message := map[string]any{"command": command, "call-id": id, "from-tag": "caller", "sdp": string(description)}
	if command == "answer" {
		message["to-tag"] = "callee"
	}
	for key, value := range flags {
		message[key] = value
	}
	answer, err := r.ask(message, patience)
	if err != nil || answer["result"] != "ok" {
		t.Fatalf("%s to rtpengine: %v, %v", command, answer, err)
	}
	return []byte(answer["sdp"])
}

// wirePhone is a phone that says a tone all the time.
type wirePhone struct {
	conn   *net.UDPConn
	first  uint16   // number of its first packet
	secret *libsrtp // nil: in the clear

	mu    sync.Mutex
	to    netip.AddrPort
	voice []int16
	last  time.Time
	ended bool // a report said goodbye
}

func startWirePhone(t *testing.T, tone float64) *wirePhone {
	t.Helper()
	p := &wirePhone{conn: listenUDP(t), first: 1}
	p.start(t, tone)
	return p
}

// start has the phone speak and listen until the test ends.
func (p *wirePhone) start(t *testing.T, tone float64) {
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(func() {
		stop()
		p.conn.Close()
		running.Wait()
	})
	running.Go(func() { p.speak(ctx, tone) })
	running.Go(p.listen)
}

func (p *wirePhone) speak(ctx context.Context, frequency float64) {
	tone := audio.NewTone(frequency, codec.G711Rate, 8000)
	pcm := make([]int16, 160)
	packet := make([]byte, 12, 200)
	packet[0] = 0x80
	binary.BigEndian.PutUint32(packet[8:], uint32(frequency))
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for n := p.first; ; n++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		tone.Fill(pcm)
		binary.BigEndian.PutUint16(packet[2:], n)
		binary.BigEndian.PutUint32(packet[4:], 160*uint32(n))
		p.mu.Lock()
		to := p.to
		p.mu.Unlock()
		sealed, ok := codec.PCMU.Encode(packet[:12], pcm), to.IsValid()
		if ok && p.secret != nil {
			sealed, ok = p.secret.do('P', sealed)
		}
		if ok {
			p.conn.WriteToUDPAddrPort(sealed, to)
		}
	}
}

func (p *wirePhone) listen() {
	buf := make([]byte, 2000)
	for {
		n, err := p.conn.Read(buf)
		if err != nil {
			return
		}
		packet, ok := buf[:n], n > 12
		report := ok && packet[1] >= 200 && packet[1] < 208
		if ok && p.secret != nil {
			packet, ok = p.secret.do(map[bool]byte{false: 'U', true: 'V'}[report], packet)
		}
		p.mu.Lock()
		switch {
		case ok && report:
			p.ended = p.ended || saysGoodbye(packet)
		case ok && packet[1]&0x7f == 0:
			p.voice, p.last = codec.PCMU.Decode(p.voice, packet[12:]), time.Now()
		}
		p.mu.Unlock()
	}
}

// description is the phone's SDP.
func (p *wirePhone) description() []byte {
	return fmt.Appendf(nil, "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n",
		p.conn.LocalAddr().(*net.UDPAddr).Port)
}

// told reads where the phone shall send.
func (p *wirePhone) told(t *testing.T, description []byte) {
	t.Helper()
	r, err := sdp.Parse(description)
	if err != nil || !r.Audio.IsValid() {
		t.Fatalf("the phone is told %v\n%s", err, description)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.to, p.voice = r.Audio, nil
}

// heard implements listener.
func (p *wirePhone) heard(*testing.T) sound {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.last) > 500*time.Millisecond {
		return sound{}
	}
	return sound{slices.Clone(p.voice), codec.G711Rate}
}

// runEngine runs a media engine within the test until that ends.
func runEngine(t *testing.T, cfg media.Config) *media.Engine {
	t.Helper()
	e, err := media.New(cfg, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	ctx, stop := context.WithCancel(context.Background())
	go func() { done <- e.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return e
}

// Our engine and rtpengine understand each other in every way of encryption, whoever offers.
func TestRTPEngine(t *testing.T) {
	t.Parallel()
	active, passive := startRTPEngine(t), startRTPEngine(t, "--dtls-passive")
	first, last := freeRange(t, 20)
	e := runEngine(t, media.Config{Listen: "127.0.0.1:0", Ports: fmt.Sprintf("%d-%d", first, last)})
	suites := libSuites
	but := func(suite string) (list []string) {
		for _, s := range suites {
			if s != suite {
				list = append(list, "no-"+s)
			}
		}
		return list
	}
	type flags = map[string]any
	type row struct {
		name   string
		ours   sdp.Profile // what we offer; 0: rtpengine offers
		flags  flags
		inform string // stands in what rtpengine says
		want   string
	}
	rows := []row{
		{"we offer SDES and it wants DTLS", sdp.SDES, flags{}, "a=fingerprint", "DTLS"},
		{"we offer SDES", sdp.SDES, flags{"DTLS": "off"}, "a=crypto:1 AEAD_AES_128_GCM", "SDES"},
		{"we offer SDES, its choice", sdp.SDES, flags{"DTLS": "off", "SDES": []string{"no-AEAD_AES_128_GCM"}}, "a=crypto:2 AES_CM_128_HMAC_SHA1_80", "SDES"},
		{"we offer DTLS", sdp.DTLS, flags{}, "a=fingerprint", "DTLS"},
		{"we offer DTLS, it is passive", sdp.DTLS, flags{}, "a=setup:passive", "DTLS"},
		{"we offer OSRTP", sdp.OSRTP, flags{"OSRTP": []string{"accept"}}, "a=crypto", "SDES"},
		{"it offers DTLS", 0, flags{"transport-protocol": "UDP/TLS/RTP/SAVP", "rtcp-mux": []string{"offer"}}, "a=rtcp-mux", "DTLS"},
		{"it offers DTLS with feedback", 0, flags{"transport-protocol": "UDP/TLS/RTP/SAVPF", "rtcp-mux": []string{"offer"}}, "SAVPF", "DTLS"},
		{"it offers DTLS, without mux", 0, flags{"transport-protocol": "UDP/TLS/RTP/SAVP"}, "a=fingerprint", "DTLS"},
		{"it offers OSRTP", 0, flags{"transport-protocol": "RTP/AVP", "OSRTP": []string{"offer"}}, "a=crypto", "SDES"},
		{"it offers RTP with feedback", 0, flags{"transport-protocol": "RTP/AVPF"}, "AVPF", "RTP"},
		{"it offers as browsers do", 0, flags{"transport-protocol": "UDP/TLS/RTP/SAVPF", "ICE": "force", "rtcp-mux": []string{"offer"}}, "a=ice-ufrag", "WebRTC"},
	}
	for _, suite := range suites {
		rows = append(rows, row{"it offers " + suite, 0, flags{"transport-protocol": "RTP/SAVP", "SDES": but(suite)}, " " + suite + " inline:", "SDES"})
	}
	for _, tt := range rows {
		t.Run(tt.name, func(t *testing.T) {
			id, r := strings.ReplaceAll(tt.name, " ", "-"), active
			if strings.HasSuffix(tt.name, "it is passive") {
				r = passive
			}
			defer r.ask(map[string]any{"command": "delete", "call-id": id, "from-tag": "caller", "delete-delay": "0"}, patience)
			defer e.Delete(id, "")
			party := call.Party{Leg: "pbx", Profile: tt.ours, Host: netip.MustParseAddr("127.0.0.1")}
			desk := call.Party{Leg: "desk", Profile: sdp.RTP, Host: party.Host}
			near, far := startWirePhone(t, toneAlice), startWirePhone(t, tonePhone)
			must := func(text []byte, err error) []byte {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
				return text
			}
			var said []byte
			if tt.ours != 0 {
				plain := flags{"transport-protocol": "RTP/AVP", "ICE": "remove"}
				for key, value := range tt.flags {
					plain[key] = value
				}
				far.told(t, r.pass(t, "offer", id, must(e.Offer(t.Context(), id, desk, party, near.description())), plain))
				said = r.pass(t, "answer", id, far.description(), tt.flags)
				near.told(t, must(e.Answer(t.Context(), id, party, desk, said)))
			} else {
				party.Profile = sdp.RTP
				said = r.pass(t, "offer", id, far.description(), tt.flags)
				near.told(t, must(e.Offer(t.Context(), id, party, desk, said)))
				answer := must(e.Answer(t.Context(), id, desk, party, near.description()))
				far.told(t, r.pass(t, "answer", id, answer, flags{}))
			}
			if !bytes.Contains(said, []byte(tt.inform)) {
				t.Errorf("rtpengine says nothing of %q:\n%s", tt.inform, said)
			}
			wantTone(t, "the phone behind us", near, tonePhone)
			wantTone(t, "the phone behind rtpengine", far, toneAlice)
			for _, s := range e.Stats(id) {
				if s.Leg == "pbx" && (s.Profile != tt.want || s.State != "up") {
					t.Errorf("our leg is %s, %s; want %s", s.Profile, s.State, tt.want)
				}
			}
		})
	}
}
