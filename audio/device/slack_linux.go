//go:build cgo

package device

/*
#cgo LDFLAGS: -ldl
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <sys/prctl.h>

enum { monitorSlack = 10000000 }; // ns

static long usual;  // slack of other threads, in ns
static int watched; // there is a monitor

__attribute__((constructor)) static void look(void) { usual = prctl(PR_GET_TIMERSLACK, 0UL, 0UL, 0UL, 0UL); }

// Takes the place of the C library's, and calls that. A thread has its slack from the one that makes it.
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *with) {
	int (*make)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) = dlsym(RTLD_NEXT, "pthread_create");
	long ours = prctl(PR_GET_TIMERSLACK, 0UL, 0UL, 0UL, 0UL);
	long slack = __atomic_exchange_n(&watched, 1, __ATOMIC_RELAXED) || usual <= 0 ? usual : monitorSlack;
	if (slack <= 0 || slack == ours)
		return make(thread, attributes, run, with);
	prctl(PR_SET_TIMERSLACK, (unsigned long)slack, 0UL, 0UL, 0UL);
	int failed = make(thread, attributes, run, with);
	prctl(PR_SET_TIMERSLACK, (unsigned long)ours, 0UL, 0UL, 0UL);
	return failed;
}
*/
import "C"

// Go's monitor thread (runtime.sysmon) looks every 20 µs, fifty times, whenever the process begins to do something after it was
// idle, and does not rest while C's threads, as those of a sound card, keep a place of Go's scheduler, which they do for 10 ms after each
// time that they come. It took a fifth of what a call costs. Linux lets a thread's sleep be longer: the monitor, which is the first
// thread that Go makes, sleeps up to 10 ms longer, as it does by itself when nothing happens; it takes a third then of what 2 ms cost.
// All others, and those that the monitor makes, wait for their timers as precisely as ever.
