package signaling

import "testing"

// dig takes as much stack as the handling of an INVITE: calls with some locals and a pointer into their caller's.
//
//go:noinline
func dig(depth int, above *[16]int) int {
	var own [16]int
	own[depth%16] = above[(depth+1)%16] + 1
	if depth > 0 {
		own[0] += dig(depth-1, &own)
	}
	return own[0] + own[depth%16]
}

// BenchmarkDeepen is what the stack of a goroutine costs that handles one request and ends.
func BenchmarkDeepen(b *testing.B) {
	for name, prepare := range map[string]func(){"by doubling": func() {}, "at once": deepen} {
		b.Run(name, func(b *testing.B) {
			done := make(chan int)
			for b.Loop() {
				go func() {
					prepare()
					done <- dig(50, new([16]int))
				}()
				<-done
			}
		})
	}
}
