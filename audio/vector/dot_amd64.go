package vector

// dot takes sixteen elements at a time (SSE, which every amd64 has). Both have the same length.
//
//go:noescape
func dot(a, b []float32) float32
