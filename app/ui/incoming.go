package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"

	"cordboard/gateway/call"
)

// ringing is a call that comes in: who it is, and far apart answer and decline.
type ringing struct {
	fyne.CanvasObject
	id           string
	avatar       *avatar
	face         fyne.CanvasObject // where that stands
	name, number *text
	lamp         *canvas.Image
	state, hint  *text
	meant, known *text // whom it is for; what is known of who calls
}

// newRinging is the whole middle of the window; small: a bar over the call of the moment.
func (w *Window) newRinging(small_ bool) *ringing {
	r := &ringing{name: boldText("", huge), number: newText("", normal, colourMuted), state: newText("", small, theme.ColorNameWarning),
		hint: newText(say("incoming.keys"), small, colourMuted), lamp: picture("bell", theme.ColorNameWarning, 20),
		meant: newText("", normal, theme.ColorNameForeground), known: newText("", small, colourMuted)}
	answer := func() { w.do(w.phone.Answer(r.id)) }
	decline := func() { w.do(w.phone.HangUp(r.id)) }
	state := line(6, r.lamp, whole(r.state))
	if small_ {
		r.avatar = newAvatar(40)
		r.name.size = normal
		yes := newPill("call", say("button.answer"), theme.ColorNameSuccess, answer)
		no := newPill("hang-up", say("button.decline"), theme.ColorNameError, decline)
		no.outlined = true
		who := container.NewBorder(nil, nil, padded(container.New(middle{}, r.avatar), 0, 0, 0, 12), nil, container.New(middle{}, column(0, state, r.name, r.known)))
		r.CanvasObject = newSurface(column(unit, who, beside(no, yes)), colourAlarm, theme.ColorNameWarning, 10)
		return r
	}
	r.avatar = newAvatar(72)
	for _, t := range []*text{r.name, r.number, r.meant, r.known, r.state, r.hint} {
		t.align = fyne.TextAlignCenter
	}
	yes, no := newRound("call", say("button.answer"), answer), newRound("hang-up", say("button.decline"), decline)
	yes.tone, no.tone = theme.ColorNameSuccess, theme.ColorNameError
	for _, b := range []*round{yes, no} {
		b.filled, b.size = true, 72
	}
	r.face = container.NewCenter(r.avatar)
	inside := column(12, container.NewCenter(state), r.face, column(4, r.name, r.number, r.meant, r.known), gap(0, 4),
		container.NewGridWithColumns(2, no, yes), r.hint)
	r.CanvasObject = container.New(narrow{480}, newSurface(inside, colourSurface, theme.ColorNameWarning, 20))
	return r
}

// show tells of a call.
func (r *ringing) show(w *Window, c call.DeskCall) {
	name, number := w.model.who(c)
	r.id = c.ID
	icon := ""
	if initials(name) == "" {
		icon = "person"
	}
	r.avatar.show(name, icon)
	r.name.say(name)
	r.number.say(number)
	r.meant.say(w.meant(c))
	r.meant.Hidden = r.meant.words == ""
	r.known.say(w.known(c))
	r.state.say(say("state.incoming"))
	r.CanvasObject.Refresh()
}
