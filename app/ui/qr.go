package ui

import (
	"image"
	"image/color"
	"image/draw"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"

	"github.com/boombuler/barcode/qr"
)

// qrQuiet is how many modules wide the margin of a QR code is (ISO/IEC 18004 §5.3.8).
const qrQuiet = 4

// qrSize is the least that a QR code takes, in Fyne's pixels: a phone reads it at arm's length.
const qrSize = 184

// qrCode is text for a phone's camera, dark on white whatever the appearance, which cameras want. For a text that is too long, of more
// than 2331 bytes, there is nothing to see.
func qrCode(text string) fyne.CanvasObject {
	modules, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return gap(qrSize, qrSize)
	}
	drawing := canvas.NewRaster(func(width, height int) image.Image { return qrImage(modules, width, height) })
	return container.New(squared{qrSize}, drawing)
}

// qrImage draws in whole pixels of the screen, so that the edges are sharp; what is left over makes the margin wider.
func qrImage(modules image.Image, width, height int) image.Image {
	all := image.NewGray(image.Rect(0, 0, width, height))
	draw.Draw(all, all.Bounds(), image.White, image.Point{}, draw.Src)
	n := modules.Bounds().Dx()
	side := min(width, height) / (n + 2*qrQuiet)
	left, top := (width-n*side)/2, (height-n*side)/2
	for y := range n {
		for x := range n {
			if color.GrayModel.Convert(modules.At(x, y)).(color.Gray).Y < 0x80 {
				at := image.Rect(left+x*side, top+y*side, left+(x+1)*side, top+(y+1)*side)
				draw.Draw(all, at, image.Black, image.Point{}, draw.Src)
			}
		}
	}
	return all
}

// squared keeps something square, in the middle of the room that there is.
type squared struct{ least float32 }

func (s squared) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSquareSize(s.least) }

func (s squared) Layout(o []fyne.CanvasObject, size fyne.Size) {
	side := min(size.Width, size.Height)
	o[0].Resize(fyne.NewSquareSize(side))
	o[0].Move(fyne.NewPos((size.Width-side)/2, (size.Height-side)/2))
}
