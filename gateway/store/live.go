package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// Live keeps the state of the calls that are up, so that they survive a crash of the program. What is in it need not survive a
// power cut, so no write waits for the disk: the operating system keeps what is written when the process dies. Each call
// has pages of the file to itself, which the next call uses again, so that a write costs one system call.
type Live struct {
	lock *flock.Flock
	file *os.File // nil: closed

	mu    sync.Mutex
	taken []bool         // of each page, whether it holds anything
	calls map[string]run // where the state of each call is
	alive run            // where the last sign of life is
	next  uint64         // number of the next record
}

// run is a record's place in the file, in pages.
type run struct{ first, count int }

// livePage is the size of a page, in bytes.
const livePage = 4096

// A record begins a page: its length without these four bytes, the CRC-32C of what follows, a number that is greater in later
// records, a time in Unix milliseconds, the length of an ID, that ID, and a state. Numbers are big endian. A record without
// an ID is a sign of life. What does not add up is no record. States are text, so no page in the middle of one begins like a record.
const (
	liveHead  = 4 + 4 + 8 + 8 + 2
	maxRecord = 1 << 20 // bytes; a call's state has a few thousand
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// record is one record of the file.
type record struct {
	number uint64
	at     int64 // Unix milliseconds
	id     string
	state  []byte
}

// errInUse reports a file that another process has open.
var errInUse = errors.New("another Cordboard runs with this data folder")

// OpenLive opens the file, made when it is missing (mode 0600). What a power cut has left of it counts as far as it is whole. Only
// one process can have it open.
func OpenLive(path string) (*Live, error) {
	l := &Live{lock: flock.New(path+".lock", flock.SetPermissions(0o600)), calls: make(map[string]run)}
	if err := l.open(path); err != nil {
		return nil, fmt.Errorf("open calls %s: %w", path, errors.Join(err, l.Close()))
	}
	return l, nil
}

func (l *Live) open(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if locked, err := l.lock.TryLock(); err != nil {
		return err
	} else if !locked {
		return errInUse
	}
	var err error
	if l.file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return err
	}
	if err := l.file.Chmod(0o600); err != nil {
		return err
	}
	text, err := io.ReadAll(l.file)
	if err != nil {
		return err
	}
	for _, old := range l.read(text) {
		if err := l.wipe(old); err != nil {
			return err
		}
	}
	return l.file.Truncate(int64(len(l.taken)) * livePage)
}

// read finds the records of the file. Of several for one call, which a crash between writing and wiping leaves, the last one
// counts; the others are given back.
func (l *Live) read(text []byte) (old []run) {
	newest := make(map[string]uint64)
	for page := 0; page*livePage < len(text); {
		r, size, ok := parseRecord(text[page*livePage:])
		if !ok {
			page++
			continue
		}
		place := run{page, pages(size)}
		page += place.count
		if number, ok := newest[r.id]; ok && number > r.number {
			old = append(old, place)
			continue
		}
		newest[r.id] = r.number
		l.next = max(l.next, r.number+1)
		if before := l.put(r.id, place); before.count > 0 {
			old = append(old, before)
		}
	}
	return old
}

// pages is how many of them size bytes need.
func pages(size int) int { return (size + livePage - 1) / livePage }

// put notes where a record is and gives the place of the one before it, whose pages are free from now on.
func (l *Live) put(id string, place run) (before run) {
	if id == "" {
		before, l.alive = l.alive, place
	} else {
		before, l.calls[id] = l.calls[id], place
	}
	l.mark(before, false)
	l.mark(place, true)
	return before
}

func (l *Live) mark(r run, taken bool) {
	for len(l.taken) < r.first+r.count {
		l.taken = append(l.taken, false)
	}
	for i := range r.count {
		l.taken[r.first+i] = taken
	}
}

// room finds free pages side by side, at the end of the file if need be.
func (l *Live) room(count int) run {
	free := 0
	for i, taken := range l.taken {
		if free++; taken {
			free = 0
		}
		if free == count {
			return run{i + 1 - count, count}
		}
	}
	return run{len(l.taken) - free, count}
}

