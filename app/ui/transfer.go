package ui

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// transfer asks whom a call shall be passed on to: at once, or after asking there.
type transfer struct {
	widget.BaseWidget
	a     *active
	field *field
	label *text
	open  bool
}

func (w *Window) newTransfer(a *active) *transfer {
	t := &transfer{a: a, label: newText("", small, colourMuted)}
	t.field = newField(w.model, say("dial.hint"), 3, t.pass)
	t.field.changed = func() { a.CanvasObject.Refresh() }
	w.guard(t.field)
	t.ExtendBaseWidget(t)
	return t
}

func (t *transfer) CreateRenderer() fyne.WidgetRenderer {
	pass := newPill("transfer", say("button.pass"), theme.ColorNamePrimary, func() { t.pass(t.field.target()) })
	ask := newPill("call", say("button.askFirst"), theme.ColorNamePrimary, func() { t.ask(t.field.target()) })
	pass.outlined, ask.outlined = true, true
	return widget.NewSimpleRenderer(column(unit, t.label, t.field.entry, beside(ask, pass), t.field.list))
}

func (t *transfer) arrange() {
	name, _ := t.a.w.model.who(t.a.call)
	t.label.say(say("transfer.label", "Who", name))
	t.Hidden = !t.open
	t.Refresh()
}

func (t *transfer) clear() { t.field.entry.SetText("") }

// pass passes the call on at once.
func (t *transfer) pass(target string) {
	if strings.TrimSpace(target) == "" {
		t.a.w.focus(t.field.entry)
		return
	}
	if t.a.w.do(t.a.w.phone.Transfer(t.a.call.ID, target)) {
		t.close()
	}
}

// ask calls there first; the call then waits, and is passed on by "Connect".
func (t *transfer) ask(target string) {
	if strings.TrimSpace(target) == "" {
		t.a.w.focus(t.field.entry)
		return
	}
	if _, err := t.a.w.phone.Call(target); t.a.w.do(err) {
		t.close()
	}
}

func (t *transfer) close() {
	t.open = false
	t.clear()
	t.a.w.focus(nil)
	t.a.arrange()
}
