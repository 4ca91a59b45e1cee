// Package desk is the phone that this machine is: a SIP user agent (RFC 3261) with several calls, whose sound is the machine's
// microphone and loudspeakers. It reaches the SIP server of this process by a line in memory, as a browser does by WebSocket, and
// its media are samples, which it gets from the media engine by the label in a description (RFC 4574).
package desk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/audio"
	"cordboard/gateway/call"
)

// Name is the callee that this machine is.
const Name = "desk"

// Line carries SIP messages to and from the server, one at a time.
type Line interface {
	Send(msg []byte) error    // never waits
	Receive() ([]byte, error) // io.EOF once the line is closed
	Quiet(on bool)            // tells that the owner asks not to be disturbed, or not any more
	Close() error
}

// Voice is the sound of one call. Its Duplex waits for nothing.
type Voice interface {
	audio.Duplex
	// Digit presses a key for the other side to hear.
	Digit(digit rune, d time.Duration) error
	Close() error
}

// Deps are the parts that a phone stands on.
type Deps struct {
	// Attach opens a line that belongs to the user.
	Attach func(user string) (Line, error)
	// Owner gives the user whose device the phone is, and the name as people write it; an error when there is none yet.
	Owner func(ctx context.Context) (name, display string, err error)
	// Voice gives the sound of the call whose description has the label. heard is told of keys that the other side presses; it
	// must not be called while Voice or one of its methods waits for it.
	Voice func(label string, heard func(digit rune)) (Voice, error)
	Card  audio.Card
	Clean func(audio.Duplex) audio.Duplex // what stands between card and calls, as an echo canceller; nil: nothing

	Keep func(busy bool) error // keeps whether the owner asks not to be disturbed; nil: nothing does

	Live    Live          // nil: calls end with the process
	Country func() string // whose tones are heard, two letters (ISO 3166); nil: those that are recommended everywhere
}

func (d Deps) country() string {
	if d.Country == nil {
		return ""
	}
	return d.Country()
}

// Config is what a phone is told of the gateway.
type Config struct {
	Domain  string // SIP domain of the local users
	Version string // for User-Agent
	Busy    bool   // the owner has asked not to be disturbed before
}

// Phone is the machine's phone. Its methods may be called by any goroutine; those that have to do with a call fail with a
// *call.DeskFault.
type Phone struct {
	cfg  Config
	deps Deps
	log  *slog.Logger
	room *room
	keys chan key      // heard, on their way to their calls
	kept chan struct{} // holds one: busy is to be kept
	host string

	mu             sync.Mutex
	line           Line // nil: not attached
	owner, display string
	stale          bool // Owner may give somebody else: the line ends with the calls, and another one begins
	registered     bool
	trouble        string // why it is not registered
	busy           bool   // do not disturb
	calls          []*conversation
	asleep         []*conversation     // of before a crash, until the server goes on with them
	pending        map[string]*pending // requests of ours by branch
	registration   registration
	watchers       map[chan call.DeskState]bool
	again          *time.Timer    // registers anew
	tone           audio.Progress // that a call has failed; empty: none
	toneEnd        *time.Timer
}

// key is one that the other side of a call has pressed.
type key struct {
	c     *conversation
	digit rune
}

// New makes a phone, which does nothing before Run.
func New(cfg Config, deps Deps, log *slog.Logger) *Phone {
	p := &Phone{
		cfg: cfg, deps: deps, log: log, host: ownHost, keys: make(chan key, 64), kept: make(chan struct{}, 1), busy: cfg.Busy,
		pending: make(map[string]*pending), watchers: make(map[chan call.DeskState]bool),
	}
	p.room = newRoom(deps, p.soundFailed, log)
	return p
}

// attachEvery is how long the phone waits before it tries again to reach the server, lookEvery how often it looks whether there is a
// sound card.
const (
	attachEvery = time.Second
	lookEvery   = 10 * time.Second
)

