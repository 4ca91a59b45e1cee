package signaling

import (
	"fmt"
	"testing"
)

// routed measures do, which has so many requests routed each time, and says how many are in a second of processor time, both clients' parts included.
func routed(b *testing.B, requests int, do func()) {
	b.ReportAllocs()
	began := processorTime(b)
	for b.Loop() {
		do()
	}
	b.ReportMetric(float64(b.N*requests)/(processorTime(b)-began).Seconds(), "req/cpu-s")
}

// BenchmarkRegister is the refresh of a registration, the client's part included.
func BenchmarkRegister(b *testing.B) {
	_, c := newCostBench(b)
	routed(b, 1, c.refresh())
}

// BenchmarkCall is a call from one browser to another, from INVITE over ACK to BYE and its answer, without media, both clients' parts included.
func BenchmarkCall(b *testing.B) {
	w, a := newCostBench(b)
	c := w.costBrowser(a.conn.RemoteAddr().String(), "user1")
	n := 0
	routed(b, 3, func() {
		n++
		callID := fmt.Sprint("call", n)
		a.hangUp(c, a.call(c, callID), callID)
	})
}

// BenchmarkInDialog is an INFO that passes from one browser to the other, and its answer back, both clients' parts included.
func BenchmarkInDialog(b *testing.B) {
	w, a := newCostBench(b)
	c := w.costBrowser(a.conn.RemoteAddr().String(), "user1")
	uri := a.call(c, "call")
	routed(b, 1, func() { a.press(c, uri, "call") })
}
