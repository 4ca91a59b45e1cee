package signaling

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cordboard/gateway/call"
)

// fakeHistory keeps records in memory.
type fakeHistory struct {
	mu   sync.Mutex
	list []call.Record
}

func (h *fakeHistory) Add(_ context.Context, records ...call.Record) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list = append(h.list, records...)
	return nil
}

func (h *fakeHistory) Calls(context.Context, string, time.Time, int) ([]call.Record, error) {
	return nil, errors.New("not asked for by signaling")
}

func (h *fakeHistory) records() []call.Record {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]call.Record(nil), h.list...)
}

// check looks for what is wrong in any record, whatever the call.
func (h *fakeHistory) check(t *testing.T) {
	seen := make(map[string]bool)
	for _, r := range h.records() {
		if seen[r.ID] {
			t.Errorf("call %s is recorded twice", r.ID)
		}
		seen[r.ID] = true
		if r.ID == "" || r.Reason == "" || r.By == "" || r.Status < 200 || r.Direction == "" {
			t.Errorf("record %+v has gaps", r)
		}
		for _, step := range [][2]time.Time{{r.Began, r.Ended}, {r.Began, r.Rang}, {r.Began, r.Answered}, {r.Answered, r.Ended}, {r.Rang, r.Ended}} {
			if !step[1].IsZero() && step[1].Before(step[0]) {
				t.Errorf("record %+v: times out of order", r)
			}
		}
	}
}

// slowHistory keeps nothing until it is let go.
type slowHistory struct {
	fakeHistory
	started, free chan struct{}
}

func (h *slowHistory) Add(ctx context.Context, records ...call.Record) error {
	select {
	case h.started <- struct{}{}:
	default:
	}
	select {
	case <-h.free:
		return h.fakeHistory.Add(ctx, records...)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A store that hangs holds up neither calls nor the stop, and what fits the queue is not lost.
func TestRecorderNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &slowHistory{started: make(chan struct{}, 1), free: make(chan struct{})}
		r := newRecorder(h, slog.New(slog.DiscardHandler))
		ctx, stop := context.WithCancel(t.Context())
		go r.run(ctx)
		r.add(call.Record{ID: "first"})
		<-h.started
		for i := range 2 * waitingRecords {
			r.add(call.Record{ID: strconv.Itoa(i)})
		}
		close(h.free)
		finishing, cancel := context.WithTimeout(ctx, flushTime)
		defer cancel()
		r.finish(finishing)
		if got := h.records(); len(got) != waitingRecords+1 || got[waitingRecords].ID != strconv.Itoa(waitingRecords-1) {
			t.Errorf("%d records, want the first %d", len(got), waitingRecords+1)
		}

		h = &slowHistory{started: make(chan struct{}, 1), free: make(chan struct{})}
		r = newRecorder(h, slog.New(slog.DiscardHandler))
		go r.run(ctx)
		r.add(call.Record{ID: "stuck"})
		start := time.Now()
		finishing, cancel = context.WithTimeout(ctx, flushTime)
		defer cancel()
		r.finish(finishing)
		if d := time.Since(start); d != flushTime {
			t.Errorf("finish took %s, want %s", d, flushTime)
		}
		stop()
		<-r.done
	})
}

func TestRecorderWithoutHistory(t *testing.T) {
	r := newRecorder(nil, slog.New(slog.DiscardHandler))
	for range 2 * waitingRecords {
		r.add(call.Record{})
	}
	if len(r.queue) != 0 {
		t.Errorf("%d records wait for nobody", len(r.queue))
	}
}

// badHistory takes all records but one.
type badHistory struct{ fakeHistory }

func (h *badHistory) Add(ctx context.Context, records ...call.Record) error {
	if slices.ContainsFunc(records, func(r call.Record) bool { return r.ID == "bad" }) {
		return errors.New("bad record")
	}
	return h.fakeHistory.Add(ctx, records...)
}

// Records that end at about the same time are written together, and one that can't be written takes no other with it.
func TestRecorderGathers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &badHistory{}
		r := newRecorder(h, slog.New(slog.DiscardHandler))
		go r.run(t.Context())
		for _, id := range []string{"a", "bad", "b"} {
			r.add(call.Record{ID: id})
		}
		time.Sleep(gatherTime / 2)
		synctest.Wait()
		if got := h.records(); len(got) != 0 {
			t.Errorf("%d records written before others could come", len(got))
		}
		time.Sleep(gatherTime)
		synctest.Wait()
		if got := h.records(); len(got) != 2 || got[0].ID != "a" || got[1].ID != "b" {
			t.Errorf("%+v written, want a and b", got)
		}
		r.finish(t.Context())
	})
}
