package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// notice says what is wrong and what to do, in one line or two under the header; nothing is wrong: it is not there.
type notice struct {
	fyne.CanvasObject
	w     *Window
	label *widget.Label
	box   *fyne.Container
}

func (w *Window) newNotice() *notice {
	n := &notice{w: w, label: widget.NewLabel("")}
	n.label.Wrapping = fyne.TextWrapWord
	n.label.SizeName = small
	sign := padded(container.New(middle{}, picture("warning", theme.ColorNameWarning, 20)), 0, 0, 8, 0)
	n.box = padded(newSurface(container.NewBorder(nil, nil, sign, nil, n.label), colourAlarm, "", 0), 0, 8, 12, 12)
	n.box.Hide()
	n.CanvasObject = n.box
	w.listen(n.show, w.model.Desk, w.model.Status)
	return n
}

func (n *notice) show() {
	all := n.w.problems()
	n.box.Hidden = len(all) == 0
	if len(all) > 0 {
		n.label.SetText(all[0])
	}
	n.box.Refresh()
}

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
