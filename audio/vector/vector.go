// Package vector has the one sum of which filters are made.
package vector

// Dot is the sum of the products of two vectors, of as many elements as the shorter one has. The order of the additions is not that of
// the elements, so that the last bits of the result depend on the processor.
func Dot(a, b []float32) float32 {
	n := min(len(a), len(b))
	return dot(a[:n], b[:n])
}
