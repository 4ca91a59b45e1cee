//go:build !portable

package media

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// While packets flow, the relay thread waits in secret, which is without telling Go's scheduler. A thread that says so costs more than all
// else, for it keeps the scheduler's watchdog awake: of one that waits for more than 10 ms the watchdog takes the place, and then looks
// every 20 µs for a while, and again when the thread comes back. A single call, whose packets come 10 ms apart, would cost as much as
// thirty. Who waits in secret is sent a signal each 10 or 20 ms instead, and goes on. When nothing came for busyTime the thread says that it
// waits, and an idle engine costs nothing.
//
// A thread that waits in secret keeps one of the scheduler's GOMAXPROCS places. Whoever wants to stop the world, the
// garbage collector above all, sends it a signal, which ends the wait (EINTR; the system never begins epoll_pwait
// again). Where there is only one place, the thread never waits in secret.
const busyTime = 100 * time.Millisecond

// maxEvents is how many sockets are told of in one wait.
const maxEvents = 128

// relay is the thread that reads the sockets of an engine.
type relay struct {
	epoll, wake int // descriptors
	start       sync.Once

	mu       sync.Mutex
	table    []entry // of sockets, by slot
	free     []int32 // slots of table
	gathered []*socket
	ended    bool

	events [maxEvents]unix.EpollEvent // the thread's, from here on
	ready  [maxEvents]*socket
	queues []*socket
	bundle bundle
	lone   bool          // the scheduler has one place
	waits  int           // in secret
	secret time.Duration // how long it waits in secret after packets
	nap    unix.Timespec // after each round
}

// slot is where the table of a relay has a socket. The generation tells an event of a socket that was closed from one
// of its successor.
type slot struct{ index, generation int32 }

// entry is a slot of the table; its socket is nil for none.
type entry struct {
	socket     *socket
	generation int32
}

// wakeSlot is the slot of the descriptor that ends the thread.
const wakeSlot = 0

func newRelay(nap time.Duration) (*relay, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("wait for packets: %w", os.NewSyscallError("epoll_create", err))
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(epoll)
		return nil, fmt.Errorf("wait for packets: %w", os.NewSyscallError("eventfd", err))
	}
	r := &relay{
		epoll: epoll, wake: wake, table: make([]entry, 1),
		lone: runtime.GOMAXPROCS(0) == 1, secret: busyTime, nap: unix.NsecToTimespec(nap.Nanoseconds()),
	}
	if err := r.watch(wake, slot{index: wakeSlot}); err != nil {
		unix.Close(wake)
		unix.Close(epoll)
		return nil, fmt.Errorf("wait for packets: %w", err)
	}
	r.bundle.tie()
	return r, nil
}

func (r *relay) watch(fd int, at slot) error {
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: at.index, Pad: at.generation}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(r.epoll, unix.EPOLL_CTL_ADD, fd, &event))
}

// serve hands the datagrams of a socket to handle, one after another, until it is closed. It says false when the engine
// has ended.
func (e *Engine) serve(s *socket, handle handler) bool {
	r := e.relay
	r.start.Do(func() { e.spawn(func() { r.run(e.now) }) })
	return r.add(s, handle)
}

// add takes a socket into the table.
func (r *relay) add(s *socket, handle handler) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended || s.fd < 0 {
		return false
	}
	var at slot
	if n := len(r.free); n > 0 {
		at.index, r.free = r.free[n-1], r.free[:n-1]
	} else {
		at.index, r.table = int32(len(r.table)), append(r.table, entry{})
	}
	one := &r.table[at.index]
	at.generation = one.generation
	if r.watch(s.fd, at) != nil {
		r.free = append(r.free, at.index)
		return false
	}
	one.socket = s
	s.relay, s.slot, s.handle = r, at, handle
	if s.batch != nil {
		r.gathered = append(r.gathered, s)
	}
	return true
}

// remove takes a socket out of the table, before its descriptor is closed.
func (r *relay) remove(s *socket, at slot) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ended {
		unix.EpollCtl(r.epoll, unix.EPOLL_CTL_DEL, s.fd, nil)
	}
	r.gathered = slices.DeleteFunc(r.gathered, func(one *socket) bool { return one == s })
	r.table[at.index] = entry{generation: at.generation + 1}
	r.free = append(r.free, at.index)
}

// stop ends the thread, and waits for it not.
func (r *relay) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return
	}
	r.ended = true
	unix.Write(r.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
}

// release closes what the thread used, after its end.
func (r *relay) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.epoll >= 0 {
		unix.Close(r.wake)
		unix.Close(r.epoll)
		r.wake, r.epoll = -1, -1
	}
}

// run is the thread. It is not locked to its goroutine: the watchdog takes who waits in secret for one that never yields and
// preempts it every 10 ms. A locked thread would hand its place to another thread then, sleep, and be woken by a third; so it goes
// on at once. While it waits, openly or not, no other goroutine can be on it anyway.
func (r *relay) run(clock func() time.Duration) {
	var now, last time.Duration // last: when packets came
	for {
		n := r.wait(now-last < r.secret)
		now = clock()
		if n == 0 {
			continue
		}
		last = now
		ready, queues, ended := r.sockets(n)
		if ended {
			return
		}
		for _, s := range queues {
			s.keep(true)
		}
		for _, s := range ready {
			s.receive(&r.bundle, now)
		}
		for _, s := range queues {
			s.keep(false)
		}
		clear(ready)
		r.rest()
	}
}

// rest takes the nap after a round. A signal ends it early, which does no harm.
func (r *relay) rest() {
	switch nap := uintptr(unsafe.Pointer(&r.nap)); {
	case r.nap.Nano() == 0:
	case r.lone:
		unix.Syscall(unix.SYS_NANOSLEEP, nap, 0, 0)
	default:
		unix.RawSyscall(unix.SYS_NANOSLEEP, nap, 0, 0)
	}
}

// wait waits for packets, in secret while they flow, and says how many sockets have some; 0 when it was disturbed or waited in secret for
// long enough.
func (r *relay) wait(flow bool) int {
	events, most := uintptr(unsafe.Pointer(&r.events[0])), uintptr(maxEvents)
	var n uintptr
	var errno syscall.Errno
	if flow && !r.lone {
		n, _, errno = unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(r.epoll), events, most, uintptr(r.secret.Milliseconds()), 0, 0)
		r.waits++
	} else {
		n, _, errno = unix.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(r.epoll), events, most, ^uintptr(0), 0, 0)
		r.waits = 0
	}
	if r.waits%(1<<10) == 0 {
		r.lone = runtime.GOMAXPROCS(0) == 1
	}
	if errno != 0 {
		return 0
	}
	return int(n)
}

// sockets finds the sockets of n events, and those that queue. It says true when the thread is to end.
func (r *relay) sockets(n int) (ready, queues []*socket, ended bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return nil, nil, true
	}
	ready = r.ready[:0]
	for i := range r.events[:n] {
		event := &r.events[i]
		if one := r.table[event.Fd]; one.socket != nil && one.generation == event.Pad {
			ready = append(ready, one.socket)
		}
	}
	r.queues = r.queues[:0]
	if len(ready) > 1 || len(ready) == 1 && ready[0].batch != nil { // what one party sends alone goes on at once
		r.queues = append(r.queues, r.gathered...)
	}
	return ready, r.queues, false
}
