package ui

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
)

// aboutPage tells which Cordboard this is, looks whether all is well, and begins the first steps again.
func (w *Window) aboutPage() fyne.CanvasObject {
	about := w.office.About()
	list := column(12)
	list.Add(titled(say("set.about.this"),
		fact(say("set.about.version"), about.Version),
		fact(say("set.about.folder"), about.Folder),
		fact(say("set.about.file"), about.File)))
	if len(about.Pages) > 0 {
		list.Add(titled(say("settings.page"),
			prose(say("settings.page.does")),
			fact("", strings.Join(about.Pages, "\n")),
			container.NewCenter(qrCode(about.Pages[0]))))
	}
	list.Add(w.doctor())
	list.Add(titled(say("set.about.again"), prose(say("set.about.again.more")),
		newPill("", say("set.about.again.do"), "", func() { w.OpenSetup() })))
	return list
}

// fact is a text under its name, which can be copied.
func fact(name, value string) fyne.CanvasObject {
	l := wrapped(value, normal, 0)
	l.Selectable = true
	if name == "" {
		return flush(l)
	}
	return column(2, newText(name, small, colourMuted), flush(l))
}

// doctor looks at all that Cordboard needs and says what to do.
func (w *Window) doctor() fyne.CanvasObject {
	results, state := column(8), newVerdict()
	var look, save *pill
	report := ""
	save = newPill("", say("set.doctor.copy"), "", func() {
		w.office.Copy(report)
		state.well(say("set.doctor.copied"))
	})
	save.Hide()
	look = newPill("", say("set.doctor.look"), theme.ColorNamePrimary, func() {
		look.set(true)
		state.wait(say("set.doctor.looking"))
		w.office.Examine(func(all []Finding, err error) {
			look.set(false)
			if err != nil {
				state.fault(told(err.Error()), "")
				return
			}
			results.Objects = nil
			faults := 0
			var text strings.Builder
			for _, f := range all {
				if !f.Well {
					faults++
				}
				results.Add(w.finding(f))
				text.WriteString(strings.TrimSpace(f.What+": "+f.Text+" "+f.Do) + "\n")
			}
			report = text.String()
			results.Refresh()
			save.Show()
			if faults == 0 {
				state.well(say("set.doctor.well"))
			} else {
				state.fault(count("set.doctor.faults", faults), "")
			}
		})
	})
	look.outlined = true
	return titled(say("set.doctor"), prose(say("set.doctor.more")), state, results, beside(look, save))
}

// finding is one thing that was looked at.
func (w *Window) finding(f Finding) fyne.CanvasObject {
	icon, ink := "check", theme.ColorNamePrimary
	switch {
	case !f.Well:
		icon, ink = "warning", theme.ColorNameError
	case f.Do != "":
		icon, ink = "info", colourMuted
	}
	words := column(2, flush(wrapped(told(f.What), normal, 0)), flush(wrapped(strings.TrimSpace(told(f.Text)+" "+told(f.Do)), small, 0)))
	return container.NewBorder(nil, nil, padded(column(0, picture(icon, ink, 20)), 2, 0, 0, 8), nil, words)
}
