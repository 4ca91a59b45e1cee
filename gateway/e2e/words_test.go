//go:build e2e

package e2e

import (
	"image"
	"image/color"
	"image/draw"
	"math"
	"slices"
	"strings"
	"sync"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/software"
	"fyne.io/fyne/v2/test"

	"cordboard/assets"
)

// stamp is how words or an icon look in one size: how much ink each pixel has, from 0 to 1.
type stamp struct {
	width, height int
	ink           []float64
	probes        []int // the pixels that are compared first: without ink, and the darkest, in turn
}

// asIcon, before the name of one of assets/icons, makes it what find looks for.
const asIcon = "icon "

// stamps are those of what was looked for, in each size and weight in which the window has it.
var stamps = struct {
	sync.Mutex
	of map[string][]stamp
}{of: make(map[string][]stamp)}

// stampsOf draws words with the window's font, or an icon, by the library that draws the window.
func stampsOf(words string) []stamp {
	stamps.Lock()
	defer stamps.Unlock()
	made, known := stamps.of[words]
	if known {
		return made
	}
	if name, icon := strings.CutPrefix(words, asIcon); icon {
		for _, size := range []float32{20, 24} {
			made = append(made, stampOf(drawn(iconOf(name, size)), 0))
		}
		stamps.of[words] = made
		return made
	}
	for _, size := range []float32{14, 16, 20, 28} {
		for _, bold := range []bool{false, true} {
			text := canvas.NewText(words, color.Black)
			text.TextSize, text.TextStyle.Bold = size, bold
			on := drawn(text)
			made = append(made, stampOf(on, 0), stampOf(on, 1)) // on the screen a text may be squeezed to whole pixels
		}
	}
	stamps.of[words] = made
	return made
}

func init() { test.NewApp() } // whose theme has the font

// drawn is something in its least size, on nothing.
func drawn(o fyne.CanvasObject) image.Image {
	paper := software.NewTransparentCanvas()
	paper.SetPadded(false)
	paper.SetContent(o)
	return paper.Capture()
}

// iconOf is an icon in black.
func iconOf(name string, size float32) fyne.CanvasObject {
	drawing, err := assets.Icon(name)
	if err != nil {
		panic(err) // a test names an icon that is not there
	}
	_, lines, _ := strings.Cut(string(drawing), ">") // Fyne's reader passes nothing of the outermost element on
	lines = strings.ReplaceAll(strings.TrimSuffix(strings.TrimSpace(lines), "</svg>"), "currentColor", "#000")
	img := canvas.NewImageFromResource(fyne.NewStaticResource(name+".svg", []byte(`<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24" viewBox="0 0 24 24">`+
		`<g fill="none" stroke="#000" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round">`+lines+`</g></svg>`)))
	img.FillMode = canvas.ImageFillContain
	img.SetMinSize(fyne.NewSquareSize(size))
	return img
}

// stampOf takes the ink of a picture, squeezed by so many pixels in width, without the empty space around it.
func stampOf(drawn image.Image, less int) stamp {
	in := image.NewAlpha(drawn.Bounds())
	draw.Draw(in, in.Bounds(), drawn, drawn.Bounds().Min, draw.Src)
	from, width := in.Bounds().Dx(), in.Bounds().Dx()-less
	ink := func(x, y int) float64 {
		at := (float64(x)+0.5)*float64(from)/float64(width) - 0.5
		left := math.Floor(at)
		one, other := in.AlphaAt(int(left), y).A, in.AlphaAt(int(left)+1, y).A
		return (float64(one)*(left+1-at) + float64(other)*(at-left)) / 0xFF
	}
	var inked image.Rectangle
	for y := range in.Bounds().Dy() {
		for x := range width {
			if ink(x, y) > 0.1 {
				inked = inked.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	s := stamp{width: inked.Dx(), height: inked.Dy()}
	for y := inked.Min.Y; y < inked.Max.Y; y++ {
		for x := inked.Min.X; x < inked.Max.X; x++ {
			s.ink = append(s.ink, ink(x, y))
		}
	}
	order := make([]int, len(s.ink))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(1000 * (s.ink[a] - s.ink[b])) })
	for i := range 8 { // spread over the words
		at := i * len(order) / 40
		s.probes = append(s.probes, order[at], order[len(order)-1-at])
	}
	return s
}

// alike is how well a picture has to fit, as a correlation; other words of the same length reach 0.7 at most.
const alike = 0.88

// find looks for words in a picture, in any size and colour, and gives their middle.
func find(p *image.RGBA, words string) (at image.Point, there bool) {
	width, height := p.Bounds().Dx(), p.Bounds().Dy()
	grey := make([]float64, width*height)
	for i := range grey {
		c := p.Pix[4*i:]
		grey[i] = 0.3*float64(c[0]) + 0.6*float64(c[1]) + 0.1*float64(c[2])
	}
	best := alike
	for _, s := range stampsOf(words) {
		for y := 0; y+s.height <= height; y++ {
			for x := 0; x+s.width <= width; x++ {
				if like := s.like(grey[y*width+x:], width, best); like > best {
					best, at, there = like, image.Pt(x+s.width/2, y+s.height/2), true
				}
			}
		}
	}
	return at, there
}

// like is how a part of a picture, whose lines begin stride apart, correlates with the words; 0 where that can't be more than least.
func (s *stamp) like(grey []float64, stride int, least float64) float64 {
	pixel := func(i int) float64 { return grey[i/s.width*stride+i%s.width] }
	ground, ink := pixel(s.probes[0]), pixel(s.probes[1])-pixel(s.probes[0])
	if math.Abs(ink) < 40 { // no words can be read there
		return 0
	}
	for i := 2; i < len(s.probes); i += 2 {
		if math.Abs(pixel(s.probes[i])-ground) > 0.3*math.Abs(ink) || (pixel(s.probes[i+1])-ground)/ink < 0.4 {
			return 0
		}
	}
	var sum, sum2, inked, inked2, both float64
	for i, k := range s.ink {
		v := pixel(i)
		sum, sum2, inked, inked2, both = sum+v, sum2+v*v, inked+k, inked2+k*k, both+k*v
	}
	n := float64(len(s.ink))
	return math.Abs(both-sum*inked/n) / math.Sqrt((sum2-sum*sum/n)*(inked2-inked*inked/n))
}
