package ui

import (
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/data/binding"
	"fyne.io/fyne/v2/theme"

	"cordboard/gateway/call"
)

// Window is all that the window shows. Its methods are the user interface's alone, on the goroutine of the app's driver.
type Window struct {
	model    *Model
	phone    Phone
	calls    Calls
	settings Settings
	system   System
	setup    Setup
	office   Office
	rebuild  func() // makes the window anew, in another language

	canvas   fyne.Canvas
	dialView *dialView
	active   *active
	alone    *ringing           // a call that rings, with nothing else going on
	above    [mostBars]*ringing // those that ring beside another
	status   *status
	linked   *linked
	frame    *frame
	root     *fyne.Container
	top      *fyne.Container // above page: whose telephone this is, and what is wrong
	page     *fyne.Container // the screen of settings, the first start, or the switchboard
	wizard   *wizard         // nil: the first start is over
	laid     bool            // the first start gives way to a link, until somebody goes back or a call has come
	open     bool            // settings are
	set      *settingsView   // nil: nobody has opened them; not open: a call has put them aside
	before   int             // listeners that are not theirs
	closed   bool            // another window took the place of this one

	fault  string    // what could not be done last
	failed time.Time // when that was, by the model's clock
	rings  string    // the call that rang when last looked
	ends   []func()
}

// mostBars is how many calls that ring beside another are shown at a time.
const mostBars = 2

// faultTime is how long it is told that something could not be done.
const faultTime = 6 * time.Second

// NewWindow makes the views. rebuild is asked for when the language has changed: it makes the window anew and shows that.
func NewWindow(m *Model, d Does, rebuild func()) *Window {
	w := &Window{model: m, phone: d.Phone, calls: d.Calls, settings: d.Settings, system: d.System, setup: d.Setup, office: d.Office, rebuild: rebuild}
	w.status = w.newStatus()
	w.dialView = w.newDialView()
	w.guard(w.dialView.field)
	w.active = w.newActive()
	w.alone = w.newRinging(false)
	w.linked = w.newLinked()
	top := column(unit, w.newElsewhere().CanvasObject)
	for i := range w.above {
		w.above[i] = w.newRinging(true)
		top.Add(w.above[i].CanvasObject)
	}
	top.Add(w.linked.CanvasObject)
	stage := container.NewBorder(container.New(narrow{480}, top), nil, nil, nil,
		container.NewStack(w.dialView.CanvasObject, w.alone.CanvasObject, w.active.CanvasObject))
	w.frame = w.newFrame(w.newPeople().CanvasObject, stage, w.recentView())
	w.page = container.NewStack(w.frame.CanvasObject)
	w.top = column(0, w.header(), padded(w.status, 0, 6, 8, 8))
	w.root = container.NewBorder(w.top, nil, nil, nil, w.page)
	w.listen(w.show, m.Desk, m.People, m.Recordings)
	w.listen(func() {
		if w.fault != "" && w.now().Sub(w.failed) > faultTime {
			w.do(nil)
		}
		if e, ok := w.focused().(*entry); ok {
			e.doze(w.now())
		}
	}, m.Now)
	if w.setup.State().Wanted {
		w.OpenSetup()
	}
	return w
}

// Content is what the app's window holds.
func (w *Window) Content() fyne.CanvasObject {
	return w.root
}

// Attach makes the keyboard of a canvas work the phone.
func (w *Window) Attach(c fyne.Canvas) {
	w.canvas = c
	c.SetOnTypedKey(func(e *fyne.KeyEvent) { w.key(e) })
	c.SetOnTypedRune(func(r rune) { w.char(r, false) })
	if w.wizard != nil {
		w.wizard.show(w.wizard.at) // which gives it the keyboard
	}
}

// Close ends listening to the model.
func (w *Window) Close() {
	w.end(0)
	w.closed = true
}

// listen does something now, and after each change of one of the items.
func (w *Window) listen(do func(), items ...binding.DataItem) {
	l := binding.NewDataListener(do)
	for _, item := range items {
		item.AddListener(l)
		w.ends = append(w.ends, func() { item.RemoveListener(l) })
	}
}

// now is the time that the window shows.
func (w *Window) now() time.Time {
	if now, _ := w.model.Now.Get(); !now.IsZero() {
		return now
	}
	return time.Now()
}

// show brings the middle up to date: a call, one that comes in, or the field to call from.
func (w *Window) show() {
	main, rings, others := w.model.calls()
	if w.own(main) {
		main = nil
	}
	if main != nil || len(rings) > 0 {
		w.laid = false
	}
	w.seat(main != nil || len(rings) > 0 || w.laid)
	w.alone.CanvasObject.(*fyne.Container).Hidden = len(rings) == 0 || main != nil
	w.active.CanvasObject.(*fyne.Container).Hidden = main == nil
	w.dialView.CanvasObject.(*fyne.Container).Hidden = main != nil || len(rings) > 0
	bars := rings
	if len(rings) > 0 {
		if main == nil { // the first has all of the middle
			bars = rings[1:]
			w.alone.face.(*fyne.Container).Hidden = len(bars) > 0
			w.alone.show(w, rings[0])
		}
		if newest := rings[len(rings)-1].ID; w.rings != newest { // space and escape are for them, unless somebody is typing
			w.rings = newest
			w.frame.choose(0)
			w.dismiss()
			w.asideSettings()
			if e, typing := w.focused().(*entry); !typing || e.Text == "" {
				w.focus(nil)
			}
		}
	}
	for i, bar := range w.above {
		bar.CanvasObject.(*surface).Hidden = i >= len(bars)
		if i < len(bars) {
			bar.show(w, bars[i])
		}
	}
	if main != nil {
		if w.active.call.ID != main.ID {
			w.frame.choose(0)
			w.asideSettings()
			w.focus(nil)
		}
		w.active.show(*main, others)
	} else if w.active.call.ID != "" {
		w.active.call = call.DeskCall{}
		if _, typing := w.focused().(*entry); !typing { // nothing that is gone has the focus
			w.focus(nil)
		}
	}
	w.frame.CanvasObject.Refresh()
}

