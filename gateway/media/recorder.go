package media

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cordboard/audio"
)

// How a recording is written.
const (
	writeEvery   = 100 * time.Millisecond
	syncEvery    = time.Second
	holdBack     = 400 * time.Millisecond // that packets have to come in their order, before their sound is written
	writeAtATime = 5 * time.Second        // of sound, so that a long silence needs no more memory
)

// partial is what stands behind the name of a file that is not finished.
const partial = ".part"

// sink is the file of a recording.
type sink interface {
	Rate() int     // of what is written, in Hz
	Frames() int64 // that are in the file
	Write(stereo []int16) error
	Sync() error
	Close() error
}

// recorder writes what the ears of a call hear. Its goroutine owns all but what is said to be for others.
type recorder struct {
	log     *slog.Logger
	out     sink
	path    string
	began   time.Duration // on the engine's clock, at frame 0
	tracks  [2]track      // left and right
	synced  time.Duration
	stereo  []int16
	told    func(error)
	missed  uint64 // packets, by ears that are gone
	strange bool   // one of them heard what it could not understand

	paused atomic.Bool
	over   chan struct{} // closed when the call has ended
	stop   func()        // closes over
	done   chan struct{} // closed when nothing is written any more

	mu   sync.Mutex
	ears []*ear // guarded by mu
}

// openSink opens the file that will have the name path when it is finished. One that is there already goes on.
func openSink(path string, rate int) (s sink, err error) {
	part := path + partial
	if err := os.Rename(path, part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil {
		err = syncDir(path) // or a power cut takes the name, and with it the file
	}
	if err == nil {
		s, err = newSink(path, f, info.Size(), rate)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return s, nil
}

// newSink makes what writes a format, which the end of the file's name says.
func newSink(path string, f audio.File, size int64, rate int) (sink, error) {
	switch {
	case strings.HasSuffix(path, ".wav"):
		return audio.NewWAV(f, size, rate, 2)
	case strings.HasSuffix(path, ".opus"):
		return newOpusFile(f, size)
	}
	return nil, fmt.Errorf("record to %s: no such format", filepath.Base(path))
}

// finish gives a closed file its name.
func finish(path string) error {
	if err := os.Rename(path+partial, path); err != nil {
		return err
	}
	return syncDir(path)
}

// syncDir makes the names in a file's folder safe from a power cut.
func syncDir(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Repair finishes a recording that a crash has cut off: every whole sample that is in the file stays. One without
// any sound is deleted, which gives fs.ErrNotExist, like one that is not there.
func Repair(path string) error {
	if _, err := os.Stat(path + partial); err != nil {
		return fmt.Errorf("repair recording: %w", err)
	}
	s, err := openSink(path, sampleRate)
	if err != nil {
		return fmt.Errorf("repair recording: %w", err)
	}
	r := recorder{out: s, path: path}
	if err := r.abandon(); err != nil {
		return fmt.Errorf("repair recording: %w", err)
	}
	if s.Frames() == 0 {
		return fmt.Errorf("repair recording: nothing in it: %w", fs.ErrNotExist)
	}
	return nil
}

// run writes until the call has ended or the disk refuses.
func (r *recorder) run(clock func() time.Duration) {
	tick := time.NewTicker(writeEvery)
	defer tick.Stop()
	var err error
	for ended := false; !ended && err == nil; {
		select {
		case <-tick.C:
			err = r.step(clock(), holdBack)
		case <-r.over:
			ended = true
			err = r.step(clock(), 0)
		}
	}
	r.paused.Store(true)
	close(r.done)
	if err != nil {
		r.log.Error("recording stopped; the call goes on", slog.Any("error", err))
	}
	if bad := r.out.Close(); bad != nil && err == nil {
		err = bad
		r.log.Error("recording not finished", slog.Any("error", bad))
	}
	if bad := finish(r.path); bad != nil {
		r.log.Error("recording not finished", slog.Any("error", bad))
		err = errors.Join(err, bad)
	}
	r.report()
	r.told(err)
}

// abandon closes a file that nothing was written to.
func (r *recorder) abandon() error {
	empty := r.out.Frames() == 0
	if err := r.out.Close(); err != nil {
		return err
	}
	if empty {
		return os.Remove(r.path + partial)
	}
	return finish(r.path)
}

// ended says whether nothing is written any more.
func (r *recorder) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// add lets the recorder hear one more leg.
func (r *recorder) add(e *ear) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ears = append(slices.Clone(r.ears), e) // those who listen have the old list
}

// count takes note of what an ear missed.
func (r *recorder) count(e *ear) {
	r.missed += e.missed.Load()
	r.strange = r.strange || e.speech.strange
}

// report says what was missed.
func (r *recorder) report() {
	for _, e := range r.listeners() {
		r.count(e)
	}
	if r.missed > 0 {
		r.log.Warn("recording has gaps: the disk was too slow", slog.Uint64("packets", r.missed))
	}
	if r.strange {
		r.log.Warn("recording is silent in part: a codec that can't be recorded")
	}
}

func (r *recorder) listeners() []*ear {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ears
}

// tidy forgets the ears of legs that are gone, once they are empty.
func (r *recorder) tidy() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ears = slices.DeleteFunc(slices.Clone(r.ears), func(e *ear) bool {
		done := e.gone.Load() && len(e.speech.pending) == 0 && e.tail.Load() == e.head.Load()
		if done {
			r.count(e)
		}
		return done
	})
}

// step writes what came until now, but for the last moments.
func (r *recorder) step(now, back time.Duration) error {
	until := now - r.began - back
	for _, e := range r.listeners() {
		e.speech.fetch(e, r.began)
	}
	for end := samplesIn(until, r.tracks[0].rate); r.tracks[0].done < end; {
		n := min(end-r.tracks[0].done, samplesIn(writeAtATime, r.tracks[0].rate))
		before := time.Duration(r.tracks[0].done+n) * time.Second / time.Duration(r.tracks[0].rate)
		for _, e := range r.listeners() {
			side := 0
			if e.right {
				side = 1
			}
			e.speech.speak(e, &r.tracks[side], before)
		}
		if err := r.out.Write(r.weave(int(n))); err != nil {
			return err
		}
	}
	if now-r.synced < syncEvery {
		return nil
	}
	r.synced = now
	r.tidy()
	return r.out.Sync()
}

// weave takes n samples of both tracks, left first.
func (r *recorder) weave(n int) []int16 {
	if cap(r.stereo) < 2*n {
		r.stereo = make([]int16, 2*n)
	}
	stereo := r.stereo[:2*n]
	clear(stereo)
	for side := range r.tracks {
		t := &r.tracks[side]
		have := min(n, len(t.pcm))
		for i, s := range t.pcm[:have] {
			stereo[2*i+side] = s
		}
		t.pcm = t.pcm[:copy(t.pcm, t.pcm[have:])]
		t.done += int64(n)
	}
	return stereo
}
