package signaling

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
)

// countingConn counts the writes of a connection.
type countingConn struct {
	net.Conn
	writes int
}

func (c *countingConn) Write(p []byte) (int, error) {
	c.writes++
	return c.Conn.Write(p)
}

// Messages that were queued together leave in one write, however long they are.
func TestMessagesLeaveTogether(t *testing.T) {
	b := newDoorBench(t, nil).overHTTP()
	ws := b.browser()
	f := b.theFlow()
	below := &countingConn{Conn: f.out.Conn}
	f.out.Conn = below // nothing is being written yet
	long := strings.Repeat("x", 10*socketOut)
	f.atOnce(func() {
		for _, msg := range []string{"one", long, "three"} {
			if err := f.send([]byte(msg)); err != nil {
				t.Error(err)
			}
		}
	})
	for _, want := range []string{"one", long, "three"} {
		if got := flowRead(t, ws); got != want {
			t.Errorf("came %d bytes %.20q, want %d bytes %.20q", len(got), got, len(want), want)
		}
	}
	if below.writes != 1 || f.sent.Load() != 3 {
		t.Errorf("%d writes for %d messages", below.writes, f.sent.Load())
	}
}

// What is kept back keeps its order, also when it is more than is kept; without a cork everything passes at once.
func TestCork(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	below := &countingConn{Conn: near}
	c := &cork{Conn: below}
	got := make(chan []byte)
	go func() {
		all, _ := io.ReadAll(far)
		got <- all
	}()
	var want bytes.Buffer
	write := func(n int) {
		p := bytes.Repeat([]byte{byte('a' + want.Len()%26)}, n)
		want.Write(p)
		if n, err := c.Write(p); n != len(p) || err != nil {
			t.Errorf("wrote %d of %d bytes: %v", n, len(p), err)
		}
	}
	write(1)
	c.put()
	for _, n := range []int{10, 0, maxKept - 10, 7, maxKept + 1, 3} {
		write(n)
	}
	if err := c.pull(); err != nil {
		t.Error(err)
	}
	write(2)
	near.Close()
	if all := <-got; !bytes.Equal(all, want.Bytes()) {
		t.Errorf("%d bytes came, %d were written", len(all), want.Len())
	}
	if below.writes != 6 { // 1; full; 7 and what is too long, twice; 3; 2
		t.Errorf("%d writes", below.writes)
	}
	c.put()
	write(5)
	if c.pull() == nil {
		t.Error("the end of the connection was not noticed")
	}
}
