package signaling

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/call"
)

// waitingRecords is how many records wait for a slow disk. What comes beyond is lost, and the log says so.
const waitingRecords = 256

// gatherTime is how long a record may wait for others to be written with it: a write waits for the disk, and wears a memory card.
const gatherTime = 500 * time.Millisecond

// recorder hands the records of calls to the history, so that no call waits for a disk.
type recorder struct {
	history call.History // nil: nothing is kept
	log     *slog.Logger
	queue   chan call.Record
	stop    chan struct{}
	done    chan struct{} // closed when run has ended
}

func newRecorder(history call.History, log *slog.Logger) *recorder {
	return &recorder{history: history, log: log, queue: make(chan call.Record, waitingRecords), stop: make(chan struct{}), done: make(chan struct{})}
}

// add takes a record and never waits.
func (r *recorder) add(c call.Record) {
	if r.history == nil {
		return
	}
	select {
	case r.queue <- c:
	default:
		r.log.Error("call not recorded", "id", c.ID, "error", "too many wait for the store")
	}
}

// run writes records until it is told to stop, and then those that still wait.
func (r *recorder) run(ctx context.Context) {
	defer close(r.done)
	for {
		select {
		case c := <-r.queue:
			r.write(ctx, r.gather(c))
		case <-r.stop:
			select {
			case c := <-r.queue:
				r.write(ctx, r.gather(c))
			default:
				return
			}
		}
	}
}

// gather adds to a first record those that wait, and those that come within gatherTime, unless run is told to stop.
func (r *recorder) gather(first call.Record) []call.Record {
	timer := time.NewTimer(gatherTime)
	defer timer.Stop()
	all := []call.Record{first}
	for len(all) < waitingRecords {
		select {
		case c := <-r.queue:
			all = append(all, c)
		case <-timer.C:
			return all
		case <-r.stop:
			return all
		}
	}
	return all
}

// write writes records at once. When that fails each is tried alone, for one of them may be at fault.
func (r *recorder) write(ctx context.Context, records []call.Record) {
	err := r.history.Add(ctx, records...)
	if err == nil {
		return
	}
	if len(records) > 1 {
		for _, c := range records {
			r.write(ctx, []call.Record{c})
		}
		return
	}
	r.log.Error("call not recorded", "id", records[0].ID, "error", err)
}

// finish lets run write what waits, until ctx ends.
func (r *recorder) finish(ctx context.Context) {
	close(r.stop)
	select {
	case <-r.done:
	case <-ctx.Done():
	}
}

// concerns notes for the history whose call it is.
func (b *bridge) concerns(from caller, p plan) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := &b.record
	r.Direction = call.Internal
	if p.out {
		r.Direction = call.Out
	}
	if from.pbx != nil {
		r.Direction = call.In
		r.FromDisplay = from.req.From().DisplayName
		if from.pbx.neighbour != nil {
			r.FromDisplay = from.pbx.colleague(from.req.From()).display
		}
		if r.To == from.pbx.cfg.Username && from.pbx.cfg.mode() == ModeTrunk { // the trunk's contact is no number
			r.To = callee(from.req.To().Address.User)
		}
	} else {
		r.FromDisplay = from.user.Display
		r.Users = append(r.Users, from.user.Name)
	}
	for _, u := range p.users {
		r.Users = append(r.Users, u.Name)
	}
	if len(p.users) == 1 {
		r.ToDisplay = p.users[0].Display
	}
	slices.Sort(r.Users)
	r.Users = slices.Compact(r.Users)
}

// involve notes for the history that the call is users' too. The caller holds b.mu.
func (b *bridge) involve(users ...string) {
	b.record.Users = append(b.record.Users, users...)
	slices.Sort(b.record.Users)
	b.record.Users = slices.Compact(b.record.Users)
}

// over marks the call as ended by a leg (nil: by Cordboard) and hands its record to the history; false when it has
// ended before. status is what the INVITE comes to if nobody has answered; why may be empty where that says it all.
func (b *bridge) over(by *leg, status int, why string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return false
	}
	b.ended = true
	b.die()
	if b.srv.deps.Recorder != nil {
		b.srv.deps.Recorder.Over(b.id)
	}
	b.srv.deps.Toll.Leave(b.id, time.Now())
	b.info.State = call.Ended
	b.srv.board.Set(b.info)
	r := b.record
	if r.By, r.Status, r.Reason = nameOf(by), status, why; r.Ended.IsZero() {
		r.Ended = time.Now()
	}
	if !r.Answered.IsZero() {
		r.Status = sip.StatusOK
		r.Quality = b.verdict()
	}
	switch {
	case why != "":
	case r.Answered.IsZero() && by != nil && by == b.a:
		r.Reason = call.ReasonHungUp
	default:
		r.Reason = call.Reason(r.Status, !r.Rang.IsZero())
	}
	if status != sip.StatusUnauthorized && status != sip.StatusProxyAuthRequired { // its caller was only asked for a password
		b.srv.history.add(r)
	}
	return true
}
