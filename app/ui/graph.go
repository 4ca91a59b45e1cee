package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"cordboard/gateway/call"
)

// Measures of the graph: a bar for each five seconds of the last minutes, in pixels.
const (
	graphBars   = 36
	graphStep   = 4
	graphHeight = 16
	graphLeast  = 2 // of a bar, for the worst sound
)

// graph shows how a call sounded in its last minutes: the better, the higher; what is less than good has another colour, too.
type graph struct {
	widget.BaseWidget
	marks []float64 // MOS, the newest last; 0: nothing to judge
	bars  []*canvas.Rectangle
}

func newGraph() *graph {
	g := &graph{}
	g.ExtendBaseWidget(g)
	return g
}

// show draws the marks of the samples; those before them count as not there.
func (g *graph) show(samples []call.Sample) {
	samples = samples[max(0, len(samples)-graphBars):]
	marks := make([]float64, len(samples))
	same := len(marks) == len(g.marks)
	for i, s := range samples {
		marks[i] = mark(s)
		same = same && marks[i] == g.marks[i]
	}
	if !same {
		g.marks = marks
		g.Refresh()
	}
}

func (g *graph) CreateRenderer() fyne.WidgetRenderer {
	r := &graphRenderer{g: g}
	for range graphBars {
		bar := canvas.NewRectangle(nil)
		bar.CornerRadius = 1
		g.bars = append(g.bars, bar)
		r.objects = append(r.objects, bar)
	}
	r.Refresh()
	return r
}

type graphRenderer struct {
	g       *graph
	objects []fyne.CanvasObject
}

func (r *graphRenderer) Destroy()                     {}
func (r *graphRenderer) Objects() []fyne.CanvasObject { return r.objects }
func (r *graphRenderer) MinSize() fyne.Size           { return fyne.NewSize(graphBars*graphStep, graphHeight) }

// Layout stands the bars on one line, the newest at the right.
func (r *graphRenderer) Layout(fyne.Size) {
	for i, bar := range r.g.bars {
		height := float32(graphLeast)
		if at := i - (graphBars - len(r.g.marks)); at >= 0 && r.g.marks[at] > 0 {
			height = max(graphLeast, graphHeight*float32((r.g.marks[at]-1)/(bestMark-1)))
		}
		bar.Resize(fyne.NewSize(graphStep-1, height))
		bar.Move(fyne.NewPos(float32(i*graphStep), graphHeight-height))
	}
}

func (r *graphRenderer) Refresh() {
	for i, bar := range r.g.bars {
		name := theme.ColorNameSeparator
		if at := i - (graphBars - len(r.g.marks)); at >= 0 && r.g.marks[at] > 0 {
			if name = theme.ColorNamePrimary; r.g.marks[at] < goodMark {
				name = theme.ColorNameWarning
			}
		}
		bar.FillColor = theme.ColorForWidget(name, r.g)
	}
	r.Layout(r.g.Size())
	canvas.Refresh(r.g)
}
