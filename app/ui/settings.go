package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
)

// settingsPage is one of the settings.
type settingsPage struct {
	place            Place
	icon, word, more string // more says what is there
	make             func(*Window) fyne.CanvasObject
}

// settingsPages are all of them, in the order of the list.
func settingsPages() []settingsPage {
	page := func(icon, id string, make func(*Window) fyne.CanvasObject) settingsPage {
		return settingsPage{Place(id), icon, say("set." + id), say("set." + id + ".more"), make}
	}
	return []settingsPage{
		page("loudspeaker", "sound", (*Window).soundPage),
		page("pbx", "pbx", (*Window).pbxPage),
		page("people", "users", (*Window).usersPage),
		page("neighbours", "neighbours", (*Window).neighboursPage),
		page("certificate", "certificate", (*Window).certificatePage),
		page("record", "recording", (*Window).recordingPage),
		page("window", "computer", (*Window).computerPage),
		page("info", "about", (*Window).aboutPage),
	}
}

// settingsView is the list of pages and the one that was chosen: side by side where there is room, else one after the other.
type settingsView struct {
	fyne.CanvasObject
	w      *Window
	pages  []settingsPage
	rows   []*row
	chosen int
	inside bool // narrow: the page is shown, not the list
	under  bool // what is shown belongs to the page, as one user
	began  int  // listeners that are not the page's

	list, page fyne.CanvasObject
	title      *text
	back       *toggle
	banner     *fyne.Container // something waits for the next start
	scroll     *container.Scroll
	wide       bool
}

// Widths in pixels of the list and, at most, of a page.
const (
	setList = 320
	setPage = 640
)

// openSettings shows the settings in the place of the switchboard; those that a call has put aside as they were.
func (w *Window) openSettings() {
	w.open = true
	w.focus(nil)
	w.settings.Look(true)
	if w.set == nil {
		w.before = len(w.ends)
		w.set = w.newSettingsView()
	}
	w.page.Objects = []fyne.CanvasObject{w.set.CanvasObject}
	w.page.Refresh()
}

// asideSettings shows the switchboard, because of a call or a link, and keeps what was typed.
func (w *Window) asideSettings() {
	if !w.open {
		return
	}
	w.open = false
	w.focus(nil) // what is not shown takes no keys
	w.settings.Look(false)
	w.page.Objects = []fyne.CanvasObject{w.frame.CanvasObject}
	w.page.Refresh()
}

// closeSettings shows the switchboard again.
func (w *Window) closeSettings() {
	if !w.open {
		return
	}
	w.asideSettings()
	w.end(w.before)
	w.set = nil
}

// end ends the listeners from the n-th on.
func (w *Window) end(n int) {
	for _, end := range w.ends[n:] {
		end()
	}
	w.ends = w.ends[:n]
}

// stays gives what does something with the settings when an answer comes, which is nothing when they show something else by then, or were
// closed, or opened anew.
func (w *Window) stays(do func(v *settingsView)) func() {
	v := w.set
	if v == nil {
		return func() {}
	}
	page := v.scroll.Content
	return func() {
		if w.set == v && v.scroll.Content == page {
			do(v)
		}
	}
}

// leaveSettings goes one step back: from what is under a page to the page, in a narrow window to the list, then to the switchboard.
func (w *Window) leaveSettings() {
	switch v := w.set; {
	case v.under:
		v.choose(v.chosen)
	case v.inside && !v.wide:
		v.toList()
	default:
		w.closeSettings()
	}
}

