package ui

import (
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"testing"
)

func TestPictures(t *testing.T) {
	dir := os.Getenv("PICTURES")
	if dir == "" {
		t.Skip()
	}
	for _, v := range []struct {
		name string
		w, h float32
		a    Appearance
		l    string
	}{{"wide-light", 1280, 800, Light, "en"}, {"narrow-dark", 400, 700, Dark, "de"}, {"narrow-light", 360, 700, Light, "en"}, {"wide-dark", 1280, 800, Dark, "de"}} {
		s := openIn(t, v.l, v.a, v.w, v.h)
		_ = s.model.Status.Set(Status{Pages: []string{"https://192.168.1.20:8443", "https://office-pc.local:8443"}})
		_ = s.model.Nearby.Set([]Nearby{{"FRITZ!Box 7590", "sip:192.168.1.1:5060;transport=udp"}})
		_ = s.model.Sound.Set(Sound{Microphone: -30, Loudspeaker: -40})
		s.setup.state = SetupState{Fresh: true, LocalCA: true, Names: Names{Machine: "office-pc", SignIn: "operator"}}
		s.OpenSetup()
		for i := range s.wizard.steps {
			s.wizard.show(i)
			if i == 1 {
				s.typed("192.0.2.10", "\n")
			}
			f, _ := os.Create(filepath.Join(dir, fmt.Sprintf("%s-%d.png", v.name, i+1)))
			_ = png.Encode(f, s.window.Canvas().Capture())
			f.Close()
		}
	}
}
