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

// digits are those of a keypad, row by row; letters (ITU-T E.161) stand under them.
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
	digit := boldText(k.digit, big)
	digit.align = fyne.TextAlignCenter
	face := column(-4, digit)
	if k.letters != "" {
		below := newText(k.letters, small, colourMuted)
		below.align = fyne.TextAlignCenter
		face.Add(below)
	}
	k.paint()
	return &drawn{widget.NewSimpleRenderer(container.New(tall{48}, k.ground, container.New(middle{}, face))), k.paint}
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
