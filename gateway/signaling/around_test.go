package signaling

import (
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/presence"
)

// lonelyAround is one without PBX and calls.
func lonelyAround() *around { return newAround(&Server{log: slog.New(slog.DiscardHandler)}) }

func TestPublicationsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := lonelyAround()
		by := publisher{"bob", eventPresence}
		var pokes atomic.Int32
		a.watch(t.Context(), topicKey{lampTopic, "bob"}, &watcher{func() { pokes.Add(1) }})
		put := func(etag, old, note string, lifetime time.Duration) bool {
			_, ok := a.publish(by, publication{etag: etag, presence: presence.Presence{Note: note, Basic: presence.Closed}}, old, note != "", lifetime)
			return ok
		}
		if !put("1", "", "lunch", time.Minute) || !put("2", "1", "", 3*time.Minute) || put("3", "1", "x", time.Minute) {
			t.Fatal("publications taken or refused wrongly")
		}
		time.Sleep(2 * time.Minute)
		if note, _, absent := a.publishedPresence("bob"); note != "lunch" || !absent {
			t.Errorf("after a refresh: %q, absent %v", note, absent)
		}
		before := pokes.Load()
		time.Sleep(time.Minute + time.Second)
		if note, _, absent := a.publishedPresence("bob"); note != "" || absent || len(a.published) > 0 {
			t.Errorf("after its end: %q, absent %v", note, absent)
		}
		if pokes.Load() == before {
			t.Error("nobody was told of the end")
		}
		for range maxPublications {
			put(token(), "", "x", time.Minute)
		}
		if put(token(), "", "x", time.Minute) {
			t.Error("too many publications")
		}
		a.close(t.Context())
	})
}

func TestWhatNobodyWatchesIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := lonelyAround()
		key, one, two := topicKey{lampTopic, "300"}, &watcher{func() {}}, &watcher{func() {}}
		a.watch(t.Context(), key, one)
		a.unwatch(key, one)
		time.Sleep(lingerTime / 2)
		a.watch(t.Context(), key, two)
		time.Sleep(lingerTime)
		if len(a.keys()) != 1 {
			t.Error("forgotten while it is watched again")
		}
		a.unwatch(key, two)
		time.Sleep(lingerTime + time.Second)
		if len(a.keys()) != 0 {
			t.Error("not forgotten")
		}
		a.close(t.Context())
	})
}

func FuzzSubscriptionState(f *testing.F) {
	for _, seed := range []string{"active;expires=300", "terminated;reason=Probation;retry-after=10", "terminated ; retry-after=99999999999", ";=;", ""} {
		f.Add(seed, "dialog;id=7")
	}
	f.Fuzz(func(t *testing.T, state, event string) {
		req := sip.NewRequest(sip.NOTIFY, sip.Uri{})
		req.AppendHeader(sip.NewHeader("Subscription-State", state))
		req.AppendHeader(sip.NewHeader("Event", event))
		if _, _, after := subscriptionState(req); after < 0 || after > noEvents {
			t.Errorf("%q: again after %v", state, after)
		}
		name, id := eventOf(req)
		again := sip.NewRequest(sip.NOTIFY, sip.Uri{})
		again.AppendHeader(sip.NewHeader("o", name+";id="+id))
		if n, i := eventOf(again); n != name || i != id {
			t.Errorf("%q is %q and %q, and again %q and %q", event, name, id, n, i)
		}
	})
}
