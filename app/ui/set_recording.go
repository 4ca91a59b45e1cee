package ui

import "fyne.io/fyne/v2"

// recordingPage says whether calls are recorded.
func (w *Window) recordingPage() fyne.CanvasObject {
	s := w.newSheet()
	s.part(say("set.recording.when"),
		prose(say("set.recording.law")),
		s.choice("recording.enabled", say("set.recording.calls"), []string{"", "ask", "always"}, func(v string) string {
			if v == "" {
				v = "never"
			}
			return say("set.recording." + v)
		}))
	s.box.Add(s.verdict)
	s.part(say("set.recording.files"),
		s.flag("recording.announce", say("set.recording.announce"), say("set.recording.announce.more")),
		s.choice("recording.keep", say("set.recording.keep"), []string{"30d", "90d", "180d", "365d"}, func(v string) string { return say("set.recording.keep." + v) }))
	s.load()
	return s.box
}
