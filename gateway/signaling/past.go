package signaling

import (
	"sync"
	"time"
)

// How long a dialog that has ended is remembered, and how many of them: long enough for who was asked to replace it (RFC 3891 §3) to be told so.
const (
	pastTime = time.Minute
	maxPast  = 4096
)

// past are the dialogs of calls that have ended of late. The zero past is empty and ready.
type past struct {
	mu   sync.Mutex
	list []pastDialog // oldest first
}

type pastDialog struct {
	dialogID
	user string // whose it was; empty toward a PBX
	at   time.Time
}

// add notes the end of the dialog of a leg.
func (p *past) add(l *leg, now time.Time) {
	l.mu.Lock()
	d := pastDialog{dialogID{callID: l.callID, to: l.local.tag, from: l.remote.tag}, l.user, now}
	l.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.list) > 0 && (len(p.list) == maxPast || now.Sub(p.list[0].at) > pastTime) {
		p.list = p.list[1:]
	}
	p.list = append(p.list, d)
}

// has says whether a dialog has ended of late; to who was not told of it only if it was the user's own.
func (p *past) has(d dialogID, user string, told bool, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, x := range p.list {
		if x.dialogID == d && now.Sub(x.at) <= pastTime && (told || user != "" && x.user == user) {
			return true
		}
	}
	return false
}
