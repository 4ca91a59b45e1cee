package media

import (
	"crypto/rand"
	"net/netip"
	"sync"
	"time"

	"cordboard/audio/jitter"
	"cordboard/gateway/sdp"
)

// discard is the port of who is not reached by packets (RFC 863, as in RFC 9429 §5.2.1).
const discard = 9

// pcmLine carries the media of a party within this process: what it is sent is played by a Voice, what that captures is its own.
type pcmLine struct {
	engine *Engine
	leg    *leg
	label  string
	voice  *Voice
	agreed bool // the party knows the label; under the call's mutex

	keys eventReader // of what the party is sent; under the mutex of the leg's streams, as all of send
}

// voices are the lines of the engine's PCM legs by their labels. Its zero value is ready.
type voices struct {
	mu    sync.Mutex
	lines map[string]*pcmLine
}

// find gives the line with a label; nil for none.
func (v *voices) find(label string) *pcmLine {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.lines[label]
}

// put makes a line known, or with nil forgets it.
func (v *voices) put(label string, line *pcmLine) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.lines == nil {
		v.lines = make(map[string]*pcmLine)
	}
	if v.lines[label] = line; line == nil {
		delete(v.lines, label)
	}
}

// openPCMLine makes the line of a leg without a wire.
func (e *Engine) openPCMLine(l *leg) *pcmLine {
	s := &pcmLine{engine: e, leg: l, label: rand.Text()}
	s.voice = newVoice(s)
	e.voices.put(s.label, s)
	return s
}

// describe completes our description of the leg.
func (s *pcmLine) describe(local *sdp.Local) {
	local.Profile, local.Label = sdp.PCM, s.label
	local.Audio = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), discard)
}

// send implements line: the voice keeps a copy. Keys are told when they begin.
func (s *pcmLine) send(p []byte, h rtpHeader, _ time.Duration) error {
	clock := s.voice.events.Load().of(h.pt)
	if clock == 0 {
		s.voice.buffer.Put(jitter.Packet{Type: h.pt, Seq: h.seq, Stamp: stampOf(p), SSRC: h.ssrc, Payload: h.content(p)})
		return nil
	}
	if k, ok := s.keys.read(h.content(p), h.ssrc, stampOf(p), clock); ok && k.begins {
		if heard := s.voice.heard.Load(); heard != nil {
			(*heard)(rune(keyNames[k.code]))
		}
	}
	return nil
}

// sendControl implements line. There is nobody whom reports would help.
func (s *pcmLine) sendControl([]byte, time.Duration) error { return nil }

// apply implements line.
func (s *pcmLine) apply(remote *sdp.Remote, _ bool) {
	if remote.Rejected {
		return
	}
	s.agreed = true
	var codecs []jitter.Codec
	events := new(eventClocks)
	for _, c := range remote.Codecs {
		if c.Events() {
			events[c.PT&0x7F] = c.ClockRate
			continue
		}
		codecs = append(codecs, jitter.Codec{Type: c.PT, Name: c.Name, Clock: int(c.ClockRate), Channels: c.Channels})
	}
	s.voice.events.Store(events)
	s.voice.buffer.Use(codecs)
	s.speak()
}

// speak chooses the codec in which the party's voice is encoded: the first that it may use.
func (s *pcmLine) speak() {
	before := s.voice.speaks.Load()
	for _, c := range s.leg.says() {
		if !carriesSound(c) {
			continue
		}
		if before != nil && before.codec == c {
			return
		}
		m, err := newVoiceCodec(c)
		if err != nil {
			continue // of no codec that we know
		}
		s.voice.speaks.Store(m)
		return
	}
}

// state implements line.
func (s *pcmLine) state(time.Duration) string { return "up" }

// close implements line.
func (s *pcmLine) close() { s.engine.voices.put(s.label, nil) }

// eventClocks are the clock rates of telephone-event, in Hz, by payload type; 0 for others.
type eventClocks [128]uint32

// of is the rate of a payload type; of none before anything was agreed on.
func (e *eventClocks) of(pt uint8) uint32 {
	if e == nil {
		return 0
	}
	return e[pt&0x7F]
}
