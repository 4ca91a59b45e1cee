package ui

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/data/binding"

	"cordboard/gateway/call"
)

// TrayHost is where the icon of the tray is shown: desktop.App.
type TrayHost interface {
	SetSystemTrayMenu(*fyne.Menu)
	SetSystemTrayIcon(fyne.Resource)
}

// traySize is how large the icon of the tray is drawn, in pixels: enough for 32 at twice the density.
const traySize = 64

// Tray is the icon by the clock and its menu. It belongs to the user interface's goroutine.
type Tray struct {
	model      *Model
	phone      Phone
	host       TrayHost
	show, quit func()
	tell       func(error) // what could not be done
	icon       string      // which is shown
	menu       trayMenu
	end        func()
}

// trayMenu is what the menu depends on.
type trayMenu struct {
	there, busy bool
	rings       string // the ID of the first call that rings; empty: none
}

// NewTray shows the icon in the language in use. show brings the window up; tell is given what came of answering and declining.
func NewTray(m *Model, p Phone, host TrayHost, show, quit func(), tell func(error)) *Tray {
	t := &Tray{model: m, phone: p, host: host, show: show, quit: quit, tell: tell}
	l := binding.NewDataListener(t.look)
	t.look() // a menu has to be there before the loop of the user interface runs
	m.Desk.AddListener(l)
	t.end = func() { m.Desk.RemoveListener(l) }
	return t
}

// Close ends following the phone. The icon stays.
func (t *Tray) Close() { t.end() }

// look brings icon and menu up to date. Only what has changed is sent, because a menu that is open closes.
func (t *Tray) look() {
	d := t.model.desk()
	_, rings, _ := t.model.calls()
	if icon := trayState(d, len(rings) > 0); icon != t.icon {
		t.icon = icon
		t.host.SetSystemTrayIcon(trayIcon(icon))
	}
	menu := trayMenu{there: true, busy: d.Busy}
	if len(rings) > 0 {
		menu.rings = rings[0].ID
	}
	if menu != t.menu {
		t.menu = menu
		t.host.SetSystemTrayMenu(t.items(menu))
	}
}

// trayState names what the icon tells: the most urgent comes first.
func trayState(d call.DeskState, rings bool) string {
	switch {
	case rings:
		return "ringing"
	case slices.ContainsFunc(d.Calls, func(c call.DeskCall) bool { return c.State != call.Ended }):
		return "busy"
	case d.Busy:
		return "do not disturb"
	}
	return "idle"
}

// trayIcon tells a state by shape and colour.
func trayIcon(state string) fyne.Resource {
	name, ground, ink := "cord", markBrass, lightPalette.surface
	switch state {
	case "ringing":
		name, ground, ink = "bell", darkPalette.wait, lightPalette.text
	case "busy":
		name, ground = "call", lightPalette.go_
	case "do not disturb":
		name, ground = "do-not-disturb", lightPalette.muted
	}
	return fyne.NewStaticResource("cordboard-"+name+".png", tile(name, ground, ink, traySize))
}

func (t *Tray) items(m trayMenu) *fyne.Menu {
	menu := fyne.NewMenu("Cordboard")
	if m.rings != "" {
		menu.Items = append(menu.Items,
			fyne.NewMenuItem(say("button.answer"), func() {
				t.show()
				t.tell(t.phone.Answer(m.rings))
			}),
			fyne.NewMenuItem(say("button.decline"), func() { t.tell(t.phone.HangUp(m.rings)) }),
			fyne.NewMenuItemSeparator())
	}
	busy := fyne.NewMenuItem(say("tray.busy"), func() { t.phone.DoNotDisturb(!t.model.desk().Busy) })
	busy.Checked = m.busy
	quit := fyne.NewMenuItem(say("tray.quit"), t.quit)
	quit.IsQuit = true
	menu.Items = append(menu.Items, busy, fyne.NewMenuItem(say("tray.show"), t.show), fyne.NewMenuItemSeparator(), quit)
	return menu
}
