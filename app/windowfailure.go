//go:build !headless && cgo

package main

import (
	"errors"
	"path/filepath"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/app"

	"cordboard/app/ui"
	"cordboard/gateway"
)

// Size of the window that says why there is no other, in Fyne's pixels.
const (
	failureWidth  = 520
	failureHeight = 340
)

// tell shows why Cordboard can't start until somebody has seen it: who started it by a double click reads no console. It gives err as told.
func tell(c console, p place, err error) error {
	err = said(c.err, err)
	setMetadata()
	a := app.NewWithID(appID)
	var as left
	if dir, fault := p.dir(); fault == nil {
		as, _ = readLeft(filepath.Join(dir, windowName)) // or as at the first start
	}
	if fault := ui.Speak(as.Language); fault != nil {
		return errors.Join(err, fault)
	}
	a.Settings().SetTheme(ui.Theme(as.Appearance))
	w := a.NewWindow("Cordboard")
	w.SetMaster()
	showFailure(a, w, err, false)
	w.Resize(fyne.NewSize(failureWidth, failureHeight))
	w.CenterOnScreen()
	w.ShowAndRun()
	return err
}

// fail shows why the gateway has ended, or was not started anew, in the place of the views. It belongs to Fyne's loop.
func (s *shell) fail(err error) {
	s.failed = said(s.console.err, err)
	s.views.Close()
	showFailure(s.app, s.window, err, true)
	s.raise()
}

// showFailure shows it in a window. ran: the gateway did before.
func showFailure(a fyne.App, w fyne.Window, err error, ran bool) {
	f := failureOf(err)
	f.Ran = ran
	content, button := ui.NewFailure(f, func() {
		if fault := browse(a, "file://"+filepath.ToSlash(f.File)); fault != nil {
			fyne.LogError("settings file not opened", fault)
		}
	}, a.Quit)
	w.SetPadded(false)
	w.SetContent(content)
	w.SetCloseIntercept(a.Quit)
	c := w.Canvas()
	c.SetOnTypedRune(nil)
	c.SetOnTypedKey(func(e *fyne.KeyEvent) {
		if e.Name == fyne.KeyEscape {
			a.Quit()
		}
	})
	c.Focus(button)
}

// failureOf is an error as people read it.
func failureOf(err error) ui.Failure {
	var faults gateway.Faults
	if !errors.As(err, &faults) || len(faults) == 0 {
		why, _, _ := strings.Cut(err.Error(), "\n") // what follows came of it
		why = strings.TrimPrefix(why, "start: ")
		return ui.Failure{Why: strings.ToUpper(why[:min(1, len(why))]) + why[min(1, len(why)):]}
	}
	file := faults[0].File
	if whole, fault := filepath.Abs(file); fault == nil {
		file = whole
	}
	f := ui.Failure{File: file}
	for _, fault := range faults {
		at := strings.TrimSuffix(gateway.Fault{Path: fault.Path}.String(), ": ")
		f.Faults = append(f.Faults, ui.FileFault{Line: fault.Line, At: at, Wrong: fault.Problem})
	}
	return f
}
