package media

import (
	"slices"
	"strings"
	"time"

	"cordboard/audio/codec"
	"cordboard/gateway/sdp"
)

// maxPending is how many packets wait to be put in order: more than come in holdBack.
const maxPending = 256

// speech turns what an ear has heard into sound: packets in their order, each at its time. It belongs to the recorder.
type speech struct {
	place   placing
	pending []heard // by their place
	spare   []heard
	ssrc    uint32
	codec   sdp.Codec
	decoder codec.Decoder // nil: of no codec that we understand
	rate    int           // of what it gives, in Hz
	scaler  *codec.Resampler
	pcm     []int16
	scaled  []int16
	strange bool // a codec came that we don't understand
}

// fetch takes out of the ear what has come since the last time. offset is where the recording began on the engine's clock.
func (v *speech) fetch(e *ear, offset time.Duration) {
	codecs := *e.codecs.Load()
	for {
		var h heard
		if n := len(v.spare); n > 0 {
			h, v.spare = v.spare[n-1], v.spare[:n-1]
		}
		if !e.take(&h) {
			v.spare = append(v.spare, h)
			return
		}
		i := slices.IndexFunc(codecs, func(c sdp.Codec) bool { return c.PT == h.pt })
		if i < 0 || !isVoice(codecs[i]) || len(v.pending) == maxPending {
			v.spare = append(v.spare, h)
			continue
		}
		h.at = v.place.place(h.ssrc, h.stamp, codecs[i].ClockRate, h.came) - offset
		at, _ := slices.BinarySearchFunc(v.pending, h.at, func(p heard, at time.Duration) int { return int(p.at - at) })
		v.pending = slices.Insert(v.pending, at, h)
	}
}

// isVoice says whether a codec carries what people say.
func isVoice(c sdp.Codec) bool { return takes(Echo, c) && c.ClockRate > 0 }

// speak puts the sound of all packets before a time on the track.
func (v *speech) speak(e *ear, t *track, until time.Duration) {
	codecs := *e.codecs.Load()
	n := 0
	for ; n < len(v.pending) && v.pending[n].at < until; n++ {
		v.say(&v.pending[n], codecs, t)
		v.spare = append(v.spare, v.pending[n])
	}
	v.pending = slices.Delete(v.pending, 0, n)
}

func (v *speech) say(h *heard, codecs []sdp.Codec, t *track) {
	i := slices.IndexFunc(codecs, func(c sdp.Codec) bool { return c.PT == h.pt })
	if i < 0 { // agreed on no longer
		return
	}
	if c := codecs[i]; h.ssrc != v.ssrc || !sameCodec(c, v.codec) {
		v.ssrc, v.codec = h.ssrc, c
		v.choose(c, t.rate)
	}
	if v.decoder == nil {
		return
	}
	pcm, err := v.decoder.Decode(v.pcm[:0], h.payload)
	if err != nil {
		return
	}
	v.pcm = pcm
	if v.scaler != nil {
		v.scaled = v.scaler.Resample(v.scaled[:0], pcm)
		pcm = v.scaled
	}
	t.put(h.at, pcm)
}

// choose makes what understands a codec, for a track's rate.
func (v *speech) choose(c sdp.Codec, rate int) {
	v.decoder, v.scaler = nil, nil
	var err error
	if strings.EqualFold(c.Name, "opus") {
		v.rate = rate
		v.decoder, err = codec.NewOpusDecoder(rate, 1)
	} else {
		v.decoder, v.rate, err = codec.NewDecoder(c.Name, c.ClockRate, int(c.Channels))
	}
	if err == nil && v.rate != rate {
		v.scaler, err = codec.NewResampler(v.rate, rate)
	}
	if err != nil {
		v.decoder, v.strange = nil, true
	}
}

func sameCodec(a, b sdp.Codec) bool {
	return a.PT == b.PT && strings.EqualFold(a.Name, b.Name) && a.ClockRate == b.ClockRate && a.Channels == b.Channels
}

// track is one channel of a recording: the sound that is not written yet.
type track struct {
	rate int   // Hz
	done int64 // samples that are written
	pcm  []int16
	end  int64 // where the last packet's sound ended
}

// put puts sound at its time. What comes too late for it is left out.
func (t *track) put(at time.Duration, pcm []int16) {
	from := samplesIn(at, t.rate)
	if gap := from - t.end; gap > 0 && gap <= maxStretch && t.end > t.done && len(t.pcm) > 0 {
		last := t.pcm[len(t.pcm)-1]
		for range gap {
			t.pcm = append(t.pcm, last)
		}
	}
	t.end = from + int64(len(pcm))
	if late := t.done - from; late > 0 {
		pcm = pcm[min(late, int64(len(pcm))):]
		from = t.done
	}
	if len(pcm) == 0 {
		return
	}
	i := int(from - t.done)
	if need := i + len(pcm) - len(t.pcm); need > 0 {
		t.pcm = append(t.pcm, make([]int16, need)...)
	}
	copy(t.pcm[i:], pcm)
}

// maxStretch is the gap that the steps of placing leave, in samples; sound goes on over it.
const maxStretch = 4

// samplesIn is how many samples are in a time.
func samplesIn(d time.Duration, rate int) int64 {
	seconds, rest := int64(d/time.Second), int64(d%time.Second)
	return seconds*int64(rate) + (rest*int64(rate)+int64(time.Second)/2)/int64(time.Second)
}
