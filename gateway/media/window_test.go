package media

import (
	"math/rand/v2"
	"testing"
)

func TestWindow(t *testing.T) {
	for _, tt := range []struct {
		name string
		seqs []uint16
		want []bool
	}{
		{"in order", []uint16{1, 2, 3}, []bool{true, true, true}},
		{"repeated", []uint16{1, 1, 2, 1, 2}, []bool{true, false, true, false, false}},
		{"late", []uint16{1, 5, 3, 3}, []bool{true, true, true, false}},
		{"across the wrap", []uint16{65534, 1, 65535, 0, 65535}, []bool{true, true, true, true, false}},
		{"before the first roll-over", []uint16{2, 65535}, []bool{true, false}},
		{"too late", []uint16{1000, 1000 - 127, 1000 - 128}, []bool{true, true, false}},
		{"far ahead", []uint16{0, 100, 228, 100, 101}, []bool{true, true, true, false, true}},
	} {
		var w window
		for i, seq := range tt.seqs {
			if _, got := w.take(seq); got != tt.want[i] {
				t.Errorf("%s: take(%d) = %v", tt.name, seq, got)
			}
		}
	}
}

// A window never takes one index twice, as a plain set of all indices tells.
func TestWindowAgainstSet(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var w window
	taken := map[uint64]bool{}
	index := uint64(65000)
	for range 200_000 {
		at := index + uint64(random.IntN(300))
		if random.IntN(4) > 0 && at >= 100 {
			at -= uint64(random.IntN(100))
		}
		got, ok := w.take(uint16(at))
		if ok && got != at {
			t.Fatalf("index %d taken for %d", at, got)
		}
		if ok && taken[at] {
			t.Fatalf("index %d taken twice", at)
		}
		if !ok && !taken[at] && at+windowSize > w.top && at > index {
			t.Fatalf("index %d refused, newest %d", at, w.top)
		}
		taken[at] = taken[at] || ok
		index = max(index, at)
	}
}
