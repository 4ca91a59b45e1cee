package media

import (
	"slices"
	"time"

	"cordboard/audio/codec"
	"cordboard/gateway/sdp"
)

// Bounds of converting.
const (
	reorderTime = 15 * time.Millisecond // that a packet waits for one before it
	reorderMost = 4                     // packets that do
	misorder    = 100                   // packets by which a source may jump and still be the same (RFC 3550 appendix A.1)
	concealMost = 3                     // lost packets in a row that are made up; more of them are a pause
	pauseGrace  = 10 * time.Millisecond // by which a packet may be late before silence is made up
	pauseMost   = codec.OpusRest + 100*time.Millisecond
	joinMost    = 20 * time.Millisecond // pauses up to this are filled
	jumpMost    = 30                    // s; timestamps that go on by more begin anew
	lossSteps   = 50                    // packets between looks at how many the party loses
)

// converter turns one stream into another codec's. It puts packets in order, repairs or hides lost ones, decodes,
// changes the sampling rate, cuts the sound into packets of equal length and encodes them. These are a stream with numbers of
// its own, in which pauses are as long as they were. Silence that the source doesn't send (Opus DTX) is made up, and what the hearer doesn't want to
// be sent is left out.
type converter struct {
	sources []*sourceCodec
	encoder codec.Encoder
	opus    *codec.OpusEncoder // encoder, if it is that
	rate    int                // of what it takes
	clock   uint32             // of what it gives
	frame   time.Duration      // in a packet
	emit    func(p []byte, h rtpHeader)
	release func(*heldPacket)
	loss    func() (percent int, known bool) // of what is emitted

	voice   *speaker
	pcm     []int16 // decoded
	sound   []int16 // at rate, not sent yet
	payload []byte
	marked  bool // the next packet begins a talk spurt
	sent    int  // packets until the next look at the loss

	begun   bool
	ssrc    uint32
	seq     uint16 // of the packet that is due
	stamp   uint32 // of it, by the source's clock
	last    time.Duration
	current *sourceCodec
	step    uint32 // by which stamp goes on with a packet of current
	waiting []*heldPacket
	since   time.Duration // when the first of them came
	pause   time.Duration // when silence is to be made up; 0: not at all
	resumes time.Duration // when that ends without a packet
	made    uint32        // of stamp, by silence that was made up
}

// sourceCodec is a codec that may come.
type sourceCodec struct {
	sdp.Codec
	decoder   codec.Decoder
	rate      int
	resampler *codec.Resampler // nil: the rates are the same
}

func newConverter(p plan, emit func([]byte, rtpHeader), release func(*heldPacket)) (*converter, error) {
	c := &converter{frame: p.frame, clock: p.to.ClockRate, emit: emit, release: release, voice: newSpeaker()}
	c.voice.header.pt = p.to.PT
	var err error
	if isOpus(p.to) {
		c.rate = codec.G711Rate
		if slices.ContainsFunc(p.from, func(c sdp.Codec) bool { return !isLaw(c) }) {
			c.rate = codec.G722Rate
		}
		if c.opus, err = newOpus(c.rate, p.to); err == nil {
			c.opus.ExpectLoss(expectedLoss)
		}
		c.encoder = c.opus
	} else {
		c.encoder, c.rate, err = codec.NewEncoder(p.to.Name, p.to.ClockRate, p.to.Channels)
	}
	for _, from := range p.from {
		if err != nil {
			return nil, err
		}
		err = c.add(from)
	}
	return c, err
}

// newOpus makes an encoder for samples at rate, as who hears it wants it.
func newOpus(rate int, wanted sdp.Codec) (*codec.OpusEncoder, error) {
	opus, err := codec.NewOpusEncoder(rate, 1, wanted.MostBits())
	if err == nil && wanted.OmitsSilence() {
		opus.OmitSilence()
	}
	return opus, err
}

// expectedLoss is what is assumed before the party has reported any, in per cent.
const expectedLoss = 5

