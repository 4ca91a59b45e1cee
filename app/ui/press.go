package ui

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// press is what buttons have in common: by pointer, finger and keyboard they do something, and show where pointer and focus are.
type press struct {
	widget.BaseWidget
	do               func()
	off              bool // can't be pressed
	hovered, focused bool
	ground           *canvas.Rectangle   // takes the colour of the state
	colour           fyne.ThemeColorName // of the ground; empty: what is under it
	edge             fyne.ThemeColorName // of the outline without focus; empty: none
}

var (
	_ fyne.Tappable      = (*press)(nil)
	_ fyne.Focusable     = (*press)(nil)
	_ fyne.Disableable   = (*press)(nil)
	_ desktop.Hoverable  = (*press)(nil)
	_ desktop.Cursorable = (*press)(nil)
)

func (p *press) Tapped(*fyne.PointEvent) {
	if !p.off && p.do != nil {
		p.do()
	}
}

func (p *press) MouseIn(*desktop.MouseEvent)    { p.hovered = true; p.paint() }
func (p *press) MouseMoved(*desktop.MouseEvent) {}
func (p *press) MouseOut()                      { p.hovered = false; p.paint() }
func (p *press) FocusGained()                   { p.focused = true; p.paint(); p.reveal() }
func (p *press) FocusLost()                     { p.focused = false; p.paint() }

func (p *press) Cursor() desktop.Cursor {
	if p.off {
		return desktop.DefaultCursor
	}
	return desktop.PointerCursor
}

func (p *press) Disabled() bool { return p.off }
func (p *press) Disable()       { p.set(true) }
func (p *press) Enable()        { p.set(false) }

func (p *press) set(off bool) {
	if p.off != off {
		p.off = off
		p.Refresh()
	}
}

// TypedKey presses by space and enter; other keys are the window's.
func (p *press) TypedKey(e *fyne.KeyEvent) {
	switch {
	case (e.Name == fyne.KeySpace || e.Name == fyne.KeyReturn || e.Name == fyne.KeyEnter) && !p.off && p.Visible():
		p.Tapped(nil)
	default:
		passKey(p.self(), e)
	}
}

// TypedRune leaves letters and digits to the window.
func (p *press) TypedRune(r rune) {
	if r != ' ' {
		passRune(p.self(), r)
	}
}

// reveal scrolls it into view.
func (p *press) reveal() {
	if p.ground != nil {
		reveal(p.ground)
	}
}

// self is what stands on the canvas.
func (p *press) self() fyne.CanvasObject { return p.ground }

// passKey and passRune give the window what the focused object has no use for.
func passKey(from fyne.CanvasObject, e *fyne.KeyEvent) {
	if c := fyne.CurrentApp().Driver().CanvasForObject(from); c != nil && c.OnTypedKey() != nil {
		c.OnTypedKey()(e)
	}
}

func passRune(from fyne.CanvasObject, r rune) {
	if c := fyne.CurrentApp().Driver().CanvasForObject(from); c != nil && c.OnTypedRune() != nil {
		c.OnTypedRune()(r)
	}
}

// paint brings the ground up to date.
func (p *press) paint() {
	g := p.ground
	if g == nil {
		return // not shown yet
	}
	g.FillColor = color.Transparent
	if p.colour != "" {
		g.FillColor = theme.Color(p.colour)
	}
	if p.hovered && !p.off {
		g.FillColor = blended(theme.Color(theme.ColorNameHover), g.FillColor)
	}
	g.StrokeWidth, g.StrokeColor = 0, nil
	if p.edge != "" {
		g.StrokeWidth, g.StrokeColor = 1, theme.Color(p.edge)
	}
	if p.focused {
		g.StrokeWidth, g.StrokeColor = 2, theme.Color(theme.ColorNamePrimary)
	}
	g.Refresh()
}
