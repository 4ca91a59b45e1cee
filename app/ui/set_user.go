package ui

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"cordboard/gateway/call"
)

// userForm takes all there is to say of a user.
type userForm struct {
	w    *Window
	user User // as it is kept
	add  bool

	name, display, extension       *entry
	admin                          *tick
	pbx                            *chooser
	pbxs                           []Config
	pbxUsername, pbxPassword, word *entry
	faults                         map[string]*faultText
	trial, verdict                 *verdict
	save                           *pill
	busy                           bool
}

func (w *Window) newUserPage() fyne.CanvasObject { return w.newUserForm(User{}, true).page() }

func (w *Window) userPage(u User) fyne.CanvasObject { return w.newUserForm(u, false).page() }

func (w *Window) newUserForm(u User, add bool) *userForm {
	f := &userForm{w: w, user: u, add: add, faults: map[string]*faultText{}, trial: newVerdict(), verdict: newVerdict()}
	f.name, f.display, f.extension = w.newLine(say("set.user.name.hint")), w.newLine(""), w.newLine("")
	f.pbxUsername, f.pbxPassword, f.word = w.newLine(say("set.user.pbxName.hint")), w.newSecret(""), w.newSecret("")
	f.display.SetText(u.Display)
	f.extension.SetText(u.Extension)
	f.pbxUsername.SetText(u.PBXUsername)
	f.admin = newTick("", nil)
	f.admin.SetChecked(u.Admin)
	f.pbx = newChooser(nil, nil)
	f.hints()
	f.save = newPill("", say("set.save"), theme.ColorNamePrimary, f.put)
	f.pbxPassword.OnChanged = func(string) { f.trial.clear() }
	w.office.ReadConfig(func(c Config, err error) {
		if err != nil {
			return // the PBX that is kept stays
		}
		f.pbxs = c.tables("pbx")
		f.offer()
	})
	return f
}

// offer lists the PBXs where a user can have an account.
func (f *userForm) offer() {
	f.pbxs = slices.DeleteFunc(f.pbxs, func(p Config) bool { return p.text("mode") != "extension" })
	f.pbx.Options = nil
	for _, p := range f.pbxs {
		f.pbx.Options = append(f.pbx.Options, p.text("name"))
	}
	if len(f.pbxs) > 0 {
		f.pbx.SetSelected(cmp.Or(f.user.PBX, f.pbx.Options[0]))
	}
}

// hints tells in empty fields of passwords what is kept.
func (f *userForm) hints() {
	kept := ""
	if f.user.HasPBXPassword {
		kept = say("account.password.kept")
	}
	f.pbxPassword.SetPlaceHolder(kept)
	f.word.SetPlaceHolder(say(map[bool]string{true: "set.user.password.made", false: "set.user.password.stays"}[f.add]))
}

// field is an entry with its name above and what is wrong with it below.
func (f *userForm) field(key, name string, e fyne.CanvasObject) fyne.CanvasObject {
	f.faults[key] = newFaultText()
	return column(4, labelled(name, e), f.faults[key])
}

func (f *userForm) page() fyne.CanvasObject {
	who := column(12)
	who.Add(f.field("display", say("set.user.display"), f.display))
	if f.add {
		who.Add(f.field("name", say("set.user.name"), f.name))
		f.display.OnSubmitted = func(text string) {
			if f.name.Text == "" {
				f.name.SetText(signInName(text))
			}
			f.w.focus(f.name)
		}
	} else {
		who.Add(fact(say("set.user.name"), f.user.Name))
		f.faults["name"] = newFaultText()
		who.Add(f.faults["name"])
	}
	who.Add(f.field("extension", say("set.user.extension"), f.extension))
	who.Add(switchRow(f.admin, say("set.user.admin"), say("set.user.admin.more")))

	secret := column(12, boldText(say("set.user.password"), normal), prose(say("set.user.password.more")), f.field("password", say("set.user.password.new"), f.word))
	if !f.add {
		secret.Add(newPill("", say("set.user.password.make"), "", f.makeOne))
	}
	pbx := column(12, boldText(say("set.user.pbx"), normal), prose(say("set.user.pbx.more")),
		f.field("pbx_username", say("set.user.pbxName"), f.pbxUsername),
		f.field("pbx_password", say("account.password"), f.pbxPassword),
		f.field("pbx", say("set.user.pbx.which"), f.pbx),
		newPill("pbx", say("set.user.try"), "", f.try), f.trial)
	page := column(16, card(who, 16), card(secret, 16), card(pbx, 16), f.verdict)
	buttons := beside(f.save)
	if !f.add {
		remove := newPill("", say("set.user.remove"), theme.ColorNameError, f.remove)
		remove.outlined = true
		buttons.Objects = []fyne.CanvasObject{remove, f.save}
	}
	page.Add(buttons)
	return page
}

