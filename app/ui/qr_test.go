package ui

import (
	"image"
	"image/color"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"

	"github.com/boombuler/barcode/qr"
)

// TestQRCodeIsSharp finds nothing but black and white in a code of any size, with a margin of four modules at least, and each module square.
func TestQRCodeIsSharp(t *testing.T) {
	modules, err := qr.Encode("https://192.168.1.20:8443", qr.M, qr.Auto)
	if err != nil {
		t.Fatal(err)
	}
	n := modules.Bounds().Dx()
	for _, size := range []image.Point{{184, 184}, {276, 276}, {367, 367}, {200, 300}} {
		drawn := qrImage(modules, size.X, size.Y)
		side := min(size.X, size.Y) / (n + 2*qrQuiet)
		left, top := (size.X-n*side)/2, (size.Y-n*side)/2
		if left < qrQuiet*side || top < qrQuiet*side {
			t.Errorf("%v: the margin is %d by %d, want %d", size, left, top, qrQuiet*side)
		}
		for y := range size.Y {
			for x := range size.X {
				mx, my := (x-left+side)/side-1, (y-top+side)/side-1 // rounded down below zero, too
				dark := mx >= 0 && my >= 0 && mx < n && my < n && modules.At(mx, my) == color.Black
				want := color.Gray{Y: 0xFF}
				if dark {
					want.Y = 0
				}
				if got := drawn.At(x, y); got != want {
					t.Fatalf("%v: pixel %d, %d is %v, want %v", size, x, y, got, want)
				}
			}
		}
	}
}

// TestQRCodeIsDarkOnWhite holds in the dark appearance, too.
func TestQRCodeIsDarkOnWhite(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(Theme(Dark))
	code := qrCode("https://192.168.1.20:8443")
	if size := code.MinSize(); size.Width < qrSize || size.Width != size.Height {
		t.Errorf("the code is %v", size)
	}
	w := test.NewTempWindow(t, code)
	w.SetPadded(false)
	w.Resize(fyne.NewSize(300, 200))
	picture := w.Canvas().Capture()
	if r, g, b, _ := picture.At(55, 5).RGBA(); r != 0xFFFF || g != 0xFFFF || b != 0xFFFF {
		t.Errorf("the margin is %x %x %x", r, g, b)
	}
	if _, drawn := qrCode(strings.Repeat("x", 3000)).(*canvas.Rectangle); !drawn {
		t.Error("a text that is too long does not leave its place empty")
	}
}
