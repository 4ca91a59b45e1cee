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

// rounded is what an element of a result is.
func rounded(x float64) int16 {
	return int16(max(math.MinInt16, min(math.RoundToEven(x), math.MaxInt16)))
}

// near says whether a result is what it should be, but for what is lost by sums of low precision.
func near(got int16, want float64) bool {
	return math.Abs(float64(got)-float64(rounded(want))) <= 1 && math.Abs(float64(got)-max(math.MinInt16, min(want, math.MaxInt16))) < 0.51
}

// TestFilter compares with sums of high precision, also of results that are too large, and looks that nothing beside them is written.
func TestFilter(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for taps := 0; taps <= 120; taps += Quad {
		for stride := 1; stride <= 3; stride++ {
			for step := 1; step <= 3; step++ {
				n := 1 + r.IntN(20)
				filter, samples := make([]float32, taps), make([]float32, taps+(n-1)*step)
				for i := range filter {
					filter[i] = float32(r.NormFloat64() / math.Sqrt(float64(taps)))
				}
				for i := range samples {
					samples[i] = float32(r.NormFloat64() * 25000)
				}
				dst := make([]int16, (n-1)*stride+1+r.IntN(stride))
				Filter(dst, stride, filter, samples, step)
				for i, got := range dst {
					want := 0.0
					if i%stride == 0 {
						for k, f := range filter {
							want += float64(f) * float64(samples[i/stride*step+k])
						}
					}
					if !near(got, want) {
						t.Fatalf("%d taps, stride %d, step %d: element %d is %d, want %.2f", taps, stride, step, i, got, want)
					}
				}
			}
		}
	}
	Filter(nil, 1, nil, nil, 1)
}

// TestInterpolate compares with the same in high precision.
func TestInterpolate(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var kernel Kernel
	for s := range kernel {
		for i := range kernel[s] {
			kernel[s][i] = float32(r.NormFloat64() / 4)
		}
	}
	for _, speed := range []float64{0, 0.5, 0.995, 1, 1.00021, 1.005, 2.7} {
		for range 50 {
			dst, at := make([]int16, 1+r.IntN(100)), r.Float64()
			samples := make([]float32, int(at+float64(len(dst)-1)*speed)+Taps+1)
			for i := range samples {
				samples[i] = float32(r.IntN(1<<16) - 1<<15)
			}
			end := Interpolate(dst, &kernel, samples, at, speed)
			for i, got := range dst {
				from := int(at)
				between := (at - float64(from)) * Steps
				k := int(between)
				x, y := 0.0, 0.0
				for j, v := range samples[from : from+Taps] {
					x += float64(kernel[k][j]) * float64(v)
					y += float64(kernel[k+1][j]) * float64(v)
				}
				if want := x + (between-float64(k))*(y-x); !near(got, want) {
					t.Fatalf("speed %v: element %d is %d, want %.2f", speed, i, got, want)
				}
				at += speed
			}
			if end != at {
				t.Fatalf("speed %v: ends at %v, want %v", speed, end, at)
			}
		}
	}
}

// TestShort shows that nobody gets to what lies beyond the samples.
func TestShort(t *testing.T) {
	for name, short := range map[string]func(){
		"filter":           func() { Filter(make([]int16, 3), 1, make([]float32, 4), make([]float32, 5), 1) },
		"odd filter":       func() { Filter(make([]int16, 1), 1, make([]float32, 3), make([]float32, 5), 1) },
		"stride":           func() { Filter(make([]int16, 1), 0, make([]float32, 4), make([]float32, 5), 1) },
		"interpolate":      func() { Interpolate(make([]int16, 2), new(Kernel), make([]float32, Taps+1), 0.5, 1) },
		"place before":     func() { Interpolate(make([]int16, 1), new(Kernel), make([]float32, Taps+9), -1, 1) },
		"place that is no": func() { Interpolate(make([]int16, 1), new(Kernel), make([]float32, Taps+9), math.NaN(), 1) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			short()
		}()
	}
}

func BenchmarkFilter(b *testing.B) {
	dst, taps, samples := make([]int16, 160), make([]float32, 116), make([]float32, 116+3*160)
	b.ReportAllocs()
	for b.Loop() {
		Filter(dst, 1, taps, samples, 3)
	}
}

func BenchmarkInterpolate(b *testing.B) {
	dst, kernel, samples := make([]int16, 480), new(Kernel), make([]float32, 480+2*Taps)
	b.ReportAllocs()
	for b.Loop() {
		Interpolate(dst, kernel, samples, 0.3, 1.0001)
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
