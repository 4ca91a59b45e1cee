package audio

import (
	"math"
	"strings"
	"time"
)

// keyPad holds the sixteen keys of DTMF by row and column, and the frequencies in Hz that a row and a column sound at (ITU-T Q.23).
const keyPad = "123A456B789C*0#D"

var (
	keyRows    = [4]float64{697, 770, 852, 941}
	keyColumns = [4]float64{1209, 1336, 1477, 1633}
)

// KeyTone generates the two tones of a key. Successive calls of Fill continue them.
type KeyTone struct {
	row, column *Tone
	other       []int16
}

// NewKeyTone makes the tones of a key, 0 to 9, *, # and A to D, at rate samples per second, each with its peak amplitude.
// It is false for any other key.
func NewKeyTone(key rune, rate int, row, column float64) (*KeyTone, bool) {
	i := strings.IndexRune(keyPad, key)
	if i < 0 {
		return nil, false
	}
	return &KeyTone{row: NewTone(keyRows[i/4], rate, row), column: NewTone(keyColumns[i%4], rate, column)}, true
}

// Fill writes the next len(samples) samples.
func (k *KeyTone) Fill(samples []int16) {
	if cap(k.other) < len(samples) {
		k.other = make([]int16, len(samples))
	}
	other := k.other[:len(samples)]
	k.row.Fill(samples)
	k.column.Fill(other)
	for i, s := range other {
		samples[i] = int16(max(math.MinInt16, min(math.MaxInt16, int(samples[i])+int(s))))
	}
}

// Limits of what is a key (ITU-T Q.24). The signal is looked at through a window of 102 samples at 8 kHz, 78 Hz wide as far as
// the rows lie apart, which moves by half its length: a tone of 40 ms fills four of them wherever it begins, one of 23 ms never.
const (
	keyWindow = 102.0 / 8000 // seconds
	keyBegins = 4            // windows in a row that make a key
	keyEnds   = 5            // windows in a row without it that end it: a drop-out of 10 ms has four, a pause of 40 ms more

	keyLevel = -33.0 // dBm0 of each tone; the weakest has -25
	keyTwist = 9.0   // dB that the row may be louder than the column, with a margin of 1
	keyBack  = 5.0   // dB that the column may be louder than the row, likewise
	keyDrift = 0.012 // the share by which frequencies are tried above and below; they may be off by 0.015

	keyHint  = 0.65 // of the whole that the nearest row and column must be, to look closer
	keyShare = 0.94 // of the whole that the two tones must be: speech and music have more in them
	keyClear = 2.0  // times that the weaker tone must be as strong as all the rest

	zeroLevel = 22656.0 // peak of 0 dBm0 in G.711, whose loudest sine has 3.17 dBm0
)

var (
	keyPower      = math.Pow(10, keyLevel/10) * zeroLevel * zeroLevel / 2
	keyTwistRatio = math.Pow(10, keyTwist/10)
	keyBackRatio  = math.Pow(10, keyBack/10)
)

// KeyPress is a key that was heard.
type KeyPress struct {
	Key    rune
	Length time.Duration // how long so far, give or take 13 ms
	Up     bool          // it has ended
}

// KeyDetector hears keys in a sound. It is not safe for use by several goroutines.
type KeyDetector struct {
	rate    int
	size    int // of the window, in samples
	window  []float64
	rest    []float64 // what the tones leave of the window
	last    rune      // heard in the last window, 0 for none
	same    int       // windows in a row that heard it
	down    rune      // the key that is held, 0 for none
	windows int       // since it began
	misses  int       // windows in a row without it
}

// NewKeyDetector makes a detector for mono sound of rate samples per second, at least 8000.
func NewKeyDetector(rate int) *KeyDetector {
	size := int(math.Round(keyWindow*float64(rate)/2)) * 2
	return &KeyDetector{rate: rate, size: size, window: make([]float64, 0, size), rest: make([]float64, size)}
}

// Hear takes the next samples and tells of each key when it is known for one, which takes 40 ms, and again when it ends.
func (d *KeyDetector) Hear(samples []int16, tell func(KeyPress)) {
	for _, sample := range samples {
		d.window = append(d.window, float64(sample))
		if len(d.window) == d.size {
			d.judge(d.key(), tell)
			d.window = d.window[:copy(d.window, d.window[d.size/2:])]
		}
	}
}

// Likely says that a key is heard, or seems to begin: 20 ms of it were heard, which are too short for others to take for one.
func (d *KeyDetector) Likely() bool { return d.down != 0 || d.last != 0 && d.same >= 2 }

