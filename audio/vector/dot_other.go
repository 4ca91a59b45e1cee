//go:build !amd64

package vector

import "math"

// dot has four sums, as each addition waits for the one before. Both have the same length.
func dot(a, b []float32) float32 {
	var s0, s1, s2, s3 float32
	for len(a) >= 4 && len(b) >= 4 {
		s0 += a[0] * b[0]
		s1 += a[1] * b[1]
		s2 += a[2] * b[2]
		s3 += a[3] * b[3]
		a, b = a[4:], b[4:]
	}
	for i := range min(len(a), len(b)) {
		s0 += a[i] * b[i]
	}
	return (s0 + s1) + (s2 + s3)
}

func filter(dst []int16, n, stride int, taps, samples []float32, step int) {
	for i := range n {
		dst[i*stride] = limited(dot(taps, samples[i*step:i*step+len(taps)]))
	}
}

func interpolate(dst []int16, kernel *Kernel, samples []float32, at, speed float64) float64 {
	for n := range dst {
		i := int(at)
		between := (at - float64(i)) * Steps
		k := int(between)
		share, window := float32(between-float64(k)), samples[i:i+Taps]
		x := dot(kernel[k][:], window)
		dst[n] = limited(x + share*(dot(kernel[k+1][:], window)-x))
		at += speed
	}
	return at
}

func limited(x float32) int16 {
	return int16(max(math.MinInt16, min(math.RoundToEven(float64(x)), math.MaxInt16)))
}
