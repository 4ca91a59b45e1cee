package desk

import (
	"slices"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/call"
)

// Keys are those that can be pressed (RFC 4733 §3.2).
const Keys = "0123456789*#ABCD"

// Presses of keys: how long one is, and how many may be asked for at once.
const (
	keyTime = 160 * time.Millisecond
	maxKeys = 64
)

// What a phone can't do.
var (
	errNoCall  = &call.DeskFault{Code: "no_call", Message: "There is no such call on this machine."}
	errNotNow  = &call.DeskFault{Code: "not_now", Message: "That can't be done with the call at the moment."}
	errTarget  = &call.DeskFault{Code: "bad_target", Message: "That is no number or name to call."}
	errKeys    = &call.DeskFault{Code: "bad_target", Message: "Only the keys 0 to 9, *, # and A to D can be pressed."}
	errTooMany = &call.DeskFault{Code: "not_now", Message: "There are too many calls on this machine. End one of them first."}
	errNoPhone = &call.DeskFault{Code: "no_phone", Message: "This machine's phone is not signed in yet. Try again in a moment."}
	errAlone   = &call.DeskFault{Code: "not_now", Message: "A conference needs two calls that are answered."}
)

// Call calls a number, a name or a SIP address and gives the call's ID; how it goes State tells. Whoever talks at the moment is held.
func (p *Phone) Call(target string) (id string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	to, err := p.address(target)
	if err != nil {
		return "", err
	}
	return p.begin(to)
}

// Take moves a call of the owner's to this machine: replaces names its dialog as a Replaces header does (RFC 3891 §6.1).
func (p *Phone) Take(replaces string) (id string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if replaces == "" || strings.ContainsFunc(replaces, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
		return "", errNoCall
	}
	return p.begin(p.self().uri, sip.NewHeader("Replaces", replaces))
}

func (p *Phone) begin(to sip.Uri, more ...sip.Header) (id string, err error) {
	switch {
	case !p.registered:
		if problem := p.state().Problem; problem != "" {
			return "", &call.DeskFault{Code: errNoPhone.Code, Message: problem}
		}
		return "", errNoPhone
	case len(p.ongoing()) >= maxCalls:
		return "", errTooMany
	}
	p.holdOthers(nil)
	c := p.newConversation(true, p.peerOf(to), "")
	c.dialled(to, more...)
	return c.id, nil
}

// address is where a call goes that somebody dials.
func (p *Phone) address(target string) (sip.Uri, error) {
	target = strings.TrimSpace(target)
	uri := sip.Uri{Scheme: "sip", User: target, Host: p.cfg.Domain}
	if strings.Contains(target, "@") {
		text := target
		if !strings.HasPrefix(text, "sip:") && !strings.HasPrefix(text, "sips:") {
			text = "sip:" + text
		}
		if err := sip.ParseUri(text, &uri); err != nil || uri.User == "" || uri.Host == "" {
			return uri, errTarget
		}
		uri.Headers = nil
		return uri, nil
	}
	uri.User = strings.TrimPrefix(uri.User, "sip:")
	bare := strings.Map(func(c rune) rune {
		if strings.ContainsRune(" -.()/", c) {
			return -1
		}
		return c
	}, uri.User)
	if bare != "" && strings.Trim(bare, "+0123456789*#") == "" {
		uri.User = strings.ReplaceAll(bare, "#", "%23")
	}
	if uri.User == "" || len(uri.User) > 128 || strings.ContainsFunc(uri.User, func(c rune) bool {
		return c <= ' ' || c >= 0x7f || strings.ContainsRune(`"<>:;,?@[]\^{|}`, c)
	}) {
		return uri, errTarget
	}
	return uri, nil
}

// with does something with a call that is in one of the states; it may also be ended by that.
func (p *Phone) with(id string, do func(c *conversation) error, states ...call.State) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.calls, func(c *conversation) bool { return c.id == id && c.state != call.Ended })
	switch {
	case i < 0:
		return errNoCall
	case !slices.Contains(states, p.calls[i].state):
		return errNotNow
	}
	defer p.changed()
	return do(p.calls[i])
}

