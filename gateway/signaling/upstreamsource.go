package signaling

import (
	"context"
	"time"

	"cordboard/gateway/auth"
)

// noEvents is how long we believe a PBX that it has no subscriptions of a kind; one that went away and came back is asked again.
const noEvents = time.Hour

// source says what to subscribe to at a PBX, and as whom.
type source struct {
	pbx    *pbx
	event  string
	number string
	creds  auth.Credentials
}

// refused names what a PBX has no subscriptions of.
type refused struct {
	pbx   *pbx
	event string
}

// refusal lasts until a time, or until the PBX has gone or come, which closes change.
type refusal struct {
	until  time.Time
	change <-chan struct{}
}

// source finds out where the PBX's word on a topic comes from; false when it has none.
func (a *around) source(ctx context.Context, key topicKey) (source, bool) {
	if len(a.srv.pbxes()) == 0 {
		return source{}, false
	}
	src := source{event: eventDialog, number: key.name}
	switch key.kind {
	case lampTopic:
	case voicemailTopic:
		src.event = eventSummary
	default:
		return source{}, false
	}
	if !IsNumber(key.name) {
		u, err := a.srv.deps.Users.User(ctx, key.name)
		if err != nil {
			return source{}, false
		}
		if p := a.srv.home(u); p != nil {
			src.pbx, src.number, src.creds = p, u.PBX.Username, u.PBX
			return src, src.number != ""
		}
		if key.kind == lampTopic || u.Extension == "" { // a PBX without an account for this user knows only of what goes through us
			return source{}, false
		}
		src.number = u.Extension
	}
	ways := a.srv.ways(src.number, "")
	if len(ways) == 0 {
		return source{}, false
	}
	src.pbx, src.number = ways[0].pbx, ways[0].number
	src.creds = src.pbx.credentials(auth.User{})
	if src.pbx.cfg.mode() == ModeExtension { // as the first user who is known there
		users, err := a.srv.deps.Users.List(ctx)
		if err != nil {
			return source{}, false
		}
		for _, u := range users {
			if a.srv.home(u) == src.pbx && u.PBX.Username != "" && u.PBX.Password != "" {
				src.creds = u.PBX
				break
			}
		}
	}
	return src, true
}

// answers says whether the PBX has answered when it was asked last.
func (p *pbx) answers() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked && p.err == nil
}

// refuse remembers that a PBX has no subscriptions of a kind; false when it has some. A PBX that is a proxy lets each phone
// answer for itself.
func (a *around) refuse(src source) bool {
	change := src.pbx.change()
	a.mu.Lock()
	defer a.mu.Unlock()
	key := refused{src.pbx, src.event}
	if a.tells[key] {
		return false
	}
	a.log.Info("PBX has no such subscriptions", "pbx", src.pbx.cfg.Name, "event", src.event)
	a.refusals[key] = refusal{time.Now().Add(noEvents), change}
	return true
}

// refuses says for how long a PBX need not be asked for subscriptions of a kind.
func (a *around) refuses(src source) time.Duration {
	a.mu.Lock()
	r, ok := a.refusals[refused{src.pbx, src.event}]
	a.mu.Unlock()
	if !ok {
		return 0
	}
	select {
	case <-r.change:
		return 0
	default:
		return time.Until(r.until)
	}
}
