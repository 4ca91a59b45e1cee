//go:build e2e

package e2e

import (
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/audio/codec"
)

// handset is a phone within the test, which the gateway takes for its PBX: it answers each call at once, in PCMU, and knows when each
// packet came and went.
type handset struct {
	t        *testing.T
	sip, rtp *net.UDPConn

	mu   sync.Mutex
	came []handsetPacket
	to   *net.UDPAddr // where its sound goes; nil: nobody has called
}

// handsetRate is that of what it says and hears, in Hz.
const handsetRate = 8000

// handsetPacket is sound that came or went.
type handsetPacket struct {
	at  time.Time
	pcm []int16
}

// startHandset listens until the test ends, and gives its table for the gateway.
func startHandset(t *testing.T) (h *handset, table string) {
	t.Helper()
	h = &handset{t: t, sip: listenUDP(t), rtp: listenUDP(t)}
	var running sync.WaitGroup
	running.Go(h.answer)
	running.Go(h.listen)
	t.Cleanup(func() {
		h.sip.Close()
		h.rtp.Close()
		running.Wait()
	})
	return h, fmt.Sprintf("[[pbx]]\nname = \"office\"\nuri = \"sip:%s\"\nmode = \"peer\"\n", h.sip.LocalAddr())
}

func listenUDP(t *testing.T) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatalf("listen as a phone: %v", err)
	}
	return c
}

// answer takes what the gateway asks, until the socket closes.
func (h *handset) answer() {
	answerCalls(h.sip, func(offer []byte) []byte {
		h.mu.Lock()
		h.to = soundAddress(string(offer))
		h.mu.Unlock()
		return fmt.Appendf(nil, "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP 0\r\n",
			h.rtp.LocalAddr().(*net.UDPAddr).Port)
	})
}

// answerCalls answers each request with 200, offers with what describe makes of them, until the socket closes.
func answerCalls(conn *net.UDPConn, describe func(offer []byte) []byte) {
	b := make([]byte, 1<<16)
	for {
		n, from, err := conn.ReadFromUDP(b)
		if err != nil {
			return
		}
		msg, err := sip.ParseMessage(b[:n])
		req, ok := msg.(*sip.Request)
		if err != nil || !ok || req.IsAck() {
			continue
		}
		res := sip.NewResponseFromRequest(req, sip.StatusOK, "OK", nil)
		if req.IsInvite() {
			res.AppendHeader(sip.NewHeader("Contact", "<sip:200@"+conn.LocalAddr().String()+">"))
			res.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
			res.SetBody(describe(req.Body()))
		}
		_, _ = conn.WriteToUDP([]byte(res.String()), from)
	}
}

// soundAddress is where a description of this machine wants its sound; nil: nowhere.
func soundAddress(sdp string) *net.UDPAddr {
	for at := range len(sdp) {
		var port int
		if n, _ := fmt.Sscanf(sdp[at:], "m=audio %d ", &port); n == 1 {
			return &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}
		}
	}
	return nil
}

// listen notes each packet, until the socket closes.
func (h *handset) listen() {
	const header = 12 // the gateway's have no more
	decoder, _, err := codec.NewDecoder("PCMU", handsetRate, 1)
	if err != nil {
		h.t.Error(err)
		return
	}
	b := make([]byte, 1<<16)
	for {
		n, err := h.rtp.Read(b)
		at := time.Now()
		if err != nil {
			return
		}
		if n <= header || b[1]&0x7f != 0 {
			continue
		}
		pcm, _ := decoder.Decode(nil, b[header:n])
		h.mu.Lock()
		h.came = append(h.came, handsetPacket{at, pcm})
		h.mu.Unlock()
	}
}

// say sends packets of 20 ms, whose sound fill makes, and gives them.
func (h *handset) say(length time.Duration, fill func(n int, pcm []int16)) (went []handsetPacket) {
	h.t.Helper()
	const every, size = 20 * time.Millisecond, handsetRate / 50
	h.mu.Lock()
	to := h.to
	h.mu.Unlock()
	encoder, _, err := codec.NewEncoder("PCMU", handsetRate, 1)
	if err != nil || to == nil {
		h.t.Fatalf("talk as a phone to %v: %v", to, err)
	}
	for i, began := 0, time.Now(); time.Since(began) < length; i++ {
		pcm := make([]int16, size)
		fill(i, pcm)
		b := binary.BigEndian.AppendUint16([]byte{0x80, 0}, uint16(i))
		b = binary.BigEndian.AppendUint32(b, uint32(i*size))
		b, _ = encoder.Encode(binary.BigEndian.AppendUint32(b, 0xC0DB0A4D), pcm)
		time.Sleep(time.Until(began.Add(time.Duration(i) * every)))
		went = append(went, handsetPacket{time.Now(), pcm})
		if _, err := h.rtp.WriteToUDP(b, to); err != nil {
			h.t.Fatalf("talk as a phone: %v", err)
		}
	}
	return went
}

// clicks are when the packets came in which the clicks are.
func (h *handset) clicks() (list []time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var sound []int16
	var came []time.Time // of each sample
	for _, p := range h.came {
		sound = append(sound, p.pcm...)
		came = append(came, slices.Repeat([]time.Time{p.at}, len(p.pcm))...)
	}
	for _, at := range clicksIn(sound, handsetRate) {
		list = append(list, came[at])
	}
	return list
}

// clicksAt are when packets that begin with a click went, and the middle of the click after it.
func clicksAt(went []handsetPacket) (list []time.Time) {
	for _, p := range went {
		if at := clicksIn(p.pcm, handsetRate); len(at) > 0 {
			list = append(list, p.at.Add(500*time.Microsecond))
		}
	}
	return list
}

// usual is how long the packets that came sound.
func (h *handset) usual() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	sum := 0
	for _, p := range h.came {
		sum += len(p.pcm)
	}
	return lasting(sum/max(1, len(h.came)), handsetRate)
}
