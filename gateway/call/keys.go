package call

// Keys says how a party takes the keys that the other side presses. It sends its own as it likes.
type Keys int

// The ways to take keys. Events (RFC 4733) need that the party has agreed on them.
const (
	KeysAuto     Keys = iota // as events, else as tones in the sound
	KeysInfo                 // as events, else by INFO
	KeysInfoOnly             // by INFO, and it is told of no events
	KeysTones                // as tones, and it is told of no events
)

// Events says whether a party that agrees on events gets them.
func (k Keys) Events() bool { return k == KeysAuto || k == KeysInfo }

// Info says whether a party takes INFO where it gets no events.
func (k Keys) Info() bool { return k == KeysInfo || k == KeysInfoOnly }