// key is what the window holds, 0 for none.
func (d *KeyDetector) key() rune {
	whole := 0.0
	for _, x := range d.window {
		whole += x * x
	}
	whole /= float64(d.size)
	if whole < 2*keyPower {
		return 0
	}
	row, r := d.nearest(d.window, keyRows[:])
	column, c := d.nearest(d.window, keyColumns[:])
	if r+c < keyHint*whole {
		return 0
	}
	r, c, left := d.fit(keyRows[row], keyColumns[column])
	switch {
	case min(r, c) < keyPower, r > c*keyTwistRatio, c > r*keyBackRatio, left > (1-keyShare)*whole, left*keyClear > min(r, c):
		return 0
	}
	return rune(keyPad[4*row+column])
}

// nearest is the place of the frequency with the most power, and that power.
func (d *KeyDetector) nearest(samples []float64, frequencies []float64) (best int, power float64) {
	for i, f := range frequencies {
		if p := d.power(samples, f); p > power {
			best, power = i, p
		}
	}
	return best, power
}

// power is the mean power of a tone in samples, by Goertzel's way.
func (d *KeyDetector) power(samples []float64, frequency float64) float64 {
	turn := 2 * math.Cos(2*math.Pi*frequency/float64(d.rate))
	var s1, s2 float64
	for _, x := range samples {
		s1, s2 = x+turn*s1-s2, s1
	}
	n := float64(len(samples))
	return 2 * (s1*s1 + s2*s2 - turn*s1*s2) / (n * n)
}

// wave is a sine as the sum of a cosine and a sine.
type wave struct{ frequency, cosine, sine float64 }

func (w wave) power() float64 { return (w.cosine*w.cosine + w.sine*w.sine) / 2 }

// fit finds the two tones near row and column that leave least of the window, and gives the mean power of each and of the rest.
// Each is taken out before the other is measured, over and over, since in so short a window they are not independent.
func (d *KeyDetector) fit(row, column float64) (r, c, left float64) {
	copy(d.rest, d.window)
	waves := [2]wave{{frequency: row}, {frequency: column}}
	for turn := range 3 {
		for i := range waves {
			w := &waves[i]
			d.add(*w, 1)
			if turn == 1 { // the other one is gone, for the most part
				tries := [3]float64{w.frequency * (1 - keyDrift), w.frequency, w.frequency * (1 + keyDrift)}
				best, _ := d.nearest(d.rest, tries[:])
				w.frequency = tries[best]
			}
			*w = d.measure(w.frequency)
			d.add(*w, -1)
		}
	}
	for _, x := range d.rest {
		left += x * x
	}
	return waves[0].power(), waves[1].power(), left / float64(d.size)
}

// measure finds the sine of a frequency in the rest, by least squares.
func (d *KeyDetector) measure(frequency float64) wave {
	var cc, ss, cs, xc, xs float64
	d.turn(frequency, func(i int, c, s float64) {
		x := d.rest[i]
		cc, ss, cs, xc, xs = cc+c*c, ss+s*s, cs+c*s, xc+x*c, xs+x*s
	})
	det := cc*ss - cs*cs
	return wave{frequency, (xc*ss - xs*cs) / det, (xs*cc - xc*cs) / det}
}

// add adds a sine to the rest, times the factor.
func (d *KeyDetector) add(w wave, factor float64) {
	d.turn(w.frequency, func(i int, c, s float64) { d.rest[i] += factor * (w.cosine*c + w.sine*s) })
}

// turn gives cosine and sine of a frequency for each sample of the window.
func (d *KeyDetector) turn(frequency float64, at func(i int, c, s float64)) {
	stepSine, stepCosine := math.Sincos(2 * math.Pi * frequency / float64(d.rate))
	c, s := 1.0, 0.0
	for i := range d.size {
		at(i, c, s)
		c, s = c*stepCosine-s*stepSine, s*stepCosine+c*stepSine
	}
}

// judge takes what one window holds.
func (d *KeyDetector) judge(key rune, tell func(KeyPress)) {
	if d.same++; key != d.last {
		d.last, d.same = key, 1
	}
	if d.down != 0 {
		d.windows++
		if d.misses++; key == d.down {
			d.misses = 0
		}
		if d.misses < keyEnds && (key == 0 || key == d.down || d.same < keyBegins) {
			return
		}
		tell(KeyPress{Key: d.down, Length: d.length(d.windows - d.misses), Up: true})
		d.down = 0
	}
	if key != 0 && d.same == keyBegins {
		d.down, d.windows, d.misses = key, keyBegins, 0
		tell(KeyPress{Key: key, Length: d.length(keyBegins)})
	}
}

// length is how long a key is that so many windows have heard.
func (d *KeyDetector) length(windows int) time.Duration {
	return time.Duration((windows+1)*d.size/2) * time.Second / time.Duration(d.rate)
}
