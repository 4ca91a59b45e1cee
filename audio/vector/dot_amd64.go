package vector

// dot takes sixteen elements at a time (SSE, which every amd64 has). Both have the same length.
//
//go:noescape
func dot(a, b []float32) float32

//go:noescape
func filter(dst []int16, n, stride int, taps, samples []float32, step int)

//go:noescape
func interpolate(dst []int16, kernel *Kernel, samples []float32, at, speed float64) float64
