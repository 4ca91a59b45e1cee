package main

import "testing"

func TestSpare(t *testing.T) {
	const mb = 1 << 20
	var s spare
	for _, look := range []struct {
		what string
		now  heapState
		want bool
	}{
		{"calls are set up", heapState{made: 40 * mb, live: 10 * mb, held: 30 * mb}, false},
		{"they are up", heapState{made: 41 * mb, live: 10 * mb, held: 30 * mb}, true},
		{"gaps can't be given back", heapState{made: 41 * mb, live: 11 * mb, held: 21 * mb}, false},
		{"a few calls more", heapState{made: 42 * mb, live: 11 * mb, held: 25 * mb}, false},
		{"many more", heapState{made: 60 * mb, live: 11 * mb, held: 40 * mb}, false},
		{"and then none", heapState{made: 60 * mb, live: 11 * mb, held: 40 * mb}, true},
		{"all have ended", heapState{made: 60 * mb, live: 3 * mb, held: 21 * mb}, true},
	} {
		got := s.look(look.now)
		if got != look.want {
			t.Errorf("%s: %v", look.what, got)
		}
		if got {
			s.gave(heapState{live: 11 * mb, held: 21 * mb})
		}
	}
}

func TestReadHeap(t *testing.T) {
	h := readHeap()
	if h.made == 0 || h.held == 0 || h.made < h.live {
		t.Errorf("%+v", h)
	}
}
