package signaling

import (
	"context"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"cordboard/gateway/call"
	"cordboard/gateway/presence"
)

// status is what is known of a user or number: from our own calls and devices, from the PBX, and from what users publish.
type status struct {
	state      call.LampState
	dialogs    []presence.Dialog
	note       string
	activities []string
	absent     bool // the user says so
}

// statusOf tells how a user or a number is doing. Who watches it gets it from memory until something changes.
func (a *around) statusOf(name string) status {
	a.mu.Lock()
	t := a.topics[topicKey{lampTopic, name}]
	a.mu.Unlock()
	if t == nil {
		return a.compute(name, nil)
	}
	t.computing.Lock()
	defer t.computing.Unlock()
	a.mu.Lock()
	version, up := t.version, t.up
	a.mu.Unlock()
	if t.computed != version {
		t.status = a.compute(name, up)
		t.computed = version
	}
	return t.status
}

func (a *around) compute(name string, up *upstream) status {
	var st status
	dialogs, known := up.dialogsOf()
	user := !IsNumber(name)
	if user {
		st.dialogs = a.callsOf(name)
		dialogs = append(dialogs, a.publishedDialogs(name)...)
		st.note, st.activities, st.absent = a.publishedPresence(name)
		if a.srv.quiet(name) {
			st.activities = withActivity(st.activities, presence.Busy)
		}
	}
	for _, d := range dialogs { // a call of ours that goes through the PBX has the same Call-ID there
		if d.CallID == "" || !slices.ContainsFunc(st.dialogs, func(o presence.Dialog) bool { return o.CallID == d.CallID }) {
			st.dialogs = append(st.dialogs, d)
		}
	}
	st.state = stateOf(st.dialogs)
	if st.state == call.LampIdle {
		switch {
		case user && len(a.srv.reg.of(name, time.Now())) == 0:
			st.state = call.LampUnreachable
		case slices.Contains(st.activities, presence.Busy):
			st.state = call.LampDisturb
		case !user && !known:
			st.state = call.LampUnknown
		}
	}
	return st
}

// stateOf is the lamp of somebody with these dialogs: who talks or calls is busy.
func stateOf(dialogs []presence.Dialog) call.LampState {
	state := call.LampIdle
	for _, d := range dialogs {
		if d.State == presence.Confirmed || d.Direction == presence.Initiator {
			return call.LampBusy
		}
		state = call.LampRinging
	}
	return state
}

// callsOf are a user's calls as the user's browsers know them.
func (a *around) callsOf(user string) []presence.Dialog {
	s := a.srv
	var legs []*leg
	s.mu.Lock()
	for _, l := range s.legs {
		if l.user == user {
			legs = append(legs, l)
		}
	}
	s.mu.Unlock()
	var list []presence.Dialog
	for _, l := range legs {
		if d, ok := l.describe(); ok {
			d.Local = presence.Party{Display: a.displayOf(user), URI: addressText(a.aor(user))}
			list = append(list, d)
		}
	}
	slices.SortFunc(list, func(x, y presence.Dialog) int { return strings.Compare(x.ID, y.ID) })
	return list
}

func (a *around) displayOf(user string) string {
	u, err := a.srv.deps.Users.User(context.Background(), user)
	if err != nil {
		return ""
	}
	return u.Display
}

// describe tells of the leg as its browser knows it, without the browser's own address; false when it is no part of a call.
func (l *leg) describe() (presence.Dialog, bool) {
	b := l.call
	b.mu.Lock()
	ended, state := b.ended, b.info.State
	caller, joined := l == b.a, l == b.a || l == b.b
	b.mu.Unlock()
	if ended || state == call.Talking && !joined { // or it is about to take another leg's place
		return presence.Dialog{}, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	name := fnv.New64a() // the token itself would let others speak in the dialog
	_, _ = name.Write([]byte(l.token))
	d := presence.Dialog{ID: strconv.FormatUint(name.Sum64(), 36), CallID: l.callID, LocalTag: l.remote.tag, RemoteTag: l.local.tag,
		Direction: presence.Recipient, State: presence.Trying, Remote: presence.Party{Display: l.local.display, URI: addressText(l.local.uri)}}
	if caller {
		d.Direction = presence.Initiator
	}
	switch {
	case l.confirmed:
		d.State = presence.Confirmed
	case !caller && l.remote.tag != "", caller && state == call.Ringing:
		d.State = presence.Early
	}
	return d, true
}
