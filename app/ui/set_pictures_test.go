package ui

import (
	"errors"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"fyne.io/fyne/v2"

	"cordboard/gateway/call"
)

// TestSettingsPictures draws the pages into the folder that CORDBOARD_PICTURES names, for people to look at.
func TestSettingsPictures(t *testing.T) {
	folder := os.Getenv("CORDBOARD_PICTURES")
	if folder == "" {
		t.Skip("CORDBOARD_PICTURES names no folder")
	}
	for _, v := range []struct {
		name, language string
		look           Appearance
		width, height  float32
	}{{"wide-light", "en", Light, 1280, 800}, {"narrow-dark", "de", Dark, 400, 700}, {"wide-dark", "de", Dark, 1280, 800}, {"narrow-light", "en", Light, 400, 700}, {"least-light", "de", Light, 360, 640}} {
		s := openIn(t, v.language, v.look, v.width, v.height)
		_ = s.model.Status.Set(Status{PBX: []call.PBX{{Name: "office", Mode: "extension", URI: "sip:192.0.2.10:5060",
			State: []call.PBXState{{User: "alice", State: "registered"}, {User: "bob", State: "wrong password", Detail: "401 twice"}},
			Facts: []call.Fact{{Name: call.FactServer, Values: []string{"Asterisk 20"}}}}}})
		_ = s.model.Sound.Set(Sound{Microphone: -30, Loudspeaker: -50, Devices: []Device{{Purpose: Microphone, Name: "USB Headset", Chosen: true}}})
		s.office.near[1].Pairing = &call.Pairing{ID: "bb", Name: "Workshop", Code: "123456"}
		draw := func(name string) {
			f, err := os.Create(filepath.Join(folder, v.name+"-"+name+".png"))
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(png.Encode(f, s.window.Canvas().Capture()), f.Close()); err != nil {
				t.Error(err)
			}
		}
		s.openSettings()
		draw("0-list")
		for i := range s.set.pages {
			s.set.choose(i)
			draw(string(rune('1'+i)) + "-page")
			if s.set.scroll.Content.MinSize().Height > s.set.scroll.Size().Height {
				s.set.scroll.ScrollToBottom()
				draw(string(rune('1'+i)) + "-rest")
			}
		}
		s.set.choose(2)
		s.set.enter("Bob Miller", func(w *Window) fyne.CanvasObject { return w.userPage(s.office.users[1]) })
		draw("user")
		s.set.enter("Bob Miller", func(w *Window) fyne.CanvasObject { return w.made(s.office.users[1], "kite-42-lamp") })
		draw("made")
		s.set.choose(1)
		s.set.enter("+", (*Window).newPBXPage)
		draw("newpbx")
		s.ask("Remove Bob Miller?", "The user can't sign in or be called any more.", "Remove", func() {})
		draw("question")
	}
}
