package ui

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"

	"github.com/fyne-io/oksvg"
	"github.com/srwiley/rasterx"

	"cordboard/assets"
)

// tile is an icon of the set on a ground of its own, so that it is seen on light and on dark: a PNG, which trays want, so many pixels
// wide and high. The drawings are known when the program is built; that one can't be drawn is a fault in it, which a test finds.
func tile(name string, ground, ink color.NRGBA, size int) []byte {
	drawing, err := assets.Icon(name)
	if err != nil {
		panic(err)
	}
	hex := func(c color.NRGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }
	inner := bytes.ReplaceAll(svgRoot.FindSubmatch(drawing)[1], []byte("currentColor"), []byte(hex(ink)))
	svg := fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24" viewBox="0 0 24 24">`+
		`<rect x="0" y="0" width="24" height="24" rx="6" ry="6" fill="%s"/>`+
		`<g transform="matrix(.7,0,0,.7,3.6,3.6)" fill="none" stroke="%s" stroke-width="%.3f" stroke-linecap="round" stroke-linejoin="round">%s</g></svg>`,
		hex(ground), hex(ink), 0.058*float64(size), inner) // the reader takes widths of strokes for pixels
	icon, err := oksvg.ReadIconStream(bytes.NewReader(svg), oksvg.StrictErrorMode)
	if err != nil {
		panic(fmt.Errorf("draw %s: %w", name, err))
	}
	icon.SetTarget(0, 0, float64(size), float64(size))
	img := image.NewNRGBA(image.Rect(0, 0, size, size))
	icon.Draw(rasterx.NewDasher(size, size, rasterx.NewScannerGV(size, size, img, img.Bounds())), 1)
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		panic(err)
	}
	return out.Bytes()
}

// markBrass is the mark's own: brass that is seen on light and on dark.
var markBrass = rgb(0xB8842F)

// IconPNG is the mark on its tile, so many pixels wide and high, for where a drawing won't do.
func IconPNG(size int) []byte { return tile("cord", rgb(0x84560F), rgb(0xFFFFFF), size) }
