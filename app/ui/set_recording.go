package ui

import (
	"slices"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"
)

// keepTimes are how long recordings may be kept, as the file has it.
var keepTimes = []string{"30d", "90d", "180d", "365d"}

// keptFor is such a time in words; one that was written by hand may be another.
func keptFor(v string) string {
	if slices.Contains(keepTimes, v) {
		return say("set.recording.keep." + v)
	}
	days, _ := strings.CutSuffix(v, "d")
	if n, err := strconv.Atoi(days); err == nil {
		return count("set.recording.keep.days", n)
	}
	return v
}

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
		s.choice("recording.keep", say("set.recording.keep"), keepTimes, keptFor))
	s.load()
	return s.box
}
