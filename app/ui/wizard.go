package ui

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"cordboard/gateway/call"
)

// step is one screen of the first start.
type step struct {
	title, about string
	body         fyne.CanvasObject
	first        func() fyne.Focusable // what has the keyboard when the step is shown; nil: nothing
	word         func() string         // of the button that goes on; nil: the usual one
	next         func(goOn func())     // does what is to be done before the step is left; nil: nothing
	shown        func()                // nil: nothing is to be done when it is shown
	left         func()                // the same when it is left, in whichever way
}

// wizard leads through the first start, one step at a time. Each can be passed over, and what was typed stays when somebody goes back.
type wizard struct {
	fyne.CanvasObject
	w        *Window
	steps    []*step
	at       int
	before   int // listeners that are not its own
	title    *text
	about    *widget.Label
	count    *text
	progress *progress
	body     *fyne.Container
	scroll   *container.Scroll
	back     *pill
	skip     *pill
	on       *pill
	test     *soundTest
}

// OpenSetup shows the first start in the place of all else.
func (w *Window) OpenSetup() {
	if w.wizard != nil {
		return
	}
	w.closeSettings()
	w.settings.Look(true)
	w.wizard = w.newWizard()
	w.show()
	w.wizard.show(0)
}

// closeSetup goes on to the switchboard.
func (w *Window) closeSetup() {
	z := w.wizard
	if z == nil {
		return
	}
	z.leave()
	w.wizard, w.laid = nil, false
	w.end(z.before)
	w.settings.Look(false)
	w.focus(nil)
	w.show()
	w.setup.Finished()
}

func (w *Window) newWizard() *wizard {
	z := &wizard{w: w, before: len(w.ends)}
	state := w.setup.State()
	z.steps = []*step{z.names(state), z.pbx(state), z.sound(), z.computer(), z.colleagues(state)}
	z.title = boldText("", huge)
	z.title.yields = true
	z.count = newText("", small, colourMuted)
	z.about = widget.NewLabel("")
	z.about.Wrapping = fyne.TextWrapWord
	z.progress = newProgress(len(z.steps))
	z.body = container.NewStack()
	z.back = newPill("", say("setup.back"), "", func() { z.go_(-1) })
	z.skip = newPill("", say("setup.skip"), "", func() { z.go_(+1) })
	z.on = newPill("", "", theme.ColorNamePrimary, z.next)
	mark := container.NewCenter(picture("cord", theme.ColorNamePrimary, 28))
	head := column(12, container.NewBorder(nil, nil, mark, nil, padded(container.New(middle{}, z.count), 0, 0, 12, 0)), z.progress)
	foot := column(12, widget.NewSeparator(), container.New(layout.NewGridLayout(3), z.back, z.skip, z.on))
	z.scroll = container.NewVScroll(padded(column(unit, z.title, bare(z.about), z.body), 0, 16, 8, 8)) // room for what shows the focus
	inside := container.NewBorder(padded(head, 16, 20, 8, 8), padded(foot, 0, 16, 8, 8), nil, nil, z.scroll)
	z.CanvasObject = container.New(upright{560, z.settle}, padded(inside, 0, 0, 8, 8))
	return z
}

// settle arranges a step once more: how high a text is that goes over several lines is known only when its width is.
func (z *wizard) settle() {
	z.scroll.Content.Refresh()
	z.scroll.Refresh()
}

// show shows a step.
func (z *wizard) show(i int) {
	z.at = i
	s := z.steps[i]
	z.title.say(s.title)
	z.about.SetText(s.about)
	z.about.Hidden = s.about == ""
	z.count.say(say("setup.step", "N", number(i+1), "Of", number(len(z.steps))))
	z.progress.set(i + 1)
	z.body.Objects = []fyne.CanvasObject{s.body}
	z.settle()
	z.scroll.ScrollToTop()
	z.buttons()
	if s.shown != nil {
		s.shown()
	}
	if s.first != nil && s.first() != nil {
		z.w.focus(s.first())
	} else {
		z.w.focus(z.on)
	}
}

// buttons brings the words of the buttons up to date; their places stay.
func (z *wizard) buttons() {
	s, last := z.steps[z.at], z.at == len(z.steps)-1
	word := say("setup.next")
	switch {
	case s.word != nil && s.word() != "":
		word = s.word()
	case last:
		word = say("setup.finish")
	}
	if z.on.word != word {
		z.on.word = word
		z.on.Refresh()
	}
	z.back.set(z.at == 0)
	z.skip.set(last)
}

