package ui

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
)

// Appearance is whether the window is light or dark.
type Appearance string

// The appearances.
const (
	AsSystem Appearance = "system"
	Light    Appearance = "light"
	Dark     Appearance = "dark"
)

// Colours that Fyne has no name for.
const (
	colourSurface fyne.ThemeColorName = "surface" // of cards
	colourMuted   fyne.ThemeColorName = "muted"   // of text that comes second
	colourWash    fyne.ThemeColorName = "wash"    // behind icons, initials and round buttons
	colourBrass   fyne.ThemeColorName = "brass"   // behind brass text and icons
	colourAlarm   fyne.ThemeColorName = "alarm"   // behind warnings
)

// Sizes of type; small is for what comes second, huge for who is called and how long it takes.
const (
	small  = theme.SizeNameCaptionText
	normal = theme.SizeNameText
	big    = theme.SizeNameSubHeadingText
	huge   = theme.SizeNameHeadingText
)

// Measures in pixels: the grid, corners, and the least that a finger hits.
const (
	unit   = 8
	radius = 12
	touch  = 44
)

// palette is one appearance's colours.
type palette struct {
	ground, surface, text, muted, line, brass, stop, wait, go_ color.NRGBA
}

// The two palettes. The page has the same in assets/web/css/tokens.css.
var (
	lightPalette = palette{
		ground: rgb(0xFAF8F5), surface: rgb(0xFFFFFF), text: rgb(0x1F1B16), muted: rgb(0x655D54), line: rgb(0xE4DDD3),
		brass: rgb(0x84560F), go_: rgb(0x17703F), stop: rgb(0xB3261E), wait: rgb(0x8F5200),
	}
	darkPalette = palette{
		ground: rgb(0x171513), surface: rgb(0x211E1B), text: rgb(0xF2EDE6), muted: rgb(0xB5ABA0), line: rgb(0x38332E),
		brass: rgb(0xE3B566), go_: rgb(0x5BC98C), stop: rgb(0xFF8A80), wait: rgb(0xFFB95C),
	}
)

func rgb(hex uint32) color.NRGBA {
	return color.NRGBA{R: uint8(hex >> 16), G: uint8(hex >> 8), B: uint8(hex), A: 0xFF}
}

// mix is so much of a, from 0 to 1, over b.
func mix(a color.NRGBA, share float64, b color.NRGBA) color.NRGBA {
	part := func(x, y uint8) uint8 { return uint8(float64(x)*share + float64(y)*(1-share) + 0.5) }
	return color.NRGBA{R: part(a.R, b.R), G: part(a.G, b.G), B: part(a.B, b.B), A: 0xFF}
}

func clear(c color.NRGBA, share float64) color.NRGBA {
	c.A = uint8(share*0xFF + 0.5)
	return c
}

// Theme is the window's look.
func Theme(a Appearance) fyne.Theme { return look{theme.DefaultTheme(), a} }

type look struct {
	fyne.Theme // fonts, and icons of Fyne's own widgets
	appearance Appearance
}

func (l look) Color(name fyne.ThemeColorName, variant fyne.ThemeVariant) color.Color {
	p := lightPalette
	if l.appearance == Dark || l.appearance != Light && variant == theme.VariantDark {
		p = darkPalette
	}
	switch name {
	case theme.ColorNameBackground, theme.ColorNameHeaderBackground:
		return p.ground
	case colourSurface, theme.ColorNameInputBackground, theme.ColorNameMenuBackground, theme.ColorNameOverlayBackground,
		theme.ColorNameForegroundOnPrimary, theme.ColorNameForegroundOnError, theme.ColorNameForegroundOnSuccess, theme.ColorNameForegroundOnWarning:
		return p.surface
	case theme.ColorNameForeground:
		return p.text
	case colourMuted, theme.ColorNamePlaceHolder, theme.ColorNameDisabled:
		return p.muted
	case theme.ColorNameSeparator:
		return p.line
	case theme.ColorNameInputBorder:
		return mix(p.text, 0.5, p.surface)
	case theme.ColorNamePrimary, theme.ColorNameHyperlink, theme.ColorNameFocus:
		if name == theme.ColorNameFocus {
			return clear(p.brass, 0.25)
		}
		return p.brass
	case colourBrass:
		return mix(p.brass, 0.12, p.surface)
	case theme.ColorNameSelection:
		return clear(p.brass, 0.18)
	case theme.ColorNameError:
		return p.stop
	case theme.ColorNameSuccess:
		return p.go_
	case theme.ColorNameWarning:
		return p.wait
	case colourAlarm:
		return mix(p.wait, 0.12, p.surface)
	case colourWash, theme.ColorNameButton, theme.ColorNameDisabledButton:
		return mix(p.text, 0.08, p.surface)
	case theme.ColorNameHover:
		return clear(p.text, 0.06)
	case theme.ColorNamePressed:
		return clear(p.text, 0.14)
	case theme.ColorNameScrollBar:
		return clear(p.text, 0.3)
	case theme.ColorNameScrollBarBackground:
		return color.Transparent
	case theme.ColorNameShadow:
		return clear(p.text, 0.1)
	}
	return l.Theme.Color(name, variant)
}

func (l look) Size(name fyne.ThemeSizeName) float32 {
	switch name {
	case normal:
		return 16
	case small:
		return 14
	case big:
		return 20
	case huge:
		return 28
	case theme.SizeNamePadding:
		return unit / 2
	case theme.SizeNameInnerPadding:
		return 11 // a button is touch high
	case theme.SizeNameInlineIcon:
		return 20
	case theme.SizeNameInputRadius:
		return radius
	case theme.SizeNameSelectionRadius:
		return unit
	}
	return l.Theme.Size(name)
}