func (w *Window) newSettingsView() *settingsView {
	v := &settingsView{w: w, pages: settingsPages(), title: boldText("", big), banner: column(0)}
	rows := column(4)
	for i, p := range v.pages {
		r := newRow(func() { v.choose(i); w.focus(nil) })
		r.avatar.show(p.word, p.icon)
		r.name.say(p.word)
		r.below.show("", colourMuted, p.more)
		r.badge.Hide()
		v.rows = append(v.rows, r)
		rows.Add(r)
	}
	shut := newToggle("close", w.closeSettings)
	head := container.NewBorder(nil, nil, nil, shut, padded(container.New(middle{}, boldText(say("settings.heading"), big)), 0, 0, 8, 0))
	v.list = container.NewBorder(head, nil, nil, nil, container.NewVScroll(padded(rows, 4, 8, 0, 8)))
	v.back = newToggle("back", w.leaveSettings)
	v.scroll = container.NewVScroll(gap(0, 0))
	v.page = container.NewBorder(column(0, container.New(tall{touch}, container.NewBorder(nil, nil, v.back, nil, padded(container.New(middle{}, v.title), 0, 0, 8, 0))), v.banner), nil, nil, nil, v.scroll)
	v.CanvasObject = container.New(v, v.list, v.page)
	v.banner.Hide()
	v.began = len(w.ends)
	v.choose(0)
	v.inside = false
	return v
}

// choose shows a page.
func (v *settingsView) choose(i int) {
	v.chosen, v.inside, v.under = i, true, false
	v.show(v.pages[i].word, v.pages[i].make)
}

// enter shows something under the page, as one of its users.
func (v *settingsView) enter(title string, make func(*Window) fyne.CanvasObject) {
	v.under = true
	if v.w.open {
		v.w.focus(nil)
	}
	v.show(title, make)
}

func (v *settingsView) show(title string, make func(*Window) fyne.CanvasObject) {
	v.w.end(v.began)
	v.title.say(title)
	v.scroll.Content = container.New(leftmost{setPage}, padded(make(v.w), 8, 24, 2, 12))
	v.scroll.ScrollToTop()
	v.scroll.Refresh()
	v.CanvasObject.Refresh()
}

// toList shows the list where it stands alone.
func (v *settingsView) toList() {
	v.inside = false
	v.w.focus(nil)
	v.CanvasObject.Refresh()
}

// MinSize implements fyne.Layout.
func (v *settingsView) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(344, 400) }

// Layout implements fyne.Layout.
func (v *settingsView) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	v.wide = size.Width >= medium
	place := func(o fyne.CanvasObject, x, width float32, shown bool) {
		if !shown {
			o.Hide()
			return
		}
		o.Move(fyne.NewPos(x, 0))
		o.Resize(fyne.NewSize(width, size.Height))
		o.Show()
	}
	for i, r := range v.rows {
		r.mark(v.wide && i == v.chosen) // a list that stands alone leads to all of them
	}
	if v.back.Hidden = v.wide && !v.under; v.wide {
		x := max(16, (size.Width-setList-setPage-32)/2)
		place(v.list, x, setList, true)
		place(v.page, x+setList+24, min(setPage, size.Width-x-setList-40), true)
		return
	}
	place(v.list, 12, size.Width-24, !v.inside)
	place(v.page, 12, size.Width-24, v.inside)
}

// leftmost gives at most a width, from the left.
type leftmost struct{ width float32 }

func (l leftmost) MinSize(o []fyne.CanvasObject) fyne.Size { return o[0].MinSize() }
func (l leftmost) Layout(o []fyne.CanvasObject, size fyne.Size) {
	width := min(size.Width, l.width)
	o[0].Move(fyne.NewPos(0, 0))
	o[0].Resize(fyne.NewSize(width, max(size.Height, o[0].MinSize().Height)))
}

// waits tells that something waits for the next start, and offers that.
func (w *Window) waits(c Config) {
	if w.set == nil {
		return
	}
	b := w.set.banner
	if b.Hidden = len(c.Waiting) == 0; !b.Hidden && len(b.Objects) == 0 {
		again := newPill("", say("set.startAgain"), theme.ColorNamePrimary, func() { w.startAgain() })
		again.outlined = true
		b.Add(padded(newSurface(column(8, wrapped(say("set.waits"), small, 0), padded(again, 0, 0, 11, 11)), colourAlarm, "", 4), 4, 4, 0, 12))
	}
	b.Refresh()
}

// startAgain asks first where that would end calls, of this phone or of somebody's browser.
func (w *Window) startAgain() {
	n := w.office.Calls()
	if n == 0 {
		w.office.StartAgain()
		return
	}
	w.ask(say("set.startAgain.title"), count("set.startAgain.calls", n), say("set.startAgain.yes"), w.office.StartAgain)
}
