package ui

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
)

// Room in pixels that is shown with what gets the focus: above it stands its name.
const (
	revealAbove = 28
	revealBelow = unit
)

// reveal scrolls what has got the focus into view. from is that, or stands on it.
func reveal(from fyne.CanvasObject) {
	driver := fyne.CurrentApp().Driver()
	c := driver.CanvasForObject(from)
	if c == nil {
		return // not shown yet
	}
	o, ok := c.Focused().(fyne.CanvasObject)
	if !ok {
		return
	}
	all, _ := scrollsAround(c.Content(), o)
	for _, s := range all {
		y := driver.AbsolutePositionForObject(o).Y - driver.AbsolutePositionForObject(s).Y
		to := s.Offset.Y
		if over := y + o.Size().Height + revealBelow - s.Size().Height; over > 0 {
			to += over
			y -= over
		}
		if under := y - revealAbove; under < 0 {
			to += under
		}
		if to = max(0, min(to, s.Content.Size().Height-s.Size().Height)); to != s.Offset.Y {
			s.ScrollToOffset(fyne.NewPos(s.Offset.X, to))
		}
	}
}

// scrollsAround are those in which something stands, the innermost first, and whether it was found at all.
func scrollsAround(in, o fyne.CanvasObject) (all []*container.Scroll, found bool) {
	if in == o {
		return nil, true
	}
	var inside []fyne.CanvasObject
	switch in := in.(type) {
	case *fyne.Container:
		inside = in.Objects
	case *surface:
		inside = []fyne.CanvasObject{in.content}
	case *container.Scroll:
		all, found = scrollsAround(in.Content, o)
		return append(all, in), found
	}
	i := slices.IndexFunc(inside, func(one fyne.CanvasObject) bool {
		all, found = scrollsAround(one, o)
		return found
	})
	if i < 0 {
		return nil, false
	}
	return all, true
}
