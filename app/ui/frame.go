package ui

import (
	"fmt"
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// Widths in pixels from which the parts stand side by side, and of the parts at the sides.
const (
	wide   = 1040 // all three
	medium = 720  // the call and one list beside it
	side   = 300
)

// frame arranges people, call and earlier calls: side by side where there is room, else one of them with a bar to choose below.
type frame struct {
	fyne.CanvasObject
	parts  [3]fyne.CanvasObject // call, people, earlier calls
	tabs   [3]*tab
	bar    fyne.CanvasObject
	chosen int
	w      *Window
}

func (w *Window) newFrame(people, stage, recent fyne.CanvasObject) *frame {
	f := &frame{w: w, parts: [3]fyne.CanvasObject{stage, people, recent}}
	buttons := container.NewGridWithColumns(3)
	for i, t := range []struct{ icon, word string }{{"keypad", say("tab.call")}, {"people", say("tab.people")}, {"recent", say("tab.recent")}} {
		f.tabs[i] = newTab(t.icon, t.word, func() { f.choose(i) })
		buttons.Add(f.tabs[i])
	}
	f.bar = container.NewBorder(widget.NewSeparator(), nil, nil, nil, padded(buttons, 4, 4, 8, 8))
	f.CanvasObject = container.New(f, stage, people, recent, f.bar)
	w.listen(func() { f.tabs[2].count(w.model.missed()) }, w.model.Recent, w.model.Seen, w.model.Owner)
	f.choose(0)
	return f
}

// choose brings one part to the front where they don't stand side by side.
func (f *frame) choose(i int) {
	f.chosen = i
	for j, t := range f.tabs {
		t.mark(j == i)
	}
	if i == 2 && f.w.settings != nil {
		f.w.settings.Seen(f.w.now())
	}
	if f.CanvasObject != nil {
		f.CanvasObject.Refresh()
	}
}

// MinSize implements fyne.Layout: 360 pixels are enough.
func (f *frame) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(344, 480) }

// Layout implements fyne.Layout.
func (f *frame) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	call, people, recent := f.parts[0], f.parts[1], f.parts[2]
	place := func(o fyne.CanvasObject, x, y, width, height float32) {
		o.Move(fyne.NewPos(x, y))
		o.Resize(fyne.NewSize(width, height))
		o.Show()
	}
	low := f.bar.MinSize().Height
	switch {
	case size.Width >= wide:
		f.bar.Hide()
		place(people, 16, 0, side, size.Height-16)
		place(call, side+32, 0, size.Width-2*side-64, size.Height-24)
		place(recent, size.Width-side-16, 0, side, size.Height-16)
	case size.Width >= medium:
		list, other := people, recent
		if f.chosen == 2 {
			list, other = recent, people
		}
		other.Hide()
		place(list, 16, 0, side, size.Height-low-8)
		place(call, side+32, 0, size.Width-side-48, size.Height-low-12)
		place(f.bar, 0, size.Height-low, size.Width, low)
	default:
		for i, o := range f.parts {
			if i != f.chosen {
				o.Hide()
			}
		}
		pad := float32(8)
		place(f.parts[f.chosen], pad, 0, size.Width-2*pad, size.Height-low-8)
		place(f.bar, 0, size.Height-low, size.Width, low)
	}
}

// tab is one of the bar below: an icon, a word under it, and how much is new there.
type tab struct {
	press
	icon, word string
	on         bool
	n          int
	drawing    *canvas.Image
	label      *text
	badge      *canvas.Circle
	number     *text
	dot        *fyne.Container
}

func newTab(icon, word string, do func()) *tab {
	t := &tab{icon: icon, word: word}
	t.do = do
	t.ExtendBaseWidget(t)
	return t
}

func (t *tab) mark(on bool) {
	if t.on != on {
		t.on = on
		t.Refresh()
	}
}

// count shows how much is new.
func (t *tab) count(n int) {
	if t.n != n {
		t.n = n
		t.Refresh()
	}
}

func (t *tab) CreateRenderer() fyne.WidgetRenderer {
	t.ground = canvas.NewRectangle(color.Transparent)
	t.ground.CornerRadius = radius
	t.drawing = picture(t.icon, theme.ColorNameForeground, 24)
	t.label = newText(t.word, small, theme.ColorNameForeground)
	t.label.align = fyne.TextAlignCenter
	t.badge = canvas.NewCircle(color.Transparent)
	t.number = newText("", small, colourSurface)
	t.number.bold, t.number.align = true, fyne.TextAlignCenter
	t.dot = container.New(fixed{20, 20}, t.badge, container.New(middle{}, t.number))
	t.look()
	return &drawn{widget.NewSimpleRenderer(container.NewStack(t.ground,
		padded(column(0, container.NewCenter(line(4, t.drawing, t.dot)), t.label), 4, 4, 4, 4))), t.look}
}

func (t *tab) look() {
	t.colour = theme.ColorNameBackground
	ink := theme.ColorNameForeground
	if t.on {
		t.colour, ink = colourBrass, theme.ColorNamePrimary
	}
	repaint(t.drawing, t.icon, ink)
	t.label.show(t.word, ink)
	t.badge.FillColor = theme.Color(theme.ColorNameError)
	t.number.say(fmt.Sprint(min(t.n, 99)))
	t.dot.Hidden = t.n == 0
	t.paint()
}
