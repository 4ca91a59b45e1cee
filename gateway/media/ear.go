package media

import (
	"encoding/binary"
	"sync/atomic"
	"time"

	"cordboard/gateway/sdp"
)

// earSize is how many octets of packets wait for the recorder, a power of two: 7 s of G.711, should a disk stall.
const earSize = 1 << 16

// earHead is how many octets stand before a payload in an ear: when it came, timestamp, SSRC, payload type, length.
const earHead = 8 + 4 + 4 + 1 + 2

// ear is the tap of a recording on one leg. The thread that reads the leg's packets copies them in, the recorder takes
// them out; neither waits for the other. Should a leg be read by two threads for a moment, as when its path changes, one's packet
// is missed.
type ear struct {
	right  bool                        // the channel
	paused *atomic.Bool                // the recording's
	codecs atomic.Pointer[[]sdp.Codec] // by which payload types are understood
	missed atomic.Uint64               // packets for which there was no room
	gone   atomic.Bool                 // the leg is closed

	busy       atomic.Bool   // a packet is being put in
	head, tail atomic.Uint64 // octets put in and taken out
	buf        [earSize]byte

	speech speech // the recorder's
}

// hear implements tap.
func (e *ear) hear(p []byte, h rtpHeader, now time.Duration) {
	if e.paused.Load() {
		return
	}
	if !e.busy.CompareAndSwap(false, true) {
		e.missed.Add(1)
		return
	}
	defer e.busy.Store(false)
	payload := h.content(p)
	head := e.head.Load()
	if len(payload) == 0 {
		return
	}
	if earSize-(head-e.tail.Load()) < uint64(earHead+len(payload)) {
		e.missed.Add(1)
		return
	}
	var b [earHead]byte
	binary.BigEndian.PutUint64(b[:], uint64(now))
	copy(b[8:16], p[4:12])
	b[16] = h.pt
	binary.BigEndian.PutUint16(b[17:], uint16(len(payload)))
	e.put(head, b[:])
	e.put(head+earHead, payload)
	e.head.Store(head + uint64(earHead+len(payload)))
}

func (e *ear) put(at uint64, p []byte) {
	n := copy(e.buf[at%earSize:], p)
	copy(e.buf[:], p[n:])
}

func (e *ear) get(at uint64, p []byte) {
	n := copy(p, e.buf[at%earSize:])
	copy(p[n:], e.buf[:])
}

// heard is a packet as the recorder takes it out.
type heard struct {
	came        time.Duration // of the engine's clock
	stamp, ssrc uint32
	pt          uint8
	payload     []byte
	at          time.Duration // where it belongs, in the recording
}

// take gives the next packet, its payload in the place of into's; false when there is none.
func (e *ear) take(into *heard) bool {
	tail := e.tail.Load()
	if tail == e.head.Load() {
		return false
	}
	var b [earHead]byte
	e.get(tail, b[:])
	into.came = time.Duration(binary.BigEndian.Uint64(b[:]))
	into.stamp, into.ssrc, into.pt = binary.BigEndian.Uint32(b[8:]), binary.BigEndian.Uint32(b[12:]), b[16]
	n := int(binary.BigEndian.Uint16(b[17:]))
	if cap(into.payload) < n {
		into.payload = make([]byte, n, max(n, 256))
	}
	into.payload = into.payload[:n]
	e.get(tail+earHead, into.payload)
	e.tail.Store(tail + uint64(earHead+n))
	return true
}
