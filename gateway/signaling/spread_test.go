package signaling

import (
	"slices"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

// When a PBX comes back, or ends all that it was asked to tell, the numbers that are watched are not asked for in one moment.
func TestSubscriptionsComeBackOneByOne(t *testing.T) {
	t.Parallel() // it waits for seconds
	const numbers = 40
	w := buildWorld(t, ModeTrunk, func(*Config, *Deps) {})
	came := make(chan *sip.Request, 4*numbers)
	w.pbx.mu.Lock()
	w.pbx.take = func(req *sip.Request) bool {
		if event, _ := eventOfMessage(req, true); event != eventDialog {
			return false
		}
		w.pbx.grant(req, "300")
		came <- req
		return true
	}
	w.pbx.mu.Unlock()
	w.start()
	var targets []string
	for i := range numbers {
		targets = append(targets, itoa(300+i))
	}
	w.spectator("alice", targets...)
	var sides []*upstreamSide
	spreads := func(when string) {
		t.Helper()
		sides = nil
		var at []time.Time
		limit := time.After(patient)
		for len(at) < numbers {
			select {
			case req := <-came:
				at, sides = append(at, time.Now()), append(sides, &upstreamSide{fakePBX: w.pbx, req: req})
			case <-limit:
				t.Fatalf("%s %d of %d numbers are asked for", when, len(at), numbers)
			}
		}
		most := 0
		for i, from := range at {
			n, _ := slices.BinarySearchFunc(at[i:], from.Add(100*time.Millisecond), time.Time.Compare)
			most = max(most, n)
		}
		if most > numbers/2 {
			t.Errorf("%s %d of %d numbers are asked for within 100 ms, all within %s", when, most, numbers, at[numbers-1].Sub(at[0]))
		}
	}
	spreads("at first")
	p := w.srv.pbxes()[0]
	p.note(errNoAnswer)
	p.note(nil)
	spreads("when the PBX is back")
	for _, side := range sides {
		side.notify("terminated;reason=deactivated", eventDialog, "", "")
	}
	spreads("when the PBX has ended them")
}
