package ui

import (
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"

	"cordboard/gateway/call"
)

// active is the call of the moment: who, how long, how good, what can be done with it. Places stay, content changes.
type active struct {
	fyne.CanvasObject
	w            *Window
	call         call.DeskCall
	avatar       *avatar
	lamp         *canvas.Image
	state        *text
	name, number *text
	clock        *text
	quality      *text

	graph *graph

	mute, hold, keys, pass, rest *round
	hangUp                       *pill
	keypad                       *fyne.Container // shown for keys
	pressed                      string          // keys, since the keypad is shown
	transfer                     *transfer
	more                         *more
	others                       *others
	showKeys                     bool
}

func (w *Window) newActive() *active {
	a := &active{w: w, avatar: newAvatar(60), lamp: picture("lamp-busy", theme.ColorNamePrimary, 16), state: newText("", small, colourMuted),
		name: boldText("", huge), number: newText("", normal, colourMuted), clock: boldText("", huge), quality: newText("", normal, colourMuted)}
	a.name.yields = true
	a.graph = newGraph()
	a.mute = newRound("mic", say("button.mute"), a.toggleMute)
	a.hold = newRound("hold", say("button.hold"), a.toggleHold)
	a.keys = newRound("keypad", say("button.keys"), a.toggleKeys)
	a.pass = newRound("transfer", say("button.transfer"), a.toggleTransfer)
	a.rest = newRound("more", say("button.more"), a.toggleMore)
	a.hangUp = newPill("hang-up", say("button.hangUp"), theme.ColorNameError, func() { w.do(w.phone.HangUp(a.call.ID)) })
	a.hangUp.height = 48
	a.keypad = newKeypad(a.press)
	a.transfer = w.newTransfer(a)
	a.more = w.newMore(a)
	a.others = w.newOthers(a)

	who := container.NewBorder(nil, nil, padded(container.New(middle{}, a.avatar), 0, 0, 0, 12), nil,
		container.New(middle{}, column(0, line(6, container.New(middle{}, a.lamp), whole(a.state)), a.name, a.number)))
	how := container.New(heard{}, container.New(wholeLayout{}, a.clock), a.quality, a.graph)
	buttons := container.New(layout.NewGridLayoutWithColumns(5), a.mute, a.hold, a.keys, a.pass, a.rest)
	inside := container.NewBorder(column(12, who, how), column(12, buttons, a.hangUp), nil, nil,
		padded(container.New(rest{&a.showKeys}, container.NewVScroll(column(unit, a.others, a.transfer, a.more)), a.keypad), 8, 8, 0, 0))
	a.CanvasObject = container.New(hero{480, 560}, card(inside, 16))
	w.listen(a.tick, w.model.Now, w.model.Troubles, w.model.Sounds)
	return a
}

// heard puts a word on the line of the clock before it, and the graph under that word. The clock's own room above its digits is not
// taken: in a small window the keys below need it.
type heard struct{}

// baseline is how far down its height a text stands on its line.
const baseline = 0.79

func (heard) MinSize(o []fyne.CanvasObject) fyne.Size {
	clock, word, graph := o[0].MinSize(), o[1].MinSize(), o[2].MinSize()
	return fyne.NewSize(clock.Width+12+max(word.Width, graph.Width), 2+word.Height+graph.Height)
}

func (heard) Layout(o []fyne.CanvasObject, size fyne.Size) {
	clock, word := o[0].MinSize(), o[1].MinSize().Height
	x := clock.Width + 12
	place := func(o fyne.CanvasObject, x, y, width, height float32) {
		o.Move(fyne.NewPos(x, y))
		o.Resize(fyne.NewSize(width, height))
	}
	place(o[0], 0, 2-(clock.Height-word)*baseline, clock.Width, clock.Height)
	place(o[1], x, 2, size.Width-x, word)
	place(o[2], x, 2+word, size.Width-x, o[2].MinSize().Height)
}

// hero keeps the call at most so wide, in the middle at the top, and at most so high unless it needs more.
type hero struct{ width, height float32 }

func (h hero) MinSize(o []fyne.CanvasObject) fyne.Size { return o[0].MinSize() }
func (h hero) Layout(o []fyne.CanvasObject, size fyne.Size) {
	width := min(size.Width, h.width)
	o[0].Resize(fyne.NewSize(width, min(size.Height, max(h.height, o[0].MinSize().Height))))
	o[0].Move(fyne.NewPos((size.Width-width)/2, 0))
}

// rest gives a scroller what its content asks for, as far as there is room, and what stands below the room that is left, up to what
// that asks for; that is not shown where it is not wanted, or does not fit.
type rest struct{ shown *bool }

// shrinks is the share of the height that a keypad wants with which it can still be used.
const shrinks = 0.7

func (rest) MinSize(objects []fyne.CanvasObject) fyne.Size {
	size := objects[0].(*container.Scroll).Content.MinSize()
	if below := objects[1]; below.Visible() {
		size = fyne.NewSize(max(size.Width, below.MinSize().Width), size.Height+below.MinSize().Height)
	}
	return size
}

func (r rest) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	above := min(max(0, size.Height), objects[0].(*container.Scroll).Content.MinSize().Height)
	objects[0].Move(fyne.NewPos(0, 0))
	objects[0].Resize(fyne.NewSize(size.Width, above))
	objects[1].Move(fyne.NewPos(0, above))
	room := size.Height - above
	full := objects[1].MinSize().Height
	if c := objects[1].(*fyne.Container); c.Hidden != (!*r.shown || room < full*shrinks) { // keys that can't be hit are worse than none
		c.Hidden = !c.Hidden
		c.Refresh()
	}
	objects[1].Resize(fyne.NewSize(size.Width, max(0, min(full, room))))
}

