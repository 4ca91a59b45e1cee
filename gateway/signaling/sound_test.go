package signaling

import (
	"slices"
	"sync"
	"testing"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/call"
)

// judges notes what it is told, and finds both sides of every call good.
type judges struct {
	mu       sync.Mutex
	srv      *Server
	answered []string
}

func (j *judges) Answered(id string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.answered = append(j.answered, id)
}

func (j *judges) Verdict(string) call.Quality {
	q := call.Quality{Worst: "nothing", Legs: []call.LegQuality{{Leg: "one that is gone"}}}
	for _, list := range j.srv.Participants() {
		for _, p := range list {
			q.Legs = append(q.Legs, call.LegQuality{Leg: p.Leg, In: call.PathQuality{MOS: 4.1}})
		}
	}
	return q
}

func TestHistoryTellsHowACallSounded(t *testing.T) {
	j := new(judges)
	w := buildWorld(t, ModeExtension, func(_ *Config, d *Deps) { d.Judge = j })
	j.srv = w.srv
	w.start()
	alice := w.dial("alice", true)
	ok, invite := w.up(alice)
	eventually(t, "the judge to be told of the answer", func() bool {
		j.mu.Lock()
		defer j.mu.Unlock()
		return len(j.answered) == 1
	})
	all := w.srv.Participants()
	list := all[j.answered[0]]
	parties := []string{}
	for _, p := range list {
		parties = append(parties, p.Party+"/"+p.User)
		if want := string(*invite.CallID()); p.Party == "office" && p.CallID != want || p.Leg == "" {
			t.Errorf("participant %+v", p)
		}
	}
	slices.Sort(parties)
	if !slices.Equal(parties, []string{"alice/alice", "office/"}) || len(all) != 1 {
		t.Errorf("participants %q of %d calls", parties, len(all))
	}
	if n := w.srv.Size(); n != (Size{Flows: 1}) {
		t.Errorf("size %+v", n)
	}
	alice.send(alice.within("BYE", ok, int(ok.CSeq().SeqNo)+1, ""))
	alice.response(200, sip.BYE)
	w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
	eventually(t, "a record", func() bool { return len(w.kept.records()) == 1 })
	q := w.kept.records()[0].Quality
	if len(q.Legs) != 2 || q.Worst != "nothing" {
		t.Fatalf("quality %+v", q)
	}
	for _, l := range q.Legs {
		if l.Party != "alice" && l.Party != "office" || l.In.MOS != 4.1 {
			t.Errorf("leg %+v", l)
		}
	}
}
