package ui

import (
	"image/color"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// digits are those of a keypad, row by row, and letters those on their keys (ITU-T E.161).
var (
	digits  = []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"}
	letters = []string{"", "ABC", "DEF", "GHI", "JKL", "MNO", "PQRS", "TUV", "WXYZ", "", "+", ""}
)

// isKey says whether a phone has a key for it.
func isKey(r rune) bool { return strings.ContainsRune("0123456789*#", r) }

// key is one of a keypad.
type key struct {
	press
	digit, letters string
}

func (k *key) CreateRenderer() fyne.WidgetRenderer {
	k.ground = canvas.NewRectangle(color.Transparent)
	k.ground.CornerRadius = radius
	k.colour, k.edge = colourSurface, theme.ColorNameSeparator
	inside := container.New(face{}, whole(boldText(k.digit, big)))
	if k.letters != "" {
		inside.Add(whole(newText(k.letters, small, colourMuted)))
	}
	k.paint()
	return &drawn{widget.NewSimpleRenderer(container.New(tall{48}, k.ground, inside)), k.paint}
}

// face has a key's digit over its letters, or beside them where the key is too low for both.
type face struct{}

// lap is how far letters reach into the empty room below a digit.
const lap = 4

func (face) MinSize(o []fyne.CanvasObject) fyne.Size {
	size := o[0].MinSize()
	if len(o) > 1 {
		below := o[1].MinSize()
		size = fyne.NewSize(max(size.Width, below.Width), size.Height+below.Height-lap)
	}
	return size
}

func (face) Layout(o []fyne.CanvasObject, size fyne.Size) {
	digit, both := o[0].MinSize(), face{}.MinSize(o)
	for _, one := range o {
		one.Resize(one.MinSize())
	}
	x, y := (size.Width-digit.Width)/2, (size.Height-both.Height)/2
	low := size.Height < both.Height || len(o) < 2 && size.Height < touch
	if low {
		x, y = size.Width*3/8-digit.Width/2, (size.Height-digit.Height)/2
	}
	o[0].Move(fyne.NewPos(x, y))
	switch {
	case len(o) < 2:
	case low:
		o[1].Move(fyne.NewPos(size.Width*3/8+12, y+(digit.Height-o[1].MinSize().Height)*baseline))
	default:
		o[1].Move(fyne.NewPos((size.Width-o[1].MinSize().Width)/2, y+digit.Height-lap))
	}
}

// newKeypad gives the keys of a phone, which tell what was pressed.
func newKeypad(pressed func(digit string)) *fyne.Container {
	grid := container.New(layout.NewGridLayout(3))
	for i, digit := range digits {
		k := &key{digit: digit, letters: letters[i]}
		k.do = func() { pressed(digit) }
		k.ExtendBaseWidget(k)
		grid.Add(k)
	}
	return grid
}