// add takes up a codec that may come.
func (c *converter) add(from sdp.Codec) (err error) {
	s := &sourceCodec{Codec: from}
	if isOpus(from) { // it gives any rate of itself
		s.rate = c.rate
		s.decoder, err = codec.NewOpusDecoder(c.rate, 1)
	} else {
		s.decoder, s.rate, err = codec.NewDecoder(from.Name, from.ClockRate, from.Channels)
	}
	if err == nil && s.rate != c.rate {
		s.resampler, err = codec.NewResampler(s.rate, c.rate)
	}
	c.sources = append(c.sources, s)
	return err
}

// take takes a packet, which is released in the end.
func (c *converter) take(k *heldPacket) {
	ahead := int(int16(k.seq - c.seq))
	switch {
	case !c.begun, k.ssrc != c.ssrc, ahead > misorder, ahead < -misorder:
		c.begin(k)
	case ahead < 0: // too late, or twice
		c.release(k)
		return
	case ahead > 0:
		c.hold(k)
		return
	}
	c.play(k)
	c.catchUp()
}

// begin begins with a new source, whose first packet is k.
func (c *converter) begin(k *heldPacket) {
	for _, w := range c.waiting {
		c.release(w)
	}
	c.waiting = c.waiting[:0]
	if c.begun {
		c.leap(max(0, k.at-c.last-c.frame))
	}
	c.begun, c.ssrc, c.seq, c.stamp = true, k.ssrc, k.seq, k.stamp
	c.marked, c.pause, c.made = true, 0, 0
}

// hold keeps a packet for one before it.
func (c *converter) hold(k *heldPacket) {
	i := 0
	for ; i < len(c.waiting); i++ {
		ahead := int16(k.seq - c.waiting[i].seq)
		if ahead == 0 {
			c.release(k)
			return
		}
		if ahead < 0 {
			break
		}
	}
	if len(c.waiting) == 0 {
		c.since = k.at
	}
	c.waiting = slices.Insert(c.waiting, i, k)
	if len(c.waiting) > reorderMost {
		c.giveUp()
	}
}

// due is when wake is to be called; 0: not at all.
func (c *converter) due() time.Duration {
	switch {
	case len(c.waiting) > 0:
		return c.since + reorderTime
	default:
		return c.pause
	}
}

// wake does what is due.
func (c *converter) wake(now time.Duration) {
	switch {
	case len(c.waiting) > 0:
		if now >= c.since+reorderTime {
			c.giveUp()
		}
	case c.pause > 0 && now >= c.pause:
		if c.pause >= c.resumes || c.current == nil {
			c.pause = 0
			return
		}
		c.pause += time.Duration(c.step) * time.Second / time.Duration(c.current.ClockRate)
		c.made += c.step
		c.makeUp(nil)
	}
}

// giveUp waits no longer for the packets before the first that waits.
func (c *converter) giveUp() {
	first := c.waiting[0]
	missing := int(first.seq - c.seq)
	c.seq = first.seq
	s := c.source(first.pt)
	if ahead := int32(first.stamp - c.stamp); s != nil && s == c.current && ahead > 0 && c.step > 0 {
		lost := min(int(uint32(ahead)/c.step), missing)
		for range min(lost, concealMost) - 1 {
			c.makeUp(nil)
		}
		if lost > concealMost {
			c.skip(uint32(lost-concealMost) * c.step)
		}
		if lost > 0 {
			c.makeUp(first)
		}
	}
	c.catchUp()
	c.since = first.at // of those that still wait, none came before it
}

// catchUp plays what has waited and is due.
func (c *converter) catchUp() {
	n := 0
	for ; n < len(c.waiting) && c.waiting[n].seq == c.seq; n++ {
		c.play(c.waiting[n])
	}
	c.waiting = slices.Delete(c.waiting, 0, n)
}

// source finds a codec by its payload type, nil for none.
func (c *converter) source(pt uint8) *sourceCodec {
	for _, s := range c.sources {
		if s.PT == pt {
			return s
		}
	}
	return nil
}

