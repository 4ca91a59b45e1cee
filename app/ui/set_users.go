package ui

import (
	"cmp"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
)

// usersPage lists who has an account here.
func (w *Window) usersPage() fyne.CanvasObject {
	list, state := column(4), newVerdict()
	w.office.Users(func(all []User, err error) {
		if err != nil {
			state.fault(told(err.Error()), "")
			return
		}
		for _, u := range all {
			r := newRow(func() { w.set.enter(called(u), func(w *Window) fyne.CanvasObject { return w.userPage(u) }) })
			r.avatar.show(called(u), "")
			r.name.say(called(u))
			r.below.show("", colourMuted, aboutUser(u))
			r.badge.Hide()
			list.Add(r)
		}
		list.Refresh()
	})
	add := newPill("add", say("set.users.add"), theme.ColorNamePrimary, func() {
		w.set.enter(say("set.users.add"), func(w *Window) fyne.CanvasObject { return w.newUserPage() })
	})
	add.outlined = true
	page := column(16, prose(say("set.users.does")), state, card(list, 8), add)
	if pages := w.office.About().Pages; len(pages) > 0 {
		page.Add(titled(say("set.users.page"), prose(say("set.users.page.more")), container.NewCenter(qrCode(pages[0])), fact("", strings.Join(pages, "\n"))))
	}
	return page
}

func called(u User) string { return cmp.Or(u.Display, u.Name) }

// aboutUser is what there is to know of a user, in one line.
func aboutUser(u User) string {
	words := []string{u.Name}
	if u.Extension != "" {
		words = append(words, u.Extension)
	}
	if u.Owner {
		words = append(words, say("set.users.owner"))
	}
	if u.Admin {
		words = append(words, say("set.users.admin"))
	}
	if u.OneTime {
		words = append(words, say("set.users.unused"))
	}
	return strings.Join(words, " · ")
}

// made shows a password that was made, this once, and where its owner signs in.
func (w *Window) made(u User, password string) fyne.CanvasObject {
	page := column(16)
	state := newVerdict()
	part := column(12,
		boldText(say("set.users.ready", "Who", called(u)), normal),
		fact(say("set.users.signin"), u.Name))
	if password != "" {
		part.Add(fact(say("set.users.password.once"), password))
		part.Add(prose(say(map[bool]string{true: "set.users.password.keeps", false: "set.users.password.first"}[u.InFile])))
		part.Add(newPill("", say("set.users.password.copy"), "", func() {
			w.office.Copy(password)
			state.well(say("set.doctor.copied"))
		}))
	}
	part.Add(state)
	page.Add(card(part, 16))
	if pages := w.office.About().Pages; len(pages) > 0 {
		page.Add(titled(say("set.users.page"), prose(say("set.users.page.more")), container.NewCenter(qrCode(pages[0])), fact("", pages[0])))
	}
	page.Add(newPill("", say("set.users.done"), theme.ColorNamePrimary, func() { w.set.choose(w.set.chosen) }))
	return page
}
