package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// ask does something only after a yes. Escape, "Cancel", a call that comes in and a link are no.
func (w *Window) ask(title, words, yes string, do func()) {
	if w.canvas == nil {
		return
	}
	var over *widget.PopUp
	no := newPill("", say("ask.no"), "", func() { over.Hide() })
	sure := newPill("", yes, theme.ColorNameError, func() {
		over.Hide()
		do()
	})
	content := container.New(atLeast{min(400, w.canvas.Size().Width-48)},
		padded(column(12, boldText(title, big), flush(wrapped(words, normal, widget.MediumImportance)), beside(no, sure)), 12, 12, 12, 12))
	over = widget.NewModalPopUp(content, w.canvas)
	over.Show()
	w.canvas.Focus(no)
}

// asked reports whether a question or a list of choices stands over the window.
func (w *Window) asked() bool { return w.canvas != nil && w.canvas.Overlays().Top() != nil }

// dismiss takes away what stands over the window, and reports whether there was anything.
func (w *Window) dismiss() bool {
	was := w.asked()
	for w.asked() {
		top := w.canvas.Overlays().Top()
		top.Hide()
		w.canvas.Overlays().Remove(top) // of those above the rest, too
	}
	return was
}

// atLeast gives a width.
type atLeast struct{ width float32 }

func (a atLeast) MinSize(o []fyne.CanvasObject) fyne.Size {
	o[0].Resize(fyne.NewSize(a.width, o[0].Size().Height)) // wrapped text is as high as its width makes it
	return fyne.NewSize(a.width, o[0].MinSize().Height)
}

func (a atLeast) Layout(o []fyne.CanvasObject, size fyne.Size) {
	o[0].Move(fyne.NewPos(0, 0))
	o[0].Resize(size)
}
