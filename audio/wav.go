package audio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// ErrWAV reports a file that is not a RIFF WAVE file of 16-bit PCM with one or two channels.
var ErrWAV = errors.New("not a 16-bit PCM WAV file")

// Format tags of a "fmt " chunk.
const (
	wavePCM        = 1
	waveExtensible = 0xFFFE // the real tag is the first two octets of the sub-format
)

// maxWAVChunk bounds a chunk that is not sound, in bytes.
const maxWAVChunk = 1 << 20

// ReadWAV reads a RIFF WAVE file of 16-bit PCM, mono or stereo, and gives its samples interleaved. A file whose sound
// is shorter than its header says, as a recorder leaves it that was stopped hard, gives what is there in whole frames.
func ReadWAV(r io.Reader) (samples []int16, rate, channels int, err error) {
	var head [12]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, 0, 0, fmt.Errorf("read WAV header: %w", errors.Join(ErrWAV, err))
	}
	if string(head[:4]) != "RIFF" || string(head[8:]) != "WAVE" {
		return nil, 0, 0, fmt.Errorf("read WAV header: %w", ErrWAV)
	}
	for {
		var chunk [8]byte
		if _, err := io.ReadFull(r, chunk[:]); err != nil {
			return nil, 0, 0, fmt.Errorf("read WAV chunk: %w", errors.Join(ErrWAV, err))
		}
		size := int64(binary.LittleEndian.Uint32(chunk[4:]))
		if string(chunk[:4]) == "data" {
			if channels == 0 {
				return nil, 0, 0, fmt.Errorf("read WAV sound before its format: %w", ErrWAV)
			}
			samples, err = readPCM(r, size, channels)
			return samples, rate, channels, err
		}
		if size > maxWAVChunk {
			return nil, 0, 0, fmt.Errorf("read WAV chunk %q of %d bytes: %w", chunk[:4], size, ErrWAV)
		}
		body := make([]byte, size+size%2) // chunks are padded to an even length
		if _, err := io.ReadFull(r, body); err != nil {
			return nil, 0, 0, fmt.Errorf("read WAV chunk %q: %w", chunk[:4], errors.Join(ErrWAV, err))
		}
		if string(chunk[:4]) != "fmt " {
			continue
		}
		if rate, channels, err = parseFormat(body[:size]); err != nil {
			return nil, 0, 0, err
		}
	}
}

// parseFormat reads a "fmt " chunk.
func parseFormat(body []byte) (rate, channels int, err error) {
	if len(body) < 16 {
		return 0, 0, fmt.Errorf("read WAV format of %d bytes: %w", len(body), ErrWAV)
	}
	tag := binary.LittleEndian.Uint16(body)
	if tag == waveExtensible && len(body) >= 26 {
		tag = binary.LittleEndian.Uint16(body[24:])
	}
	channels = int(binary.LittleEndian.Uint16(body[2:]))
	rate32 := binary.LittleEndian.Uint32(body[4:])
	bits := binary.LittleEndian.Uint16(body[14:])
	if tag != wavePCM || bits != 16 || channels < 1 || channels > 2 || rate32 == 0 || rate32 > 768_000 {
		return 0, 0, fmt.Errorf("read WAV format %d, %d bit, %d channels, %d Hz: %w", tag, bits, channels, rate32, ErrWAV)
	}
	return int(rate32), channels, nil
}

// readPCM reads at most size bytes of little-endian samples in whole frames. Sizes 0 and 2^32-1 are what a recorder
// writes that can't go back to its header; then everything that follows is sound.
func readPCM(r io.Reader, size int64, channels int) ([]int16, error) {
	if size == 0 || size == math.MaxUint32 {
		size = math.MaxInt64
	}
	var body bytes.Buffer // grows with what is really there, not with what the header claims
	if _, err := io.Copy(&body, io.LimitReader(r, size)); err != nil {
		return nil, fmt.Errorf("read WAV sound: %w", err)
	}
	frame := 2 * channels
	data := body.Bytes()[:body.Len()/frame*frame]
	samples := make([]int16, len(data)/2)
	for i := range samples {
		samples[i] = int16(binary.LittleEndian.Uint16(data[2*i:]))
	}
	return samples, nil
}

// WriteWAV writes interleaved 16-bit samples as a RIFF WAVE file of PCM.
func WriteWAV(w io.Writer, samples []int16, rate, channels int) error {
	size := 2 * len(samples)
	if channels < 1 || channels > 2 || rate <= 0 || len(samples)%channels != 0 || uint64(size) > math.MaxUint32-36 {
		return fmt.Errorf("write WAV of %d samples, %d channels, %d Hz: %w", len(samples), channels, rate, ErrWAV)
	}
	file := make([]byte, 0, 44+size)
	file = append(file, "RIFF"...)
	file = binary.LittleEndian.AppendUint32(file, uint32(36+size))
	file = append(file, "WAVEfmt "...)
	file = binary.LittleEndian.AppendUint32(file, 16)
	file = binary.LittleEndian.AppendUint16(file, wavePCM)
	file = binary.LittleEndian.AppendUint16(file, uint16(channels))
	file = binary.LittleEndian.AppendUint32(file, uint32(rate))
	file = binary.LittleEndian.AppendUint32(file, uint32(rate*channels*2))
	file = binary.LittleEndian.AppendUint16(file, uint16(channels*2))
	file = binary.LittleEndian.AppendUint16(file, 16)
	file = append(file, "data"...)
	file = binary.LittleEndian.AppendUint32(file, uint32(size))
	for _, s := range samples {
		file = binary.LittleEndian.AppendUint16(file, uint16(s))
	}
	if _, err := w.Write(file); err != nil {
		return fmt.Errorf("write WAV: %w", err)
	}
	return nil
}
