package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"cordboard/gateway/call"
)

// others are the calls beside the one in the middle: talk to them instead, connect the two, talk to all.
type others struct {
	widget.BaseWidget
	w    *Window
	a    *active
	list *fyne.Container
	rows map[string]*other
}

// other is one of them.
type other struct {
	fyne.CanvasObject
	name, state         *text
	lamp                *canvas.Image
	swap, connect, join *pill
}

func (w *Window) newOthers(a *active) *others {
	o := &others{w: w, a: a, list: column(unit), rows: make(map[string]*other)}
	o.ExtendBaseWidget(o)
	o.Hide()
	return o
}

func (o *others) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(o.list) }

// show lists the calls beside main.
func (o *others) show(calls []call.DeskCall, main call.DeskCall) {
	here := make(map[string]*other, len(calls))
	var objects []fyne.CanvasObject
	for _, c := range calls {
		row := o.rows[c.ID]
		if row == nil {
			row = o.row(c.ID)
		}
		here[c.ID] = row
		name, _ := o.w.model.who(c)
		row.name.say(name)
		shape, colour, word := callLamp(c)
		row.state.say(word)
		repaint(row.lamp, shape, colour)
		both := c.State == call.Talking && main.State == call.Talking
		row.swap.set(c.State != call.Talking || c.Joined && !c.Held)
		row.connect.set(!both)
		row.join.set(!both || c.Joined && main.Joined)
		objects = append(objects, row.CanvasObject)
	}
	o.rows = here
	o.list.Objects = objects
	o.Hidden = len(objects) == 0
	o.list.Refresh()
	o.Refresh()
}

func (o *others) row(id string) *other {
	r := &other{name: boldText("", normal), state: newText("", small, colourMuted), lamp: picture("lamp-wait", theme.ColorNameWarning, 16)}
	r.swap = newPill("", say("button.swap"), theme.ColorNamePrimary, func() { o.w.do(o.w.phone.Resume(id)) })
	r.connect = newPill("", say("button.connect"), theme.ColorNamePrimary, func() { o.w.do(o.w.phone.Transfer(id, o.a.call.ID)) })
	r.join = newPill("", say("button.join"), theme.ColorNamePrimary, func() { o.w.do(o.w.phone.Join()) })
	end := newRound("hang-up", "", func() { o.w.do(o.w.phone.HangUp(id)) })
	end.tone, end.size = theme.ColorNameError, touch
	for _, b := range []*pill{r.swap, r.connect, r.join} {
		b.outlined = true
	}
	who := container.NewBorder(nil, nil, nil, end, container.New(middle{}, column(0, line(6, container.New(middle{}, r.lamp), whole(r.state)), r.name)))
	r.CanvasObject = newSurface(column(unit, who, beside(r.swap, r.connect, r.join)), colourBrass, "", 12)
	return r
}
