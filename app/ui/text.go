package ui

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// text is one line, which ends in "…" where there is no room. Unlike Fyne's label it has no space around it.
type text struct {
	widget.BaseWidget
	words  string
	size   fyne.ThemeSizeName
	colour fyne.ThemeColorName
	bold   bool
	align  fyne.TextAlign
	yields bool // takes the size below rather than to be cut
}

func newText(words string, size fyne.ThemeSizeName, colour fyne.ThemeColorName) *text {
	t := &text{words: words, size: size, colour: colour}
	t.ExtendBaseWidget(t)
	return t
}

// boldText is for names and headings.
func boldText(words string, size fyne.ThemeSizeName) *text {
	t := newText(words, size, theme.ColorNameForeground)
	t.bold = true
	return t
}

// say shows other words.
func (t *text) say(words string) { t.show(words, t.colour) }

func (t *text) show(words string, colour fyne.ThemeColorName) {
	if t.words != words || t.colour != colour {
		t.words, t.colour = words, colour
		t.Refresh()
	}
}

func (t *text) CreateRenderer() fyne.WidgetRenderer {
	r := &textRenderer{t: t, line: canvas.NewText("", nil)}
	r.Refresh()
	return r
}

type textRenderer struct {
	t    *text
	line *canvas.Text
}

func (r *textRenderer) Destroy()                     {}
func (r *textRenderer) Objects() []fyne.CanvasObject { return []fyne.CanvasObject{r.line} }

// MinSize is narrow, so that a long name widens no window; who needs all of it asks full.
func (r *textRenderer) MinSize() fyne.Size {
	size := r.measure(r.t.words)
	return fyne.NewSize(min(size.Width, r.measure("……").Width), size.Height)
}

func (r *textRenderer) measure(words string) fyne.Size {
	return fyne.MeasureText(words, theme.SizeForWidget(r.t.size, r.t), fyne.TextStyle{Bold: r.t.bold})
}

// drawnWidth is how wide words are at the size in which they are drawn.
func (r *textRenderer) drawnWidth(words string) float32 {
	return fyne.MeasureText(words, r.line.TextSize, fyne.TextStyle{Bold: r.t.bold}).Width
}

func (r *textRenderer) Layout(size fyne.Size) {
	words := r.t.words
	r.line.TextSize = theme.SizeForWidget(r.t.size, r.t)
	if r.t.yields && r.measure(words).Width > size.Width+0.5 {
		r.line.TextSize = theme.SizeForWidget(big, r.t)
	}
	if r.drawnWidth(words) > size.Width+0.5 {
		all := []rune(words)
		for len(all) > 0 && r.drawnWidth(string(all)+"…") > size.Width {
			all = all[:len(all)-1]
		}
		words = strings.TrimRight(string(all), " ") + "…"
	}
	r.line.Text = words
	r.line.Resize(size)
}

func (r *textRenderer) Refresh() {
	r.line.TextStyle = fyne.TextStyle{Bold: r.t.bold}
	r.line.Alignment = r.t.align
	r.line.Color = theme.ColorForWidget(r.t.colour, r.t)
	r.Layout(r.t.Size())
	r.line.Refresh()
}

// full is the size in which nothing is cut.
func (t *text) full() fyne.Size {
	return fyne.MeasureText(t.words, theme.SizeForWidget(t.size, t), fyne.TextStyle{Bold: t.bold})
}

// whole keeps a text from being cut.
func whole(t *text) fyne.CanvasObject {
	return &fyne.Container{Layout: wholeLayout{}, Objects: []fyne.CanvasObject{t}}
}

type wholeLayout struct{}

func (wholeLayout) MinSize(o []fyne.CanvasObject) fyne.Size { return o[0].(*text).full() }
func (wholeLayout) Layout(o []fyne.CanvasObject, size fyne.Size) {
	o[0].Move(fyne.NewPos(0, 0))
	o[0].Resize(size)
}