// Answer takes a call that rings here; whoever talks at the moment is held.
func (p *Phone) Answer(id string) error {
	return p.with(id, func(c *conversation) error {
		if c.out {
			return errNotNow
		}
		p.holdOthers(c)
		if c.answer() != nil {
			return &call.DeskFault{Code: "no_sound", Message: "The call can't be answered here: there is no common sound format."}
		}
		return nil
	}, call.Ringing)
}

// HangUp ends a call, gives it up or declines it.
func (p *Phone) HangUp(id string) error {
	return p.with(id, func(c *conversation) error {
		c.hangUp()
		return nil
	}, call.Calling, call.Ringing, call.Talking)
}

// Hold lets the other side wait.
func (p *Phone) Hold(id string) error {
	return p.with(id, func(c *conversation) error {
		c.held, c.joined = true, false
		c.settle()
		return nil
	}, call.Talking)
}

// Resume goes on with a call that was held; whoever talks at the moment is held instead.
func (p *Phone) Resume(id string) error {
	return p.with(id, func(c *conversation) error {
		p.holdOthers(c)
		c.held = false
		c.settle()
		return nil
	}, call.Talking)
}

// Join makes one conference of all calls that are answered.
func (p *Phone) Join() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []*conversation
	for _, c := range p.ongoing() {
		if c.state == call.Talking && c.referral == nil {
			list = append(list, c)
		}
	}
	if len(list) < 2 {
		return errAlone
	}
	for _, c := range list {
		c.held, c.joined = false, true
		c.settle()
	}
	p.changed()
	return nil
}

// Mute keeps a call from hearing the microphone, or not any more.
func (p *Phone) Mute(id string, muted bool) error {
	return p.with(id, func(c *conversation) error {
		c.muted = muted
		return nil
	}, call.Calling, call.Ringing, call.Talking)
}

// Press presses keys for the other side to hear.
func (p *Phone) Press(id, keys string) error {
	keys = strings.ToUpper(keys)
	if keys == "" || len(keys) > maxKeys || strings.Trim(keys, Keys) != "" {
		return errKeys
	}
	return p.with(id, func(c *conversation) error {
		if c.voice == nil {
			return errNotNow
		}
		for _, digit := range keys {
			if err := c.voice.Digit(digit, keyTime); err != nil {
				return errNotNow
			}
		}
		return nil
	}, call.Ringing, call.Talking)
}

// Transfer lets the other side of a call talk to a target: a number or name, or another call of this phone by its ID, which the other
// side takes over.
func (p *Phone) Transfer(id, target string) error {
	return p.with(id, func(c *conversation) error {
		if c.referral != nil {
			return errNotNow
		}
		var with *conversation
		for _, other := range p.ongoing() {
			if other.id == target && other != c {
				with = other
			}
		}
		to, err := p.address(target)
		switch {
		case with != nil && with.state != call.Talking:
			return errNotNow
		case with != nil:
			to = with.remote.uri
			to.UriParams, to.Headers = nil, nil
		case err != nil:
			return err
		}
		c.held, c.joined = true, false
		c.settle()
		c.note = "The call is being transferred"
		c.whenSettled(func() { // else the REFER could overtake the change that holds the call,
			if with == nil {
				c.refer(to, nil)
				return
			}
			with.whenSettled(func() { c.refer(to, with) }) // and who takes the other call over would find it in the middle of one
		})
		return nil
	}, call.Talking)
}

// DoNotDisturb lets whoever calls hear that it is busy here, or not any more, also after a restart.
func (p *Phone) DoNotDisturb(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy = on
	select {
	case p.kept <- struct{}{}:
	default: // keepBusy has yet to look
	}
	if p.line != nil {
		p.line.Quiet(on)
	}
	p.changed()
}

// holdOthers holds who talks at the moment, except c and who is in one conference with it.
func (p *Phone) holdOthers(c *conversation) {
	for _, other := range p.ongoing() {
		if other == c || other.state != call.Talking || c != nil && c.joined && other.joined {
			continue
		}
		other.held, other.joined = true, false
		other.settle()
	}
}