// makeUp makes up one packet that is lost: by what the next one repeats of it, if that is known.
func (c *converter) makeUp(next *heldPacket) {
	var err error
	if opus, ok := c.current.decoder.(*codec.OpusDecoder); ok && next != nil {
		c.pcm, err = opus.Repair(c.pcm[:0], next.data)
	} else {
		c.pcm, err = c.current.decoder.Decode(c.pcm[:0], nil)
	}
	if err != nil {
		c.pcm = append(c.pcm[:0], make([]int16, int(c.step)*c.current.rate/int(c.current.ClockRate))...)
	}
	c.stamp += c.step
	c.say(c.pcm)
}

// play takes the packet that is due and releases it.
func (c *converter) play(k *heldPacket) {
	defer c.release(k)
	c.seq, c.last = k.seq+1, k.at
	s := c.source(k.pt)
	if s == nil {
		return
	}
	if c.current != s {
		c.current, c.step = s, 0
	}
	over := uint32(0) // of what comes, by silence that was made up
	switch ahead := int32(k.stamp - c.stamp); {
	case ahead < 0:
		over = min(-uint32(ahead), c.made)
	case ahead > 0 && uint32(ahead) < jumpMost*s.ClockRate:
		c.skip(uint32(ahead))
	case ahead > 0:
		c.marked = true
	}
	c.made, c.pause = 0, 0
	var err error
	if c.pcm, err = s.decoder.Decode(c.pcm[:0], k.data); err != nil {
		if c.stamp = k.stamp; c.step > 0 {
			c.makeUp(nil) // as good as lost
		}
		return
	}
	c.step = uint32(len(c.pcm)) * s.ClockRate / uint32(s.rate)
	c.stamp = k.stamp + c.step
	c.say(c.pcm[min(int(over)*s.rate/int(s.ClockRate), len(c.pcm)):])
	if isOpus(s.Codec) && len(k.data) <= codec.OpusHush && c.step > 0 {
		c.pause = k.at + time.Duration(c.step)*time.Second/time.Duration(s.ClockRate) + pauseGrace
		c.resumes = k.at + pauseMost
	}
}

// skip passes over a pause of the source, by its clock.
func (c *converter) skip(ticks uint32) {
	c.stamp += ticks
	d := time.Duration(ticks) * time.Second / time.Duration(c.current.ClockRate)
	if d <= joinMost {
		for range int(d * time.Duration(c.rate) / time.Second) {
			c.sound = append(c.sound, 0)
		}
		c.flush()
		return
	}
	c.leap(d)
}

// leap leaves out d. What waits to be sent is completed by silence first.
func (c *converter) leap(d time.Duration) {
	if n := len(c.sound); n > 0 {
		size := c.size()
		c.sound = append(c.sound, make([]int16, size-n)...)
		d -= time.Duration(size-n) * time.Second / time.Duration(c.rate)
		c.flush()
	}
	if d > 0 {
		c.voice.stamp += uint32(d * time.Duration(c.clock) / time.Second)
		c.marked = true
	}
}

// size is how many samples a packet has.
func (c *converter) size() int { return int(c.frame) * c.rate / int(time.Second) }

// say sends decoded sound.
func (c *converter) say(pcm []int16) {
	if r := c.current.resampler; r != nil {
		c.sound = r.Resample(c.sound, pcm)
	} else {
		c.sound = append(c.sound, pcm...)
	}
	c.flush()
}

// flush sends whole packets.
func (c *converter) flush() {
	size, at := c.size(), 0
	for ; len(c.sound)-at >= size; at += size {
		if c.sent++; c.sent%lossSteps == 0 && c.loss != nil && c.opus != nil {
			if percent, known := c.loss(); known {
				c.opus.ExpectLoss(percent)
			}
		}
		ticks := uint32(uint64(c.frame) * uint64(c.clock) / uint64(time.Second))
		var err error
		if c.payload, err = c.encoder.Encode(c.payload[:0], c.sound[at:at+size]); err != nil {
			c.voice.stamp += ticks
			continue
		}
		if c.opus != nil && c.opus.Rests() {
			c.voice.stamp += ticks
			c.marked = true
			continue
		}
		hushes := c.opus != nil && c.opus.Hushes()
		c.emit(c.voice.say(c.payload, ticks, c.marked && !hushes))
		c.marked = c.marked && hushes
	}
	c.sound = c.sound[:copy(c.sound, c.sound[at:])]
}
