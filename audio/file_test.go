package audio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// openFile makes a file with some contents.
func openFile(t testing.TB, contents []byte) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, contents, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// memory is a file that needs no disk.
type memory struct{ b []byte }

func (m *memory) ReadAt(p []byte, at int64) (int, error) { return bytes.NewReader(m.b).ReadAt(p, at) }

func (m *memory) WriteAt(p []byte, at int64) (int, error) {
	if need := int(at) + len(p); need > len(m.b) {
		m.b = append(m.b, make([]byte, need-len(m.b))...)
	}
	return copy(m.b[at:], p), nil
}

func (m *memory) Truncate(size int64) error {
	m.b = append(m.b[:min(int(size), len(m.b))], make([]byte, max(0, int(size)-len(m.b)))...)
	return nil
}

func (m *memory) Sync() error  { return nil }
func (m *memory) Close() error { return nil }

func contents(t testing.TB, f *os.File) []byte {
	t.Helper()
	b, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func stereo(n int) []int16 {
	pcm := make([]int16, 2*n)
	for i := range pcm {
		pcm[i] = int16(i)
	}
	return pcm
}

func TestWAVWriterGoesOn(t *testing.T) {
	f := openFile(t, nil)
	w, err := NewWAV(f, 0, 8000, 2)
	if err != nil {
		t.Fatal(err)
	}
	pcm := stereo(1000)
	for _, part := range [][]int16{pcm[:600], pcm[600:1000]} {
		if err := w.Write(part); err != nil {
			t.Fatal(err)
		}
		if err := w.Sync(); err != nil {
			t.Fatal(err)
		}
		if b := contents(t, f); binary.LittleEndian.Uint32(b[4:]) != uint32(len(b)-8) || binary.LittleEndian.Uint32(b[40:]) != uint32(len(b)-44) {
			t.Errorf("header of %d bytes says %x", len(b), b[:44])
		}
	}
	if err := w.Write(pcm[1000:1002]); err != nil { // not in the header yet when the program dies
		t.Fatal(err)
	}
	if err := w.Write(pcm[:1]); err == nil {
		t.Error("half a frame was written")
	}
	crashed := append(contents(t, f), 7, 7, 7) // and half a sample
	f = openFile(t, crashed)
	if w, err = NewWAV(f, int64(len(crashed)), 48000, 2); err != nil {
		t.Fatal(err)
	}
	if w.Frames() != 501 || w.Rate() != 8000 {
		t.Errorf("%d frames at %d Hz are left, want 501 at 8000", w.Frames(), w.Rate())
	}
	if err := w.Write(pcm[1002:]); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, rate, channels, err := ReadWAV(bytes.NewReader(contents(t, f)))
	if err != nil || rate != 8000 || channels != 2 || !slices.Equal(got, pcm) {
		t.Errorf("read %d samples, %d Hz, %d channels, %v", len(got), rate, channels, err)
	}
}

// Whatever a crash has left: either it is refused and stays as it is, or its header fits its size, and all its sound is there.
func FuzzWAVGoesOn(f *testing.F) {
	var whole bytes.Buffer
	if err := WriteWAV(&whole, stereo(20), 16000, 2); err != nil {
		f.Fatal(err)
	}
	f.Add(whole.Bytes())
	f.Add(whole.Bytes()[:60])
	f.Add(whole.Bytes()[:20])
	f.Fuzz(func(t *testing.T, before []byte) {
		file := &memory{slices.Clone(before)}
		w, err := NewWAV(file, int64(len(before)), 8000, 2)
		if err != nil {
			if !bytes.Equal(file.b, before) {
				t.Error("a file that was refused has changed")
			}
			return
		}
		frames := w.Frames()
		if err := errors.Join(w.Write([]int16{3, 4}), w.Close()); err != nil {
			t.Fatal(err)
		}
		after := file.b
		pcm, rate, channels, err := ReadWAV(bytes.NewReader(after))
		if err != nil || rate != w.Rate() || channels != 2 || int64(len(pcm)) != 2*(frames+1) || binary.LittleEndian.Uint32(after[4:]) != uint32(len(after)-8) {
			t.Fatalf("%d samples, %d Hz, %d channels, %v", len(pcm), rate, channels, err)
		}
		if len(before) >= 44 && !bytes.HasPrefix(after[44:], before[44:44+4*frames]) {
			t.Error("the sound has changed")
		}
	})
}

// oggPackets reads a file as RFC 3533 has it: the packets, and the place of the last page.
func oggPackets(t testing.TB, b []byte) (packets [][]byte, granule int64, ended bool) {
	t.Helper()
	for number := uint32(0); len(b) > 0; number++ {
		if len(b) < 27 || string(b[:4]) != "OggS" || binary.LittleEndian.Uint32(b[18:]) != number || ended || b[5]&1 != 0 {
			t.Fatalf("page %d: %x", number, b[:min(len(b), 40)])
		}
		table := b[27 : 27+int(b[26])]
		body := b[27+len(table):]
		var packet []byte
		for _, l := range table {
			packet, body = append(packet, body[:l]...), body[l:]
			if l < 255 {
				packets, packet = append(packets, packet), nil
			}
		}
		page := slices.Clone(b[:len(b)-len(body)])
		sum := binary.LittleEndian.Uint32(page[22:])
		clear(page[22:26])
		if checksum(page) != sum {
			t.Fatalf("page %d: checksum %x", number, sum)
		}
		granule, ended = int64(binary.LittleEndian.Uint64(b[6:])), b[5]&4 != 0
		b = body
	}
	return packets, granule, ended
}

// The checksum of a page that another program wrote: opus-tools, an OpusHead.
func TestOggChecksum(t *testing.T) {
	for text, want := range map[string]uint32{"": 0, "123456789": 0x89a1897f} { // CRC-32/MPEG-2's polynomial, from 0 and not inverted
		if got := checksum([]byte(text)); got != want {
			t.Errorf("checksum of %q = %08x, want %08x", text, got, want)
		}
	}
}

func TestOggWriterGoesOn(t *testing.T) {
	f := openFile(t, nil)
	w, err := NewOgg(f, 0, 77, 2)
	if err != nil {
		t.Fatal(err)
	}
	var want [][]byte
	write := func(n int) {
		for range n {
			p := bytes.Repeat([]byte{byte(len(want))}, len(want)*7%600)
			want = append(want, p)
			if err := w.Write(p, 960); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(300) // more than a page
	if err := w.Sync(); err != nil {
		t.Fatal(err)
	}
	if w.Frames() != 300*960-opusPreSkip {
		t.Errorf("%d frames of 300 packets", w.Frames())
	}
	whole := contents(t, f)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, left := range map[string][]byte{
		"crashed": whole, "crashed in a page": append(slices.Clone(whole), whole[:40]...),
		"damaged at its end": append(slices.Clone(whole), make([]byte, 500)...), "finished": contents(t, f),
	} {
		want = want[:300]
		f := openFile(t, left)
		if w, err = NewOgg(f, int64(len(left)), 78, 2); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		write(10)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		packets, granule, ended := oggPackets(t, contents(t, f))
		if !slices.EqualFunc(packets[2:], want, bytes.Equal) || granule != 310*960 || !ended {
			t.Errorf("%s: %d packets until %d, ended %v", name, len(packets), granule, ended)
		}
	}
	if _, err := NewOgg(openFile(t, whole), int64(len(whole)), 1, 1); !errors.Is(err, ErrOgg) {
		t.Errorf("go on in mono = %v, want %v", err, ErrOgg)
	}
	if err := w.Write(make([]byte, 255*255), 960); !errors.Is(err, ErrOgg) {
		t.Errorf("a packet that fits no page = %v", err)
	}
}

// Whatever a crash has left: either it is refused and stays as it is, or it can be read, with all whole pages that it had.
func FuzzOggGoesOn(f *testing.F) {
	file := openFile(f, nil)
	w, err := NewOgg(file, 0, 5, 2)
	if err != nil {
		f.Fatal(err)
	}
	w.Write([]byte("one"), 960)
	w.Sync()
	w.Write([]byte("two"), 960)
	w.Close()
	whole := contents(f, file)
	f.Add(whole, 0, byte(0))
	f.Add(whole, 60, byte(1))
	f.Add(whole[:len(whole)-5], 100, byte(0))
	f.Add(whole[:30], 0, byte(0))
	f.Fuzz(func(t *testing.T, before []byte, at int, flip byte) {
		before = slices.Clone(before)
		if at >= 0 && at < len(before) {
			before[at] ^= flip
		}
		file := &memory{slices.Clone(before)}
		w, err := NewOgg(file, int64(len(before)), 6, 2)
		if err != nil {
			if !bytes.Equal(file.b, before) {
				t.Error("a file that was refused has changed")
			}
			return
		}
		kept := w.size - int64(len(w.last)) // the last page may be marked anew
		again := w.page > 2
		if err := errors.Join(w.Write([]byte("three"), 960), w.Close()); err != nil {
			t.Fatal(err)
		}
		after := file.b
		if again && !bytes.HasPrefix(after, before[:kept]) {
			t.Error("what was whole has changed")
		}
		packets, _, ended := oggPackets(t, after)
		if last := packets[len(packets)-1]; string(last) != "three" || !ended {
			t.Errorf("the last packet is %q", last)
		}
	})
}
