package main

import (
	"os"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What the collector is told of takes no memory (mincore(2)).
func TestRoomIsNotThere(t *testing.T) {
	makeRoom()
	size := os.Getpagesize()
	pages := make([]byte, headRoom/size)
	_, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&room[0])), headRoom, uintptr(unsafe.Pointer(&pages[0])))
	if errno != 0 {
		t.Fatal(errno)
	}
	there := 0
	for _, p := range pages {
		there += int(p & 1)
	}
	if there > len(pages)/64 {
		t.Errorf("%d of %d pages are in memory", there, len(pages))
	}
}
