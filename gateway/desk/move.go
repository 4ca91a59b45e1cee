package desk

import "cordboard/gateway/call"

// What is told of a call that is to go on elsewhere.
const (
	noteMoves  = "Your other devices ring. Take the call there."
	noteMoving = "The call is being moved."
	noteStays  = "No other device of yours took the call, so it stays here."
)

// reasonMoved is why a call ended here that goes on at another device.
const reasonMoved = "Moved to another device"

// Move lets the owner's other devices ring; where it is answered the call goes on, and until then here. The device that answers is
// asked to take the call's place here (RFC 3515, RFC 3891), so the other side notices nothing.
func (p *Phone) Move(id string) error {
	return p.with(id, func(c *conversation) error {
		switch {
		case c.referral != nil || c.away || c.moves != nil || c.moved() != nil:
			return errNotNow
		case len(p.ongoing()) >= maxCalls:
			return errTooMany
		}
		me := p.self()
		ring := p.newConversation(true, me.uri.User, me.display)
		ring.moves, ring.away = c, true // nobody talks in it
		c.note = noteMoves
		ring.then = func(answered bool) {
			switch {
			case c.state == call.Ended:
				ring.hangUp()
			case !answered:
				c.note = noteStays
			default:
				c.note = noteMoving
				to := c.remote.uri
				to.UriParams, to.Headers = nil, nil
				c.whenSettled(func() { ring.refer(to, c) })
			}
		}
		ring.dialled(me.uri)
		return nil
	}, call.Talking)
}

// moved is the call to the owner's other devices that shall take this one; nil: none.
func (c *conversation) moved() *conversation {
	for _, other := range c.p.ongoing() {
		if other.moves == c {
			return other
		}
	}
	return nil
}

// stays ends the call to the owner's other devices when the call that was to be moved can't be, or is over.
func (c *conversation) stays() {
	if c.moves.state != call.Ended {
		c.moves.note = noteStays
	}
	c.hangUp()
}