// next does what the step is for and goes on.
func (z *wizard) next() {
	s := z.steps[z.at]
	if s.next == nil {
		z.go_(+1)
		return
	}
	at := z.at
	s.next(func() {
		if z.w.wizard == z && z.at == at {
			z.go_(+1)
		}
	})
}

// go_ goes to another step; after the last one comes the switchboard.
func (z *wizard) go_(by int) {
	if to := z.at + by; to < 0 {
		return
	} else if to == len(z.steps) {
		z.w.closeSetup()
		return
	}
	z.leave()
	z.show(z.at + by)
}

// leave ends what goes on in a step.
func (z *wizard) leave() {
	if s := z.steps[z.at]; s.left != nil {
		s.left()
	}
}

// key works the wizard from anywhere in it, and reports whether it did: enter goes on, escape back. On the first step escape puts all of
// it off.
func (z *wizard) key(e *fyne.KeyEvent) bool {
	switch {
	case e.Name == fyne.KeyReturn || e.Name == fyne.KeyEnter:
		z.next()
	case e.Name == fyne.KeyEscape && z.at > 0:
		z.go_(-1)
	case e.Name == fyne.KeyEscape:
		z.w.closeSetup()
	default:
		return false
	}
	return true
}

// takes lets enter go to the next field, and on from the last one, and escape work in fields, too.
func (z *wizard) takes(fields ...*entry) {
	for i, e := range fields {
		e.taken = func(k *fyne.KeyEvent) bool { return k.Name == fyne.KeyEscape && z.key(k) }
		e.OnSubmitted = func(string) {
			if i+1 < len(fields) {
				z.w.focus(fields[i+1])
				return
			}
			z.next()
		}
	}
}

// seat shows the first start, or what is more urgent at the moment: a call that is not its own test.
func (w *Window) seat(urgent bool) {
	z := w.wizard
	shown := z != nil && !urgent
	if w.top.Hidden == shown {
		return
	}
	w.top.Hidden = shown
	w.page.Objects = []fyne.CanvasObject{w.frame.CanvasObject}
	if shown {
		w.page.Objects = []fyne.CanvasObject{z.CanvasObject}
	}
	w.root.Refresh()
	w.focus(nil) // what is not shown takes no keys
	if shown {
		w.focus(z.on)
	}
}

// layBack shows the first start again, which a link has put aside.
func (w *Window) layBack() {
	w.laid = false
	w.do(nil)
	w.show()
}

// own reports whether a call is the test of the first start.
func (w *Window) own(c *call.DeskCall) bool {
	return c != nil && w.wizard != nil && w.wizard.test.id == c.ID
}

// bare takes away the room that Fyne's label has at its left.
func bare(o fyne.CanvasObject) fyne.CanvasObject {
	return padded(o, -4, -4, -theme.Size(theme.SizeNameInnerPadding), -theme.Size(theme.SizeNameInnerPadding))
}

// upright keeps its content at most so wide, in the middle, at full height.
type upright struct {
	width   float32
	arrange func() // after a change of the size
}

func (s upright) MinSize(o []fyne.CanvasObject) fyne.Size { return o[0].MinSize() }
func (s upright) Layout(o []fyne.CanvasObject, size fyne.Size) {
	width := min(size.Width, s.width)
	o[0].Resize(fyne.NewSize(width, size.Height))
	o[0].Move(fyne.NewPos((size.Width-width)/2, 0))
	s.arrange()
}

// progress shows how many of the steps are done.
type progress struct {
	widget.BaseWidget
	of, done int
	parts    []*canvas.Rectangle
}

func newProgress(of int) *progress {
	p := &progress{of: of}
	p.ExtendBaseWidget(p)
	return p
}

func (p *progress) set(done int) {
	p.done = done
	p.Refresh()
}

func (p *progress) CreateRenderer() fyne.WidgetRenderer {
	row := container.New(layout.NewGridLayout(p.of))
	for range p.of {
		part := canvas.NewRectangle(color.Transparent)
		part.CornerRadius = 2
		part.SetMinSize(fyne.NewSize(8, 4))
		p.parts = append(p.parts, part)
		row.Add(part)
	}
	p.look()
	return &drawn{widget.NewSimpleRenderer(row), p.look}
}

func (p *progress) look() {
	for i, part := range p.parts {
		part.FillColor = theme.Color(colourWash)
		if i < p.done {
			part.FillColor = theme.Color(theme.ColorNamePrimary)
		}
		part.Refresh()
	}
}