// append appends the record's bytes.
func (r record) append(b []byte) []byte {
	start := len(b)
	b = binary.BigEndian.AppendUint32(b, uint32(liveHead-4+len(r.id)+len(r.state)))
	b = append(b, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint64(b, r.number)
	b = binary.BigEndian.AppendUint64(b, uint64(r.at))
	b = binary.BigEndian.AppendUint16(b, uint16(len(r.id)))
	b = append(append(b, r.id...), r.state...)
	binary.BigEndian.PutUint32(b[start+4:], crc32.Checksum(b[start+8:], castagnoli))
	return b
}

// parseRecord reads the record at the beginning of b and tells its size in bytes; false when there is none.
func parseRecord(b []byte) (r record, size int, ok bool) {
	if len(b) < liveHead {
		return r, 0, false
	}
	size = 4 + int(binary.BigEndian.Uint32(b))
	if size < liveHead || size > maxRecord || size > len(b) {
		return r, 0, false
	}
	b = b[:size]
	id := liveHead + int(binary.BigEndian.Uint16(b[24:]))
	if id > size || crc32.Checksum(b[8:], castagnoli) != binary.BigEndian.Uint32(b[4:]) {
		return r, 0, false
	}
	return record{binary.BigEndian.Uint64(b[8:]), int64(binary.BigEndian.Uint64(b[16:])), string(b[liveHead:id]), b[id:]}, size, true
}

// write writes a record beside the one that it replaces, and only then wipes that out.
func (l *Live) write(id string, at time.Time, state []byte) error {
	size := liveHead + len(id) + len(state)
	if size > maxRecord || len(id) > 1<<16-1 {
		return fmt.Errorf("%d bytes are too many", size)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	place := l.room(pages(size))
	b := record{l.next, at.UnixMilli(), id, state}.append(make([]byte, 0, size))
	if _, err := l.file.WriteAt(b, int64(place.first)*livePage); err != nil {
		return err
	}
	l.next++
	return l.wipe(l.put(id, place))
}

// wipe makes what was a record none, so that it isn't found once what has replaced it is gone.
func (l *Live) wipe(r run) error {
	if r.count == 0 {
		return nil
	}
	_, err := l.file.WriteAt(make([]byte, liveHead), int64(r.first)*livePage)
	return err
}

// Keep writes the state of a call in the place of an earlier one.
func (l *Live) Keep(id string, state []byte) error {
	if id == "" {
		return errors.New("keep call: it has no ID")
	}
	if err := l.write(id, time.Now(), state); err != nil {
		return fmt.Errorf("keep call %s: %w", id, err)
	}
	return nil
}

// Forget takes a call away that has ended; an unknown one is passed over.
func (l *Live) Forget(id string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	place := l.calls[id]
	if err := l.wipe(place); err != nil {
		return fmt.Errorf("forget call %s: %w", id, err)
	}
	delete(l.calls, id)
	l.mark(place, false)
	return nil
}

// Alive notes that the program runs at this time.
func (l *Live) Alive(now time.Time) error {
	if err := l.write("", now, nil); err != nil {
		return fmt.Errorf("note the time: %w", err)
	}
	return nil
}

// Kept gives the states of all calls by ID, and when the program last gave a sign of life.
func (l *Live) Kept() (states map[string][]byte, alive time.Time, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	states = make(map[string][]byte, len(l.calls))
	var at int64
	for id, place := range l.calls {
		r, err := l.load(place)
		if err != nil {
			return nil, alive, fmt.Errorf("read call %s: %w", id, err)
		}
		states[id], at = r.state, max(at, r.at)
	}
	if l.alive.count > 0 {
		r, err := l.load(l.alive)
		if err != nil {
			return nil, alive, fmt.Errorf("read the last sign of life: %w", err)
		}
		at = max(at, r.at)
	}
	return states, time.UnixMilli(at), nil
}

// load reads a record from the file.
func (l *Live) load(place run) (record, error) {
	b := make([]byte, place.count*livePage)
	if n, err := l.file.ReadAt(b, int64(place.first)*livePage); err != nil && !errors.Is(err, io.EOF) {
		return record{}, err
	} else if r, _, ok := parseRecord(slices.Clip(b[:n])); ok {
		return r, nil
	}
	return record{}, errDamaged
}

// Close closes the file. It may be called again.
func (l *Live) Close() (err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		err = l.file.Close()
		l.file = nil
	}
	return errors.Join(err, l.lock.Close())
}
