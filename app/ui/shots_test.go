package ui

import (
	"image/png"
	"os"
	"testing"

	"fyne.io/fyne/v2"
)

func TestShots(t *testing.T) {
	dir := os.Getenv("SHOTS")
	if dir == "" {
		t.Skip()
	}
	for _, v := range []struct {
		lang string
		a    Appearance
		w, h float32
	}{{"en", Light, 1280, 800}, {"de", Dark, 400, 700}} {
		shot := func(name string, do func(s *scene)) {
			s := openIn(t, v.lang, v.a, v.w, v.h)
			do(s)
			s.window.Resize(fyne.NewSize(v.w, v.h))
			f, _ := os.Create(dir + "/" + name + "-" + v.lang + ".png")
			png.Encode(f, s.window.Canvas().Capture())
			f.Close()
		}
		shot("idle", func(s *scene) {})
		shot("typed", func(s *scene) { s.dialView.set("bo") })
		shot("call", func(s *scene) { s.calls(s.talking("a", "bob")) })
		shot("keys", func(s *scene) { s.calls(s.talking("a", "bob")); s.char('5', false) })
		shot("two", func(s *scene) {
			b := s.talking("b", "0301234567")
			b.Held = true
			s.calls(s.talking("a", "bob"), b)
		})
		shot("transfer", func(s *scene) { s.calls(s.talking("a", "bob")); s.char('t', false) })
		shot("rings", func(s *scene) { s.calls(s.rings("a", "0301234567", "Erika Mustermann")) })
		shot("both", func(s *scene) { s.calls(s.talking("a", "bob"), s.rings("b", "0301234567", "")) })
		shot("settings", func(s *scene) {
			_ = s.model.Sound.Set(Sound{Devices: []Device{{Microphone, "USB headset", true, false}, {Loudspeaker, "Built-in", false, false}}, Microphone: -20, Loudspeaker: -96})
			s.openSettings()
		})
		shot("people", func(s *scene) { s.frame.choose(1) })
		shot("recent", func(s *scene) { s.frame.choose(2) })
	}
}
