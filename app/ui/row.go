package ui

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"cordboard/gateway/call"
)

// row is somebody in a list: an avatar, a name, below it a lamp with words, at the end what pressing does. A heading in a list is a row, too.
type row struct {
	press
	listed   bool // a list has the focus for it
	avatar   *avatar
	name     *text
	below    *lamp
	badge    *canvas.Image
	end      *fyne.Container // around pick
	pick     *pill           // takes what rings there; shown where that can be done
	marked   bool
	heading  *text // alone, where it has words
	contents *fyne.Container
}

func newRow(do func()) *row {
	r := &row{avatar: newAvatar(40), name: boldText("", normal), below: newLamp(), badge: picture("call", colourMuted, 20), heading: newText("", small, colourMuted)}
	r.pick = newPill("", say("button.pickUp"), theme.ColorNameWarning, nil)
	r.pick.outlined, r.pick.height = true, 36
	r.end = container.New(middle{}, r.pick)
	r.end.Hide()
	r.do = do
	r.ExtendBaseWidget(r)
	return r
}

// Disabled keeps the focus from the row where the list has it.
func (r *row) Disabled() bool { return r.listed || r.off }

func (r *row) CreateRenderer() fyne.WidgetRenderer {
	r.ground = canvas.NewRectangle(color.Transparent)
	r.ground.CornerRadius = unit
	texts := container.New(middle{}, column(0, r.name, r.below))
	end := container.NewStack(container.New(middle{}, r.badge), r.end)
	r.contents = padded(container.NewBorder(nil, nil, padded(container.New(middle{}, r.avatar), 0, 0, 0, 8), end, texts), 4, 4, 8, 12)
	r.look()
	return &drawn{widget.NewSimpleRenderer(container.New(tall{56}, r.ground, r.contents, padded(container.New(middle{}, r.heading), 12, 0, 8, 8))), r.look}
}

func (r *row) look() {
	r.colour = ""
	if r.marked {
		r.colour = colourBrass
	}
	r.contents.Hidden = r.heading.words != ""
	r.heading.Hidden = r.heading.words == ""
	r.paint()
}

// Tapped implements fyne.Tappable; a heading does nothing.
func (r *row) Tapped(e *fyne.PointEvent) {
	if r.heading.words == "" {
		r.press.Tapped(e)
	}
}

func (r *row) mark(on bool) {
	if r.marked != on {
		r.marked = on
		r.Refresh()
	}
}

// title makes the row a heading.
func (r *row) title(words string) {
	r.heading.say(words)
	r.end.Hide()
}

// person shows a user or number with a lamp; an empty state: without one. What rings there is taken by pick, where that is not nil.
func (r *row) person(name, below string, state call.LampState, pick func()) {
	icon := ""
	if initials(name) == "" {
		icon = "person"
	}
	r.heading.say("")
	r.avatar.show(name, icon)
	r.name.show(name, theme.ColorNameForeground)
	r.pick.do = pick
	r.end.Hidden, r.badge.Hidden = pick == nil, pick != nil
	if state == "" {
		r.below.show("", colourMuted, below)
		return
	}
	shape, colour := lampShape(state)
	r.below.show(shape, colour, joined(say("lamp."+string(state)), below))
}

// past shows an earlier call.
func (r *row) past(p past, when string) {
	icon, ink := "incoming", theme.ColorNameForeground
	switch {
	case p.made:
		icon = "outgoing"
	case p.missed:
		icon, ink = "missed", theme.ColorNameError
	}
	r.avatar.show(p.name, icon)
	r.name.show(p.name, ink)
	r.below.show("", colourMuted, joined(when, p.reason))
}
