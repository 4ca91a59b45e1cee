package call

import (
	"testing"
	"time"
)

func TestBoardKeepsCallsOfTheMoment(t *testing.T) {
	var b Board
	start := time.Unix(1000, 0)
	b.Set(Info{ID: "b", State: Calling, Since: start.Add(time.Second)})
	b.Set(Info{ID: "a", State: Calling, Since: start.Add(2 * time.Second)})
	b.Set(Info{ID: "c", State: Calling, Since: start})
	b.Set(Info{ID: "b", State: Talking, Since: start.Add(time.Second)})
	b.Set(Info{ID: "c", State: Ended})
	got := b.List()
	if len(got) != 2 || got[0].ID != "b" || got[1].ID != "a" {
		t.Fatalf("List = %v, want b then a", got)
	}
	if got[0].State != Talking {
		t.Errorf("state of b = %s, want talking", got[0].State)
	}
}
