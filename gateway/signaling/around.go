package signaling

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/auth"
	"cordboard/gateway/presence"
)

// Times of watching.
const (
	lingerTime = 30 * time.Second // what nobody watches any more is forgotten then: a page that reloads comes back
	sweepEvery = 30 * time.Second // for what changes without an event: registrations that run out
)

// maxUpstream is how many subscriptions we keep at PBXs. What is watched beyond them is unknown.
const maxUpstream = 2000

// Kinds of topics.
const (
	lampTopic         = "lamp"
	registrationTopic = "registration"
	voicemailTopic    = "voicemail"
	accountsTopic     = "accounts" // the accounts themselves
)

// topicKey names what somebody watches: name is a user, or for a lamp also a number at the PBX.
type topicKey struct{ kind, name string }

// watcher is told that something may have changed. poke must not wait.
type watcher struct{ poke func() }

// topic is something that is watched.
type topic struct {
	watchers map[*watcher]bool
	linger   *time.Timer // runs while nobody watches
	up       *upstream   // the subscription at the PBX; nil: none
	version  uint64      // counts the changes

	computing sync.Mutex
	computed  uint64 // the version that status is of
	status    status // of a lamp
}

// around is what is around calls: who watches whom, and what the PBXs and the users themselves tell. Locks are taken in the
// order topic.computing or subscription.mu, around.mu; no other is taken under around.mu, so that those who hold a leg or a call may
// tell of a change.
type around struct {
	srv   *Server
	log   *slog.Logger
	life  context.Context // ends when the server stops
	die   context.CancelFunc
	ready chan struct{} // closed when requests can go to the PBXs
	work  sync.WaitGroup

	mu        sync.Mutex
	closed    bool
	topics    map[topicKey]*topic
	subs      map[string]*subscription // by the token in our Contact
	watching  map[*flow]map[*subscription]bool
	waiting   map[string]int       // subscriptions whose browser is gone, by user
	ups       map[string]*upstream // the same
	published map[publisher][]publication
	boxes     map[string]presence.Summary // voice mail, by user
	refusals  map[refused]refusal
	tells     map[refused]bool // what a PBX has told of once
}

func newAround(s *Server) *around {
	a := &around{srv: s, log: s.log, ready: make(chan struct{}), topics: make(map[topicKey]*topic), subs: make(map[string]*subscription),
		watching: make(map[*flow]map[*subscription]bool), waiting: make(map[string]int),
		ups: make(map[string]*upstream), published: make(map[publisher][]publication), boxes: make(map[string]presence.Summary),
		refusals: make(map[refused]refusal), tells: make(map[refused]bool)}
	a.life, a.die = context.WithCancel(context.Background())
	return a
}

// open begins what needs the SIP sockets.
func (a *around) open() {
	close(a.ready)
	a.start(a.sweep)
}

// close ends every subscription, those at the PBXs in words, until ctx ends.
func (a *around) close(ctx context.Context) {
	a.mu.Lock()
	a.closed = true
	subs := slices.Collect(maps.Values(a.subs))
	for _, t := range a.topics {
		if t.linger != nil {
			t.linger.Stop()
		}
	}
	for _, list := range a.published {
		for _, p := range list {
			p.end.Stop()
		}
	}
	a.mu.Unlock()
	a.die()
	for _, sub := range subs { // the browsers' flows close next, which tells them
		a.forget(sub)
	}
	wait(ctx, &a.work)
}

// start runs do in a goroutine that close waits for; false when it is too late for that.
func (a *around) start(do func()) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return false
	}
	a.work.Go(do)
	return true
}

func (a *around) sweep() {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-a.life.Done():
			return
		case <-tick.C:
			a.touch(a.keys()...)
		}
	}
}

func (a *around) keys() []topicKey {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Collect(maps.Keys(a.topics))
}

// errNotWatchable says that nothing can be told of a target.
var errNotWatchable = errors.New("nobody by that name or number")