// Tell tells what came of something that was done elsewhere, as in the tray.
func (w *Window) Tell(err error) { w.do(err) }

// do tells what could not be done, and reports whether it was.
func (w *Window) do(err error) bool {
	w.fault = ""
	if err != nil {
		w.fault, w.failed = told(err.Error()), w.now()
	}
	w.status.show()
	return err == nil
}

// dial calls somebody.
func (w *Window) dial(target string) {
	if target == "" {
		w.focus(w.dialView.field.entry)
		return
	}
	if _, err := w.phone.Call(target); w.do(err) {
		w.dialView.field.entry.SetText("")
		w.focus(nil)
	}
}

func (w *Window) focus(on fyne.Focusable) {
	switch {
	case w.canvas == nil:
	case on == nil:
		w.canvas.Unfocus()
	default:
		w.canvas.Focus(on)
	}
}

func (w *Window) focused() fyne.Focusable {
	if w.canvas == nil {
		return nil
	}
	return w.canvas.Focused()
}

// guard lets the keys of calls work in a field, too.
func (w *Window) guard(f *field) {
	f.entry.taken = func(e *fyne.KeyEvent) bool {
		if f.arrows(e) {
			return true
		}
		return e.Name == fyne.KeyEscape && w.key(e)
	}
	f.entry.char = w.spaceIn(f.entry)
}

// spaceIn lets space answer in a field that is empty; nothing that is called or looked for begins with a space.
func (w *Window) spaceIn(e *entry) func(r rune) bool {
	return func(r rune) bool {
		if r != ' ' || strings.TrimSpace(e.Text) != "" {
			return false
		}
		w.char(r, true)
		return true
	}
}

// ringing says whether a call comes in.
func (w *Window) ringing() bool {
	_, rings, _ := w.model.calls()
	return len(rings) > 0
}

// key works the phone by keys without a letter, and reports whether it did.
func (w *Window) key(e *fyne.KeyEvent) bool {
	if e.Name == fyne.KeyEscape && w.dismiss() {
		return true
	}
	main, rings, _ := w.model.calls()
	if w.wizard != nil && w.top.Hidden {
		return w.wizard.key(e)
	}
	if e.Name != fyne.KeyEscape {
		return false
	}
	switch {
	case len(rings) > 0:
		w.do(w.phone.HangUp(rings[0].ID))
	case w.open:
		w.leaveSettings()
	case main != nil && w.active.transfer.open:
		w.active.transfer.close()
	case main != nil && w.active.more.open:
		w.active.toggleMore()
	case main != nil && main.State != call.Talking: // given up; who talks hangs up by the button
		w.do(w.phone.HangUp(main.ID))
	case w.dialView.field.entry.Text != "":
		w.dialView.set("")
	case w.laid:
		w.layBack()
	default:
		w.do(nil)
		return false
	}
	return true
}

// char works the phone by letters and digits, and reports whether it did; in a field only space answers.
func (w *Window) char(r rune, inField bool) bool {
	main, rings, _ := w.model.calls()
	switch {
	case w.wizard != nil && w.top.Hidden:
		return false
	case r == ' ' && len(rings) > 0:
		w.do(w.phone.Answer(rings[0].ID))
	case inField:
		return false
	case main != nil && (r == 'm' || r == 'M'):
		w.active.toggleMute()
	case main != nil && (r == 'h' || r == 'H') && main.State == call.Talking:
		w.active.toggleHold()
	case main != nil && (r == 't' || r == 'T') && main.State == call.Talking:
		w.asideSettings() // where the field is that it leads to
		w.active.toggleTransfer()
	case main != nil && isKey(r):
		w.active.press(string(r))
	case main == nil && len(rings) == 0 && r > ' ' && !w.open && !w.asked(): // typing begins the next call
		w.frame.choose(0)
		w.dialView.set(w.dialView.field.entry.Text + string(r))
		w.focus(w.dialView.field.entry)
	default:
		return false
	}
	return true
}

// header says whose telephone this is.
func (w *Window) header() fyne.CanvasObject {
	name := boldText("", big)
	w.listen(func() {
		words, _ := w.model.Name.Get()
		name.say(words)
	}, w.model.Name)
	busy := newToggle("do-not-disturb", func() { w.phone.DoNotDisturb(!w.model.desk().Busy) })
	set := newToggle("settings", func() {
		switch {
		case w.open:
			w.closeSettings()
		case w.laid:
			w.layBack()
		case w.wizard == nil: // which a call has put aside
			w.openSettings()
		}
	})
	w.listen(func() { busy.mark(w.model.desk().Busy) }, w.model.Desk)
	mark := container.NewCenter(picture("cord", theme.ColorNamePrimary, 28))
	mail := w.newMailbox()
	head := container.NewBorder(nil, nil, padded(mark, 0, 0, 0, 12), line(4, mail, busy, set), container.New(middle{}, name))
	w.listen(func() { mail.show(head) }, w.model.Voicemail)
	return padded(head, 4, 0, 16, 12)
}

// missedWord is how many calls nobody took; empty: none.
func (w *Window) missedWord() string {
	if n := w.model.missed(); n > 0 {
		return count("recent.missedCount", n)
	}
	return ""
}
