package ui

import (
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
)

// endsSoon is when a certificate that nobody renews by itself is worth a warning.
const endsSoon = 14 * 24 * time.Hour

// certificatePage tells what browsers are shown, and has this computer's trust it.
func (w *Window) certificatePage() fyne.CanvasObject {
	page := column(16, prose(say("set.certificate.loading")))
	w.showCertificate(page)
	return page
}

func (w *Window) showCertificate(page *fyne.Container) {
	w.office.Certificate(func(c Certificate, err error) {
		page.Objects = nil
		if err != nil {
			v := newVerdict()
			v.fault(told(err.Error()), "")
			page.Add(v)
			page.Refresh()
			return
		}
		until := day(c.Until)
		switch left := c.Until.Sub(w.now()); {
		case left <= 0:
			until = say("set.certificate.ended", "When", until)
		case !c.Own && left < endsSoon:
			until = say("set.certificate.soon", "When", until)
		case c.Own:
			until = say("set.certificate.renews", "When", until)
		}
		own := say("set.certificate.files", "Who", c.Issuer)
		if c.Own {
			own = say("set.certificate.own")
		}
		page.Add(titled(say("set.certificate.page"), prose(own),
			fact(say("set.certificate.names"), strings.Join(append(c.Names, c.Addresses...), ", ")),
			fact(say("set.certificate.until"), until),
			fact(say("set.certificate.print"), c.Fingerprint)))
		if c.Own {
			page.Add(w.trustPart(page, c))
		}
		page.Refresh()
	})
}

// day is a date as people write it.
func day(t time.Time) string {
	return say("set.day", "Day", t.Format("2"), "Month", say("month."+t.Format("1")), "Year", t.Format("2006"))
}

// trustPart lists whom programs of this computer trust.
func (w *Window) trustPart(page *fyne.Container, c Certificate) fyne.CanvasObject {
	all := column(12, boldText(say("set.trust"), normal), prose(say("set.trust.more", "Authority", c.Authority)))
	verdict := newVerdict()
	busy := false
	for _, l := range c.Lists {
		name := told(l.Name)
		if l.System {
			name = say("set.trust.system")
		}
		state := newLamp()
		state.show("lamp-off", colourMuted, say("set.trust.not"))
		if l.Trusts {
			state.show("check", theme.ColorNamePrimary, say("set.trust.does"))
		}
		rows := column(8, column(2, flush(bold(name)), state))
		switch {
		case l.Trusts:
		case l.Lacks != "":
			rows.Add(prose(told(l.Lacks)))
		default:
			if l.System {
				rows.Add(prose(say("set.trust.asks")))
			}
			do := newPill("certificate", say("set.trust.do"), theme.ColorNamePrimary, func() {
				if busy {
					return
				}
				busy = true
				verdict.wait(say("set.trust.doing"))
				w.office.Trust(l.ID, func(err error) {
					busy = false
					if err != nil {
						verdict.fault(say("set.trust.failed"), told(err.Error()))
						return
					}
					w.showCertificate(page)
				})
			})
			do.outlined = true
			rows.Add(do)
		}
		all.Add(rows)
	}
	if len(c.Lists) == 0 {
		all.Add(prose(say("set.trust.none")))
	}
	all.Add(verdict)
	all.Add(prose(say("set.trust.others")))
	return card(all, 16)
}
