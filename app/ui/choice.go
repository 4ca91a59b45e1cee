package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"
)

// tick is a box to tick that leaves enter and escape to the window.
type tick struct{ widget.Check }

func newTick(words string, changed func(bool)) *tick {
	t := &tick{}
	t.Text, t.OnChanged = words, changed
	t.ExtendBaseWidget(t)
	return t
}

// FocusGained implements fyne.Focusable.
func (t *tick) FocusGained() {
	t.Check.FocusGained()
	reveal(t)
}

// TypedKey passes on what the box has no use for; space comes as a rune.
func (t *tick) TypedKey(e *fyne.KeyEvent) {
	if e.Name != fyne.KeySpace {
		passKey(t, e)
	}
}

// TypedRune leaves letters and digits to the window.
func (t *tick) TypedRune(r rune) {
	if r == ' ' {
		t.Check.TypedRune(r)
		return
	}
	passRune(t, r)
}

// plainButton is a button without a ground, for what matters less.
type plainButton struct{ widget.Button }

func newPlainButton(words string, do func()) *plainButton {
	q := &plainButton{}
	q.Text, q.OnTapped, q.Importance, q.Alignment = words, do, widget.LowImportance, widget.ButtonAlignLeading
	q.ExtendBaseWidget(q)
	return q
}

// FocusGained implements fyne.Focusable.
func (q *plainButton) FocusGained() {
	q.Button.FocusGained()
	reveal(q)
}

// TypedKey passes on what the button has no use for.
func (q *plainButton) TypedKey(e *fyne.KeyEvent) {
	if e.Name == fyne.KeySpace {
		q.Button.TypedKey(e)
		return
	}
	passKey(q, e)
}

// TypedRune leaves letters and digits to the window.
func (q *plainButton) TypedRune(r rune) {
	if r != ' ' {
		passRune(q, r)
	}
}

// chooser is a choice that leaves enter and escape to the window.
type chooser struct{ widget.Select }

func newChooser(options []string, changed func(string)) *chooser {
	c := &chooser{}
	c.Options, c.OnChanged = options, changed
	c.ExtendBaseWidget(c)
	return c
}

// FocusGained implements fyne.Focusable.
func (c *chooser) FocusGained() {
	c.Select.FocusGained()
	reveal(c)
}

// TypedKey passes on what the choice has no use for.
func (c *chooser) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeyReturn, fyne.KeyEnter, fyne.KeyEscape:
		passKey(c, e)
	default:
		c.Select.TypedKey(e)
	}
}

// TypedRune leaves letters and digits to the window.
func (c *chooser) TypedRune(r rune) {
	if r != ' ' {
		passRune(c, r)
	}
}