// typed is the user as the form has it.
func (f *userForm) typed() User {
	u := f.user
	if f.add {
		u.Name = strings.ToLower(strings.TrimSpace(f.name.Text))
		if u.Name == "" {
			u.Name = signInName(f.display.Text)
		}
	}
	u.Display, u.Extension, u.Admin = strings.TrimSpace(f.display.Text), strings.TrimSpace(f.extension.Text), f.admin.Checked
	u.PBXUsername = strings.TrimSpace(f.pbxUsername.Text)
	if len(f.pbxs) > 0 {
		u.PBX = ""
		if f.pbx.Selected != f.pbx.Options[0] { // the first is the default
			u.PBX = f.pbx.Selected
		}
	}
	u.PBXPassword, u.Password = nil, nil
	if f.pbxPassword.Text != "" {
		u.PBXPassword = &f.pbxPassword.Text
	}
	if f.word.Text != "" || f.add {
		u.Password = &f.word.Text
	}
	return u
}

// makeOne gives the user another password, at once.
func (f *userForm) makeOne() {
	u, none := f.user, ""
	u.Password = &none
	f.keep(u)
}

func (f *userForm) put() { f.keep(f.typed()) }

// keep saves a user. Passwords don't stay in the fields; what was refused does.
func (f *userForm) keep(u User) {
	if f.busy {
		return
	}
	f.busy = true
	f.save.set(true)
	for _, t := range f.faults {
		t.say("")
	}
	made := u.Password != nil && *u.Password == ""
	word := ""
	show := f.w.stays(func(v *settingsView) {
		v.enter(called(u), func(w *Window) fyne.CanvasObject { return w.made(u, word) })
	})
	f.w.office.PutUser(u, f.add, func(password string, err error) {
		f.busy = false
		f.save.set(false)
		if err != nil {
			f.refused(err)
			return
		}
		f.word.SetText("")
		f.pbxPassword.SetText("")
		u.HasPBXPassword = u.HasPBXPassword || u.PBXPassword != nil
		u.Password, u.PBXPassword = nil, nil
		if f.add || made {
			word = password
			show()
			return
		}
		f.user = u
		f.hints()
		f.verdict.well(say("set.saved"))
	})
}

// refused says what is wrong where it was typed.
func (f *userForm) refused(err error) {
	f.verdict.clear()
	var refused *Refused
	switch {
	case errors.As(err, &refused):
		for _, fault := range refused.Faults {
			if at := f.faults[fault.Key]; at != nil {
				at.say(told(fault.Problem))
			} else {
				f.verdict.fault(told(fault.Problem), "")
			}
		}
	case errors.Is(err, ErrChangedMeanwhile):
		f.verdict.fault(say("set.changed"), "")
	default:
		f.verdict.fault(told(err.Error()), "")
	}
}

// try finds out whether the account at the PBX works.
func (f *userForm) try() {
	i := slices.IndexFunc(f.pbxs, func(p Config) bool { return p.text("name") == f.pbx.Selected })
	a := Account{Extension: cmp.Or(strings.TrimSpace(f.pbxUsername.Text), strings.TrimSpace(f.extension.Text)), Password: f.pbxPassword.Text}
	switch {
	case i < 0:
		f.trial.fault(say("set.user.try.none"), "")
		return
	case a.Extension == "" || a.Password == "":
		f.trial.fault(say("set.user.try.missing"), "")
		return
	}
	a.Address = f.pbxs[i].text("uri")
	where := plainAddress(a.Address)
	f.trial.wait(say("account.trying", "Where", where))
	f.w.setup.TryAccount(a, func(t call.Trial, err error) {
		switch {
		case err != nil:
			f.trial.fault(told(err.Error()), "")
		case t.Works:
			f.trial.well(say("set.user.try.works", "Where", where, "Extension", a.Extension))
		default:
			f.trial.fault(say("account."+t.Code, "Where", where, "Extension", a.Extension), t.Text)
		}
	})
}

// remove asks, then takes the user away.
func (f *userForm) remove() {
	f.w.ask(say("set.user.remove.title", "Who", called(f.user)), say("set.user.remove.more"), say("set.user.remove"), func() {
		list := f.w.stays(func(v *settingsView) { v.choose(v.chosen) })
		f.w.office.RemoveUser(f.user.Name, func(err error) {
			if err != nil {
				f.refused(err)
				return
			}
			list()
		})
	})
}
