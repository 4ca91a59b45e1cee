package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"
)

// listing is a list of rows that the keyboard works: arrows go, Enter presses the row, other keys are the window's. The row that keys
// are for has the frame of the focus.
type listing struct {
	widget.List
	at      int // the row that keys are for
	focused bool
	skip    func(i int) bool // rows that can't be pressed, as headings
	press   func(i int)
	also    func(i int, r rune) bool // a letter that does something with a row; may be nil
}

// newListing makes a list; update shows what stands in a row.
func newListing(length func() int, update func(i int, r *row), press func(i int)) *listing {
	l := &listing{press: press, skip: func(int) bool { return false }}
	l.Length = length
	l.CreateItem = func() fyne.CanvasObject {
		r := newRow(nil)
		r.listed = true
		return r
	}
	l.UpdateItem = func(i int, o fyne.CanvasObject) {
		if i >= length() {
			return // a shorter list came meanwhile
		}
		r := o.(*row)
		r.focused = l.focused && l.at == i
		r.do = func() { press(i) }
		update(i, r)
		r.Refresh()
	}
	l.HideSeparators = true
	l.ExtendBaseWidget(l)
	return l
}

func (l *listing) FocusGained() {
	l.focused = true
	l.move(0)
}

func (l *listing) FocusLost() {
	l.focused = false
	l.RefreshItem(l.at)
}

// move goes down so many rows, over those that can't be pressed.
func (l *listing) move(by int) {
	before, n := l.at, l.Length()
	to := max(0, min(l.at+by, n-1))
	step := by
	if step == 0 {
		step = 1
	}
	for to >= 0 && to < n && l.skip(to) {
		to += step
	}
	if to < 0 || to >= n {
		to = before
	}
	l.at = to
	l.RefreshItem(before)
	if n > 0 {
		l.ScrollTo(l.at)
	}
	l.RefreshItem(l.at)
}

func (l *listing) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeyDown:
		l.move(1)
	case fyne.KeyUp:
		l.move(-1)
	case fyne.KeyReturn, fyne.KeyEnter:
		if l.at < l.Length() && !l.skip(l.at) {
			l.press(l.at)
		}
	default:
		passKey(l, e)
	}
}

func (l *listing) TypedRune(r rune) {
	if l.also == nil || l.at >= l.Length() || !l.also(l.at, r) {
		passRune(l, r)
	}
}
