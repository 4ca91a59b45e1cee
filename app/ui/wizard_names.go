package ui

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"fyne.io/fyne/v2"
)

func number(n int) string { return fmt.Sprint(n) }

// leastPassword is how many characters a password has at least.
const leastPassword = 8

// names asks what this Cordboard and its owner are called, and for a password for the page.
func (z *wizard) names(state SetupState) *step {
	was := state.Names
	machine, owner, password := newEntry(say("setup.names.machine.hint")), newEntry(say("setup.names.owner.hint")), newEntry("")
	password.Password = true
	machine.SetText(was.Machine)
	owner.SetText(was.Owner)
	made := false // a password was made and is shown
	busy := false
	signIn, result := newText("", small, colourMuted), newVerdict()
	now := func() Names {
		n := Names{Machine: strings.TrimSpace(machine.Text), Owner: strings.TrimSpace(owner.Text), SignIn: was.SignIn, Password: password.Text}
		if state.Fresh && n.Owner != "" {
			n.SignIn = signInName(n.Owner)
		}
		return n
	}
	hint := func() {
		signIn.say(say("setup.names.signIn", "Name", now().SignIn))
		words := say("setup.names.password.stays")
		if state.Fresh {
			words = say("setup.names.password.made")
		}
		password.SetPlaceHolder(words)
	}
	edited := func(string) {
		if !made && !busy {
			result.clear()
		}
		hint()
	}
	machine.OnChanged, owner.OnChanged, password.OnChanged = edited, edited, edited
	z.takes(machine, owner, password)
	hint()
	save := func(goOn func()) {
		n := now()
		switch {
		case busy:
			return
		case n.Machine == "":
			result.fault(say("setup.names.missing"), "")
			z.w.focus(machine)
			return
		case n.Password != "" && utf8.RuneCountInString(n.Password) < leastPassword:
			result.fault(say("setup.names.short", "N", number(leastPassword)), "")
			z.w.focus(password)
			return
		case n == was && !state.Fresh:
			goOn()
			return
		}
		busy = true
		result.wait(say("setup.saving"))
		z.w.setup.SaveNames(n, func(oneTime string, err error) {
			busy = false
			if err != nil {
				result.fault(told(err.Error()), "")
				return
			}
			saved := n
			saved.Password = ""
			was, state.Fresh = saved, false
			if now().Password == n.Password {
				password.SetText("")
			}
			hint()
			if oneTime == "" {
				result.clear()
				goOn()
				return
			}
			made = true
			result.well(say("setup.names.oneTime", "Name", n.SignIn, "Password", oneTime))
			z.w.focus(z.on)
		})
	}
	result.words.Selectable = true
	return &step{
		title: say("setup.names.title"), about: say("setup.names.about"),
		body: column(12, labelled(say("setup.names.machine"), machine), labelled(say("setup.names.owner"), owner),
			column(4, labelled(say("setup.names.password"), password), signIn), result),
		first: func() fyne.Focusable { return owner },
		next:  save,
		left: func() { // the password was shown, and is kept nowhere
			if made {
				made = false
				result.clear()
			}
		},
	}
}
