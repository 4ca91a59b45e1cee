//go:build race

package signaling

// raceMemory is how much more memory things take under the race detector.
const raceMemory = 1.5
