package audio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// File is what a recording is written to: an *os.File, or a test's.
type File interface {
	io.ReaderAt
	io.WriterAt
	Truncate(size int64) error
	Sync() error
	Close() error
}

// wavHeader is how many bytes stand before the sound in a file of a WAVWriter.
const wavHeader = 44

// WAVWriter writes a RIFF WAVE file of 16-bit PCM bit by bit. Each Sync leaves a file that any reader takes as whole.
type WAVWriter struct {
	f              File
	rate, channels int
	size           int64 // of the sound, in bytes
	buf            []byte
}

// NewWAV begins a file at rate samples per second, or goes on with one that a WAVWriter has left, whole or not; then the
// file's rate holds. channels must be the file's.
func NewWAV(f File, size int64, rate, channels int) (*WAVWriter, error) {
	w := &WAVWriter{f: f, rate: rate, channels: channels}
	if size < wavHeader { // nothing, or a header that never came to be
		return w, w.head()
	}
	var head [wavHeader]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return nil, fmt.Errorf("read WAV header: %w", err)
	}
	found, number, err := parseFormat(head[20:36])
	if err != nil {
		return nil, err
	}
	plain := string(head[:4]) == "RIFF" && string(head[8:16]) == "WAVEfmt " && binary.LittleEndian.Uint32(head[16:]) == 16 &&
		string(head[36:40]) == "data"
	if !plain || number != channels || found > maxWAVRate {
		return nil, fmt.Errorf("go on with a WAV file: %w", ErrWAV)
	}
	w.rate = found
	frame := int64(2 * channels)
	w.size = (size - wavHeader) / frame * frame
	if err := f.Truncate(wavHeader + w.size); err != nil {
		return nil, fmt.Errorf("cut off half a sample: %w", err)
	}
	return w, w.head()
}

// maxWAVRate is the highest sampling rate a file is gone on with, in Hz.
const maxWAVRate = 192_000

// head writes the header for the sound of the moment. A file of more than 4 GiB says so by the greatest number, which
// readers take as "until the end".
func (w *WAVWriter) head() error {
	h := make([]byte, 0, wavHeader)
	h = append(h, "RIFF"...)
	h = binary.LittleEndian.AppendUint32(h, uint32(min(36+w.size, math.MaxUint32)))
	h = append(h, "WAVEfmt "...)
	h = binary.LittleEndian.AppendUint32(h, 16)
	h = binary.LittleEndian.AppendUint16(h, wavePCM)
	h = binary.LittleEndian.AppendUint16(h, uint16(w.channels))
	h = binary.LittleEndian.AppendUint32(h, uint32(w.rate))
	h = binary.LittleEndian.AppendUint32(h, uint32(w.rate*w.channels*2))
	h = binary.LittleEndian.AppendUint16(h, uint16(w.channels*2))
	h = binary.LittleEndian.AppendUint16(h, 16)
	h = append(h, "data"...)
	h = binary.LittleEndian.AppendUint32(h, uint32(min(w.size, math.MaxUint32)))
	if _, err := w.f.WriteAt(h, 0); err != nil {
		return fmt.Errorf("write WAV header: %w", err)
	}
	return nil
}

// Rate is the sampling rate of the file, in Hz.
func (w *WAVWriter) Rate() int { return w.rate }

// Frames is how many samples of each channel the file has.
func (w *WAVWriter) Frames() int64 { return w.size / int64(2*w.channels) }

// Write adds interleaved samples in whole frames.
func (w *WAVWriter) Write(samples []int16) error {
	if len(samples)%w.channels != 0 {
		return errors.New("write WAV: half a frame")
	}
	w.buf = w.buf[:0]
	for _, s := range samples {
		w.buf = binary.LittleEndian.AppendUint16(w.buf, uint16(s))
	}
	if _, err := w.f.WriteAt(w.buf, wavHeader+w.size); err != nil {
		return fmt.Errorf("write WAV: %w", err)
	}
	w.size += int64(len(w.buf))
	return nil
}

// Sync makes what was written readable and safe from a power cut.
func (w *WAVWriter) Sync() error {
	if err := w.head(); err != nil {
		return err
	}
	if err := w.f.Sync(); err != nil {
		return fmt.Errorf("write WAV to disk: %w", err)
	}
	return nil
}

// Close finishes and closes the file.
func (w *WAVWriter) Close() error {
	// What did not fit on a full disk is left out, so that the header is right.
	return errors.Join(w.f.Truncate(wavHeader+w.size), w.Sync(), w.f.Close())
}
