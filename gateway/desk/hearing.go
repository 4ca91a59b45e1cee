package desk

import "cordboard/gateway/call"

// apply takes the other side's answer to an offer of ours, if there is one.
func (c *conversation) apply(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	d, err := read(text)
	if err != nil {
		return err
	}
	waits := c.waits
	err = c.hear(d)
	if c.held { // the answer to that says nothing of whether the other side holds us too
		c.waits = waits
	}
	return err
}

// hear joins the sound that a description stands for.
func (c *conversation) hear(d description) error {
	s := d.sound()
	c.waits = d.waits()
	if s.label == "" || s.label == c.label && c.voice != nil {
		return nil
	}
	p := c.p
	voice, err := p.deps.Voice(s.label, func(digit rune) {
		select {
		case p.keys <- key{c, digit}:
		default: // nobody presses that fast
		}
	})
	if err != nil {
		return err
	}
	c.silence()
	c.voice, c.label = voice, s.label
	return nil
}

// silence gives the sound back.
func (c *conversation) silence() {
	if c.voice == nil {
		return
	}
	old := c.voice
	c.voice, c.label = nil, ""
	c.p.room.forget(old)
	if err := old.Close(); err != nil {
		c.p.log.Debug("voice not closed", "error", err)
	}
}

// maxDigits is how many of the keys that were heard are kept.
const maxDigits = 64

func (c *conversation) hears(digit rune) {
	if c.state == call.Ended {
		return
	}
	c.digits += string(digit)
	c.digits = c.digits[max(0, len(c.digits)-maxDigits):]
	c.p.changed()
}
