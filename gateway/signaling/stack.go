package signaling

import "runtime"

// deepStack is how much stack a goroutine is given that handles a request, in octets; an INVITE needs most of the 16 KB that it becomes.
const deepStack = 14 << 10

// deepen gives a goroutine that has just begun its stack. It would get it anyway, but by doubling, and each time all that is on the
// stack by then is copied and every pointer into it found, which costs a tenth of the set-up of a call.
//
//go:noinline
func deepen() {
	var room [deepStack]byte
	runtime.KeepAlive(&room)
}