// resolve gives the name under which a target, a user's name or a number as dialed, is watched.
func (a *around) resolve(ctx context.Context, target string) (string, error) {
	target = callee(target)
	if !IsNumber(target) {
		u, err := a.srv.deps.Users.User(ctx, strings.ToLower(target))
		if err != nil {
			return "", errNotWatchable
		}
		return u.Name, nil
	}
	if u, err := a.srv.deps.Users.ByExtension(ctx, target); err == nil {
		return u.Name, nil
	}
	if len(a.srv.pbxes()) == 0 {
		return "", errNotWatchable
	}
	return target, nil
}

// watch lets w know of changes of a topic until unwatch.
func (a *around) watch(ctx context.Context, key topicKey, w *watcher) {
	source, wanted := a.source(ctx, key)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return
	}
	t := a.topics[key]
	if t == nil {
		t = &topic{watchers: make(map[*watcher]bool), version: 1}
		a.topics[key] = t
		if wanted {
			a.subscribe(key, t, source)
		}
	}
	if t.linger != nil {
		t.linger.Stop()
		t.linger = nil
	}
	t.watchers[w] = true
}

// unwatch ends what watch began.
func (a *around) unwatch(key topicKey, w *watcher) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.topics[key]
	if t == nil || !t.watchers[w] {
		return
	}
	delete(t.watchers, w)
	if len(t.watchers) == 0 && !a.closed {
		t.linger = time.AfterFunc(lingerTime, func() { a.unwatched(key, t) })
	}
}

// unwatched forgets a topic that nobody watches.
func (a *around) unwatched(key topicKey, t *topic) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(t.watchers) > 0 || a.topics[key] != t {
		return
	}
	delete(a.topics, key)
	if t.up != nil {
		t.up.stop()
	}
}

// touch tells everybody who watches one of the topics that it may have changed.
func (a *around) touch(keys ...topicKey) {
	var told []*watcher
	a.mu.Lock()
	for _, key := range keys {
		if t := a.topics[key]; t != nil {
			t.version++
			told = slices.AppendSeq(told, maps.Keys(t.watchers))
		}
	}
	a.mu.Unlock()
	for _, w := range told {
		w.poke()
	}
}

// moved tells that calls or devices of users have changed; the user of a leg toward a PBX is nobody.
func (a *around) moved(users ...string) {
	for _, user := range users {
		if user != "" {
			a.touch(topicKey{lampTopic, user}, topicKey{registrationTopic, user})
		}
	}
}

// movedCall tells that a call has changed. The caller may hold b.mu.
func (a *around) movedCall(legs ...*leg) {
	for _, l := range legs {
		if l != nil {
			a.moved(l.user)
		}
	}
}

func (a *around) subscriptions(match func(*subscription) bool) []*subscription {
	a.mu.Lock()
	defer a.mu.Unlock()
	var list []*subscription
	for _, sub := range a.subs {
		if match(sub) {
			list = append(list, sub)
		}
	}
	return list
}

// syncAccounts makes what is watched that of the accounts of now.
func (a *around) syncAccounts(ctx context.Context, users []auth.User) {
	known := make(map[string]bool)
	for _, u := range users {
		known[u.Name] = true
	}
	for _, sub := range a.subscriptions(func(sub *subscription) bool {
		return !known[sub.user] || !IsNumber(sub.key.name) && !known[sub.key.name]
	}) {
		sub.end("noresource")
	}
	alone := len(a.srv.pbxes()) == 0
	a.mu.Lock()
	for p := range a.published {
		if !known[p.user] {
			delete(a.published, p)
		}
	}
	maps.DeleteFunc(a.boxes, func(user string, _ presence.Summary) bool { return alone || !known[user] })
	a.mu.Unlock()
	keys := a.keys()
	for _, key := range keys {
		source, wanted := a.source(ctx, key)
		a.mu.Lock()
		if t := a.topics[key]; t != nil && !a.closed && !t.up.is(source, wanted) {
			if t.up != nil {
				t.up.stop()
				t.up = nil
				if key.kind == voicemailTopic { // what another PBX told, or was told to somebody else there
					delete(a.boxes, key.name)
				}
			}
			if wanted {
				a.subscribe(key, t, source)
			}
		}
		a.mu.Unlock()
	}
	a.touch(keys...)
}

// aor is the address of record under which a target is known here.
func (a *around) aor(target string) sip.Uri {
	return sip.Uri{Scheme: "sip", User: target, Host: a.srv.cfg.Domain}
}
