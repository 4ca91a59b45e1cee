package ui

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
)

// TestFailure says what is wrong, in the language in use, and its buttons work.
func TestFailure(t *testing.T) {
	port := Failure{Why: "The HTTPS port :8443 is in use by another program; set [listen] https in cordboard.toml to another port, or stop that program."}
	file := Failure{File: "/data/cordboard.toml", Faults: []FileFault{{3, "[log] level", `"loud" is not one of debug, info, warn, error`}, {0, "", "has a control character"}}}
	stopped := port
	stopped.Ran = true
	for _, tt := range []struct {
		name, language string
		failure        Failure
		says           []string
		does           string // what enter on the button in focus does
	}{
		{"a port", "en", port, []string{"Cordboard can't start", "in use by another program", "cordboard doctor"}, "quit"},
		{"a port, in German", "de", port, []string{"Cordboard kann nicht starten", "Den Port :8443 (HTTPS) benutzt ein anderes Programm", "cordboard doctor"}, "quit"},
		{"while it ran", "en", stopped, []string{"Cordboard has stopped"}, "quit"},
		{"the file", "en", file, []string{"/data/cordboard.toml", "Line 3: [log] level: \"loud\" is not one of debug", "has a control character"}, "open"},
		{"the file, in German", "de", file, []string{"/data/cordboard.toml", "Zeile 3: [log] level: „loud“ gibt es nicht, nur debug", "Steuerzeichen"}, "open"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := Speak(tt.language); err != nil {
				t.Fatal(err)
			}
			var did []string
			test.NewTempApp(t).Settings().SetTheme(Theme(Light))
			w := test.NewTempWindow(t, nil)
			content, button := NewFailure(tt.failure, func() { did = append(did, "open") }, func() { did = append(did, "quit") })
			w.SetContent(content)
			w.Resize(fyne.NewSize(480, 360))
			for _, words := range tt.says {
				if !reads(content, words) {
					t.Errorf("it does not say %q", words)
				}
			}
			w.Canvas().Focus(button)
			button.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
			for _, o := range shown(content) {
				if p, ok := o.(*pill); ok && p.word == say("failure.quit") {
					p.Tapped(nil)
				}
			}
			if got := strings.Join(did, " "); got != tt.does+" quit" {
				t.Errorf("the buttons did %q", got)
			}
		})
	}
}
