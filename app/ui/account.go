package ui

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"cordboard/gateway/call"
)

// accountForm takes an account at a PBX: which PBX, the extension and its password. The account is tried before it is saved, and what came
// of that is told in words.
type accountForm struct {
	fyne.CanvasObject
	w       *Window
	account Account // as it was saved
	saved   func()  // after that
	changed func()  // something was typed, or the form began or ended to be busy; may be nil
	busy    bool    // it is being tried
	asked   int     // which trial the form waits for: one that was given up is not told of

	address, extension, password *entry
	rows                         []*row
	nearby                       *fyne.Container
	verdict                      *verdict
}

// newAccountForm shows an account. saved is called when another one was tried and saved.
func (w *Window) newAccountForm(start Account, saved func()) *accountForm {
	f := &accountForm{w: w, account: start, saved: saved, nearby: column(0), verdict: newVerdict()}
	f.address, f.extension, f.password = w.newLine(say("account.address.hint")), w.newLine(say("account.extension.hint")), w.newSecret("")
	f.address.SetText(plainAddress(start.Address))
	f.extension.SetText(start.Extension)
	f.hint()
	all := []*entry{f.address, f.extension, f.password}
	for i, e := range all {
		e.OnChanged = func(string) { f.edited() }
		e.OnSubmitted = func(string) {
			if i+1 < len(all) {
				f.w.focus(all[i+1])
				return
			}
			f.try()
		}
	}
	w.listen(f.offer, w.model.Nearby)
	f.CanvasObject = column(12, f.nearby,
		labelled(say("account.address"), f.address),
		labelled(say("account.extension"), f.extension),
		labelled(say("account.password"), f.password),
		f.verdict)
	return f
}

// hint tells in the empty field whether a password is kept.
func (f *accountForm) hint() {
	words := ""
	if f.account.Saved {
		words = say("account.password.kept")
	}
	f.password.SetPlaceHolder(words)
}

// typed is the account that stands in the form.
func (f *accountForm) typed() Account {
	a := f.account
	a.Address, a.Extension, a.Password = sipAddress(f.address.Text), strings.TrimSpace(f.extension.Text), f.password.Text
	return a
}

// same reports that the form has nothing but what is saved.
func (f *accountForm) same() bool {
	if f.password.Text != "" {
		return false
	}
	if f.account.Address == "" {
		return strings.TrimSpace(f.address.Text+f.extension.Text) == ""
	}
	a := f.typed()
	return a.Address == sipAddress(plainAddress(f.account.Address)) && a.Extension == f.account.Extension
}

// edited forgets what was told of another account.
func (f *accountForm) edited() {
	f.asked++
	f.busy = false
	f.verdict.clear()
	f.offer()
	f.tell()
}

func (f *accountForm) tell() {
	if f.changed != nil {
		f.changed()
	}
}

// offer lists the PBXs of the network.
func (f *accountForm) offer() {
	nearby, _ := f.w.model.Nearby.Get()
	for len(f.rows) < len(nearby) {
		i := len(f.rows)
		f.rows = append(f.rows, newRow(func() { f.pick(i) }))
	}
	objects := make([]fyne.CanvasObject, 0, len(nearby)+1)
	if len(nearby) > 0 {
		objects = append(objects, newText(say("account.nearby"), small, colourMuted))
	}
	for i, p := range nearby {
		r := f.rows[i]
		r.person(p.Name, plainAddress(p.Address), "", nil)
		r.avatar.show(p.Name, "pbx")
		r.badge.Hide()
		r.mark(sipAddress(f.address.Text) == sipAddress(plainAddress(p.Address)))
		objects = append(objects, r)
	}
	f.nearby.Objects = objects
	f.nearby.Hidden = len(nearby) == 0
	f.nearby.Refresh()
}

// pick takes the address of a PBX that was found.
func (f *accountForm) pick(i int) {
	nearby, _ := f.w.model.Nearby.Get()
	if i < len(nearby) {
		f.address.SetText(plainAddress(nearby[i].Address))
		f.w.focus(f.extension)
	}
}

