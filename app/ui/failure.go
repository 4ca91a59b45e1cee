package ui

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// Failure is why there is no Cordboard that a window could show.
type Failure struct {
	Ran    bool        // it did before
	Why    string      // a sentence; empty: Faults say it
	File   string      // the configuration file, where that is at fault
	Faults []FileFault // of it
}

// FileFault is one thing wrong in a file.
type FileFault struct {
	Line      int    // from 1; 0: none
	At, Wrong string // the key, as it stands in the file; what is wrong with it
}

// NewFailure is all that a window shows then; last is what the keyboard works. open opens File.
func NewFailure(f Failure, open, quit func()) (content fyne.CanvasObject, last fyne.Focusable) {
	title, words := say("failure.start"), told(f.Why)
	if f.Ran {
		title = say("failure.stopped")
	}
	leave := newPill("", say("failure.quit"), theme.ColorNamePrimary, quit)
	more, buttons := column(4), beside(leave)
	if f.File == "" {
		more.Add(prose(say("failure.more")))
	} else {
		words = say("failure.file", "File", f.File)
		for _, fault := range f.Faults {
			var parts []string
			if fault.Line > 0 {
				parts = append(parts, say("failure.line", "N", number(fault.Line)))
			}
			if fault.At != "" {
				parts = append(parts, fault.At)
			}
			more.Add(prose(strings.Join(append(parts, told(fault.Wrong)), ": ")))
		}
		leave.outlined = true
		file := newPill("", say("failure.open"), theme.ColorNamePrimary, open)
		leave, buttons = file, beside(leave, file)
	}
	head := line(12, container.NewCenter(picture("cord", theme.ColorNamePrimary, 28)), container.New(middle{}, whole(boldText(title, big))))
	inside := column(12, padded(head, 4, 4, 0, 0), flush(wrapped(words, normal, widget.MediumImportance)), more)
	return padded(container.NewBorder(nil, padded(buttons, 12, 0, 0, 0), nil, nil, container.NewVScroll(inside)), 16, 20, 20, 20), leave
}