// show brings a call to the middle, with the others beside it.
func (a *active) show(c call.DeskCall, others []call.DeskCall) {
	if c.ID != a.call.ID {
		a.showKeys, a.transfer.open, a.more.open, a.pressed = len(others) == 0, false, false, ""
		a.transfer.clear()
	} else if len(others) > len(a.others.rows) { // they take the keypad's room
		a.showKeys = false
	}
	a.call = c
	m := a.w.model
	name, number := m.who(c)
	icon := ""
	if initials(name) == "" {
		icon = "person"
	}
	a.avatar.show(name, icon)
	shape, colour, word := callLamp(c)
	repaint(a.lamp, shape, colour)
	if m.recording(c).On {
		word = joined(word, say("state.recorded"))
	}
	a.state.say(word)
	a.name.say(name)
	a.number.say(number)
	if c.Muted {
		a.mute.show("mic-off", say("button.unmute"), true)
	} else {
		a.mute.show("mic", say("button.mute"), false)
	}
	if c.Held {
		a.hold.show("resume", say("button.resume"), true)
	} else {
		a.hold.show("hold", say("button.hold"), false)
	}
	talking := c.State == call.Talking
	a.hold.set(!talking)
	a.pass.set(!talking)
	a.others.show(others, c)
	a.tick()
	a.arrange()
}

// arrange shows keypad or transfer, in the same place.
func (a *active) arrange() {
	a.keys.show("keypad", say("button.keys"), a.showKeys)
	a.pass.show("transfer", say("button.transfer"), a.transfer.open)
	a.rest.show("more", say("button.more"), a.more.open)
	a.more.arrange()
	a.keypad.Hidden = !a.showKeys
	a.quality.show(a.sound())
	a.transfer.arrange()
	a.CanvasObject.Refresh()
}

// tick shows how long it takes and how good it is.
func (a *active) tick() {
	long := "0:00"
	if a.call.Answered > 0 {
		long = clock(a.w.now().Sub(time.UnixMilli(a.call.Answered)))
	}
	colour := theme.ColorNameForeground
	if a.call.Answered == 0 {
		colour = colourMuted
	}
	longer := len(long) != len(a.clock.words)
	a.clock.show(long, colour)
	a.quality.show(a.sound())
	a.graph.show(a.w.model.samples(a.call))
	if longer { // what stands beside it moves
		a.CanvasObject.Refresh()
	}
}

// sound says how good it is, in a word.
func (a *active) sound() (words string, colour fyne.ThemeColorName) {
	c := a.call
	name, _ := a.w.model.who(c)
	switch {
	case c.Transfer != "":
		return told(c.Transfer), theme.ColorNameWarning
	case a.showKeys && a.pressed != "":
		return say("quality.pressed", "Keys", a.pressed), colourMuted
	case c.Digits != "":
		return say("quality.digits", "Keys", c.Digits), colourMuted
	case c.State != call.Talking:
		return "", colourMuted
	case c.Held:
		return say("quality.held", "Who", name), colourMuted
	case c.Waits:
		return say("quality.waits", "Who", name), colourMuted
	case c.Muted:
		return say("quality.muted"), theme.ColorNameWarning
	}
	sip := callID(c)
	troubles, _ := a.w.model.Troubles.Get()
	for _, t := range troubles {
		if t.SIP == sip && t.Ended == 0 && !t.Own {
			return say(troubleWord(t.Kind), "Who", name), theme.ColorNameWarning
		}
	}
	key, well := judged(a.w.model.samples(c))
	if !well {
		return say(key, "Who", name), theme.ColorNameWarning
	}
	return say(key), colourMuted
}

func (a *active) toggleKeys() {
	a.showKeys, a.transfer.open, a.more.open, a.pressed = !a.showKeys, false, false, ""
	a.arrange()
}

func (a *active) toggleMute() { a.w.do(a.w.phone.Mute(a.call.ID, !a.call.Muted)) }

func (a *active) toggleHold() {
	if a.call.Held {
		a.w.do(a.w.phone.Resume(a.call.ID))
	} else {
		a.w.do(a.w.phone.Hold(a.call.ID))
	}
}

func (a *active) toggleTransfer() {
	if a.pass.off {
		return
	}
	a.transfer.open, a.showKeys, a.more.open = !a.transfer.open, false, false
	a.arrange()
	if a.transfer.open {
		a.w.focus(a.transfer.field.entry)
	}
}

// toggleMore shows what is done less often.
func (a *active) toggleMore() {
	a.more.open, a.showKeys, a.transfer.open = !a.more.open, false, false
	a.arrange()
}

// press sends a key to the other side.
func (a *active) press(digit string) {
	if err := a.w.phone.Press(a.call.ID, digit); err != nil {
		a.w.do(err)
		return
	}
	a.pressed += digit
	if all := []rune(a.pressed); len(all) > 16 {
		a.pressed = string(all[len(all)-16:])
	}
	a.showKeys, a.transfer.open, a.more.open = true, false, false
	a.arrange()
}

// troubleWord is the key of the words for trouble with the sound.
func troubleWord(k call.TroubleKind) string {
	if k == call.TroubleMuted { // there; that we are muted is said in other words
		return "quality.muted_there"
	}
	return "quality." + string(k)
}
