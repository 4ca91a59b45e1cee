package signaling

import (
	"maps"
	"slices"
	"time"
)

// A browser that has lost its connection and kept its dialogs does not know that what it watches has changed meanwhile. So its
// subscriptions wait for it, and the first NOTIFY on the new flow says how things are.

// comeTime is how long the subscriptions of a browser wait for it to register on another flow.
const comeTime = 30 * time.Second

// flowClosed lets the subscriptions of a flow wait.
func (a *around) flowClosed(f *flow) {
	a.mu.Lock()
	subs := slices.Collect(maps.Keys(a.watching[f]))
	a.mu.Unlock()
	for _, sub := range subs {
		a.await(sub)
	}
}

// await gives a subscription's browser time to come back. When too many of its user wait already, it ends at once.
func (a *around) await(sub *subscription) {
	a.mu.Lock()
	many := a.waiting[sub.user] >= maxSubscriptions
	if !many && a.subs[sub.dialog.token] == sub && sub.lost == nil && !a.closed {
		a.waiting[sub.user]++
		sub.lost = time.AfterFunc(comeTime, func() { a.abandoned(sub) })
	}
	a.mu.Unlock()
	if many {
		a.forget(sub)
	}
}

// abandoned ends a subscription whose browser did not come back.
func (a *around) abandoned(sub *subscription) {
	a.mu.Lock()
	still := sub.lost != nil
	a.mu.Unlock()
	if still {
		a.forget(sub)
	}
}

// found ends a subscription's waiting. The caller holds a.mu.
func (a *around) found(sub *subscription) {
	if sub.lost == nil {
		return
	}
	sub.lost.Stop()
	sub.lost = nil
	if a.waiting[sub.user]--; a.waiting[sub.user] == 0 {
		delete(a.waiting, sub.user)
	}
}

// returned is told that a browser has registered on a flow for the first time: what the same contact watches goes on there.
func (a *around) returned(user string, b binding) {
	for _, sub := range a.subscriptions(func(sub *subscription) bool { return sub.user == user && sub.at != b.flow }) {
		sub.dialog.mu.Lock()
		its := b.made(sub.dialog.target)
		sub.dialog.mu.Unlock()
		if !its || !a.move(sub, b.flow) {
			continue
		}
		sub.wake(true, "")
		if b.flow.gone() { // closed meanwhile, so flowClosed came too early
			a.await(sub)
		}
	}
}

// move lets a subscription go on down another flow; false when it is over, or the flow has too many.
func (a *around) move(sub *subscription, f *flow) bool {
	a.mu.Lock()
	if a.closed || a.subs[sub.dialog.token] != sub || len(a.watching[f]) >= maxSubscriptions {
		a.mu.Unlock()
		return false
	}
	a.found(sub)
	a.leave(sub)
	a.enter(sub, f)
	a.mu.Unlock()
	sub.dialog.mu.Lock()
	defer sub.dialog.mu.Unlock()
	sub.dialog.flow = f
	return true
}

// enter notes on which flow a subscription's browser is. The caller holds a.mu.
func (a *around) enter(sub *subscription, f *flow) {
	if a.watching[f] == nil {
		a.watching[f] = make(map[*subscription]bool)
	}
	a.watching[f][sub] = true
	sub.at = f
}

// leave ends what enter began. The caller holds a.mu.
func (a *around) leave(sub *subscription) {
	delete(a.watching[sub.at], sub)
	if len(a.watching[sub.at]) == 0 {
		delete(a.watching, sub.at)
	}
}

// flow is the connection of the subscription's browser, which may be gone.
func (sub *subscription) flow() *flow {
	sub.dialog.mu.Lock()
	defer sub.dialog.mu.Unlock()
	return sub.dialog.flow
}
