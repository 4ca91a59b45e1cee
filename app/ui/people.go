package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"cordboard/gateway/call"
)

// peopleView lists colleagues with their lamps, and what is always there; pressing one calls.
func (w *Window) peopleView() fyne.CanvasObject {
	m := w.model
	always := []call.Lamp{{Target: "echo", Name: say("always.echo")}, {Target: "tone", Name: say("always.tone")}}
	length := func() int { return m.People.Length() + len(always) }
	list := widget.NewList(length, func() fyne.CanvasObject { return newRow(nil) }, nil)
	list.HideSeparators = true
	list.UpdateItem = func(i widget.ListItemID, o fyne.CanvasObject) {
		row := o.(*row)
		people, _ := m.People.Get()
		if i < len(people) {
			l := people[i]
			row.person(l.Name, l.Extension, l.State)
			row.do = func() { w.dial(l.Target) }
			return
		}
		l := always[min(i-len(people), len(always)-1)]
		row.person(l.Name, say("always."+l.Target+".does"), "")
		row.avatar.show(l.Name, l.Target)
		row.do = func() { w.dial(l.Target) }
	}
	w.listen(func() { list.Refresh() }, m.People)
	return container.NewBorder(heading(say("people.heading")), nil, nil, nil, list)
}

// empty says what will be in a list.
func (w *Window) empty(icon, words string) *fyne.Container {
	label := widget.NewLabel(words)
	label.Wrapping = fyne.TextWrapWord
	label.Importance = widget.LowImportance
	label.Alignment = fyne.TextAlignCenter
	return padded(column(0, container.NewCenter(picture(icon, colourMuted, 32)), label), 24, 0, 16, 16)
}
