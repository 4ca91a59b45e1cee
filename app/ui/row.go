package ui

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"cordboard/gateway/call"
)

// row is somebody in a list: an avatar, a name, a line below, a lamp or a time at the end. Pressing it does something.
type row struct {
	press
	avatar      *avatar
	name, below *text
	lamp        *lamp
	badge       *canvas.Image
	marked      bool
}

func newRow(do func()) *row {
	r := &row{avatar: newAvatar(40), name: boldText("", normal), below: newText("", small, colourMuted), lamp: newLamp(),
		badge: picture("call", colourMuted, 20)}
	r.lamp.Hide() // or a list would think that rows are as high as with both lines
	r.do = do
	r.ExtendBaseWidget(r)
	return r
}

func (r *row) CreateRenderer() fyne.WidgetRenderer {
	r.ground = canvas.NewRectangle(color.Transparent)
	r.ground.CornerRadius = unit
	r.look()
	texts := container.New(middle{}, column(0, r.name, r.below, r.lamp))
	inside := container.NewBorder(nil, nil, padded(container.New(middle{}, r.avatar), 0, 0, 0, 8), container.New(middle{}, r.badge), texts)
	return &drawn{widget.NewSimpleRenderer(container.New(tall{56}, r.ground, padded(inside, 4, 4, 8, 12))), r.look}
}

func (r *row) look() {
	r.colour = ""
	if r.marked {
		r.colour = colourBrass
	}
	r.paint()
}

func (r *row) mark(on bool) {
	if r.marked != on {
		r.marked = on
		r.Refresh()
	}
}

// person shows a user or number with a lamp; an empty state: without one.
func (r *row) person(name, below string, state call.LampState) {
	icon := ""
	if initials(name) == "" {
		icon = "person"
	}
	r.avatar.show(name, icon)
	r.name.say(name)
	r.badge.Show()
	if state == "" {
		r.lamp.Hide()
		r.below.say(below)
		r.below.Show()
		return
	}
	r.below.Hide()
	shape, colour := lampShape(state)
	word := say("lamp." + string(state))
	if below != "" {
		word += " · " + below
	}
	r.lamp.show(shape, colour, word)
	r.lamp.Show()
}
