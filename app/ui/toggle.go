package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// toggle is a small button without a word that is on or off.
type toggle struct {
	press
	icon    string
	on      bool
	drawing *canvas.Image
}

func newToggle(icon string, do func()) *toggle {
	t := &toggle{icon: icon}
	t.do = do
	t.ExtendBaseWidget(t)
	return t
}

func (t *toggle) mark(on bool) {
	if t.on != on {
		t.on = on
		t.Refresh()
	}
}

func (t *toggle) CreateRenderer() fyne.WidgetRenderer {
	t.ground = canvas.NewRectangle(nil)
	t.ground.CornerRadius = radius
	t.drawing = picture(t.icon, theme.ColorNameForeground, 24)
	t.look()
	return &drawn{widget.NewSimpleRenderer(container.New(fixed{touch, touch}, t.ground, container.NewCenter(t.drawing))), t.look}
}

func (t *toggle) look() {
	t.colour = theme.ColorNameBackground
	ink := theme.ColorNameForeground
	if t.on {
		t.colour, ink = colourBrass, theme.ColorNamePrimary
	}
	repaint(t.drawing, t.icon, ink)
	t.paint()
}
