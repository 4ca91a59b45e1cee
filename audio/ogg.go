package audio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrOgg reports a file that is not Opus in Ogg as an OggWriter writes it.
var ErrOgg = errors.New("not a file of Opus in Ogg")

// OpusRate is the clock of Opus in Ogg, in Hz, whatever the rate of the sound was (RFC 7845 §4).
const OpusRate = 48000

// Ogg pages (RFC 3533 §6).
const (
	oggHead     = 27
	oggSegments = 255
	oggBegin    = 2 // the first page of a stream
	oggEnd      = 4 // the last one
)

// opusPreSkip is how much sound from the beginning a player drops, at OpusRate: what an encoder needs to settle (RFC
// 7845 §5.1).
const opusPreSkip = 3840

// oggCRC is the table of the checksum of RFC 3533 §6: polynomial 0x04c11db7, not reflected.
var oggCRC = func() (table [256]uint32) {
	for i := range table {
		r := uint32(i) << 24
		for range 8 {
			r = r<<1 ^ 0x04c11db7*(r>>31)
		}
		table[i] = r
	}
	return table
}()

// OggWriter writes packets of Opus as an Ogg file (RFC 7845). Each Sync ends a page, so a file that is cut off later has
// all that came before.
type OggWriter struct {
	f       File
	serial  uint32
	page    uint32 // number of the next page
	size    int64  // of the file, in bytes
	granule int64  // samples at OpusRate of all packets so far, with the pre-skip
	lacing  []byte // of the packets that wait for their page
	body    []byte
	last    []byte // the last page, which stands just before size
}

