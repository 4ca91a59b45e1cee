package audio

import (
	"math"
	"slices"
	"testing"
	"time"
)

// played gives so much of a sound, frame by frame.
func played(play func([]int16), d time.Duration) []int16 {
	pcm := make([]int16, cardSound.Samples(d))
	for rest := pcm; len(rest) > 0; {
		n := min(CardFrame, len(rest))
		play(rest[:n])
		rest = rest[n:]
	}
	return pcm
}

// beatsOf measures when a sound is there and when not, in ms, to 5 or so.
func beatsOf(pcm []int16) []int {
	const window = CardRate / 400 // 2.5 ms
	var beats []int
	there, length := true, 0
	for i := 0; i+window <= len(pcm); i += window {
		peak := 0.0
		for _, s := range pcm[i : i+window] {
			peak = max(peak, math.Abs(float64(s)))
		}
		if (peak > 300) != there {
			beats, there, length = append(beats, length*5/2), !there, 0
		}
		length++
	}
	return append(beats, length*5/2)
}

func TestProgress(t *testing.T) {
	steady := []int(nil)
	for _, tt := range []struct {
		country     string
		tone        Progress
		frequencies []float64
		beats       []int
	}{
		{"DE", DialTone, []float64{425}, steady},
		{"DE", RingbackTone, []float64{425}, []int{1000, 4000}},
		{"de", BusyTone, []float64{425}, []int{480, 480}},
		{"DE", CongestionTone, []float64{425}, []int{240, 240}},
		{"DE", WaitingTone, []float64{425}, []int{200, 200, 200, 5000}},
		{"AT", DialTone, []float64{420}, steady},
		{"AT", RingbackTone, []float64{420}, []int{1000, 5000}},
		{"AT", BusyTone, []float64{420}, []int{400, 400}},
		{"CH", RingbackTone, []float64{425}, []int{1000, 4000}},
		{"CH", WaitingTone, []float64{425}, []int{200, 200, 200, 4000}},
		{"FR", DialTone, []float64{440}, steady},
		{"FR", RingbackTone, []float64{440}, []int{1500, 3500}},
		{"FR", BusyTone, []float64{440}, []int{500, 500}},
		{"IT", DialTone, []float64{425}, []int{200, 200, 600, 1000}},
		{"ES", RingbackTone, []float64{425}, []int{1500, 3000}},
		{"ES", CongestionTone, []float64{425}, []int{200, 200, 200, 200, 200, 600}},
		{"NL", CongestionTone, []float64{425}, []int{250, 250}},
		{"GB", DialTone, []float64{350, 440}, steady},
		{"UK", RingbackTone, []float64{400, 450}, []int{400, 200, 400, 2000}},
		{"UK", CongestionTone, []float64{400}, []int{400, 350, 225, 525}},
		{"US", DialTone, []float64{350, 440}, steady},
		{"US", RingbackTone, []float64{440, 480}, []int{2000, 4000}},
		{"US", BusyTone, []float64{480, 620}, []int{500, 500}},
		{"US", CongestionTone, []float64{480, 620}, []int{250, 250}},
		{"US", WaitingTone, []float64{440}, []int{300, 9700}},
		{"JP", DialTone, []float64{400}, steady},
		{"", DialTone, []float64{425}, steady},
		{"??", BusyTone, []float64{425}, []int{500, 500}},
	} {
		whole := time.Second
		if tt.beats != nil {
			whole = 0
			for _, ms := range tt.beats {
				whole += time.Duration(ms) * time.Millisecond
			}
		}
		pcm := played(NewProgress(tt.country, tt.tone).Play, 2*whole)
		got := beatsOf(pcm)
		want := slices.Concat(tt.beats, tt.beats)
		near := func(a, b int) bool { return a-b <= 7 && b-a <= 7 }
		if tt.beats == nil && len(got) != 1 || tt.beats != nil && !slices.EqualFunc(got, want, near) {
			t.Errorf("%s %s: sounds and is silent for %v ms, want %v", tt.country, tt.tone, got, want)
			continue
		}
		sounding := pcm
		if tt.beats != nil {
			sounding = pcm[:cardSound.Samples(time.Duration(tt.beats[0])*time.Millisecond)]
		}
		for _, freq := range tt.frequencies {
			if share := Goertzel(sounding, CardRate, freq); math.Abs(share-1/float64(len(tt.frequencies))) > 0.06 {
				t.Errorf("%s %s: %.3f of it is at %.0f Hz", tt.country, tt.tone, share, freq)
			}
		}
		level := -15.0
		if tt.tone == WaitingTone {
			level = -22
		}
		if got := 20 * math.Log10(RMS(sounding)*math.Sqrt2/zeroLevel); math.Abs(got-level) > 0.5 {
			t.Errorf("%s %s: has %.1f dBm0, want %.0f", tt.country, tt.tone, got, level)
		}
	}
}

