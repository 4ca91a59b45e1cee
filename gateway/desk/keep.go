package desk

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/call"
)

// Live keeps the calls that are up, for the next start after a crash.
type Live interface {
	// Keep writes the state of a call in the place of an earlier one. It survives the process when Keep returns.
	Keep(id string, state []byte) error
	// Forget takes a call away.
	Forget(id string) error
	// Kept gives the states of all calls by ID.
	Kept() (states map[string][]byte, alive time.Time, err error)
}

// keptCall is a call that is up as it is written down: its dialog and what its owner has done to it. The server offers the sound anew. Keys
// that were pressed may be somebody's PIN, so they are not written.
type keptCall struct {
	Out       bool      `json:"out,omitzero"`
	CallID    string    `json:"call_id"`
	Local     keptParty `json:"local"`
	Remote    keptParty `json:"remote"`
	Target    string    `json:"target"`
	Routes    []string  `json:"routes,omitzero"`
	LocalSeq  uint32    `json:"local_seq"`
	RemoteSeq uint32    `json:"remote_seq"`
	Session   uint64    `json:"session"`
	Version   int       `json:"version"`
	Since     time.Time `json:"since"`
	Answered  time.Time `json:"answered"`
	Peer      string    `json:"peer"`
	Name      string    `json:"name,omitzero"`
	Held      bool      `json:"held,omitzero"`
	Told      bool      `json:"told,omitzero"`
	Waits     bool      `json:"waits,omitzero"`
	Muted     bool      `json:"muted,omitzero"`
	Joined    bool      `json:"joined,omitzero"`
}

type keptParty struct {
	Display string `json:"display,omitzero"`
	URI     string `json:"uri"`
	Tag     string `json:"tag"`
}

// keep writes down the calls that are up, as far as they have changed, and forgets those that have ended.
func (p *Phone) keep() {
	if p.deps.Live == nil {
		return
	}
	for _, c := range p.calls {
		var err error
		switch {
		case c.state == call.Ended && c.kept != nil:
			c.kept = nil
			err = p.deps.Live.Forget(c.id)
		case c.state == call.Talking && c.moves == nil:
			var state []byte
			if state, err = json.Marshal(c.save()); err == nil && !bytes.Equal(state, c.kept) {
				c.kept = state
				err = p.deps.Live.Keep(c.id, state)
			}
		}
		if err != nil {
			p.log.Error("call not kept for a restart", "error", err)
		}
	}
}

func (c *conversation) save() keptCall {
	k := keptCall{
		Out: c.out, CallID: c.callID, Local: c.local.save(), Remote: c.remote.save(), Target: c.target.String(), LocalSeq: c.localSeq,
		RemoteSeq: c.remoteSeq, Session: c.session, Version: c.version, Since: c.since, Answered: c.answered, Peer: c.peer, Name: c.name,
		Held: c.held, Told: c.told, Waits: c.waits, Muted: c.muted, Joined: c.joined,
	}
	for _, r := range c.routes {
		k.Routes = append(k.Routes, r.String())
	}
	return k
}

func (a party) save() keptParty {
	return keptParty{Display: a.display, URI: a.uri.String(), Tag: a.tag}
}

const (
	// recallTime is how long calls of before a crash wait for the server to offer their sound anew: as long as the server waits for
	// who has lost a connection.
	recallTime = 30 * time.Second

	// recallJump is by how much the numbers of a call's requests, and of its descriptions, go up with a restart: not each is written
	// down. Gaps are allowed (RFC 3261 §12.2.1.1).
	recallJump = 10_000
)

// recall takes up the calls that were up when the process died. They are seen once the server, which knows them too, goes on with them.
func (p *Phone) recall() {
	if p.deps.Live == nil {
		return
	}
	states, _, err := p.deps.Live.Kept()
	if err != nil {
		p.log.Error("calls of before not read", "error", err)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, state := range states {
		c, err := p.revive(id, state)
		if err != nil {
			p.log.Error("call not taken up again", "error", err)
			p.drop(id)
			continue
		}
		p.asleep = append(p.asleep, c)
	}
	if len(p.asleep) > 0 {
		time.AfterFunc(recallTime, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			for _, c := range p.asleep {
				p.drop(c.id)
			}
			p.asleep = nil
		})
	}
}

// drop forgets a call that did not survive.
func (p *Phone) drop(id string) {
	if err := p.deps.Live.Forget(id); err != nil {
		p.log.Error("call not forgotten", "error", err)
	}
}

// revive makes a call of its state, but for its sound.
func (p *Phone) revive(id string, state []byte) (*conversation, error) {
	var k keptCall
	if err := json.Unmarshal(state, &k); err != nil {
		return nil, fmt.Errorf("read call: %w", err)
	}
	c := &conversation{
		p: p, id: id, out: k.Out, callID: k.CallID, localSeq: k.LocalSeq + recallJump, remoteSeq: k.RemoteSeq, state: call.Talking,
		session: k.Session, version: k.Version + recallJump, since: k.Since, answered: k.Answered, peer: k.Peer, name: k.Name,
		held: k.Held, told: k.Told, waits: k.Waits, muted: k.Muted, joined: k.Joined, kept: state,
	}
	var err error
	if c.local, err = k.Local.revive(); err != nil {
		return nil, err
	}
	if c.remote, err = k.Remote.revive(); err != nil {
		return nil, err
	}
	if c.target, err = parseURI(k.Target); err != nil {
		return nil, err
	}
	for _, text := range k.Routes {
		uri, err := parseURI(text)
		if err != nil {
			return nil, err
		}
		c.routes = append(c.routes, uri)
	}
	return c, nil
}

func (k keptParty) revive() (party, error) {
	uri, err := parseURI(k.URI)
	return party{k.Display, uri, k.Tag}, err
}

func parseURI(text string) (uri sip.Uri, err error) {
	if err = sip.ParseUri(text, &uri); err != nil {
		return uri, fmt.Errorf("read address %q: %w", text, err)
	}
	return uri, nil
}

// awake gives the call of before the crash that has that dialog, which is one like others from now on; nil when there is none.
func (p *Phone) awake(callID, local, remote string) *conversation {
	i := slices.IndexFunc(p.asleep, func(c *conversation) bool {
		return c.callID == callID && c.local.tag == local && c.remote.tag == remote
	})
	if i < 0 {
		return nil
	}
	c := p.asleep[i]
	p.asleep = slices.Delete(p.asleep, i, i+1)
	p.calls = append(p.calls, c)
	p.log.Info("call goes on after the restart", "peer", c.peer)
	return c
}
