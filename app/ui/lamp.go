package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"cordboard/gateway/call"
)

// lamp says how somebody is doing: by a shape, a colour and a word.
type lamp struct {
	widget.BaseWidget
	drawing *canvas.Image
	word    *text
}

func newLamp() *lamp {
	l := &lamp{drawing: picture("lamp-off", colourMuted, 16), word: newText("", small, colourMuted)}
	l.ExtendBaseWidget(l)
	return l
}

func (l *lamp) CreateRenderer() fyne.WidgetRenderer {
	return widget.NewSimpleRenderer(container.NewBorder(nil, nil, container.New(middle{}, l.drawing), nil, padded(container.New(middle{}, l.word), 0, 0, 2, 0)))
}

func (l *lamp) show(shape string, colour fyne.ThemeColorName, word string) {
	repaint(l.drawing, shape, colour)
	l.word.show(word, colourMuted)
}

// lampShape is the icon of a state, and its colour.
func lampShape(s call.LampState) (shape string, colour fyne.ThemeColorName) {
	switch s {
	case call.LampIdle:
		return "lamp-on", theme.ColorNamePrimary
	case call.LampRinging:
		return "bell", theme.ColorNameWarning
	case call.LampBusy:
		return "lamp-busy", theme.ColorNamePrimary
	}
	return "lamp-off", colourMuted
}

// callLamp is the lamp of a call, and the word for its state.
func callLamp(c call.DeskCall) (shape string, colour fyne.ThemeColorName, word string) {
	switch {
	case c.State == call.Ended:
		return "lamp-off", colourMuted, say("state.ended")
	case incoming(c):
		return "bell", theme.ColorNameWarning, say("state.incoming")
	case c.State == call.Calling:
		return "outgoing", theme.ColorNamePrimary, say("state.calling")
	case c.State == call.Ringing:
		return "bell", theme.ColorNameWarning, say("state.ringing")
	case c.Held && c.Waits:
		return "lamp-wait", theme.ColorNameWarning, say("state.both")
	case c.Held:
		return "lamp-wait", theme.ColorNameWarning, say("state.held")
	case c.Waits:
		return "lamp-wait", theme.ColorNameWarning, say("state.waits")
	case c.Joined:
		return "lamp-busy", theme.ColorNamePrimary, say("state.joined")
	}
	return "lamp-busy", theme.ColorNamePrimary, say("state.talking")
}
