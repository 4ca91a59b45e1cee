package ui

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// surface is a ground of a theme's colour with round corners, under something.
type surface struct {
	widget.BaseWidget
	content      fyne.CanvasObject
	colour, edge fyne.ThemeColorName
	pad          float32
	rect         *canvas.Rectangle
}

// card is a surface with an outline.
func card(content fyne.CanvasObject, pad float32) *surface {
	return newSurface(content, colourSurface, theme.ColorNameSeparator, pad)
}

func newSurface(content fyne.CanvasObject, colour, edge fyne.ThemeColorName, pad float32) *surface {
	s := &surface{content: content, colour: colour, edge: edge, pad: pad}
	s.ExtendBaseWidget(s)
	return s
}

func (s *surface) CreateRenderer() fyne.WidgetRenderer {
	s.rect = canvas.NewRectangle(color.Transparent)
	s.rect.CornerRadius = radius
	s.look()
	return &drawn{widget.NewSimpleRenderer(container.NewStack(s.rect, container.New(layout.NewCustomPaddedLayout(s.pad, s.pad, s.pad, s.pad), s.content))), s.look}
}

func (s *surface) look() {
	s.rect.FillColor = theme.Color(s.colour)
	s.rect.StrokeWidth = 0
	if s.edge != "" {
		s.rect.StrokeWidth, s.rect.StrokeColor = 1, theme.Color(s.edge)
	}
}

// avatar stands for somebody: initials, or an icon for a number.
type avatar struct {
	widget.BaseWidget
	name, icon string
	size       float32
	disc       *canvas.Circle
	letters    *text
	drawing    *canvas.Image
}

func newAvatar(size float32) *avatar {
	a := &avatar{size: size, icon: "person"}
	a.ExtendBaseWidget(a)
	return a
}

// show stands for somebody of that name; an icon, where one is given, comes before initials.
func (a *avatar) show(name, icon string) {
	if a.name != name || a.icon != icon {
		a.name, a.icon = name, icon
		a.Refresh()
	}
}

func (a *avatar) CreateRenderer() fyne.WidgetRenderer {
	a.disc = canvas.NewCircle(color.Transparent)
	size := normal
	if a.size > 60 {
		size = huge
	}
	a.letters = newText("", size, theme.ColorNamePrimary)
	a.letters.bold = true
	a.letters.align = fyne.TextAlignCenter
	a.drawing = picture("person", theme.ColorNamePrimary, a.size/2)
	a.look()
	return &drawn{widget.NewSimpleRenderer(container.New(fixed{a.size, a.size}, a.disc, container.NewCenter(whole(a.letters)), container.NewCenter(a.drawing))), a.look}
}

func (a *avatar) look() {
	a.disc.FillColor = theme.Color(colourWash)
	letters := ""
	if a.icon == "" {
		letters = initials(a.name)
	}
	a.letters.say(letters)
	if letters != "" {
		a.drawing.Hide()
		return
	}
	icon := a.icon
	if icon == "" {
		icon = "person"
	}
	repaint(a.drawing, icon, theme.ColorNamePrimary)
	a.drawing.Show()
}

// column stacks with a distance between.
func column(gap float32, objects ...fyne.CanvasObject) *fyne.Container {
	return container.New(layout.NewCustomPaddedVBoxLayout(gap), objects...)
}

// line puts side by side with a distance between.
func line(gap float32, objects ...fyne.CanvasObject) *fyne.Container {
	return container.New(layout.NewCustomPaddedHBoxLayout(gap), objects...)
}

// padded has room around it.
func padded(content fyne.CanvasObject, top, bottom, left, right float32) *fyne.Container {
	return container.New(layout.NewCustomPaddedLayout(top, bottom, left, right), content)
}

// gap is room of at least that size.
func gap(width, height float32) fyne.CanvasObject {
	r := canvas.NewRectangle(color.Transparent)
	r.SetMinSize(fyne.NewSize(width, height))
	return r
}

// middle keeps something in the middle of the height that there is, at full width.
type middle struct{}

func (middle) MinSize(o []fyne.CanvasObject) fyne.Size { return o[0].MinSize() }
func (middle) Layout(o []fyne.CanvasObject, size fyne.Size) {
	h := o[0].MinSize().Height
	o[0].Resize(fyne.NewSize(size.Width, h))
	o[0].Move(fyne.NewPos(0, (size.Height-h)/2))
}
