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

// mailbox is the lamp of the voice mail, with how many messages are new; pressing it calls the mailbox where its number is known. It is
// there once the PBX has told of one.
type mailbox struct {
	press
	w       *Window
	drawing *canvas.Image
	words   *text
}

func (w *Window) newMailbox() *mailbox {
	m := &mailbox{w: w, drawing: picture("voicemail", theme.ColorNameForeground, 24), words: newText("", small, theme.ColorNameForeground)}
	m.do = func() {
		if v, _ := w.model.Voicemail.Get(); v.Box != "" {
			w.dial(v.Box)
		}
	}
	m.ExtendBaseWidget(m)
	return m
}

// show brings it up to date, in the header that has it.
func (m *mailbox) show(header *fyne.Container) {
	v, _ := m.w.model.Voicemail.Get()
	m.Hidden = v.New == 0 && v.Old == 0 && v.Box == ""
	ink := theme.ColorNameForeground
	m.colour = ""
	words := ""
	if v.New > 0 {
		ink, m.colour, words = theme.ColorNamePrimary, colourBrass, fmt.Sprint(v.New)
	}
	repaint(m.drawing, "voicemail", ink)
	m.words.show(words, ink)
	m.set(v.Box == "")
	header.Refresh()
}

func (m *mailbox) CreateRenderer() fyne.WidgetRenderer {
	m.ground = canvas.NewRectangle(color.Transparent)
	m.ground.CornerRadius = radius
	m.paint()
	inside := line(6, container.NewCenter(m.drawing), whole(m.words))
	return &drawn{widget.NewSimpleRenderer(container.New(tall{touch}, m.ground, container.NewCenter(padded(inside, 0, 0, 10, 10)))), m.paint}
}
