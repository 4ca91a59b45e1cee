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
	return widget.NewSimpleRenderer(container.New(lampLayout{}, l.drawing, l.word))
}

// show changes the lamp; without a shape there are the words alone.
func (l *lamp) show(shape string, colour fyne.ThemeColorName, word string) {
	l.word.show(word, colourMuted)
	if was := l.drawing.Hidden; was != (shape == "") {
		l.drawing.Hidden = !was
		l.Refresh()
	}
	if shape != "" {
		repaint(l.drawing, shape, colour)
	}
}

// lampLayout puts the words beside the shape, where there is one.
type lampLayout struct{}

const lampRoom = 22 // for the shape and the space behind it

func (lampLayout) MinSize(o []fyne.CanvasObject) fyne.Size {
	return o[1].MinSize().Add(fyne.NewSize(lampRoom, 0))
}

func (lampLayout) Layout(o []fyne.CanvasObject, size fyne.Size) {
	at, side := float32(0), o[0].MinSize()
	if o[0].Visible() {
		at = lampRoom
	}
	o[0].Resize(side)
	o[0].Move(fyne.NewPos(0, (size.Height-side.Height)/2))
	height := o[1].MinSize().Height
	o[1].Resize(fyne.NewSize(size.Width-at, height))
	o[1].Move(fyne.NewPos(at, (size.Height-height)/2))
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
	case call.LampDisturb:
		return "lamp-dnd", theme.ColorNameWarning
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
