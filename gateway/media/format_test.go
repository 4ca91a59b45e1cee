package media

import (
	"math/rand/v2"
	"slices"
	"testing"

	"cordboard/audio"
	"cordboard/audio/codec"
)

func TestSilent(t *testing.T) {
	pad := func(octet byte, n int) []byte { return slices.Repeat([]byte{octet}, n) }
	noise := slices.Repeat([]byte{0xD5, 0x55, 0x55, 0xD5, 0x55}, 32)
	for _, tt := range []struct {
		name    string
		kind    formatKind
		payload []byte
		want    bool
	}{
		{"zeros in PCMU", formatMuLaw, pad(0xFF, 160), true},
		{"zeros in PCMA", formatALaw, pad(0xD5, 160), true},
		{"negative zeros", formatMuLaw, pad(0x7F, 160), false},
		{"the faintest noise", formatALaw, noise, false},
		{"zeros of the other law", formatMuLaw, pad(0xD5, 160), false},
		{"a short packet", formatMuLaw, pad(0xFF, 3), true},
		{"an empty packet", formatMuLaw, nil, true},
		{"Opus, digital silence", formatOpus, []byte{0xF8, 0xFF, 0xFE}, true},
		{"Opus, DTX", formatOpus, []byte{0x08}, false},
		{"Opus, sound", formatOpus, pad(1, 60), false},
		{"noise", formatNoise, []byte{70}, true},
		{"an unknown codec", formatOther, pad(0xFA, 160), false},
	} {
		if got := (format{kind: tt.kind}).silent(tt.payload); got != tt.want {
			t.Errorf("%s: silent = %v", tt.name, got)
		}
	}
}

// A microphone that gives nothing is silent in G.722 too, soon after it spoke; faint noise, soft tones and words are not.
func TestSilentG722(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	tone := audio.NewTone(440, codec.G722Rate, 20)
	var smooth float64
	for _, tt := range []struct {
		name  string
		sound func(pcm []int16)
		want  bool
	}{
		{"nothing", func(pcm []int16) { clear(pcm) }, true},
		{"the faintest noise", func(pcm []int16) {
			for i := range pcm {
				pcm[i] = int16(r.IntN(3) - 1)
			}
		}, false},
		{"deep noise", func(pcm []int16) {
			for i := range pcm {
				smooth += 0.05 * (40*r.NormFloat64() - smooth)
				pcm[i] = int16(smooth)
			}
		}, false},
		{"a soft tone", tone.Fill, false},
	} {
		e, rate, err := codec.NewEncoder("G722", 8000, 1)
		if err != nil {
			t.Fatal(err)
		}
		pcm, word := make([]int16, rate/50), audio.NewTone(300, rate, 10000)
		for i := range 100 {
			if tt.sound(pcm); i < 20 {
				word.Fill(pcm)
			}
			payload, err := e.Encode(nil, pcm)
			if err != nil {
				t.Fatal(err)
			}
			got := (format{kind: formatG722}).silent(payload)
			if want := tt.want && i >= 20; got != want && (i < 15 || i >= 30) {
				t.Errorf("%s: silent = %v after %d packets", tt.name, got, i)
			}
		}
	}
}
