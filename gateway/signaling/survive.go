package signaling

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/call"
)

// Live keeps the state of the calls that are up, for the next start after a crash.
type Live interface {
	// Keep writes the state of a call in the place of an earlier one. It survives the process when Keep returns.
	Keep(id string, state []byte) error
	// Forget takes a call away that has ended.
	Forget(id string) error
	// Alive notes that the program runs at this time.
	Alive(now time.Time) error
	// Kept gives the states of all calls by ID, and when the program last gave a sign of life.
	Kept() (states map[string][]byte, alive time.Time, err error)
}

// savedCall is a call that is up as it is written down. There is no password in it and no key.
type savedCall struct {
	Record  call.Record     `json:"record"`
	Builtin string          `json:"builtin,omitzero"`
	A       savedLeg        `json:"a"`
	B       *savedLeg       `json:"b,omitzero"`
	Media   json.RawMessage `json:"media,omitzero"`
}

// savedLeg is a leg's dialog. The numbers of its requests are those of the moment in which it was written down.
type savedLeg struct {
	Token     string       `json:"token"`
	Party     call.Party   `json:"party"`
	User      string       `json:"user,omitzero"`
	PBX       string       `json:"pbx,omitzero"`
	Account   string       `json:"account,omitzero"` // whose credentials it has at the PBX
	Payer     string       `json:"payer,omitzero"`
	Guest     string       `json:"guest,omitzero"` // the address of whom it is, as an account of the PBX Of
	Of        string       `json:"of,omitzero"`
	CallID    string       `json:"call_id"`
	Local     savedAddress `json:"local"`
	Remote    savedAddress `json:"remote"`
	Target    string       `json:"target"`
	Routes    []string     `json:"routes,omitzero"`
	LocalSeq  uint32       `json:"local_seq"`
	RemoteSeq uint32       `json:"remote_seq"`
	Referrals []referral   `json:"referrals,omitzero"`

	Owner     bool          `json:"owner,omitzero"`
	Hides     bool          `json:"hides,omitzero"`
	Refresh   time.Duration `json:"refresh,omitzero"`   // the interval of its session timer; 0: none
	Refreshes bool          `json:"refreshes,omitzero"` // by us
}

type savedAddress struct {
	Display string `json:"display,omitzero"`
	URI     string `json:"uri"`
	Tag     string `json:"tag"`
}

// keeping is what a bridge knows of its state in the store.
type keeping struct {
	mu       sync.Mutex
	written  bool
	sum      [sha256.Size]byte // of the state that is written
	answered time.Time         // as written
}

// keep writes the call down, if it is up and has changed. It comes before the message that tells a peer of the change.
func (b *bridge) keep() {
	live := b.srv.deps.Live
	if live == nil {
		return
	}
	k := &b.keeping
	k.mu.Lock()
	defer k.mu.Unlock()
	saved, ok := b.save()
	if !ok {
		return
	}
	if k.answered.IsZero() {
		k.answered = time.Now()
	}
	saved.Record.Answered = k.answered
	state, err := b.srv.deps.Media.Save(b.id)
	if err == nil {
		state, err = saved.encode(state)
	}
	sum := sha256.Sum256(state)
	if err == nil && !(k.written && sum == k.sum) {
		err = live.Keep(b.id, state)
		k.written, k.sum = k.written || err == nil, sum
	}
	if err != nil {
		b.log.Error("call not kept for a restart", "error", err)
	}
}

// encode writes the call down with the state of its media, which is JSON already: to have it looked through once more would take as long
// as all the rest.
func (c savedCall) encode(media []byte) ([]byte, error) {
	c.Media = nil
	state, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	return slices.Concat(state[:len(state)-1], []byte(`,"media":`), media, []byte("}")), nil
}

// forget takes the call out of the store, once it has ended.
func (b *bridge) forget() {
	b.keeping.mu.Lock()
	defer b.keeping.mu.Unlock()
	if !b.keeping.written {
		return
	}
	b.keeping.written = false
	if err := b.srv.deps.Live.Forget(b.id); err != nil {
		b.log.Error("call not forgotten", "error", err)
	}
}

// save gives the call but for its media; false when it is not up.
func (b *bridge) save() (saved savedCall, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended || b.a == nil || b.b == nil && b.builtin == "" {
		return saved, false
	}
	saved = savedCall{Record: b.record, Builtin: b.builtin}
	if saved.A, ok = b.a.save(); !ok || b.b == nil {
		return saved, ok
	}
	other, ok := b.b.save()
	switch { // a PBX knows the call by the account of who is on its other side
	case b.a.creds.Username != "":
		saved.A.Account = b.b.user
	case b.b.creds.Username != "":
		other.Account = b.a.user
	}
	saved.B, saved.Record.AnsweredBy = &other, b.b.user
	return saved, ok
}

// save gives the leg's dialog; false when it is not established.
func (l *leg) save() (savedLeg, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	saved := savedLeg{Token: l.token, Party: l.party, User: l.user, Payer: l.payer, CallID: l.callID, Local: l.local.save(), Remote: l.remote.save(),
		Target: l.target.String(), LocalSeq: l.localSeq, RemoteSeq: l.remoteSeq, Referrals: slices.Clone(l.referrals),
		Owner: l.owner, Hides: l.hides, Refresh: l.timer.interval, Refreshes: l.timer.ours}
	for _, r := range l.routes {
		saved.Routes = append(saved.Routes, r.String())
	}
	if l.pbx != nil {
		saved.PBX = l.pbx.lastingKey()
	}
	if l.guest != nil { // its credentials only its browser has
		saved.Guest, saved.Of = l.guest.aor.String(), l.guest.pbx.lastingKey()
	}
	return saved, l.confirmed
}

func (a address) save() savedAddress {
	return savedAddress{Display: a.display, URI: a.uri.String(), Tag: a.tag}
}

func (a savedAddress) restore() (address, error) {
	uri, err := parseURI(a.URI)
	return address{display: a.Display, uri: uri, tag: a.Tag}, err
}

func parseURI(text string) (uri sip.Uri, err error) {
	if err = sip.ParseUri(text, &uri); err != nil {
		return uri, fmt.Errorf("read address %q: %w", text, err)
	}
	return uri, nil
}

// lastingKey names a PBX, as the configuration does, or a neighbour also after a restart.
func (p *pbx) lastingKey() string {
	if p.neighbour != nil {
		return p.key()
	}
	return p.cfg.Name
}

// pbxOfLastingKey is the one of that name; nil when there is none any more.
func (s *Server) pbxOfLastingKey(key string) *pbx {
	if strings.HasPrefix(key, neighbourKey) {
		return s.pbxOfKey(key)
	}
	for _, p := range s.pbxes() {
		if p.cfg.Name == key {
			return p
		}
	}
	return nil
}
