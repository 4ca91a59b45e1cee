package ui

import (
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"cordboard/gateway/call"
)

// TestPictures draws the screens into the folder that CORDBOARD_PICTURES names, for people to look at.
func TestPictures(t *testing.T) {
	folder := os.Getenv("CORDBOARD_PICTURES")
	if folder == "" {
		t.Skip("CORDBOARD_PICTURES names no folder")
	}
	for _, scene := range []struct {
		name string
		make func(s *scene)
	}{
		{"idle", func(*scene) {}},
		{"typing", func(s *scene) { s.typed("b") }},
		{"rings", func(s *scene) { s.calls(ringing1(s)...) }},
		{"talking", func(s *scene) { s.calls(talking1(s)...) }},
		{"both", func(s *scene) { s.calls(both(s)...) }},
		{"two", func(s *scene) { s.calls(two(s)...) }},
		{"transfer", func(s *scene) { s.calls(talking1(s)...); s.typed("t", "c") }},
		{"problem", func(s *scene) {
			_ = s.model.Desk.Set(call.DeskState{Problem: "This machine has no microphone. Plug one in."})
		}},
		{"knock", func(s *scene) { s.calls(s.rings("a", "0301234567", "Erika"), s.rings("b", "bob", "")) }},
		{"elsewhere", func(s *scene) {
			_ = s.model.Elsewhere.Set([]call.Info{{ID: "x", From: "alice", To: "102", State: call.Talking}})
		}},
		{"more", func(s *scene) {
			s.calls(talking1(s)...)
			_ = s.model.Recordings.Set([]call.RecordingState{{ID: "r", Dialog: "a@host", Allowed: true, On: true}})
			var samples []call.Sample
			for i := range 30 {
				samples = append(samples, call.Sample{At: int64(i), In: call.Path{MOS: 4.3 - float64(i*i%17)/8}})
			}
			_ = s.model.Sounds.Set(map[string][]call.Sample{"a@host": samples})
			s.active.toggleMore()
		}},
		{"mail", func(s *scene) { _ = s.model.Voicemail.Set(call.Voicemail{New: 2, Box: "600"}) }},
		{"people", func(s *scene) { s.frame.choose(1) }},
		{"recent", func(s *scene) { s.frame.choose(2) }},
	} {
		for _, size := range []struct {
			name          string
			width, height float32
		}{{"wide", 1280, 800}, {"narrow", 400, 700}, {"least", 360, 640}} {
			for _, look := range []Appearance{Light, Dark} {
				s := openIn(t, "en", look, size.width, size.height)
				scene.make(s)
				f, err := os.Create(filepath.Join(folder, scene.name+"-"+size.name+"-"+string(look)+".png"))
				if err != nil {
					t.Fatal(err)
				}
				if err := png.Encode(f, s.window.Canvas().Capture()); err != nil {
					t.Error(err)
				}
				if err := f.Close(); err != nil {
					t.Error(err)
				}
			}
		}
	}
}
