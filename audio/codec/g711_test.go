package codec

import (
	"math"
	"testing"

	"cordboard/audio"
)

// Every octet must survive decoding and encoding (but the negative zero of µ-law, 0x7F), and a tone must stay a tone.
func TestLaws(t *testing.T) {
	for _, law := range []Law{PCMU, PCMA} {
		t.Run(law.String(), func(t *testing.T) {
			for b := range 256 {
				pcm := law.Decode(nil, []byte{byte(b)})
				if got := law.Encode(nil, pcm)[0]; int(got) != b && !(law == PCMU && b == 0x7F) {
					t.Errorf("%#02x decodes to %d, which encodes to %#02x", b, pcm[0], got)
				}
			}
			samples := make([]int16, 8000)
			audio.NewTone(1004, G711Rate, 3600).Fill(samples)
			heard := law.Decode(nil, law.Encode(nil, samples))
			if share := audio.Goertzel(heard, G711Rate, 1004); share < 0.99 {
				t.Errorf("share of 1004 Hz after coding = %.4f", share)
			}
			if loss := 20 * math.Log10(audio.RMS(heard)/audio.RMS(samples)); math.Abs(loss) > 0.1 {
				t.Errorf("level changes by %.2f dB", loss)
			}
		})
	}
}

func TestByName(t *testing.T) {
	for name, want := range map[string]Law{"PCMU": PCMU, "pcma": PCMA, "opus": 0, "": 0} {
		if law, ok := ByName(name); law != want || ok != (want != 0) {
			t.Errorf("ByName(%q) = %v, %v", name, law, ok)
		}
	}
	if PCMU.PayloadType() != 0 || PCMA.PayloadType() != 8 {
		t.Error("wrong static payload type")
	}
}
