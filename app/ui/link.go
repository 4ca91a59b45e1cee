package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
)

// linked asks during a call whether to call whom a link of another program names. Without a call the field to call from has it.
type linked struct {
	fyne.CanvasObject
	w      *Window
	target string // empty: nobody
	who    *text
}

func (w *Window) newLinked() *linked {
	l := &linked{w: w, who: boldText("", normal)}
	yes := newPill("call", say("button.call"), theme.ColorNameSuccess, func() {
		target := l.target
		l.set("")
		w.dial(target)
	})
	yes.outlined = true
	no := newPill("", say("link.no"), "", func() {
		l.set("")
		w.dialView.set("")
		w.focus(nil)
	})
	from := container.NewBorder(nil, nil, padded(container.New(middle{}, picture("call", theme.ColorNamePrimary, 20)), 0, 0, 0, 12), nil,
		container.New(middle{}, column(0, newText(say("link.from"), small, colourMuted), l.who)))
	l.CanvasObject = padded(newSurface(column(12, from, beside(no, yes)), colourSurface, theme.ColorNamePrimary, 12), 0, unit, 0, 0)
	l.CanvasObject.Hide()
	w.listen(l.show, w.model.Desk)
	return l
}

func (l *linked) set(target string) {
	l.target = target
	l.show()
}

// show lets it be seen as long as there is a call.
func (l *linked) show() {
	main, rings, _ := l.w.model.calls()
	if main == nil && rings == nil {
		l.target = ""
	}
	l.who.say(l.w.model.nameOf(l.target))
	l.CanvasObject.(*fyne.Container).Hidden = l.target == ""
	l.CanvasObject.Refresh()
}

// Link takes a number or a name that another program wants to have called. Unless it is called at once it is only shown: what a link
// says was chosen by somebody else. Settings and first start give way, and keep what was typed in them.
func (w *Window) Link(target string, atOnce bool) {
	w.dismiss()
	w.asideSettings()
	w.laid = w.wizard != nil
	w.show()
	w.frame.choose(0)
	w.dialView.set(target) // and there it stays when it can't be called
	if atOnce {
		w.dial(target)
		return
	}
	w.do(nil)
	if main, rings, _ := w.model.calls(); main != nil || rings != nil {
		w.linked.set(target)
		return // and takes no key: space may be meant for the call
	}
	w.focus(w.dialView.field.entry)
}
