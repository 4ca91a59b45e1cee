//go:build !headless && cgo

package main

import (
	"context"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/app"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/lang"

	"cordboard/app/links"
	"cordboard/app/ui"
	"cordboard/gateway"
	"cordboard/gateway/call"
	"cordboard/gateway/cert/trust"
)

// appID is the window's name for the desktop, and for where it keeps how it looks.
const appID = "org.cordboard.Cordboard"

// Size of the window at its first start, in Fyne's pixels.
const (
	firstWidth  = 1120
	firstHeight = 720
)

// noWindow says why there can be no window; empty: there can.
func noWindow() string {
	if runtime.GOOS != "windows" && runtime.GOOS != "darwin" && os.Getenv("DISPLAY") == "" {
		return "There is no display here."
	}
	return ""
}

// shell is the window of this program: Fyne's app around the views, and the gateway that they show.
type shell struct {
	app     fyne.App
	window  fyne.Window
	views   *ui.Window
	model   *ui.Model
	phone   ui.Phone
	calls   ui.Calls
	set     *settings
	system  ui.System
	setup   *setup
	office  ui.Office
	errands *errands
	pace    *pace

	tray      *ui.Tray // nil: none
	trayReady bool     // the icon is shown as soon as there is a tray
	away      atomic.Bool

	console console
	place   place
	life    *life          // nil: the gateway is being started anew
	work    sync.WaitGroup // what goes on beside the user interface
	next    chan again     // holds one: the gateway that was started anew
	failed  error          // why there is no gateway any more
}

// window runs the gateway with its window until somebody quits, or the gateway ends. A call depends on the gateway alone. hidden: it
// begins in the tray. target is called as a link's; empty: nobody.
func window(c console, p place, hidden bool, target string) error {
	s := &shell{console: c, place: p, next: make(chan again, 1), pace: newPace()}
	i, err := start(c, p, s.asked)
	if err != nil {
		return tell(c, p, err)
	}
	setMetadata()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	if err := s.make(ctx, app.NewWithID(appID), i); err != nil {
		return err
	}
	s.window.SetMaster()
	s.window.SetPadded(false)
	s.window.SetCloseIntercept(s.closed)
	s.awaitTray(hidden)
	go s.errands.run(ctx)
	s.begin(i)
	s.window.Resize(s.set.size(firstWidth, firstHeight))
	s.work.Go(func() { s.pace.run(ctx) })
	switch {
	case target != "":
		s.asked(true, target)
	case !hidden || !s.trayReady:
		s.window.Show()
	default:
		s.away.Store(true)
		s.work.Go(func() { s.showWithoutTray(ctx) })
	}
	s.app.Run()
	s.set.keepSize(s.window.Canvas().Size())
	stop()
	err = s.finish()
	s.errands.leave()
	return err
}

// setMetadata tells Fyne which program this is. It comes before the app.
func setMetadata() {
	app.SetMetadata(fyne.AppMetadata{ID: appID, Name: "Cordboard", Version: version, Icon: ui.AppIcon(), Migrations: map[string]bool{"fyneDo": true}})
}

// make makes the window of an app, and all that stands between it and a gateway. What goes on beside ends with ctx.
func (s *shell) make(ctx context.Context, a fyne.App, i *instance) error {
	s.app, s.model = a, ui.NewModel()
	s.set = newSettings(i.host.Dir, s.app.Settings(), s.model, i.host.Card, i.log)
	s.system = &system{s.set, s.place}
	s.setup = &setup{ctx: ctx, set: s.set, log: i.log, work: &s.work, do: s.pace.later}
	s.office = &office{ctx: ctx, work: &s.work, gateway: func() *gateway.Gateway { return s.setup.gateway }, lists: trust.Lists,
		again: s.startAgain, copy: s.app.Clipboard().SetContent, do: s.pace.later}
	s.errands = newErrands(s.app, i.log)
	if err := ui.Speak(s.set.Language()); err != nil {
		return err
	}
	s.app.Settings().SetTheme(ui.Theme(s.set.Appearance()))
	s.window = s.app.NewWindow("Cordboard")
	return nil
}

// build makes the views in the language in use.
func (s *shell) build() {
	at := ui.Place("")
	if s.views != nil {
		at = s.views.At()
		s.views.Close()
	}
	s.views = ui.NewWindow(s.model, ui.Does{Phone: s.phone, Calls: s.calls, Settings: s.set, System: s.system, Setup: s.setup, Office: s.office}, func() {
		if err := ui.Speak(s.set.Language()); err != nil {
			fyne.LogError("language not changed", err)
			return
		}
		s.build()
		s.fillTray()
	})
	s.window.SetContent(s.views.Content())
	s.views.Attach(s.window.Canvas())
	s.views.Mend(at)
}

// closed hides the window where the tray shows it again; elsewhere it quits.
func (s *shell) closed() {
	if s.canHide() {
		s.away.Store(true)
		s.window.Hide()
		return
	}
	s.quit()
}

// quit ends the program, and asks first when that ends calls, be they of this phone or of somebody's browser.
func (s *shell) quit() {
	n := 0
	if s.life != nil && s.failed == nil {
		n = s.office.Calls()
	}
	if n == 0 {
		s.app.Quit()
		return
	}
	s.raise()
	words := lang.XN("quit.calls", "{{.N}} calls would end.", n, map[string]int{"N": n})
	ask := dialog.NewConfirm(lang.X("quit.title", "Quit Cordboard?"), words, func(yes bool) {
		if yes {
			s.app.Quit()
		}
	}, s.window)
	ask.SetConfirmText(lang.X("quit.yes", "Quit anyway"))
	ask.SetDismissText(lang.X("quit.no", "Go on"))
	ask.Show()
}

// asked is for any goroutine: the window shall come up, and take whom to call unless dial is empty.
func (s *shell) asked(show bool, dial string) {
	s.pace.later(func() {
		if show || dial != "" {
			s.raise()
		}
		if dial != "" && s.failed == nil {
			s.views.Link(dial, s.system.CallsLinks() && links.Harmless(dial))
		}
	})
}

// raise brings the window up.
func (s *shell) raise() {
	if s.away.Swap(false) {
		must(s.model.Now.Set(time.Now())) // which stood still
	}
	s.window.Show()
	restore(s.window)
	s.window.RequestFocus()
}

// noPhone is the phone of a machine without sound.
type noPhone struct{}

var errNoPhone = &call.DeskFault{Code: "no_phone", Message: "This machine has no sound, so it can't call. Plug in a headset and start Cordboard again."}

func (noPhone) Call(string) (string, error)   { return "", errNoPhone }
func (noPhone) Answer(string) error           { return errNoPhone }
func (noPhone) HangUp(string) error           { return errNoPhone }
func (noPhone) Hold(string) error             { return errNoPhone }
func (noPhone) Resume(string) error           { return errNoPhone }
func (noPhone) Mute(string, bool) error       { return errNoPhone }
func (noPhone) Press(string, string) error    { return errNoPhone }
func (noPhone) Transfer(string, string) error { return errNoPhone }
func (noPhone) Move(string) error             { return errNoPhone }
func (noPhone) Join() error                   { return errNoPhone }
func (noPhone) DoNotDisturb(bool)             {}
