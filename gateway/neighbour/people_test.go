package neighbour

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cordboard/discovery"
	"cordboard/gateway/call"
)

func TestPeopleFollow(t *testing.T) {
	a, b := newMachine(t, "Front office"), newMachine(t, "Workshop")
	pair(t, a, b)
	b.people <- call.News{Lamps: []call.Lamp{{Target: "bob", Name: "Bob Roe", Extension: "102", State: call.LampIdle}}}
	lamp := func(state call.LampState) func(call.NeighbourState) bool {
		return func(s call.NeighbourState) bool {
			return len(s.People) == 1 && s.People[0] == call.Lamp{Target: "bob@workshop", Name: "Bob Roe", Site: "Workshop", State: state}
		}
	}
	a.await(t, b.ID(), "bob is free", lamp(call.LampIdle))
	b.people <- call.News{Lamps: []call.Lamp{{Target: "bob", Name: "Bob Roe", State: call.LampRinging}}}
	a.await(t, b.ID(), "bob's phone rings", lamp(call.LampRinging))
	b.stop()
	s := a.await(t, b.ID(), "bob is gone", lamp(call.LampUnreachable))
	if s.Here {
		t.Error("the neighbour is still shown as there")
	}
	if got := a.Lamps(); len(got) != 1 || got[0].State != call.LampUnreachable {
		t.Errorf("lamps %+v", got)
	}
}

func TestStrangersLearnNothing(t *testing.T) {
	a, stranger := newMachine(t, "Front office"), newMachine(t, "Stranger")
	a.people <- call.News{Lamps: []call.Lamp{{Target: "alice", Name: "Alice Doe", State: call.LampIdle}}}
	for _, proto := range []string{protoPeople, protoSIP} {
		conn, err := stranger.dialAt(t.Context(), a.at, proto, "")
		if err != nil {
			continue // refused in the handshake already
		}
		conn.Write([]byte("OPTIONS sip:a SIP/2.0\r\n\r\n"))
		got := make([]byte, 100)
		if n, err := conn.Read(got); err == nil {
			t.Errorf("%s: read %q", proto, got[:n])
		}
		conn.Close()
	}
	if len(a.links) != 0 {
		t.Error("a stranger's connection was taken for calls")
	}
	if len(a.people) != 1 {
		t.Error("somebody asked how the people are doing")
	}
}

func TestForgottenNeighbourIsRefused(t *testing.T) {
	a, b := newMachine(t, "Front office"), newMachine(t, "Workshop")
	pair(t, a, b)
	a.people <- call.News{Lamps: []call.Lamp{{Target: "alice", Name: "Alice Doe", State: call.LampIdle}}}
	b.await(t, a.ID(), "people", func(s call.NeighbourState) bool { return len(s.People) == 1 })
	if err := a.Forget(t.Context(), "WORKSHOP"); err != nil {
		t.Fatalf("Forget: %v", err)
	}
	if err := a.Forget(t.Context(), "workshop"); !errors.Is(err, ErrUnknown) {
		t.Errorf("Forget again: %v", err)
	}
	b.await(t, a.ID(), "the refusal", func(s call.NeighbourState) bool {
		return strings.Contains(s.Trouble, "does not know this machine any more") && s.People[0].State == call.LampUnreachable
	})
	if _, err := a.Dial(t.Context(), b.ID()); err == nil {
		t.Error("a forgotten neighbour can be called")
	}
	if len(a.Lamps()) != 0 || len(a.book.by) != 0 {
		t.Errorf("it is not forgotten: %v, %v", a.Lamps(), a.book.by)
	}
}

func TestImpostorIsRefusedAndReportedOnce(t *testing.T) {
	a, b, impostor := newMachine(t, "Front office"), newMachine(t, "Workshop"), newMachine(t, "Workshop")
	pair(t, a, b)
	b.stop()
	b.at = impostor.at // has taken its address
	real := b.announcement()
	a.sees(real)
	a.await(t, b.ID(), "the report", func(s call.NeighbourState) bool {
		return strings.Contains(s.Trouble, "The machine at "+impostor.at.String()+" is not Workshop")
	})
	for range 3 {
		if conn, err := a.Dial(t.Context(), b.ID()); !errors.Is(err, errOther) {
			t.Fatalf("Dial: %v, %v", conn, err)
		}
	}
	if n := a.log.count("is not Workshop"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, a.log)
	}
	if len(impostor.links) != 0 {
		t.Error("the impostor was called")
	}
}

