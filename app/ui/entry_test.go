package ui

import (
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/theme"
)

// TestDoze ends the blinking of a cursor at which nobody types, and nothing that is typed or pasted then is lost.
func TestDoze(t *testing.T) {
	s := open(t, 1280, 800)
	e := s.dialView.field.entry
	pass := func(by time.Duration) {
		s.at = s.at.Add(by)
		_ = s.model.Now.Set(s.at)
	}
	rests := func() {
		t.Helper()
		pass(time.Second) // finds that nobody types
		pass(dozeAfter - time.Second)
		if e.dozes {
			t.Fatal("dozes too soon")
		}
		pass(time.Second)
		if !e.dozes || s.focused() != fyne.Focusable(e) || e.edge.StrokeColor != theme.Color(theme.ColorNamePrimary) {
			t.Fatal("does not doze, or shows no more who has the keyboard")
		}
	}
	pass(time.Hour)
	if e.dozes {
		t.Error("dozes without the keyboard")
	}
	s.typed("1")
	for _, use := range []struct {
		name string
		do   func()
		text string
	}{
		{"a letter", func() { s.typed("2") }, "12"},
		{"a key", func() { s.typed(fyne.KeyBackspace) }, "1"},
		{"paste", func() {
			c := fyne.CurrentApp().Clipboard()
			c.SetContent("23")
			e.TypedShortcut(&fyne.ShortcutPaste{Clipboard: c})
		}, "123"},
		{"the pointer", func() { e.MouseDown(&desktop.MouseEvent{}) }, "123"},
		{"the keyboard goes and comes", func() { s.focus(nil); s.focus(e) }, "123"},
	} {
		rests()
		use.do()
		if e.dozes || e.Text != use.text {
			t.Errorf("after %s: dozes %v, %q, want %q", use.name, e.dozes, e.Text, use.text)
		}
	}
	rests()
	s.focus(nil)
	if e.dozes || test.WidgetRenderer(e).Objects()[1] != fyne.CanvasObject(e.edge) {
		t.Error("dozes without the keyboard, or its edge is another")
	}
}