// Run is the phone's life. When ctx ends it hangs up and unregisters.
func (p *Phone) Run(ctx context.Context) error {
	p.recall()
	var sound sync.WaitGroup
	sound.Go(func() { p.room.run(ctx) })
	sound.Go(func() { p.hearKeys(ctx) })
	sound.Go(func() { p.keepBusy(ctx) })
	for ctx.Err() == nil {
		pause := attachEvery
		if problem := p.soundless(); problem != "" {
			p.belong(ctx)
			p.report(problem)
			pause = lookEvery
		} else {
			if p.live(ctx); p.isStale() {
				pause = 0
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	sound.Wait()
	return nil
}

// live is the phone's life on one line.
func (p *Phone) live(ctx context.Context) {
	p.mu.Lock()
	p.stale = false
	p.mu.Unlock()
	owner, display, err := p.deps.Owner(ctx)
	if err != nil {
		p.mu.Lock()
		p.owner, p.display = "", ""
		p.mu.Unlock()
		p.report(fmt.Sprintf("This machine's phone belongs to nobody: %v.", err))
		return
	}
	line, err := p.deps.Attach(owner)
	if err != nil {
		p.log.Debug("phone not attached", "error", err)
		return
	}
	done := make(chan struct{})
	var leaving sync.WaitGroup
	leaving.Go(func() {
		look := time.NewTicker(lookEvery)
		defer look.Stop()
		for {
			select {
			case <-ctx.Done():
				p.leave()
				line.Close()
				return
			case <-done:
				return
			case <-look.C:
				if p.isFree() && p.soundless() != "" {
					line.Close()
					return
				}
			}
		}
	})
	defer leaving.Wait()
	defer close(done)
	p.mu.Lock()
	p.line, p.owner, p.display = line, owner, display
	line.Quiet(p.busy)
	p.registration = registration{callID: newToken(), tag: newToken()}
	p.register()
	p.giveUp()
	p.mu.Unlock()
	for {
		msg, err := line.Receive()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				p.log.Warn("phone's line broken", "error", err)
			}
			break
		}
		p.take(msg)
	}
	line.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lost()
}

// soundless says why the machine can't be a phone at the moment; empty: it can.
func (p *Phone) soundless() string {
	devices, err := p.deps.Card.Devices()
	if err != nil {
		return cmp.Or(p.deps.Card.State(), fmt.Sprintf("The sound card can't be used: %v.", err))
	}
	for _, purpose := range []audio.Purpose{audio.Loudspeaker, audio.Microphone} {
		if !slices.ContainsFunc(devices, func(d audio.Device) bool { return d.Purpose == purpose && !d.Missing }) {
			return cmp.Or(p.deps.Card.State(), fmt.Sprintf("This machine has no %s. Plug one in.", purpose))
		}
	}
	return ""
}

// isFree says whether there is no call.
func (p *Phone) isFree() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.ongoing()) == 0
}

// leave says goodbye while the line is still there.
func (p *Phone) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.ongoing() {
		c.hangUp()
	}
}

// lost ends what depended on the line. The caller holds p.mu.
func (p *Phone) lost() {
	p.line, p.registered = nil, false
	if p.again != nil {
		p.again.Stop()
	}
	for _, w := range p.pending {
		w.timer.Stop()
	}
	clear(p.pending)
	for _, c := range p.ongoing() {
		c.over(call.ReasonLost)
	}
	p.changed()
}

// hearKeys gives the keys that were heard to their calls.
func (p *Phone) hearKeys(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case k := <-p.keys:
			p.mu.Lock()
			k.c.hears(k.digit)
			p.mu.Unlock()
		}
	}
}

// keepBusy has it kept whether the owner asks not to be disturbed, at each change.
func (p *Phone) keepBusy(ctx context.Context) {
	keep := func() {
		p.mu.Lock()
		busy := p.busy
		p.mu.Unlock()
		if p.deps.Keep == nil {
			return
		}
		if err := p.deps.Keep(busy); err != nil {
			p.log.Error("do not disturb not kept for the next start", "error", err)
		}
	}
	for {
		select {
		case <-p.kept:
			keep()
		case <-ctx.Done():
			select {
			case <-p.kept:
				keep()
			default:
			}
			return
		}
	}
}

// report says what keeps the phone from working; empty: nothing.
func (p *Phone) report(trouble string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.trouble != trouble {
		p.trouble = trouble
		p.changed()
	}
}

// soundFailed is told by the room that the card does not work, or with nil that it does.
func (p *Phone) soundFailed(err error) {
	if err != nil {
		p.log.Warn("no sound", "error", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changed()
}

// registration is the phone's at the server.
type registration struct {
	callID, tag string
	seq         uint32
}

// registerFor is how long a registration is asked for, registerEvery how often that is done.
const (
	registerFor   = 600 * time.Second
	registerEvery = 300 * time.Second
)

// register makes the phone known as a device of its owner. The caller holds p.mu.
func (p *Phone) register() {
	r := &p.registration
	r.seq++
	req := sip.NewRequest(sip.REGISTER, sip.Uri{Scheme: "sip", Host: p.cfg.Domain})
	me := p.self()
	req.AppendHeader(&sip.FromHeader{DisplayName: me.display, Address: me.uri, Params: tagged(r.tag)})
	req.AppendHeader(&sip.ToHeader{Address: me.uri})
	id := sip.CallIDHeader(r.callID)
	req.AppendHeader(&id)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: r.seq, MethodName: sip.REGISTER})
	req.AppendHeader(p.contact())
	req.AppendHeader(sip.NewHeader("Expires", fmt.Sprint(int(registerFor/time.Second))))
	p.ask(req, func(res *sip.Response) {
		next := registerEvery
		p.registered = res != nil && res.IsSuccess()
		if p.trouble = ""; !p.registered {
			next = attachEvery
			p.trouble = "This machine's phone can't sign in at Cordboard. Its log says more."
			p.log.Warn("phone not registered", "status", statusOf(res))
		}
		p.again = time.AfterFunc(next, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			if p.line != nil {
				p.register()
			}
		})
		p.changed()
	})
}

func statusOf(res *sip.Response) int {
	if res == nil {
		return 0
	}
	return res.StatusCode
}