func TestForgedAnnouncementsAreReported(t *testing.T) {
	a, b, c := newMachine(t, "Front office"), newMachine(t, "Workshop"), newMachine(t, "Workshop")
	pair(t, a, b)
	otherKey, otherID := b.announcement(), c.announcement()
	otherKey.Fingerprint = c.Fingerprint()
	nonsense := discovery.Neighbour{Announcement: discovery.Announcement{ID: "x", Fingerprint: "y", Name: "z"}}
	for _, tt := range []struct {
		name  string
		found discovery.Neighbour
		want  string
	}{
		{"its ID with another certificate", otherKey, "another certificate, and is ignored"},
		{"its name", otherID, "calls itself Workshop too"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a.sees(tt.found, b.announcement(), nonsense, a.announcement())
			a.await(t, b.ID(), "the report", func(s call.NeighbourState) bool { return strings.Contains(s.Trouble, tt.want) })
			a.poke()
			a.sees(tt.found, b.announcement())
			if conn, err := a.Dial(t.Context(), b.ID()); err != nil {
				t.Errorf("the real one is not reached any more: %v", err)
			} else {
				conn.Close()
			}
			a.sees(b.announcement())
			a.await(t, b.ID(), "the end of it", func(s call.NeighbourState) bool { return s.Trouble == "" })
			if n := a.log.count(tt.want); n != 1 {
				t.Errorf("logged %d times:\n%s", n, a.log)
			}
		})
	}
	if ids := slices.Collect(func(yield func(string) bool) {
		for _, s := range a.List() {
			yield(s.ID)
		}
	}); !slices.Equal(ids, []string{b.ID()}) {
		t.Errorf("listed: %v", ids)
	}
}

func TestCallsGoByTheLink(t *testing.T) {
	a, b := newMachine(t, "Front office"), newMachine(t, "Workshop")
	pair(t, a, b)
	conn, err := a.Dial(t.Context(), b.ID())
	if err != nil {
		t.Fatalf("Dial: %v", err)
	}
	defer conn.Close()
	if id := <-b.links; id != a.ID() {
		t.Errorf("the link is from %s, want %s", id, a.ID())
	}
	b.stop()
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, net.ErrClosed) {
		t.Errorf("after the end of the neighbour: %v", err)
	}
}

