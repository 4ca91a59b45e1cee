package signaling

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// referral pairs the CSeq numbers of a REFER on its two legs, since they name the subscription that it makes (RFC 3515 §2.4.6).
type referral struct {
	Ours   uint32 `json:"ours"`
	Theirs uint32 `json:"theirs"`
}

// referred notes a REFER that goes to the leg's peer under the number ours. answered tells that its sender has the answer.
func (l *leg) referred(ours, theirs uint32) (answered func()) {
	asked := make(chan struct{})
	l.mu.Lock()
	l.referrals = append(l.referrals, referral{ours, theirs})
	l.referring = append(l.referring, asked)
	l.mu.Unlock()
	l.call.keep()
	return func() {
		close(asked)
		l.mu.Lock()
		l.referring = slices.DeleteFunc(l.referring, func(c <-chan struct{}) bool { return c == asked })
		l.mu.Unlock()
	}
}

// afterReferral holds a NOTIFY of a REFER back until who sent the REFER has been answered. The leg's peer may send it right after its 202, and each
// goes on by a goroutine of its own; a phone that hears NOTIFY first may not know what it is of. Where a peer sends NOTIFY first and then the answer, it
// waits no longer than for a request that is missing.
func (l *leg) afterReferral(notify *sip.Request) {
	if event, _ := eventOf(notify); event != "refer" {
		return
	}
	l.mu.Lock()
	asked := slices.Clone(l.referring)
	l.mu.Unlock()
	late := time.After(gapTime)
	for _, answered := range asked {
		select {
		case <-answered:
		case <-late:
			return
		}
	}
}

// renameSubscription writes the id in the Event header of a NOTIFY from the leg's peer as the other leg knows it. A REFER that was
// challenged went out again under a higher number.
func (l *leg) renameSubscription(out *sip.Request) {
	h := out.GetHeader("Event")
	if h == nil {
		return
	}
	parts := strings.Split(h.Value(), ";")
	if !strings.EqualFold(strings.TrimSpace(parts[0]), "refer") {
		return
	}
	for i, p := range parts {
		key, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		id, err := strconv.ParseUint(value, 10, 32)
		if err != nil || !strings.EqualFold(key, "id") {
			continue
		}
		l.mu.Lock()
		for _, r := range l.referrals {
			if uint64(r.Ours) <= id {
				parts[i] = "id=" + strconv.FormatUint(uint64(r.Theirs), 10)
			}
		}
		l.mu.Unlock()
	}
	out.RemoveHeader("Event")
	out.AppendHeader(sip.NewHeader("Event", strings.Join(parts, ";")))
}