// A tone that is modulated has its power beside the carrier too, where it belongs.
func TestProgressModulated(t *testing.T) {
	pcm := played(NewProgress("IN", DialTone).Play, time.Second)
	carrier, side := Goertzel(pcm, CardRate, 400), Goertzel(pcm, CardRate, 375)+Goertzel(pcm, CardRate, 425)
	if carrier+side < 0.99 || math.Abs(side/carrier-0.405) > 0.01 {
		t.Errorf("%.3f of it is the carrier, %.3f are beside it", carrier, side)
	}
}

// Of every country each tone can be played, ends when it should, and neither clicks nor is too loud.
func TestProgressOfAllCountries(t *testing.T) {
	if n := len(Countries()); n < 35 {
		t.Errorf("%d countries", n)
	}
	for _, country := range Countries() {
		for _, tone := range []Progress{DialTone, RingbackTone, BusyTone, CongestionTone, WaitingTone} {
			p := patternOf(country, tone)
			if len(p.beats)%2 != 0 || slices.ContainsFunc(p.beats, func(ms int) bool { return ms < 40 || ms > 14000 }) {
				t.Errorf("%s %s: beats %v", country, tone, p.beats)
			}
			if p.first < 300 || p.first > 1500 || p.second != 0 && (p.second < 300 || p.second > 650) {
				t.Errorf("%s %s: %v Hz and %v Hz", country, tone, p.first, p.second)
			}
			pcm := played(NewProgress(country, tone).Play, 300*time.Millisecond)
			last := int16(0)
			for i, s := range pcm {
				if step := math.Abs(float64(s) - float64(last)); step > 2*math.Pi*1500/CardRate*zeroLevel*math.Pow(10, -15.0/20) {
					t.Fatalf("%s %s: a step of %.0f at sample %d", country, tone, step, i)
				}
				last = s
			}
		}
	}
}

func TestCountry(t *testing.T) {
	for _, tt := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"LANG": "de_AT.UTF-8"}, "AT"},
		{map[string]string{"LANG": "en_US.UTF-8", "LC_TELEPHONE": "de_DE.UTF-8"}, "DE"},
		{map[string]string{"LANG": "en_US.UTF-8", "LC_ALL": "it_CH@euro"}, "CH"},
		{map[string]string{"LANG": "C.UTF-8"}, ""},
		{map[string]string{"LANG": "de"}, ""},
		{map[string]string{"LC_ALL": "POSIX", "LANG": "de_DE"}, ""},
		{map[string]string{"LANG": "en_001.UTF-8"}, ""},
		{nil, ""},
	} {
		if got := Country(func(name string) string { return tt.env[name] }); got != tt.want {
			t.Errorf("country of %v = %q, want %q", tt.env, got, tt.want)
		}
	}
}

func TestRingtone(t *testing.T) {
	pcm := played(NewRingtone().Play, 2*ringtoneEvery)
	note := cardSound.Samples(ringtoneStep)
	for n, freq := range ringtoneNotes[:4] { // rising, a new note is louder than what is left of those before
		if share := Goertzel(pcm[n*note:(n+1)*note], CardRate, freq); share < 0.35 {
			t.Errorf("note %d: %.2f of it is at %.0f Hz", n, share, freq)
		}
	}
	half := len(pcm) / 2
	if !slices.Equal(pcm[:half], pcm[half:]) {
		t.Error("the second round is not as the first")
	}
	if quiet := RMS(pcm[half-cardSound.Samples(time.Second) : half]); quiet > 20 {
		t.Errorf("the pause has a level of %.0f", quiet)
	}
	if loudest := slices.Max(pcm); loudest > 12000 || loudest < 9000 {
		t.Errorf("the loudest sample is %d", loudest)
	}
}

func BenchmarkProgress(b *testing.B) {
	for _, tt := range []struct{ name, country string }{{"one tone", "DE"}, {"two tones", "US"}} {
		b.Run(tt.name, func(b *testing.B) {
			c, frame := NewProgress(tt.country, RingbackTone), make([]int16, CardFrame)
			b.ReportAllocs()
			for b.Loop() {
				c.Play(frame)
			}
		})
	}
	b.Run("ringtone", func(b *testing.B) {
		r, frame := NewRingtone(), make([]int16, CardFrame)
		b.ReportAllocs()
		for b.Loop() {
			r.Play(frame)
		}
	})
}
