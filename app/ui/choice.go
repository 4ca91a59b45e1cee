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

// TypedKey passes on what the box has no use for; space comes as a rune.
func (t *tick) TypedKey(e *fyne.KeyEvent) {
	if e.Name != fyne.KeySpace {
		passKey(t, e)
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

func (c *chooser) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeyReturn, fyne.KeyEnter, fyne.KeyEscape:
		passKey(c, e)
	default:
		c.Select.TypedKey(e)
	}
}
