//go:build cgo

package device

/*
#include <sys/prctl.h>

// Runs before Go does, on the thread of which Go's monitor is made.
__attribute__((constructor)) static void ease(void) { prctl(PR_SET_TIMERSLACK, 2000000UL, 0UL, 0UL, 0UL); }

static void hurry(void) { prctl(PR_SET_TIMERSLACK, 0UL, 0UL, 0UL, 0UL); }
*/
import "C"

// Go's monitor thread (runtime.sysmon) looks every 20 µs, fifty times, whenever the process begins to do something after it was
// idle. With a sound card it does so some 200 times a second, and the monitor took as much of a core as all else in a call. Linux
// lets a thread's sleep be longer, and a thread has that from the one that makes it: the monitor, and what it makes, sleep up to
// 2 ms longer. Go waits for timers to a millisecond anyway (epoll), and packets wake it as ever. In a call the monitor takes 0.75 %
// of a core then, where 1 ms costs 1.2 and 4 ms some 0.3; but by as much later are timers, and who waits while others write to a disk.
func init() { C.hurry() } // the other threads
