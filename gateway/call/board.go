package call

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// State is where a call stands.
type State string

// The states of a call in the order in which it passes them.
const (
	Calling State = "calling" // asked for, nobody rings yet
	Ringing State = "ringing" // a callee rings or sends early media
	Talking State = "talking" // answered
	Ended   State = "ended"
)

// Info describes a call of the moment to those outside of signaling.
type Info struct {
	ID     string    `json:"id"`
	From   string    `json:"from"` // the caller as the callee sees it: name or number
	To     string    `json:"to"`   // what the caller dialed
	State  State     `json:"state"`
	Since  time.Time `json:"since"`           // when the call was asked for
	Answer time.Time `json:"answer,omitzero"` // when it was answered
}

// Live is a call of the moment with the users who take part, or are rung.
type Live struct {
	Info
	Users []string
}

// Board holds the calls of the moment. The zero Board is empty and ready.
type Board struct {
	mu    sync.Mutex
	calls map[string]Info
}

// Set puts a call on the board or changes it there; a call that has ended leaves it.
func (b *Board) Set(i Info) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i.State == Ended {
		delete(b.calls, i.ID)
		return
	}
	if b.calls == nil {
		b.calls = make(map[string]Info)
	}
	b.calls[i.ID] = i
}

// List gives the calls, oldest first.
func (b *Board) List() []Info {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]Info, 0, len(b.calls))
	for _, i := range b.calls {
		list = append(list, i)
	}
	slices.SortFunc(list, func(x, y Info) int {
		return cmp.Or(x.Since.Compare(y.Since), cmp.Compare(x.ID, y.ID))
	})
	return list
}
