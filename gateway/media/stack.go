package media

import (
	"crypto/tls"
	"runtime"

	"github.com/pion/dtls/v2"
)

// deepStack is how much stack a DTLS handshake is given, in octets; signing and proving need most of the 16 KB that it becomes.
const deepStack = 14 << 10

// deepen gives a goroutine that has just begun its stack. It would get it anyway, but by doubling, and each time all that is on the
// stack by then is copied and every pointer into it found.
//
//go:noinline
func deepen() {
	var room [deepStack]byte
	runtime.KeepAlive(&room)
}

// present gives our certificate to a handshake. Pion's own goroutine asks for it before it begins to sign, which is the only
// occasion to deepen its stack.
func (e *Engine) present(*dtls.ClientHelloInfo) (*tls.Certificate, error) {
	deepen()
	return &e.certificate, nil
}
