package recording

import (
	"cmp"
	"context"
	"slices"

	"cordboard/gateway/auth"
	"cordboard/gateway/call"
)

// watcher is one who is told of a user's calls.
type watcher struct {
	user string
	poke chan struct{}
}

// tell lets those know who watch for users. The caller holds mu.
func (k *Keeper) tell(users ...string) {
	for w := range k.watchers {
		if slices.Contains(users, w.user) {
			select {
			case w.poke <- struct{}{}:
			default: // is about to look anyway
			}
		}
	}
}

// Watch tells a user how it stands with the recording of each of the calls the user takes part in: first of all, then each
// change, until ctx ends. A reader that is slow gets the latest state only.
func (k *Keeper) Watch(ctx context.Context, u auth.User) <-chan call.RecordingState {
	w := &watcher{user: u.Name, poke: make(chan struct{}, 1)}
	w.poke <- struct{}{}
	k.mu.Lock()
	k.watchers[w] = true
	k.mu.Unlock()
	states := make(chan call.RecordingState)
	go func() {
		defer close(states)
		defer func() {
			k.mu.Lock()
			defer k.mu.Unlock()
			delete(k.watchers, w)
		}()
		told := make(map[string]call.RecordingState)
		for {
			select {
			case <-ctx.Done():
				return
			case <-w.poke:
			}
			for _, s := range k.news(u, told) {
				select {
				case <-ctx.Done():
					return
				case states <- s:
				}
			}
		}
	}()
	return states
}

// news are the states of a user's calls that were not told yet.
func (k *Keeper) news(u auth.User, told map[string]call.RecordingState) (list []call.RecordingState) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for id := range told {
		if k.calls[id] == nil {
			delete(told, id)
		}
	}
	for id, t := range k.calls {
		if !slices.Contains(t.up.Users, u.Name) {
			continue
		}
		if s := t.state(u); told[id] != s && t.mode != Never {
			told[id] = s
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b call.RecordingState) int { return cmp.Compare(a.ID, b.ID) })
	return list
}