func FuzzPeople(f *testing.F) {
	f.Add([]byte(`{"people":[{"name":"bob","display":"Bob Roe","extension":"102","state":"idle"}]}`))
	f.Add([]byte(`{"name":" Shop\u202e\n2 ","people":[]}`))
	f.Add([]byte(`{"people":[{"name":"bob"},{"name":"bob"},{"name":"BOB@evil"},{"name":"x","note":"\u0000\u202e"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		n := call.Neighbour{Name: "Workshop", Address: "workshop"}
		all, err := readPeople(text)
		if err != nil {
			return
		}
		if shown := clean(all.Name); shown == "" || len([]rune(shown)) > maxName || clean(shown) != shown {
			t.Errorf("name %q", shown)
		}
		lamps := lampsOf(all, n)
		seen := map[string]bool{}
		for _, l := range lamps {
			user, site, _ := strings.Cut(l.Target, "@")
			if site != n.Address || strings.ContainsAny(user, "@ \r\n<>") || seen[l.Target] || l.Site != n.Name || l.Extension != "" || len([]rune(l.Name)) > maxName {
				t.Errorf("lamp %+v", l)
			}
			seen[l.Target] = true
		}
		if _, err := json.Marshal(lamps); err != nil {
			t.Error(err)
		}
	})
}

// A machine that starts anew knows whom it was paired with.
func TestPairingOutlivesTheProcess(t *testing.T) {
	a, b := newMachine(t, "Front office"), newMachine(t, "Workshop")
	pair(t, a, b)
	a.stop()
	eventually(t, "end of the old stream, which would take the news", func() bool {
		b.Keeper.mu.Lock()
		defer b.Keeper.mu.Unlock()
		return b.friends[a.ID()].streams == 0
	})
	again := startMachine(t, "Front office", a.cfg.Identity, a.book)
	again.sees(b.announcement())
	b.people <- call.News{Lamps: []call.Lamp{{Target: "bob", Name: "Bob Roe", State: call.LampBusy}}}
	again.await(t, b.ID(), "bob talks", func(s call.NeighbourState) bool { return len(s.People) == 1 && s.People[0].State == call.LampBusy })
	b.people <- call.News{Lamps: []call.Lamp{{Target: "bob", Name: "Bob Roe", State: call.LampDisturb}}}
	again.await(t, b.ID(), "bob wants quiet", func(s call.NeighbourState) bool { return len(s.People) == 1 && s.People[0].State == call.LampDisturb })
	if s := again.state(b.ID()); !s.Paired || !s.Here || s.Fingerprint != b.Fingerprint() {
		t.Errorf("after a new start it is %+v", s)
	}
}

// A paired neighbour that takes another name is shown by that, and after a new start too; its address stays as people have it.
func TestRenamedNeighbour(t *testing.T) {
	a, b := newMachine(t, "Front office"), newMachine(t, "Workshop")
	pair(t, a, b)
	b.people <- call.News{Lamps: []call.Lamp{{Target: "bob", Name: "Bob Roe", State: call.LampIdle}}}
	a.await(t, b.ID(), "bob", func(s call.NeighbourState) bool { return len(s.People) == 1 })
	a.sees(b.announcement())
	forged := b.announcement()
	forged.Name = "Not the workshop" // only what it says itself counts
	a.sees(forged)
	b.SetName(" Ware\u202ehouse ")
	b.people <- call.News{Lamps: []call.Lamp{{Target: "bob", Name: "Bob Roe", State: call.LampBusy}}}
	s := a.await(t, b.ID(), "the new name", func(s call.NeighbourState) bool { return s.Name != "Workshop" })
	if s.Name != "Warehouse" || s.Address != "workshop" {
		t.Errorf("it is %+v", s)
	}
	a.await(t, b.ID(), "its people's office", func(s call.NeighbourState) bool {
		return slices.Equal(s.People, []call.Lamp{{Target: "bob@workshop", Name: "Bob Roe", Site: "Warehouse", State: call.LampBusy}})
	})
	a.Keeper.mu.Lock()
	a.friends[b.ID()].named = time.Now().Add(time.Hour)
	a.Keeper.mu.Unlock()
	a.renamed(t.Context(), b.ID(), "Cellar") // too soon after the last
	a.stop()
	again := startMachine(t, "Front office", a.cfg.Identity, a.book)
	if s := again.state(b.ID()); s.Name != "Warehouse" {
		t.Errorf("after a new start it is %+v", s)
	}
}

// Who is announced again is looked for at once, but never more often than every second.
func TestRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct {
			failed time.Duration // how long the last attempt took
			again  []time.Duration
			wait   time.Duration
			want   time.Duration
		}{
			{0, nil, 15 * time.Second, 15 * time.Second},
			{2 * time.Second, []time.Duration{4 * time.Second}, 15 * time.Second, 4 * time.Second},
			{0, []time.Duration{0}, 15 * time.Second, time.Second},
			{0, []time.Duration{200 * time.Millisecond, 900 * time.Millisecond}, 15 * time.Second, time.Second},
		} {
			began := time.Now()
			time.Sleep(tt.failed)
			again, failed := make(chan struct{}, 1), time.Now()
			go func() {
				for _, at := range tt.again {
					time.Sleep(time.Until(failed.Add(at)))
					again <- struct{}{}
				}
			}()
			if got := rest(t.Context(), again, began, tt.wait); got != (len(tt.again) > 0) {
				t.Errorf("%+v: cut short: %v", tt, got)
			}
			if got := time.Since(failed); got != tt.want {
				t.Errorf("%+v: waited %v", tt, got)
			}
		}
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if began := time.Now(); rest(ctx, nil, began, time.Hour) || time.Since(began) > 0 {
			t.Error("it waits after the end")
		}
	})
}
