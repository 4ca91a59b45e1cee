package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"

	"cordboard/gateway/call"
)

// dialView is where calls begin: a field with suggestions, a keypad, and what became of the call before.
type dialView struct {
	fyne.CanvasObject
	w       *Window
	field   *field
	keypad  *fyne.Container
	before  *text  // with whom the call before was
	why     *text  // what became of it
	cleared string // the ID of the ended call that is no more told of
}

func (w *Window) newDialView() *dialView {
	d := &dialView{w: w}
	d.field = newField(w.model, say("dial.hint"), 4, func(target string) { w.dial(target) })
	d.field.changed = d.typed
	d.keypad = newKeypad(d.press)
	d.before = newText("", small, colourMuted)
	d.why = newText("", small, colourMuted)
	d.before.align, d.why.align = fyne.TextAlignCenter, fyne.TextAlignCenter
	erase := newPill("backspace", "", "", d.erase)
	go_ := newPill("call", say("button.call"), theme.ColorNameSuccess, func() { w.dial(d.field.target()) })
	go_.height = 52
	top := column(unit, newText(say("dial.label"), small, colourMuted),
		container.NewBorder(nil, nil, nil, erase, d.field.entry), d.field.list)
	inside := column(12, top, d.keypad, go_, column(0, d.before, d.why))
	d.CanvasObject = container.New(narrow{480}, card(inside, 20))
	w.listen(d.show, w.model.Desk, w.model.People)
	return d
}

// press types a digit, as the keys of a phone do.
func (d *dialView) press(digit string) { d.set(d.field.entry.Text + digit) }

func (d *dialView) erase() {
	if all := []rune(d.field.entry.Text); len(all) > 0 {
		d.set(string(all[:len(all)-1]))
	}
}

func (d *dialView) set(words string) {
	d.field.entry.SetText(words)
	d.field.entry.CursorColumn = len([]rune(words))
	d.field.entry.Refresh()
}

// typed makes room for suggestions of names, and forgets the call before.
func (d *dialView) typed() {
	typed := d.field.entry.Text
	if last := d.last(); last != nil && typed != "" {
		d.cleared = last.ID
	}
	d.keypad.Hidden = len(d.field.targets) > 0 && initials(typed) != ""
	d.show()
}

// last is the newest call that has ended, while it is told of.
func (d *dialView) last() *call.DeskCall {
	calls := d.w.model.desk().Calls
	for i := len(calls) - 1; i >= 0; i-- {
		if calls[i].State == call.Ended {
			return &calls[i]
		}
	}
	return nil
}

func (d *dialView) show() {
	who, what := "", ""
	if last := d.last(); last != nil && last.ID != d.cleared {
		name, _ := d.w.model.who(*last)
		who, what = say("dial.before", "Who", name), told(last.Reason)
	}
	d.before.say(who)
	d.why.say(what)
	d.CanvasObject.Refresh()
}

// narrow keeps its content at most so wide, in the middle, at its own height.
type narrow struct{ width float32 }

func (n narrow) MinSize(o []fyne.CanvasObject) fyne.Size { return o[0].MinSize() }
func (n narrow) Layout(o []fyne.CanvasObject, size fyne.Size) {
	width := min(size.Width, n.width)
	o[0].Resize(fyne.NewSize(width, min(o[0].MinSize().Height, size.Height)))
	o[0].Move(fyne.NewPos((size.Width-width)/2, 0))
}
