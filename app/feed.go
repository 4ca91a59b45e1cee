//go:build !headless && cgo

package main

import (
	"context"
	"log/slog"
	"reflect"
	"slices"
	"time"

	"cordboard/app/ui"
	"cordboard/gateway"
	"cordboard/gateway/call"
)

// How often the feed looks at what tells nobody of its changes.
const (
	feedLevels = 100 * time.Millisecond // meters, while they are shown
	feedClock  = time.Second            // the time, during a call
	feedSound  = 5 * time.Second        // how calls sound, while there are any
	feedIdle   = 20 * time.Second       // the time, else; and what the history has
	feedPBX    = time.Second            // how it stands with the PBXs, while the window is shown
	feedRecord = time.Second            // after the end of a call, which the history then knows
)

// listenTime is for how long the microphone stays open when nobody looks at its meter any more.
const listenTime = 2 * time.Second

// mostRecent is how many earlier calls the window lists.
const mostRecent = 100

// feed is the one loop that fills the window's model from the gateway.
type feed struct {
	gateway *gateway.Gateway
	model   *ui.Model
	set     *settings
	log     *slog.Logger
	herald  *herald
	hidden  func() bool  // the window is
	wake    func()       // the views have something to do
	rename  func(string) // has the window show another name

	name string // that the window shows

	lamps []call.Lamp
	ended int              // calls that have ended, when last looked
	again <-chan time.Time // when to look at the history; nil: in its turn

	stated time.Time // when status was asked for last
	status ui.Status // then
}

// run feeds until ctx ends.
func (f *feed) run(ctx context.Context) {
	for ctx.Err() == nil {
		f.follow(ctx)
	}
}

// follow feeds what concerns the owner of the moment, until the machine is somebody else's or ctx ends.
func (f *feed) follow(ctx context.Context) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	owner, err := f.gateway.Owner(ctx)
	if err != nil {
		f.log.Warn("window has no user", "error", err)
	}
	f.begin(owner)
	var desk <-chan call.DeskState
	if phone, why := f.gateway.Desk(); phone != nil {
		desk = phone.Watch(ctx)
	} else {
		must(f.model.Desk.Set(call.DeskState{Problem: why, Owner: owner}))
	}
	news, concerns := f.gateway.Watch(ctx, owner), f.gateway.Concerns(ctx, owner)
	tapes, err := f.gateway.Recordings(ctx, owner)
	if err != nil {
		f.log.Warn("window tells of no recordings", "error", err)
	}
	f.look(ctx, owner)
	f.wake()
	pace := feedIdle
	tick := time.NewTicker(pace)
	defer tick.Stop()
	slow := time.NewTicker(feedIdle)
	defer slow.Stop()
	meters := time.NewTicker(feedClock)
	defer meters.Stop()
	metering := false
	sounds := time.NewTicker(feedSound)
	sounds.Stop()
	defer sounds.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-desk:
			if s.Owner != "" && s.Owner != owner {
				return
			}
			f.desk(owner, s)
			want := feedIdle
			if slices.ContainsFunc(s.Calls, func(c call.DeskCall) bool { return c.State == call.Talking }) {
				want = feedClock
			}
			if want != pace {
				pace = want
				tick.Reset(pace)
				if sounds.Stop(); pace == feedClock {
					sounds.Reset(feedSound)
				} else {
					must(f.model.Sounds.Set(nil))
				}
			}
			must(f.model.Now.Set(time.Now()))
		case n, open := <-news:
			if !open {
				news = nil
				continue
			}
			if f.news(n) { // the user's own lamp: a call began or ended on some device
				must(f.model.Elsewhere.Set(f.gateway.Elsewhere(owner)))
			}
		case c, open := <-concerns:
			if !open { // it was too slow, and is told anew
				concerns = f.gateway.Concerns(ctx, owner)
				must(f.model.Troubles.Set(nil))
				continue
			}
			f.concern(c)
		case s := <-tapes:
			f.tape(s)
		case <-sounds.C:
			f.sounds(owner)
		case now := <-tick.C:
			if f.hidden() {
				continue
			}
			must(f.model.Now.Set(now))
		case <-slow.C:
			if f.moved(ctx, owner) {
				return
			}
			f.look(ctx, owner)
		case <-f.again:
			f.look(ctx, owner)
		case <-meters.C:
			if shown := f.set.look.Load() && !f.hidden(); shown != metering {
				metering = shown
				meters.Reset(map[bool]time.Duration{true: feedLevels, false: feedClock}[shown])
			}
			now := time.Now()
			due := now.Sub(f.stated) >= feedPBX && !f.hidden()
			if due && f.moved(ctx, owner) {
				return
			}
			changed := due && f.state(now)
			if !metering && !changed {
				continue
			}
			if metering {
				f.meter()
			}
		}
		f.wake()
	}
}

// begin shows whose the window is from now on, and nothing of who had it before.
func (f *feed) begin(owner string) {
	f.lamps, f.ended = nil, 0
	must(f.model.Owner.Set(owner))
	must(f.model.Self.Set(""))
	must(f.model.People.Set(nil))
	must(f.model.Voicemail.Set(call.Voicemail{}))
	must(f.model.Troubles.Set(nil))
	must(f.model.Sounds.Set(nil))
	must(f.model.Recordings.Set(nil))
}

