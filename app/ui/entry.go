package ui

import (
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// entry is a field in which the keys of calls work too, as long as it has no use for them. Its cursor blinks only while somebody types:
// each blink draws all of the window.
type entry struct {
	widget.Entry
	taken func(*fyne.KeyEvent) bool // a key that something else has used
	char  func(rune) bool           // the same for letters and digits

	edge  *canvas.Rectangle
	held  bool      // it has the keyboard
	used  bool      // since the last doze
	since time.Time // when it was found to be used no more
	dozes bool
}

// dozeAfter is how long a cursor blinks at which nobody types.
const dozeAfter = 15 * time.Second

func newEntry(hint string) *entry {
	e := &entry{}
	e.ExtendBaseWidget(e)
	e.SetPlaceHolder(hint)
	return e
}

// CreateRenderer implements fyne.Widget.
func (e *entry) CreateRenderer() fyne.WidgetRenderer {
	r := e.Entry.CreateRenderer()
	e.edge, _ = r.Objects()[1].(*canvas.Rectangle)
	return r
}

// doze is told the time every now and then, and ends the blinking when nobody types. The edge still shows who has the keyboard.
func (e *entry) doze(now time.Time) {
	switch {
	case !e.held || e.dozes:
	case e.used:
		e.used, e.since = false, now
	case now.Sub(e.since) >= dozeAfter:
		e.dozes = true
		e.Entry.FocusLost()
		if e.edge != nil {
			e.edge.StrokeColor = theme.Color(theme.ColorNamePrimary)
			e.edge.Refresh()
		}
	}
}

// use ends a doze.
func (e *entry) use() {
	e.used = true
	if e.dozes {
		e.dozes = false
		e.Entry.FocusGained()
	}
}

// FocusGained implements fyne.Focusable.
func (e *entry) FocusGained() {
	e.held, e.used, e.dozes = true, true, false
	e.Entry.FocusGained()
	reveal(e)
}

// FocusLost implements fyne.Focusable.
func (e *entry) FocusLost() {
	e.held, e.dozes = false, false
	e.Entry.FocusLost()
}

// TypedKey implements fyne.Focusable.
func (e *entry) TypedKey(k *fyne.KeyEvent) {
	e.use()
	if e.taken == nil || !e.taken(k) {
		e.Entry.TypedKey(k)
	}
}

// TypedRune implements fyne.Focusable.
func (e *entry) TypedRune(r rune) {
	e.use()
	if e.char == nil || !e.char(r) {
		e.Entry.TypedRune(r)
	}
}

// TypedShortcut implements fyne.Shortcutable.
func (e *entry) TypedShortcut(s fyne.Shortcut) {
	e.use()
	e.Entry.TypedShortcut(s)
}

// MouseDown implements desktop.Mouseable.
func (e *entry) MouseDown(m *desktop.MouseEvent) {
	if e.held {
		e.use()
	}
	e.Entry.MouseDown(m)
}
