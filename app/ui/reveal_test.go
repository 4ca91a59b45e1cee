package ui

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
)

// TestReveal goes with Tab through all of a page in a low window: what has the keyboard is always seen.
func TestReveal(t *testing.T) {
	for _, tt := range []struct {
		name string
		open func(t *testing.T) (*scene, *container.Scroll)
	}{
		{"the first start", func(t *testing.T) (*scene, *container.Scroll) {
			s := firstStart(t, 400, 420)
			return s, s.wizard.scroll
		}},
		{"the computer", func(t *testing.T) (*scene, *container.Scroll) {
			s := open(t, 400, 420)
			s.Mend("computer")
			return s, s.set.scroll
		}},
		{"sound", func(t *testing.T) (*scene, *container.Scroll) {
			s := open(t, 1000, 420)
			s.Mend(PlaceSound)
			return s, s.set.scroll
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, scroll := tt.open(t)
			place := fyne.CurrentApp().Driver().AbsolutePositionForObject
			if scroll.Content.Size().Height <= scroll.Size().Height {
				t.Fatal("the window is not too low")
			}
			first, scrolled := fyne.Focusable(nil), false
			for range 100 {
				s.window.Canvas().FocusNext()
				f := s.focused()
				if f == first {
					break
				}
				if first == nil {
					first = f
				}
				o := f.(fyne.CanvasObject)
				if all, _ := scrollsAround(s.root, o); len(all) == 0 || all[0] != scroll {
					continue
				}
				scrolled = scrolled || scroll.Offset.Y > 0
				top := place(o).Y - place(scroll).Y
				if bottom := top + o.Size().Height; top < 0 || bottom > scroll.Size().Height {
					t.Errorf("%T stands from %v to %v of %v", o, top, bottom, scroll.Size().Height)
				}
			}
			if !scrolled {
				t.Error("it was never scrolled")
			}
		})
	}
}