// NewOgg begins a file with serial as the stream's name, or goes on with one that an OggWriter has left, whole or cut
// off. size is that of the file, in bytes.
func NewOgg(f File, size int64, serial uint32, channels int) (*OggWriter, error) {
	w := &OggWriter{f: f, serial: serial}
	if size > 0 {
		ok, err := w.recover(size, channels)
		if ok || err != nil {
			return w, err
		}
		*w = OggWriter{f: f, serial: serial} // cut off in its headers: there is no sound in it
	}
	if err := f.Truncate(0); err != nil {
		return nil, fmt.Errorf("begin Ogg file: %w", err)
	}
	head := append([]byte("OpusHead"), 1, byte(channels))
	head = binary.LittleEndian.AppendUint16(head, opusPreSkip)
	head = binary.LittleEndian.AppendUint32(head, 16000) // of the input; only for information
	head = append(head, 0, 0, 0)                         // gain, mapping family 0
	const vendor = "Cordboard"
	tags := binary.LittleEndian.AppendUint32([]byte("OpusTags"), uint32(len(vendor)))
	tags = binary.LittleEndian.AppendUint32(append(tags, vendor...), 0)
	for i, packet := range [][]byte{head, tags} {
		w.add(packet)
		if err := w.flush(byte(oggBegin * (1 - i))); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// Frames is how many samples of each channel, at OpusRate, a player gives of the packets so far.
func (w *OggWriter) Frames() int64 { return max(0, w.granule-opusPreSkip) }

// add puts a packet on the page of the moment.
func (w *OggWriter) add(packet []byte) {
	for n := len(packet); ; n -= 255 {
		w.lacing = append(w.lacing, byte(min(n, 255)))
		if n < 255 {
			break
		}
	}
	w.body = append(w.body, packet...)
}

// Write adds a packet of so many samples at OpusRate.
func (w *OggWriter) Write(packet []byte, samples int) error {
	segments := len(packet)/255 + 1
	if segments > oggSegments {
		return fmt.Errorf("write Ogg packet of %d bytes: %w", len(packet), ErrOgg)
	}
	if len(w.lacing)+segments > oggSegments {
		if err := w.flush(0); err != nil {
			return err
		}
	}
	w.add(packet)
	w.granule += int64(samples)
	return nil
}

// flush ends a page with what waits for it.
func (w *OggWriter) flush(kind byte) error {
	p := append(w.last[:0], "OggS\x00"...)
	p = append(p, kind)
	p = binary.LittleEndian.AppendUint64(p, uint64(w.granule))
	p = binary.LittleEndian.AppendUint32(p, w.serial)
	p = binary.LittleEndian.AppendUint32(p, w.page)
	p = append(p, 0, 0, 0, 0, byte(len(w.lacing)))
	p = append(append(p, w.lacing...), w.body...)
	w.last, w.lacing, w.body = p, w.lacing[:0], w.body[:0]
	if err := w.put(w.size); err != nil {
		return err
	}
	w.size += int64(len(p))
	w.page++
	return nil
}

// put writes the last page to its place.
func (w *OggWriter) put(at int64) error {
	clear(w.last[22:26])
	binary.LittleEndian.PutUint32(w.last[22:], checksum(w.last))
	if _, err := w.f.WriteAt(w.last, at); err != nil {
		return fmt.Errorf("write Ogg page: %w", err)
	}
	return nil
}

// mark says in the file whether the last page is the end of the stream.
func (w *OggWriter) mark(end bool) error {
	w.last[5] &^= oggEnd
	if end {
		w.last[5] |= oggEnd
	}
	return w.put(w.size - int64(len(w.last)))
}

// checksum is that of a page whose own field is zero.
func checksum(page []byte) (crc uint32) {
	for _, b := range page {
		crc = crc<<8 ^ oggCRC[byte(crc>>24)^b]
	}
	return crc
}

// Sync makes what was written readable and safe from a power cut.
func (w *OggWriter) Sync() error {
	if len(w.lacing) > 0 {
		if err := w.flush(0); err != nil {
			return err
		}
	}
	if err := w.f.Sync(); err != nil {
		return fmt.Errorf("write Ogg to disk: %w", err)
	}
	return nil
}

// Close finishes and closes the file.
func (w *OggWriter) Close() error {
	var err error
	if len(w.lacing) > 0 {
		if err = w.flush(0); err != nil { // as on a full disk: what is there stays, in whole pages
			err = errors.Join(err, w.f.Truncate(w.size), w.f.Sync(), w.f.Close())
			return err
		}
	}
	return errors.Join(w.mark(true), w.f.Sync(), w.f.Close())
}

// recover finds where a file goes on: after its last whole page, which is the end of the stream no more. ok is
// false when not even its headers are whole.
func (w *OggWriter) recover(size int64, channels int) (ok bool, err error) {
	for number := uint32(0); ; number++ {
		page, err := readPage(w.f, w.size, size)
		if err != nil {
			return false, err
		}
		if page == nil {
			break
		}
		kind, serial, body := page[5], binary.LittleEndian.Uint32(page[14:]), page[oggHead+int(page[26]):]
		switch {
		case binary.LittleEndian.Uint32(page[18:]) != number || number > 0 && serial != w.serial:
			return false, fmt.Errorf("go on with an Ogg file: %w", ErrOgg)
		case number == 0:
			if len(body) < 12 || !bytes.HasPrefix(body, []byte("OpusHead")) || int(body[9]) != channels || binary.LittleEndian.Uint16(body[10:]) != opusPreSkip {
				return false, fmt.Errorf("go on with an Ogg file: %w", ErrOgg)
			}
			w.serial = serial
		case number == 1:
			ok = bytes.HasPrefix(body, []byte("OpusTags"))
		}
		w.granule = max(w.granule, int64(binary.LittleEndian.Uint64(page[6:])))
		w.size += int64(len(page))
		w.page, w.last = number+1, page
		if kind&oggEnd != 0 {
			break
		}
	}
	if !ok {
		return false, nil
	}
	if err := w.f.Truncate(w.size); err != nil {
		return false, fmt.Errorf("cut off half a page: %w", err)
	}
	return true, w.mark(false)
}

// readPage reads the page at a place of a file; nil when there is no whole one.
func readPage(f File, at, size int64) ([]byte, error) {
	var head [oggHead + oggSegments]byte
	n := min(size-at, int64(len(head)))
	if n < oggHead {
		return nil, nil
	}
	if _, err := f.ReadAt(head[:n], at); err != nil {
		return nil, fmt.Errorf("read Ogg page: %w", err)
	}
	table := oggHead + int64(head[26])
	if string(head[:5]) != "OggS\x00" || n < table {
		return nil, nil
	}
	length := table
	for _, l := range head[oggHead:table] {
		length += int64(l)
	}
	if size-at < length {
		return nil, nil
	}
	page := make([]byte, length)
	if _, err := f.ReadAt(page, at); err != nil {
		return nil, fmt.Errorf("read Ogg page: %w", err)
	}
	sum := binary.LittleEndian.Uint32(page[22:])
	clear(page[22:26])
	if checksum(page) != sum {
		return nil, nil
	}
	return page, nil
}
