package ui

import (
	"image/color"
	"slices"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"cordboard/gateway/call"
)

// Place is where in the settings something is mended.
type Place string

// The places, by their pages.
const (
	PlaceSound       Place = "sound"
	PlacePBX         Place = "pbx"
	PlaceCertificate Place = "certificate"
	PlaceNeighbours  Place = "neighbours"
)

// certificateSoon is how long before its end it is told that a certificate has to be renewed.
const certificateSoon = 14 * 24 * time.Hour

// problem is something that keeps people from calling, or soon will: what it is and what to do, and where that is done (empty: nowhere
// in the window).
type problem struct {
	text  string
	place Place
}

// problems are those of the moment, most urgent first.
func (w *Window) problems() []problem {
	var all []problem
	if w.fault != "" {
		all = append(all, problem{w.fault, ""})
	}
	d := w.model.desk()
	if d.Problem != "" {
		all = append(all, problem{told(d.Problem), PlaceSound})
	}
	status, _ := w.model.Status.Get()
	for _, p := range status.PBX {
		i := slices.IndexFunc(p.State, func(s call.PBXState) bool { return s.User == "" || s.User == d.Owner })
		if i < 0 {
			continue
		}
		switch s := p.State[i].State; s {
		case "unreachable", "wrong password", "refused":
			all = append(all, problem{say("pbx."+s, "Who", p.Name), PlacePBX})
		}
	}
	for _, n := range status.Neighbours {
		words := told(n.Trouble)
		if n.Asks {
			words = say("neighbour.asks", "Who", n.Name)
		}
		all = append(all, problem{words, PlaceNeighbours})
	}
	if end := status.Certificate; !end.IsZero() {
		switch left := end.Sub(w.now()); {
		case left <= 0:
			all = append(all, problem{say("certificate.ended"), PlaceCertificate})
		case left < certificateSoon:
			all = append(all, problem{count("certificate.ends", int(left/(24*time.Hour))), PlaceCertificate})
		}
	}
	return all
}

// status is the line under the header: how it stands with the phone, or what is wrong and what to do. Pressed it opens the place where
// that is mended. It is always there, so nothing moves.
type status struct {
	press
	w       *Window
	lamp    *canvas.Image
	words   *widget.Label
	arrow   *canvas.Image
	problem problem
}

func (w *Window) newStatus() *status {
	s := &status{w: w, lamp: picture("lamp-off", colourMuted, 18), words: widget.NewLabel(""), arrow: picture("forward", colourMuted, 18)}
	s.words.Wrapping, s.words.SizeName = fyne.TextWrapWord, small
	s.do = func() { w.Mend(s.problem.place) }
	s.ExtendBaseWidget(s)
	w.listen(s.show, w.model.Desk, w.model.Status, w.model.Voicemail)
	return s
}

// Mend opens the page of the settings where something is mended; empty: none.
func (w *Window) Mend(place Place) {
	if place == "" {
		return
	}
	w.openSettings()
	w.set.choose(slices.IndexFunc(w.set.pages, func(p settingsPage) bool { return p.place == place }))
}

// At is the page of the settings that is open; empty: none.
func (w *Window) At() Place {
	if !w.open {
		return ""
	}
	return w.set.pages[w.set.chosen].place
}

func (s *status) show() {
	all := s.w.problems()
	d := s.w.model.desk()
	words, shape, ink := "", "", colourMuted
	s.problem, s.colour = problem{}, ""
	switch {
	case len(all) > 0:
		s.problem = all[0]
		words, shape, ink = s.problem.text, "warning", theme.ColorNameWarning
		s.colour = colourAlarm
	case d.Busy:
		words, shape, ink = say("phone.busy"), "do-not-disturb", theme.ColorNameWarning
	case d.Ready:
		words, shape, ink = say("phone.ready"), "lamp-on", theme.ColorNamePrimary
	default:
		words, shape = say("phone.notReady"), "lamp-off"
	}
	if v, _ := s.w.model.Voicemail.Get(); v.New > 0 && len(all) == 0 {
		words = joined(words, count("voicemail.new", v.New))
	}
	repaint(s.lamp, shape, ink)
	s.words.SetText(words)
	s.arrow.Hidden = s.problem.place == ""
	s.set(s.problem.place == "")
	s.Refresh()
}

// statusHeight has room for two lines in a narrow window.
const statusHeight = 40

func (s *status) CreateRenderer() fyne.WidgetRenderer {
	s.ground = canvas.NewRectangle(color.Transparent)
	s.ground.CornerRadius = unit
	inside := container.NewBorder(nil, nil, padded(container.New(middle{}, s.lamp), 0, 0, 13, 6), padded(container.New(middle{}, s.arrow), 0, 0, 0, 8), container.New(snug{}, s.words))
	s.paint()
	return &drawn{widget.NewSimpleRenderer(container.New(strip{statusHeight}, s.ground, inside)), s.paint}
}

// strip is as high as it is said to be, whatever is in it.
type strip struct{ height float32 }

func (s strip) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(0, s.height) }
func (s strip) Layout(o []fyne.CanvasObject, size fyne.Size) {
	o[0].Resize(size)
	o[0].Move(fyne.NewPos(0, 0))
	inside := o[1]
	inside.Resize(size)
	inside.Move(fyne.NewPos(0, 0))
}

// snug takes the space around a label away, and puts it in the middle of the height.
type snug struct{}

func (snug) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(0, 0) }
func (snug) Layout(o []fyne.CanvasObject, size fyne.Size) {
	around := theme.InnerPadding()
	o[0].Resize(fyne.NewSize(size.Width+around, 0)) // its lines depend on the width
	height := o[0].MinSize().Height
	o[0].Resize(fyne.NewSize(size.Width+around, height))
	o[0].Move(fyne.NewPos(0, (size.Height-height)/2))
}
