// Package echo cleans what a microphone hears: it takes out what the loudspeaker sounds beside it and the noise of the room, and
// makes soft voices louder.
//
// The work is speexdsp's, on the band below 7 kHz. What lies above is passed beside it, as much of it as is left of the band
// below. It takes cgo, Debian's libspeexdsp-dev and the build tag speex; other builds pass sound as it is.
package echo

import "cordboard/audio"

// Config says what is done.
type Config struct {
	Echo  bool // what the loudspeaker sounds is taken out of what the microphone hears
	Noise bool // what is steady is taken out of it: fans, hum, tones too
	Gain  bool // a soft voice gets louder, by up to 12 dB
}

// Wrap puts the cleaning between a card and inner: what inner plays is the reference, what it captures is cleaned and comes
// 7.4 ms later (5 of the engine, the rest of the resamplers), or 6.2 ms to an audio.Bander, which gets what the engine makes. It adapts to
// room and devices within a second or two, and keeps what it has learned, so it should be made once for all calls. Where it
// isn't Available, and when nothing is to be done, inner is given back.
//
// Its methods allocate nothing. The work, some 50 µs a frame, is done in Capture.
func Wrap(inner audio.Duplex, config Config) audio.Duplex {
	if !Available || config == (Config{}) {
		return inner
	}
	d := &duplex{inner: inner, played: audio.Frames{Spare: 2}, cleaner: newCleaner(config)}
	d.bander, _ = inner.(audio.Bander)
	return d
}

// duplex is what Wrap makes.
type duplex struct {
	inner  audio.Duplex
	bander audio.Bander // inner; nil: it is none
	played audio.Frames // from the loudspeaker's thread to the microphone's
	frame  [audio.CardFrame]int16

	// Of the microphone's thread.
	cleaner   *cleaner
	reference [audio.CardFrame]int16
	clean     [audio.CardFrame]int16
}

// Play lets inner fill the frame, and keeps it in mind.
func (d *duplex) Play(frame []int16) {
	d.inner.Play(frame)
	copy(d.frame[:], frame)
	d.played.Put(&d.frame)
}

// Capture gives inner the cleaned frame.
func (d *duplex) Capture(frame []int16) {
	due := d.played.Take(&d.reference)
	if due > 1 {
		d.cleaner.skip(&d.reference)
		due = d.played.Take(&d.reference)
	}
	reference := &d.reference
	if due == 0 {
		reference = nil
	}
	copy(d.clean[:], frame)
	if made := d.cleaner.band(&d.clean, reference); d.bander != nil && d.bander.CaptureBand(made[:]) {
		return
	}
	d.cleaner.whole(&d.clean)
	d.inner.Capture(d.clean[:])
}
