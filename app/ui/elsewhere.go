package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"

	"cordboard/gateway/call"
)

// elsewhere is a bar for a call of the user's that is up on another device: it can go on here.
type elsewhere struct {
	fyne.CanvasObject
	w          *Window
	id         string
	name, word *text
}

func (w *Window) newElsewhere() *elsewhere {
	e := &elsewhere{w: w, name: boldText("", normal), word: newText(say("elsewhere.is"), small, colourMuted)}
	take := newPill("", say("button.takeHere"), theme.ColorNamePrimary, func() { w.do(w.calls.Take(e.id)) })
	take.outlined = true
	e.CanvasObject = newSurface(container.NewBorder(nil, nil, nil, take, container.New(middle{}, column(0, e.word, e.name))), colourBrass, "", 12)
	w.listen(e.show, w.model.Elsewhere, w.model.People)
	return e
}

// show tells of the newest of them; the others come when that one has ended or was taken.
func (e *elsewhere) show() {
	all, _ := e.w.model.Elsewhere.Get()
	e.CanvasObject.(*surface).Hidden = len(all) == 0
	if e.id = ""; len(all) > 0 {
		c := all[len(all)-1]
		e.id = c.ID
		e.name.say(e.w.model.nameOf(otherOf(c, e.w.model)))
	}
	if e.w.frame != nil {
		e.w.frame.CanvasObject.Refresh()
	}
}

// otherOf is with whom the user talks in a call.
func otherOf(c call.Info, m *Model) string {
	if owner, _ := m.Owner.Get(); c.From == owner {
		return c.To
	}
	return c.From
}
