package media

import (
	"context"
	"encoding/binary"
	"sync/atomic"
	"time"
)

// transcodeRing is how many packets may wait for a transcoder; at 20 ms it has slept for a third of a second then.
const transcodeRing = 16

// transcoder is an adapter that turns what a leg says into a codec that its peer wants. Packets are copied into a ring
// of buffers; a goroutine of its own does the work.
type transcoder struct {
	plan     plan
	to       *leg
	clock    func() time.Duration // the engine's
	free     chan *heldPacket
	full     chan *heldPacket
	overflow atomic.Uint64 // packets that found the ring full
	stop     context.CancelFunc
}

// newTranscoder begins to convert for a leg.
func newTranscoder(e *Engine, to *leg, p plan) (*transcoder, error) {
	t := &transcoder{
		plan: p, to: to, clock: e.now,
		free: make(chan *heldPacket, transcodeRing), full: make(chan *heldPacket, transcodeRing),
	}
	for range transcodeRing {
		t.free <- new(heldPacket)
	}
	c, err := newConverter(p, func(packet []byte, h rtpHeader) { to.send(packet, h, t.clock()) }, func(done *heldPacket) { t.free <- done })
	if err != nil {
		return nil, err
	}
	c.loss = to.lossReported
	ctx, cancel := context.WithCancel(e.ctx)
	t.stop = cancel
	if !e.spawn(func() { t.run(ctx, c) }) {
		cancel()
		return nil, errClosed
	}
	return t, nil
}

// pass implements adapter for the payload types of the plan.
func (t *transcoder) pass(p []byte, h rtpHeader, now time.Duration, _ *leg) {
	select {
	case held := <-t.free:
		held.keep(p, h, now)
		t.full <- held // has room for all that there are
	default:
		t.overflow.Add(1)
	}
}

// run converts until ctx ends.
func (t *transcoder) run(ctx context.Context, c *converter) {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	var armed time.Duration
	for {
		select {
		case held := <-t.full:
			c.take(held)
		case <-timer.C:
			armed = 0
			c.wake(t.clock())
		case <-ctx.Done():
			return
		}
		if due := c.due(); due != armed {
			if armed = due; due == 0 {
				timer.Stop()
			} else {
				timer.Reset(due - t.clock())
			}
		}
	}
}

// heldPacket is a packet on its way through a transcoder.
type heldPacket struct {
	rtpHeader
	stamp  uint32
	marked bool
	at     time.Duration // when it came
	data   []byte        // payload without padding
}

// keep copies a packet without header extension. It allocates only until the largest packet has been seen.
func (k *heldPacket) keep(p []byte, h rtpHeader, now time.Duration) {
	payload := p[h.size:]
	if p[0]&0x20 != 0 {
		payload = payload[:len(payload)-int(payload[len(payload)-1])] // see rtpHeader.padded
	}
	k.rtpHeader, k.at = h, now
	k.marked = p[1]&0x80 != 0
	k.stamp = binary.BigEndian.Uint32(p[4:])
	k.data = append(k.data[:0], payload...)
}
