//go:build !portable

package media

import (
	"bytes"
	"sync"
	"testing"
)

// What is put in comes out in its order, each time as it was when it was put in, and of a crowd as much as there is room for.
func TestInbox(t *testing.T) {
	i, err := newInbox()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(i.close)
	a, b := new(security), new(security)
	p := []byte("first")
	i.put(a, p)
	copy(p, "other")
	i.put(b, p)
	letters := i.take()
	if len(letters) != 2 || letters[0].security != a || letters[1].security != b ||
		!bytes.Equal(letters[0].datagram, []byte("first")) || !bytes.Equal(letters[1].datagram, []byte("other")) {
		t.Errorf("got %v", letters)
	}
	for range maxInbox + 1 {
		i.put(a, p)
	}
	if n := len(i.take()); n != maxInbox {
		t.Errorf("%d of %d datagrams were kept", n, maxInbox)
	}
	i.put(b, p)
	if letters = i.take(); len(letters) != 1 || letters[0].security != b {
		t.Errorf("after a crowd: %v", letters)
	}
}

// It can be closed while it is waited for and written to; then nothing comes any more.
func TestInboxCloses(t *testing.T) {
	i, err := newInbox()
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for i.take() != nil {
		}
	})
	all.Go(func() {
		for range 10 * maxInbox {
			i.put(new(security), []byte{1})
		}
	})
	i.close()
	all.Wait()
	if letters := i.take(); letters != nil {
		t.Errorf("%d datagrams after the end", len(letters))
	}
	before := len(i.letters)
	if i.put(new(security), []byte{1}); len(i.letters) != before {
		t.Error("what is put in after the end is kept")
	}
}
