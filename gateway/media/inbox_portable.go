//go:build !linux || portable

package media

// inbox carries the datagrams of handshakes to where they are handled: here that is who reads them.
type inbox struct{}

func newInbox() (*inbox, error) { return new(inbox), nil }

func (*inbox) put(s *security, p []byte) { s.receive(p) }

func (*inbox) run() {}

func (*inbox) close() {}
