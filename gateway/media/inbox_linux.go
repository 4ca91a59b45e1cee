//go:build !portable

package media

import (
	"fmt"
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxInbox bounds the datagrams that are on their way to a goroutine.
const maxInbox = 1024

// inbox carries the datagrams of handshakes from the relay's thread to a goroutine. What that thread wakes itself is to run in its own
// place at the scheduler, and another thread has to be woken and to come by it, as the relay goes on waiting there. By a descriptor the
// thread is woken that waits for descriptors anyway, which takes a tenth of a millisecond less, and 4 % of what a call costs to set up.
type inbox struct {
	bell int // of file
	file *os.File

	mu      sync.Mutex
	letters []letter
	closed  bool
}

// letter is a datagram of a handshake, and whose.
type letter struct {
	security *security
	datagram []byte
}

func newInbox() (*inbox, error) {
	bell, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("wait for handshakes: %w", os.NewSyscallError("eventfd", err))
	}
	return &inbox{bell: bell, file: os.NewFile(uintptr(bell), "handshakes")}, nil
}

// put sends a datagram, which may be written on then, to the goroutine; when too many wait it is lost, as on the way.
func (i *inbox) put(s *security, p []byte) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed || len(i.letters) == maxInbox {
		return
	}
	i.letters = append(i.letters, letter{s, append([]byte(nil), p...)})
	if len(i.letters) == 1 {
		one := uint64(1)
		unix.RawSyscall(unix.SYS_WRITE, uintptr(i.bell), uintptr(unsafe.Pointer(&one)), unsafe.Sizeof(one))
	}
}

// take is all that has come, once there is something; empty after close.
func (i *inbox) take() []letter {
	var count [8]byte
	if _, err := i.file.Read(count[:]); err != nil {
		return nil
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	letters := i.letters
	i.letters = nil
	if i.closed {
		return nil
	}
	return letters
}

// run hands on what comes until close.
func (i *inbox) run() {
	for letters := i.take(); letters != nil; letters = i.take() {
		for _, l := range letters {
			l.security.receive(l.datagram)
		}
	}
}

// close ends run.
func (i *inbox) close() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.closed = true
	i.file.Close() // its only error is that it was closed before
}
