package media

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cordboard/audio"
	"cordboard/audio/codec"
)

// readOpus reads a recording in Opus at wideSampleRate, without what a player drops at the beginning.
func readOpus(t *testing.T, path string) (channels [2][]int16) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d, err := codec.NewOpusDecoder(wideSampleRate, 2)
	if err != nil {
		t.Fatal(err)
	}
	var pcm []int16
	for n := 0; len(b) > 0; {
		table := b[27 : 27+int(b[26])]
		b = b[27+len(table):]
		var packet []byte
		for _, l := range table {
			packet, b = append(packet, b[:l]...), b[l:]
			if l == 255 {
				continue
			}
			if n++; n > 2 { // after the headers
				if pcm, err = d.Decode(pcm, packet); err != nil {
					t.Fatal(err)
				}
			}
			packet = nil
		}
	}
	for i := 0; i < len(pcm); i += 2 {
		channels[0], channels[1] = append(channels[0], pcm[i]), append(channels[1], pcm[i+1])
	}
	const skip = 3840 / 3
	return [2][]int16{channels[0][skip:], channels[1][skip:]}
}

func TestRecordOpus(t *testing.T) {
	path := filepath.Join(t.TempDir(), "call.opus")
	at := time.Duration(0)
	for _, goesOn := range []bool{false, true} {
		out, err := openSink(path, 8000)
		if err != nil {
			t.Fatal(err)
		}
		r := &recorder{log: slog.New(slog.DiscardHandler), out: out, path: path, told: func(err error) {
			if err != nil {
				t.Error(err)
			}
		}, over: make(chan struct{}), done: make(chan struct{})}
		if (out.Frames() > 0) != goesOn {
			t.Errorf("%d frames are there", out.Frames())
		}
		tones := []*audio.Tone{audio.NewTone(440, 8000, 8000), audio.NewTone(1004, 8000, 8000)}
		var ears [2]*ear
		for side := range ears {
			r.tracks[side] = track{rate: out.Rate(), done: out.Frames()}
			ears[side] = &ear{right: side == 1, paused: &r.paused}
			ears[side].codecs.Store(&studioCodecs)
			r.add(ears[side])
		}
		voices := []*tongue{newTongue(), newTongue()}
		pcm := make([]int16, packetSamples)
		for end := at + 3*time.Second; at < end; at += packetTime {
			for side := range ears {
				tones[side].Fill(pcm)
				if side == 0 || at%(2*time.Second) < time.Second {
					p, h := voices[side].next(codec.PCMU.Encode(nil, pcm))
					ears[side].hear(p, h, at)
				} else {
					voices[side].stamp += uint32(packetSamples)
				}
			}
			if at%writeEvery == 0 {
				if err := r.step(at, holdBack); err != nil {
					t.Fatal(err)
				}
			}
		}
		close(r.over)
		r.run(func() time.Duration { return at })
	}
	got := readOpus(t, path)
	if n := time.Duration(len(got[0])) * time.Second / wideSampleRate; n < 5850*time.Millisecond || n > 6050*time.Millisecond {
		t.Errorf("%v of sound, want 6 s", n)
	}
	for second := range 5 {
		from := second*wideSampleRate + 3200
		left, right := got[0][from:from+9600], got[1][from:from+9600]
		if share := audio.Goertzel(left, wideSampleRate, 440); share < 0.95 {
			t.Errorf("left, second %d: share at 440 Hz = %.3f", second, share)
		}
		if share := audio.Goertzel(left, wideSampleRate, 1004); share > 0.01 {
			t.Errorf("left, second %d: share of the right one's tone = %.3f", second, share)
		}
		if share := audio.Goertzel(right, wideSampleRate, 1004); second%2 == 0 && share < 0.95 {
			t.Errorf("right, second %d: share at 1004 Hz = %.3f", second, share)
		}
		if rms := audio.RMS(right); second%2 == 1 && rms > 0.1*audio.RMS(left) {
			t.Errorf("right, second %d: RMS %.0f in silence, left %.0f", second, rms, audio.RMS(left))
		}
	}
}