// try tries what was typed, and saves it when it works.
func (f *accountForm) try() {
	a := f.typed()
	if f.busy {
		return
	}
	if strings.TrimSpace(f.address.Text) == "" || a.Extension == "" {
		f.verdict.fault(say("account.incomplete"), "")
		f.w.focus(map[bool]*entry{true: f.address, false: f.extension}[strings.TrimSpace(f.address.Text) == ""])
		return
	}
	f.asked++
	mine := f.asked
	f.busy = true
	f.verdict.wait(say("account.trying", "Where", f.where()))
	f.tell()
	f.w.setup.TryAccount(a, func(t call.Trial, err error) {
		if mine != f.asked {
			return
		}
		if err != nil || !t.Works {
			f.busy = false
			f.failed(t, err)
			f.tell()
			return
		}
		f.w.setup.SaveAccount(a, func(saved Account, err error) {
			f.busy = f.busy && mine != f.asked
			if err != nil {
				f.verdict.fault(told(err.Error()), "")
			} else {
				f.kept(saved, a.Password)
			}
			f.tell()
		})
	})
}

// giveUp waits no longer for what is being tried.
func (f *accountForm) giveUp() {
	if f.busy {
		f.edited()
	}
}

// where is the PBX as the person calls it.
func (f *accountForm) where() string { return strings.TrimSpace(f.address.Text) }

// failed tells why an account does not work.
func (f *accountForm) failed(t call.Trial, err error) {
	if err != nil {
		f.verdict.fault(told(err.Error()), "")
		return
	}
	more := ""
	switch t.Code {
	case call.TrialRefused, call.TrialBusy, call.TrialCertificate, call.TrialFailed:
		more = t.Text
	}
	f.verdict.fault(say("account."+t.Code, "Where", f.where(), "Extension", strings.TrimSpace(f.extension.Text)), more)
	if t.Code == call.TrialWrongPassword || t.Code == call.TrialNoPassword {
		f.w.focus(f.password)
	}
}

// kept tells that an account was saved, and keeps no password.
func (f *accountForm) kept(a Account, password string) {
	f.account = a
	if f.password.Text == password {
		f.password.SetText("") // which forgets the verdict before
	}
	f.hint()
	if f.same() {
		f.verdict.well(say("account.works", "Where", f.where(), "Extension", a.Extension))
		f.saved()
	}
}

// verdict tells in words what came of trying something.
type verdict struct {
	widget.BaseWidget
	sign  *canvas.Image
	words *widget.Label
	more  *widget.Label
	box   *surface
}

func newVerdict() *verdict {
	v := &verdict{sign: picture("warning", theme.ColorNameError, 20), words: widget.NewLabel(""), more: widget.NewLabel("")}
	v.words.Wrapping, v.more.Wrapping = fyne.TextWrapWord, fyne.TextWrapWord
	v.more.SizeName, v.more.Importance = small, widget.LowImportance
	inside := container.NewBorder(nil, nil, padded(container.New(middle{}, v.sign), 0, 0, 8, 0), nil, column(0, v.words, v.more))
	v.box = newSurface(inside, colourWash, "", 0)
	v.ExtendBaseWidget(v)
	v.Hide()
	return v
}

func (v *verdict) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(v.box) }

func (v *verdict) show(icon string, ink, ground fyne.ThemeColorName, words, more string) {
	repaint(v.sign, icon, ink)
	v.box.colour = ground
	v.words.SetText(words)
	v.more.SetText(more)
	v.more.Hidden = more == ""
	v.box.Refresh()
	v.Show()
	v.Refresh()
}

func (v *verdict) clear() {
	v.words.SetText("")
	v.Hide()
}

func (v *verdict) wait(words string) { v.show("lamp-wait", colourMuted, colourWash, words, "") }
func (v *verdict) well(words string) {
	v.show("check", theme.ColorNamePrimary, colourBrass, words, "")
}
func (v *verdict) fault(words, more string) {
	v.show("warning", theme.ColorNameError, colourWash, words, more)
}
