package jitter

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"cordboard/audio"
)

// Whatever came before, no packet is lost from the buffer's own store, what waits stays bounded, and a calm stream is heard as it is
// within two seconds.
func FuzzBuffer(f *testing.F) {
	step := func(kind byte, seq uint16, stamp uint32, ssrc, frames, size byte) []byte {
		b := append([]byte{kind, ssrc, frames, size}, 0, 0)
		binary.BigEndian.PutUint16(b[4:], seq)
		return binary.BigEndian.AppendUint32(b, stamp)
	}
	f.Add(slices.Concat(step(0, 1, 160, 1, 2, 160), step(0, 2, 320, 1, 2, 160), step(13, 3, 480, 1, 2, 1), step(0, 4, 4800, 1, 2, 160)))
	f.Add(slices.Concat(step(96, 65535, 1<<32-960, 1, 2, 3), step(96, 0, 0, 1, 60, 3), step(9, 1, 160, 1, 0, 160), step(8, 2, 1<<31, 2, 1, 80)))
	var calm [5][]byte
	s := newSender(f, pcmu, tone(450))
	for i := range calm {
		calm[i] = s.next(f).Payload // of whole periods
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		b := New()
		b.Use(all)
		var frame [audio.CardFrame]int16
		now, frames := time.Second, 0
		play := func() {
			now += frameTime
			frames++
			b.Play(frame[:], now)
			if n := len(b.player.sound); n > 3*longest {
				t.Fatalf("%d samples wait to be played", n)
			}
			if n := len(b.inbox) + len(b.came) + len(b.free) + len(b.player.queue) + len(b.player.done); n != maxPackets {
				t.Fatalf("%d packets, want %d", n, maxPackets)
			}
			if speed := b.player.stretch.speed; speed < 1-maxSpeed || speed > 1+maxSpeed {
				t.Fatalf("speed %v", speed)
			}
		}
		play()
		for ; len(in) >= 10 && frames < 100; in = in[10:] {
			payload := slices.Repeat(in[:1], int(in[3]))
			b.Put(Packet{Type: in[0], SSRC: uint32(in[1] & 1), Seq: binary.BigEndian.Uint16(in[4:]), Stamp: binary.BigEndian.Uint32(in[6:]), Payload: payload})
			for range in[2] & 63 {
				play()
			}
		}
		var heard []int16
		for n := range 220 {
			if n%2 == 0 {
				b.Put(Packet{Type: pcmu.Type, SSRC: 99, Seq: uint16(n / 2), Stamp: uint32(n/2) * 160, Payload: calm[n/2%5]})
			}
			play()
			if n >= 200 {
				heard = append(heard, frame[:]...)
			}
		}
		if share := windows(heard, 450); share < 1 {
			t.Errorf("in %.3f of the windows is the tone of a calm stream; %+v", share, b.Stats())
		}
		if d := b.Stats().Delay; d > 300*time.Millisecond || d < 0 {
			t.Errorf("a calm stream is held back by %v", d)
		}
	})
}