// moved says whether the machine, which has no phone that tells, is somebody else's now.
func (f *feed) moved(ctx context.Context, owner string) bool {
	if phone, _ := f.gateway.Desk(); phone != nil {
		return false
	}
	now, err := f.gateway.Owner(ctx)
	return err == nil && now != owner
}

// meter shows how loud it is, and what is nearby.
func (f *feed) meter() {
	if phone, _ := f.gateway.Desk(); phone != nil && f.set.listen.Load() {
		phone.Listen(listenTime)
	}
	must(f.model.Sound.Set(f.set.sound(time.Now())))
	var nearby []ui.Nearby
	for _, p := range f.gateway.FoundPBXs() {
		nearby = append(nearby, ui.Nearby{Name: p.Name, Address: p.URI})
	}
	must(f.model.Nearby.Set(nearby))
}

// must is for bindings, which fail only where a converter does, and there is none.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// desk passes on how the phone is doing, and has the history looked at when a call has ended.
func (f *feed) desk(owner string, s call.DeskState) {
	must(f.model.Desk.Set(s))
	ended := 0
	for _, c := range s.Calls {
		if c.State == call.Ended {
			ended++
		}
	}
	f.herald.look(s)
	if ended != f.ended {
		f.ended = ended
		f.again = time.After(feedRecord)
	}
	if len(s.Calls) == 0 {
		must(f.model.Troubles.Set(nil))
		must(f.model.Recordings.Set(nil))
	}
	must(f.model.Elsewhere.Set(f.gateway.Elsewhere(owner)))
}

// look reads what tells nobody of its changes.
func (f *feed) look(ctx context.Context, owner string) {
	records, err := f.gateway.History(ctx, owner, mostRecent)
	switch {
	case ctx.Err() != nil:
		return
	case err != nil:
		f.log.Warn("earlier calls not read", "error", err)
	default:
		must(f.model.Recent.Set(slices.DeleteFunc(records, func(r call.Record) bool { // a call to oneself moved another to some device
			return r.Made(owner) && r.To == owner
		})))
	}
	f.state(time.Now())
	must(f.model.Elsewhere.Set(f.gateway.Elsewhere(owner)))
}

// state passes on how it stands with the PBXs and the certificate, and reports whether that changed.
func (f *feed) state(now time.Time) (changed bool) {
	f.stated = now
	hello := f.gateway.Greeting()
	if hello.Name != f.name {
		f.name = hello.Name
		f.rename(hello.Name)
	}
	status := ui.Status{PBX: f.gateway.PBXs(), Pages: hello.Pages}
	if near := f.gateway.Nearby(); near != nil {
		status.Neighbours = waiting(near.List())
	}
	if c := f.gateway.Certificate(); c.Authority == nil { // ours renews itself
		status.Certificate = c.Until
	}
	if changed = !reflect.DeepEqual(status, f.status); changed {
		f.status = status
		must(f.model.Status.Set(status))
	}
	return changed
}

// waiting are the neighbours with which somebody here has to do something.
func waiting(all []call.NeighbourState) (some []ui.Waiting) {
	for _, n := range all {
		switch p := n.Pairing; {
		case p != nil && p.Asked && !p.Waits:
			some = append(some, ui.Waiting{Name: p.Name, Asks: true})
		case n.Paired && n.Trouble != "":
			some = append(some, ui.Waiting{Name: n.Name, Trouble: n.Trouble})
		}
	}
	return some
}

// sounds passes on how the calls sound.
func (f *feed) sounds(owner string) {
	all := make(map[string][]call.Sample)
	for id, m := range f.gateway.Sounds(owner) {
		all[id] = ui.OtherSide(m)
	}
	must(f.model.Sounds.Set(all))
}

// tape keeps how it stands with the recording of each call.
func (f *feed) tape(s call.RecordingState) {
	all, _ := f.model.Recordings.Get()
	all = slices.DeleteFunc(slices.Clone(all), func(old call.RecordingState) bool { return old.ID == s.ID })
	must(f.model.Recordings.Set(append(all, s)))
}

// news brings lamps up to date, and reports whether the user's own is among them.
func (f *feed) news(n call.News) (own bool) {
	owner, _ := f.model.Owner.Get()
	for _, l := range n.Lamps {
		if l.Target == owner {
			own = true
			must(f.model.Self.Set(l.Name))
			continue
		}
		if i := slices.IndexFunc(f.lamps, func(old call.Lamp) bool { return old.Target == l.Target }); i >= 0 {
			f.lamps[i] = l
		} else {
			f.lamps = append(f.lamps, l)
		}
	}
	f.lamps = slices.DeleteFunc(f.lamps, func(l call.Lamp) bool { return l.Gone })
	must(f.model.People.Set(slices.Clone(f.lamps)))
	if n.Voicemail != nil {
		must(f.model.Voicemail.Set(*n.Voicemail))
	}
	return own
}

// concern keeps the troubles that go on.
func (f *feed) concern(c call.Concern) {
	troubles, _ := f.model.Troubles.Get()
	troubles = slices.DeleteFunc(slices.Clone(troubles), func(old call.Concern) bool { return old.SIP == c.SIP && old.Kind == c.Kind && old.Own == c.Own })
	if c.Ended == 0 {
		troubles = append(troubles, c)
	}
	must(f.model.Troubles.Set(troubles))
}
