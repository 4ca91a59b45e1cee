//go:build cgo

package device

import "runtime"

// place gives Go's scheduler one more place (GOMAXPROCS) until it is taken back, for a thread of the sound system: that keeps one for
// 10 ms after each time that it comes, and on a machine of two cores a microphone and a loudspeaker keep both. Who waits for a place
// then, as the thread that brings packets, gets one when Go's monitor looks, which is every 10 ms.
func place() (back func()) {
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	return func() { runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) - 1) }
}
