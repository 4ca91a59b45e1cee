package ui

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// outline is the edge of a field, for what has none of its own.
type outline struct {
	widget.BaseWidget
	rect *canvas.Rectangle
}

// framed puts an edge around a choice, which would not be seen on a card.
func framed(choice fyne.CanvasObject) fyne.CanvasObject {
	o := &outline{rect: canvas.NewRectangle(color.Transparent)}
	o.ExtendBaseWidget(o)
	return container.NewStack(choice, o)
}

func (o *outline) CreateRenderer() fyne.WidgetRenderer {
	look := func() {
		o.rect.CornerRadius, o.rect.StrokeWidth, o.rect.StrokeColor = radius, 1, theme.Color(theme.ColorNameInputBorder)
	}
	look()
	return &drawn{widget.NewSimpleRenderer(o.rect), look}
}

// beside gives all the same width, with room between.
func beside(objects ...fyne.CanvasObject) *fyne.Container { return container.New(equal{}, objects...) }

type equal struct{}

func (equal) MinSize(o []fyne.CanvasObject) fyne.Size {
	var size fyne.Size
	for _, one := range o {
		size = size.Max(one.MinSize())
	}
	n := float32(len(o))
	return fyne.NewSize(size.Width*n+unit*(n-1), size.Height)
}

func (equal) Layout(o []fyne.CanvasObject, size fyne.Size) {
	n := float32(max(len(o), 2)) // one alone takes the half that it will have
	width := (size.Width - unit*(n-1)) / n
	for i, one := range o {
		one.Move(fyne.NewPos(float32(i)*(width+unit), 0))
		one.Resize(fyne.NewSize(width, size.Height))
	}
}
