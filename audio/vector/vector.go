// Package vector has the sums of which filters are made.
package vector

// Dot is the sum of the products of two vectors, of as many elements as the shorter one has. The order of the additions is not that of
// the elements, so that the last bits of the result depend on the processor.
func Dot(a, b []float32) float32 {
	n := min(len(a), len(b))
	return dot(a[:n], b[:n])
}

// Quad is of how many taps a filter's number must be a multiple.
const Quad = 4

// Filter sets every stride-th element of dst, from the first one on, to the sum of the products of taps and samples, of which the first is
// step further each time. The sums are rounded, and limited to what an element holds. There must be samples for all of them, and
// a multiple of Quad taps.
func Filter(dst []int16, stride int, taps, samples []float32, step int) {
	if len(dst) == 0 {
		return
	}
	n := (len(dst) + stride - 1) / stride
	if stride < 1 || step < 1 || len(taps)%Quad != 0 || (n-1)*step+len(taps) > len(samples) {
		panic("vector: a filter without enough samples or of odd size")
	}
	filter(dst, n, stride, taps, samples, step)
}

// Taps is how many samples Interpolate looks at, Steps how many places between two samples it knows.
const (
	Taps  = 16
	Steps = 64
)

// Kernel has the taps at each of the places between two samples, and at the next sample.
type Kernel [Steps + 1][Taps]float32

// Interpolate sets the elements of dst to what lies between the samples at the place at, and further ones at distances of speed, from
// the first one of Taps samples on of which each is made. It gives the place of the next one. It rounds and limits as Filter does. There
// must be samples for all of them: Taps more than the last place, and one.
func Interpolate(dst []int16, kernel *Kernel, samples []float32, at, speed float64) float64 {
	if len(dst) == 0 {
		return at
	}
	if last := at + speed*float64(len(dst)-1); !(at >= 0 && speed >= 0 && last < float64(len(samples)-Taps)) {
		panic("vector: places without samples")
	}
	return interpolate(dst, kernel, samples, at, speed)
}
