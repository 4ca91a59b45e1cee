//go:build !race

package signaling

// raceMemory is how much more memory things take than in the product.
const raceMemory = 1
