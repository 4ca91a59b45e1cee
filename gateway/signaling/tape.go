package signaling

import (
	"slices"

	"cordboard/gateway/call"
)

// Recorder records calls, or not. Its methods come while locks are held, so they must not wait.
type Recorder interface {
	// Up says that a call is up, or that other parties are in it now.
	Up(up call.Up)
	// Over says that a call has ended.
	Over(id string)
}

// tape tells who records calls how the call stands. The caller holds b.mu.
func (b *bridge) tape() {
	recorder := b.srv.deps.Recorder
	if recorder == nil || b.ended || b.a == nil {
		return
	}
	up := call.Up{ID: b.id, From: b.record.From, FromDisplay: b.record.FromDisplay, To: b.record.To, ToDisplay: b.record.ToDisplay,
		Dialogs: make(map[string]string), Builtin: b.builtin != ""}
	for _, l := range []*leg{b.a, b.b} {
		switch {
		case l == nil:
		case l.pbx != nil:
			up.PBXs = append(up.PBXs, l.pbx.cfg.Name)
		default:
			if up.Left == "" {
				up.Left = l.token
			}
			if l.user != "" && l.guest == nil { // a guest is nobody that we know
				up.Users = append(up.Users, l.user)
				l.mu.Lock()
				up.Dialogs[l.user] = l.callID
				l.mu.Unlock()
			}
		}
	}
	slices.Sort(up.Users)
	up.Users = slices.Compact(up.Users)
	recorder.Up(up)
}
