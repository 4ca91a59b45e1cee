package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// meter shows how loud something is.
func (w *Window) meter(name string, level func(Sound) float64) fyne.CanvasObject {
	b := &bar{}
	b.ExtendBaseWidget(b)
	w.listen(func() {
		sound, _ := w.model.Sound.Get()
		b.set(level(sound))
	}, w.model.Sound)
	return labelled(name, b)
}

// bar is as long as something is loud, from quiet to full scale in dBFS.
type bar struct {
	widget.BaseWidget
	share        float32
	ground, fill *canvas.Rectangle
}

// quiet is where a meter begins, in dBFS.
const quiet = -60

func (b *bar) set(dB float64) {
	share := float32(min(max((dB-quiet)/-quiet, 0), 1))
	if dB == 0 { // nothing was measured yet
		share = 0
	}
	if share != b.share {
		b.share = share
		b.Refresh()
	}
}

func (b *bar) CreateRenderer() fyne.WidgetRenderer {
	b.ground, b.fill = canvas.NewRectangle(nil), canvas.NewRectangle(nil)
	b.ground.CornerRadius, b.fill.CornerRadius = 4, 4
	look := func() {
		b.ground.FillColor, b.fill.FillColor = theme.Color(colourWash), theme.Color(theme.ColorNamePrimary)
	}
	look()
	return &drawn{widget.NewSimpleRenderer(container.New(barLayout{b}, b.ground, b.fill)), func() { look(); b.place(b.Size()) }}
}

// place makes the bar as long as the level says.
func (b *bar) place(size fyne.Size) {
	b.ground.Resize(size)
	b.fill.Resize(fyne.NewSize(size.Width*b.share, size.Height))
}

type barLayout struct{ b *bar }

func (barLayout) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(80, 8) }

func (l barLayout) Layout(_ []fyne.CanvasObject, size fyne.Size) { l.b.place(size) }
