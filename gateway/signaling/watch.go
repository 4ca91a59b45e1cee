package signaling

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/auth"
	"cordboard/gateway/call"
)

// newsPause is the least time between two pieces of news, so that a busy office does not keep every page drawing.
const newsPause = 100 * time.Millisecond

// view is what one page or window watches: the lamps of all colleagues and of targets, and the user's own voice mail.
type view struct {
	around  *around
	user    string
	targets []string
	watcher *watcher
	moved   chan struct{} // something may have changed
	staff   *watcher      // of the accounts
	arrived atomic.Bool   // what is watched may have changed

	keys     map[topicKey]bool // watched
	lamps    []call.Lamp       // all that is watched, without states
	names    []string          // by lamp: under which name it is watched; empty: nothing is known of it
	told     map[string]call.Lamp
	mail     call.Voicemail
	mailTold bool
}

// Watch tells a user how all colleagues and the targets, names or numbers, are doing, and of the user's voice mail: first all
// of it, then each change. The channel ends with ctx or the server. A reader that is slow gets the latest state only.
func (s *Server) Watch(ctx context.Context, user string, targets []string) <-chan call.News {
	news := make(chan call.News)
	v := &view{around: s.around, user: user, targets: targets, moved: make(chan struct{}, 1), keys: make(map[topicKey]bool), told: make(map[string]call.Lamp)}
	v.watcher = &watcher{func() {
		select {
		case v.moved <- struct{}{}:
		default:
		}
	}}
	v.staff = &watcher{func() {
		v.arrived.Store(true)
		v.watcher.poke()
	}}
	if !s.around.start(func() { v.run(ctx, news) }) {
		close(news)
	}
	return news
}

func (v *view) run(ctx context.Context, news chan<- call.News) {
	defer close(news)
	defer func() {
		for key := range v.keys {
			v.around.unwatch(key, v.watcher)
		}
	}()
	staff := topicKey{kind: accountsTopic}
	v.around.watch(ctx, staff, v.staff)
	defer v.around.unwatch(staff, v.staff)
	pause := time.NewTimer(0)
	defer pause.Stop()
	v.staff.poke()
	for {
		select {
		case <-ctx.Done():
			return
		case <-v.around.life.Done():
			return
		case <-v.moved:
		}
		if v.arrived.Swap(false) {
			if err := v.arrange(ctx); err != nil {
				v.around.log.Error("accounts not read", "error", err)
				return
			}
		}
		n, changed := v.look()
		if !changed {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-v.around.life.Done():
			return
		case news <- n:
		}
		pause.Reset(newsPause)
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
	}
}

// arrange watches what is to be watched with the accounts of now.
func (v *view) arrange(ctx context.Context) error {
	users, err := v.around.srv.deps.Users.List(ctx)
	if err != nil {
		return err
	}
	v.lamps, v.names = v.lamps[:0], v.names[:0]
	want := map[topicKey]bool{{voicemailTopic, v.user}: true}
	add := func(target, name string, u auth.User) {
		if slices.ContainsFunc(v.lamps, func(l call.Lamp) bool { return l.Target == target }) {
			return
		}
		display := u.Display
		if display == "" {
			display = target
		}
		extension := u.Extension
		if u.Name == "" && IsNumber(target) {
			extension = target
		}
		v.lamps = append(v.lamps, call.Lamp{Target: target, Name: display, Extension: extension})
		v.names = append(v.names, name)
		if name != "" {
			want[topicKey{lampTopic, name}] = true
		}
	}
	for _, u := range users {
		if u.Name != v.user {
			add(u.Name, u.Name, u)
		}
	}
	for _, target := range v.targets {
		name, err := v.around.resolve(ctx, target)
		if err != nil {
			name = ""
		}
		u := auth.User{}
		if i := slices.IndexFunc(users, func(u auth.User) bool { return u.Name == name }); i >= 0 {
			u = users[i]
		}
		add(target, name, u)
	}
	for key := range want {
		if !v.keys[key] {
			v.around.watch(ctx, key, v.watcher)
		}
	}
	for key := range v.keys {
		if !want[key] {
			v.around.unwatch(key, v.watcher)
		}
	}
	v.keys = want
	return nil
}

// look gives what has changed since the last time.
func (v *view) look() (n call.News, changed bool) {
	for i, l := range v.lamps {
		l.State = call.LampUnknown
		if v.names[i] != "" {
			st := v.around.statusOf(v.names[i])
			l.State, l.Note = st.state, st.note
		}
		if v.told[l.Target] != l {
			v.told[l.Target] = l
			n.Lamps = append(n.Lamps, l)
		}
	}
	if box, known := v.around.box(v.user); known || v.mailTold { // or known no more
		if mail := (call.Voicemail{New: box.New, Old: box.Old, Box: boxNumber(box.Account)}); mail != v.mail || !v.mailTold {
			v.mail, v.mailTold = mail, true
			n.Voicemail = &mail
		}
	}
	return n, len(n.Lamps) > 0 || n.Voicemail != nil
}

// boxNumber is the number in the address of a voice mail box; empty: it is called by no number.
func boxNumber(account string) string {
	var uri sip.Uri
	if sip.ParseUri(account, &uri) != nil || !IsNumber(uri.User) {
		return ""
	}
	return uri.User
}
