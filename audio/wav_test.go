package audio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"testing"
)

// wav joins the parts of a file; chunk makes one of them.
func wav(parts ...[]byte) []byte {
	return append([]byte("RIFF\x00\x00\x00\x00WAVE"), bytes.Join(parts, nil)...)
}

func chunk(name string, size uint32, body ...byte) []byte {
	return append(binary.LittleEndian.AppendUint32([]byte(name), size), body...)
}

// format is a "fmt " chunk of the given tag, channels and bits at 8000 Hz.
func format(tag uint16, channels, bits byte) []byte {
	return chunk("fmt ", 16, byte(tag), byte(tag>>8), channels, 0, 0x40, 0x1F, 0, 0, 0, 0, 0, 0, 2*channels, 0, bits, 0)
}

func TestReadWAV(t *testing.T) {
	extensible := chunk("fmt ", 40, append([]byte{0xFE, 0xFF, 1, 0, 0x40, 0x1F, 0, 0, 0, 0, 0, 0, 2, 0, 16, 0, 22, 0, 16, 0, 4, 0, 0, 0, 1}, make([]byte, 15)...)...)
	for _, tt := range []struct {
		name    string
		file    []byte
		samples []int16
		err     error
	}{
		{"plain", wav(format(1, 1, 16), chunk("data", 4, 1, 0, 255, 255)), []int16{1, -1}, nil},
		{"stereo", wav(format(1, 2, 16), chunk("data", 4, 1, 0, 255, 255)), []int16{1, -1}, nil},
		{"extensible", wav(extensible, chunk("data", 2, 7, 0)), []int16{7}, nil},
		{"other chunk with padding", wav(format(1, 1, 16), chunk("LIST", 3, 1, 2, 3, 0), chunk("data", 2, 7, 0)), []int16{7}, nil},
		{"what follows the sound is left out", wav(format(1, 1, 16), chunk("data", 2, 7, 0, 9, 9)), []int16{7}, nil},
		{"cut off in a frame", wav(format(1, 2, 16), chunk("data", 4000, 1, 0, 2, 0, 3, 0, 4)), []int16{1, 2}, nil},
		{"never finished", wav(format(1, 1, 16), chunk("data", 0xFFFFFFFF, 1, 0, 2, 0)), []int16{1, 2}, nil},
		{"length never written", wav(format(1, 1, 16), chunk("data", 0, 1, 0, 2, 0)), []int16{1, 2}, nil},
		{"empty", nil, nil, ErrWAV},
		{"no RIFF", []byte("RIFX\x00\x00\x00\x00WAVE"), nil, ErrWAV},
		{"no sound", wav(format(1, 1, 16)), nil, ErrWAV},
		{"sound before format", wav(chunk("data", 2, 7, 0)), nil, ErrWAV},
		{"floating point", wav(format(3, 1, 16), chunk("data", 2, 7, 0)), nil, ErrWAV},
		{"8 bit", wav(format(1, 1, 8), chunk("data", 2, 7, 0)), nil, ErrWAV},
		{"three channels", wav(format(1, 3, 16), chunk("data", 2, 7, 0)), nil, ErrWAV},
		{"short format", wav(chunk("fmt ", 2, 1, 0), chunk("data", 2, 7, 0)), nil, ErrWAV},
		{"huge chunk", wav(chunk("LIST", 1<<30)), nil, ErrWAV},
		{"chunk cut off", wav(chunk("LIST", 100, 1)), nil, ErrWAV},
	} {
		t.Run(tt.name, func(t *testing.T) {
			samples, _, _, err := ReadWAV(bytes.NewReader(tt.file))
			if !errors.Is(err, tt.err) || !slices.Equal(samples, tt.samples) {
				t.Errorf("ReadWAV = %v, %v, want %v, %v", samples, err, tt.samples, tt.err)
			}
		})
	}
}

func TestWriteWAVRefuses(t *testing.T) {
	for _, tt := range []struct{ samples, rate, channels int }{{2, 0, 1}, {2, 8000, 0}, {2, 8000, 3}, {3, 8000, 2}} {
		if err := WriteWAV(io.Discard, make([]int16, tt.samples), tt.rate, tt.channels); !errors.Is(err, ErrWAV) {
			t.Errorf("WriteWAV(%+v) = %v, want ErrWAV", tt, err)
		}
	}
}

// What ReadWAV takes, WriteWAV writes so that it reads back the same.
func FuzzReadWAV(f *testing.F) {
	f.Add(wav(format(1, 1, 16), chunk("data", 4, 1, 0, 2, 0)))
	f.Add(wav(format(1, 2, 16), chunk("LIST", 1, 0, 0), chunk("data", 0, 1, 0, 2, 0)))
	f.Fuzz(func(t *testing.T, file []byte) {
		samples, rate, channels, err := ReadWAV(bytes.NewReader(file))
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := WriteWAV(&again, samples, rate, channels); err != nil {
			t.Fatal(err)
		}
		samples2, rate2, channels2, err := ReadWAV(&again)
		if err != nil || rate2 != rate || channels2 != channels || !slices.Equal(samples2, samples) {
			t.Errorf("read back %d samples, %d Hz, %d channels, %v; want %d, %d, %d", len(samples2), rate2, channels2, err, len(samples), rate, channels)
		}
	})
}
