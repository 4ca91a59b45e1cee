package ui

import (
	"fmt"
	"strings"
	"unicode"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"cordboard/gateway/call"
)

// newLinePBX takes a PBX with one line for all, one that knows this machine by its address, or one where browsers sign in themselves. i is its entry in the file, -1 a new one;
// kept tells that its password is. A line is tried before it is saved.
func (w *Window) newLinePBX(i int, p Config, kept bool) fyne.CanvasObject {
	s := w.newSheet()
	trunk, passes := p.text("mode") == "trunk", p.text("mode") == "passthrough"
	name, address, username, password := w.newLine(say("set.pbx.name.hint")), w.newLine(say("account.address.hint")), w.newLine(""), w.newSecret("")
	name.SetText(p.text("name"))
	address.SetText(plainAddress(p.text("uri")))
	username.SetText(p.text("username"))
	domains := w.newLine("pbx.example")
	domains.SetText(strings.Join(p.texts("domains"), ", "))
	if kept {
		password.SetPlaceHolder(say("account.password.kept"))
	}
	table := "pbx[0]"
	if i >= 0 {
		table = fmt.Sprintf("pbx[%d]", i)
	}
	part := []fyne.CanvasObject{}
	field := func(key, word string, e *entry) {
		fault := newFaultText()
		s.controls = append(s.controls, control{table + "." + key, func(Config) {}, fault})
		part = append(part, column(4, labelled(word, e), fault))
		e.OnChanged = func(string) { s.verdict.clear() }
	}
	field("uri", say("account.address"), address)
	field("name", say("set.pbx.name"), name)
	if trunk {
		field("username", say("set.pbx.username"), username)
		field("password", say("set.pbx.password"), password)
	}
	if passes {
		field("domains", say("set.pbx.domains"), domains)
		part = append(part, prose(say("set.pbx.domains.more")))
	}
	var save *pill
	busy := false
	working := func(on bool) { busy = on; save.set(on) }
	text := func(e *entry) any {
		if t := strings.TrimSpace(e.Text); t != "" {
			return t
		}
		return nil
	}
	keep := func(after func()) {
		values := map[string]any{"uri": sipAddress(address.Text), "name": text(name), "mode": p.text("mode")}
		if trunk {
			values["username"] = text(username)
			if password.Text != "" {
				values["password"] = password.Text
			}
		}
		if passes {
			values["domains"] = strings.FieldsFunc(domains.Text, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
		}
		var changes []Change
		if i < 0 {
			table = fmt.Sprintf("pbx[%d]", len(s.config.tables("pbx")))
			for j := range s.controls {
				_, key, _ := strings.Cut(s.controls[j].key, ".")
				s.controls[j].key = table + "." + key
			}
			changes = []Change{{Add: "pbx", Entry: values}}
		} else {
			for _, key := range []string{"uri", "name", "username", "password", "domains"} {
				if to, there := values[key]; there {
					changes = append(changes, Change{Set: table + "." + key, To: to})
				}
			}
		}
		s.change(changes, func(saved bool) {
			working(false)
			if saved {
				password.SetText("")
				after()
			}
		})
	}
	put := func() {
		if busy {
			return
		}
		if strings.TrimSpace(address.Text) == "" || trunk && strings.TrimSpace(username.Text) == "" {
			s.verdict.fault(say("set.pbx.missing"), "")
			return
		}
		working(true)
		after := w.stays(func(v *settingsView) { v.choose(v.chosen) })
		if !trunk || password.Text == "" {
			keep(after)
			return
		}
		a := Account{Address: sipAddress(address.Text), Extension: strings.TrimSpace(username.Text), Password: password.Text}
		where := strings.TrimSpace(address.Text)
		s.verdict.wait(say("account.trying", "Where", where))
		w.setup.TryAccount(a, func(t call.Trial, err error) {
			switch {
			case err != nil:
				working(false)
				s.verdict.fault(told(err.Error()), "")
			case !t.Works:
				working(false)
				s.verdict.fault(say("account."+t.Code, "Where", where, "Extension", a.Extension), t.Text)
			default:
				keep(after)
			}
		})
	}
	word := say("set.save")
	if trunk {
		word = say("account.save")
	}
	save = newPill("", word, theme.ColorNamePrimary, put)
	part = append(part, s.verdict, save)
	s.part("", part...)
	s.load()
	return s.box
}
