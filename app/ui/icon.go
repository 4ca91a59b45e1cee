package ui

import (
	"bytes"
	"fmt"
	"image/color"
	"regexp"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"

	"cordboard/assets"
)

// icon is one of the set in a colour of the theme.
type icon struct {
	name   string
	colour fyne.ThemeColorName
}

var _ fyne.ThemedResource = icon{}

func (i icon) Name() string                        { return string(i.colour) + "_" + i.name + ".svg" }
func (i icon) ThemeColorName() fyne.ThemeColorName { return i.colour }

// svgRoot is the drawing's outermost element; Fyne's reader passes nothing of it on to the strokes inside.
var svgRoot = regexp.MustCompile(`(?s)<svg[^>]*>(.*)</svg>`)

// Content draws with strokes of the theme's colour. Which icons there are is known when the program is built, so that a missing
// one is a fault in it, which a test finds.
func (i icon) Content() []byte {
	drawing, err := assets.Icon(i.name)
	if err != nil {
		panic(err)
	}
	return recoloured(drawing, theme.Color(i.colour))
}

func recoloured(drawing []byte, c color.Color) []byte {
	n := color.NRGBAModel.Convert(c).(color.NRGBA)
	hex := fmt.Sprintf("#%02x%02x%02x", n.R, n.G, n.B)
	inner := svgRoot.FindSubmatch(drawing)[1]
	inner = bytes.ReplaceAll(inner, []byte("currentColor"), []byte(hex))
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24" viewBox="0 0 24 24">`+
		`<g fill="none" stroke="%s" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round">%s</g></svg>`, hex, inner)
}

// AppIcon is the mark, for the window's title and the tray: brass, which is seen on light and on dark.
func AppIcon() fyne.Resource {
	drawing, err := assets.Icon("cord")
	if err != nil {
		panic(err)
	}
	return fyne.NewStaticResource("cordboard.svg", recoloured(drawing, markBrass))
}

// picture shows an icon at its size.
func picture(name string, colour fyne.ThemeColorName, size float32) *canvas.Image {
	img := canvas.NewImageFromResource(icon{name, colour})
	img.FillMode = canvas.ImageFillContain
	img.SetMinSize(fyne.NewSquareSize(size))
	return img
}

// repaint gives a picture another icon.
func repaint(img *canvas.Image, name string, colour fyne.ThemeColorName) {
	if want := (icon{name, colour}); img.Resource != want {
		img.Resource = want
		img.Refresh()
	}
}
