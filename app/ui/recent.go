package ui

import (
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"

	"cordboard/gateway/call"
)

// past is a call that has ended, as its user sees it.
type past struct {
	target, name, number string // whom to call back
	made, missed         bool
	at                   time.Time
	talked               time.Duration
	reason               string
}

func pastOf(m *Model, owner string, r call.Record) past {
	p := past{target: r.From, name: Caller(r.FromDisplay), at: r.Began, made: r.Made(owner)}
	if p.made {
		p.target, p.name = r.To, Caller(r.ToDisplay)
	}
	if p.name == "" || p.name == p.target {
		p.name = m.nameOf(p.target)
	}
	if p.number = grouped(p.target); p.number == p.name {
		p.number = ""
	}
	switch {
	case r.Elsewhere(owner):
		p.reason = say("recent.elsewhere", "Who", m.nameOf(r.AnsweredBy))
	case !r.Answered.IsZero():
		p.talked = r.Ended.Sub(r.Answered)
		p.reason = clock(p.talked)
	case p.made, r.Reason == call.ReasonDeclined, r.Reason == call.ReasonElsewhere: // whoever declines has not missed it, nor who was helped
		p.reason = told(r.Reason)
	default:
		p.missed = true
		p.reason = say("recent.missed")
	}
	return p
}

// missed counts the calls that nobody took since they were seen last.
func (m *Model) missed() int {
	owner, _ := m.Owner.Get()
	seen, _ := m.Seen.Get()
	records, _ := m.Recent.Get()
	n := 0
	for _, r := range records {
		if r.Began.After(seen) && pastOf(m, owner, r).missed {
			n++
		}
	}
	return n
}

// older reports whether one of the earlier calls is told of with another time now than then.
func (m *Model) older(then, now time.Time) bool {
	if now.YearDay() != then.YearDay() {
		return true
	}
	records, _ := m.Recent.Get()
	for _, r := range records { // the newest first; what is an hour old changes at midnight alone
		switch {
		case when(r.Began, then) != when(r.Began, now):
			return true
		case then.Sub(r.Began) > time.Hour:
			return false
		}
	}
	return false
}

// recentView lists earlier calls; pressing one calls back.
func (w *Window) recentView() fyne.CanvasObject {
	m := w.model
	empty := w.empty("recent", say("recent.empty"))
	length := func() int {
		records, _ := m.Recent.Get()
		return len(records)
	}
	at := func(i int) past {
		records, _ := m.Recent.Get()
		if i >= len(records) {
			return past{} // a shorter list came, which is not drawn yet
		}
		owner, _ := m.Owner.Get()
		return pastOf(m, owner, records[i])
	}
	list := newListing(length, func(i int, r *row) {
		p := at(i)
		r.past(p, when(p.at, w.now()))
	}, func(i int) { w.dial(at(i).target) })
	w.listen(func() {
		empty.Hidden = length() > 0
		empty.Refresh()
		list.Refresh()
	}, m.Recent, m.Owner, m.People)
	drawn := w.now()
	w.listen(func() { // nothing is drawn anew that says the same
		if now := w.now(); m.older(drawn, now) {
			drawn = now
			list.Refresh()
		}
	}, m.Now)
	missed := newPill("missed", "", theme.ColorNameError, func() { w.settings.Seen(w.now()) })
	missed.outlined, missed.height = true, 32
	w.listen(func() {
		missed.word = w.missedWord()
		missed.Hidden = missed.word == ""
		missed.Refresh()
	}, m.Recent, m.Owner, m.Seen)
	head := container.NewBorder(nil, nil, nil, container.New(middle{}, missed), heading(say("recent.heading")))
	return container.NewBorder(head, nil, nil, nil, container.NewStack(empty, list))
}

// heading is the title of a part of the window.
func heading(words string) fyne.CanvasObject { return padded(boldText(words, normal), 8, 8, 8, 8) }
