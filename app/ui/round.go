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

// blended is a colour with one over it that may be clear.
func blended(over, under color.Color) color.Color {
	o, u := color.NRGBAModel.Convert(over).(color.NRGBA), color.NRGBAModel.Convert(under).(color.NRGBA)
	if u.A == 0 {
		return o
	}
	share := float64(o.A) / 0xFF
	o.A = 0xFF
	return mix(o, share, u)
}

// round is a round button with an icon and a word under it.
type round struct {
	press
	icon, word string
	tone       fyne.ThemeColorName // of the icon, or of the ground when it is on or filled
	filled     bool                // the ground has the tone, always
	on         bool                // what it switches is on
	size       float32

	drawing *canvas.Image
	label   *text
}

// newRound is a quiet one.
func newRound(icon, word string, do func()) *round {
	b := &round{icon: icon, word: word, tone: theme.ColorNameForeground, size: 48}
	b.do = do
	b.ExtendBaseWidget(b)
	return b
}

// show changes what it is for. Its place stays.
func (b *round) show(icon, word string, on bool) {
	if b.icon != icon || b.word != word || b.on != on {
		b.icon, b.word, b.on = icon, word, on
		b.Refresh()
	}
}

func (b *round) CreateRenderer() fyne.WidgetRenderer {
	b.ground = canvas.NewRectangle(color.Transparent)
	b.ground.CornerRadius = b.size / 2
	b.drawing = picture(b.icon, b.tone, 24)
	b.label = newText(b.word, small, theme.ColorNameForeground)
	b.label.align = fyne.TextAlignCenter
	b.look()
	disc := container.New(fixed{b.size, b.size}, b.ground, container.NewCenter(b.drawing))
	return &drawn{widget.NewSimpleRenderer(container.New(layout.NewCustomPaddedVBoxLayout(unit/2), container.NewCenter(disc), b.label)), b.look}
}

func (b *round) look() {
	ink := b.tone
	b.colour = colourWash
	switch {
	case b.off:
		ink = theme.ColorNameDisabled
		b.colour = theme.ColorNameBackground
	case b.filled, b.on:
		b.colour, ink = b.tone, colourSurface
	}
	if b.on && b.tone == theme.ColorNameForeground {
		b.colour = theme.ColorNamePrimary
	}
	repaint(b.drawing, b.icon, ink)
	colour := theme.ColorNameForeground
	if b.off {
		colour = theme.ColorNameDisabled
	}
	b.label.show(b.word, colour)
	b.paint()
}

// drawn is a renderer that looks anew at each refresh.
type drawn struct {
	fyne.WidgetRenderer
	look func()
}

func (d *drawn) Refresh() {
	d.look()
	d.WidgetRenderer.Refresh()
}

// fixed gives all the same size.
type fixed struct{ width, height float32 }

func (f fixed) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(f.width, f.height) }
func (f fixed) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	for _, o := range objects {
		o.Resize(size)
		o.Move(fyne.NewPos(0, 0))
	}
}

// pill is a wide button of one colour, or without one a quiet one.
type pill struct {
	press
	icon, word string
	tone       fyne.ThemeColorName // empty: quiet
	outlined   bool                // the tone is the outline's, not the ground's
	height     float32

	drawing *canvas.Image
	label   *text
}

func newPill(icon, word string, tone fyne.ThemeColorName, do func()) *pill {
	b := &pill{icon: icon, word: word, tone: tone, height: touch}
	b.do = do
	b.ExtendBaseWidget(b)
	return b
}

func (b *pill) CreateRenderer() fyne.WidgetRenderer {
	b.ground = canvas.NewRectangle(color.Transparent)
	b.ground.CornerRadius = radius
	b.label = boldText(b.word, normal)
	row := []fyne.CanvasObject{whole(b.label)}
	if b.icon != "" {
		b.drawing = picture(b.icon, theme.ColorNameForeground, 20)
		row = []fyne.CanvasObject{container.NewCenter(b.drawing), whole(b.label)}
	}
	b.look()
	content := container.NewCenter(container.New(layout.NewCustomPaddedHBoxLayout(unit), row...))
	return &drawn{widget.NewSimpleRenderer(container.New(tall{b.height}, b.ground, container.New(layout.NewCustomPaddedLayout(0, 0, 12, 12), content))), b.look}
}

func (b *pill) look() {
	ink := theme.ColorNameForeground
	b.colour, b.edge = colourWash, ""
	switch {
	case b.off:
		ink = theme.ColorNameDisabled
		b.colour, b.edge = theme.ColorNameBackground, theme.ColorNameSeparator
	case b.outlined:
		b.colour, b.edge, ink = colourSurface, b.tone, b.tone
	case b.tone != "":
		b.colour, ink = b.tone, colourSurface
	}
	b.label.show(b.word, ink)
	if b.drawing != nil {
		repaint(b.drawing, b.icon, ink)
	}
	b.paint()
}

// tall gives all the same place, of at least a height.
type tall struct{ height float32 }

func (t tall) MinSize(objects []fyne.CanvasObject) fyne.Size {
	size := fyne.NewSize(0, t.height)
	for _, o := range objects {
		size = size.Max(o.MinSize())
	}
	return size
}

func (t tall) Layout(objects []fyne.CanvasObject, size fyne.Size) { fixed{}.Layout(objects, size) }
