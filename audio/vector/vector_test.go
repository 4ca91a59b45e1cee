package vector

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// TestDot compares with a sum of high precision, for every length and every place in memory.
func TestDot(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 150 {
		for from := range 5 {
			a, b := make([]float32, from+n), make([]float32, n+from%3)
			want, size := 0.0, 0.0
			for i := range a {
				a[i] = float32(r.NormFloat64())
			}
			for i := range b {
				b[i] = float32(r.NormFloat64())
			}
			for i := range n {
				product := float64(a[from+i]) * float64(b[i])
				want += product
				size += math.Abs(product)
			}
			if got := float64(Dot(a[from:], b)); math.Abs(got-want) > 1e-6*size {
				t.Errorf("%d elements from %d: %v, want %v", n, from, got, want)
			}
		}
	}
}

func BenchmarkDot(b *testing.B) {
	for _, n := range []int{16, 38, 114} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			x, y := make([]float32, n), make([]float32, n)
			b.ReportAllocs()
			for b.Loop() {
				Dot(x, y)
			}
		})
	}
}
