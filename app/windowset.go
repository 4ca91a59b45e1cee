//go:build !headless

package main

import (
	"sync/atomic"
	"time"

	"fyne.io/fyne/v2"

	"cordboard/app/ui"
	"cordboard/audio"
)

// Names under which the window keeps how it was left. They are the person's, so they don't stand in the configuration file.
const (
	keepAppearance = "appearance"
	keepLanguage   = "language"
	keepSeen       = "seen" // until when missed calls were seen, Unix milliseconds
	keepWidth      = "width"
	keepHeight     = "height"
)

// settings is what the window's settings change.
type settings struct {
	kept  fyne.Preferences
	looks fyne.Settings
	model *ui.Model
	card  audio.Card  // nil: no sound
	look  atomic.Bool // meters are shown
}

func newSettings(kept fyne.Preferences, looks fyne.Settings, m *ui.Model, card audio.Card) *settings {
	s := &settings{kept: kept, looks: looks, model: m, card: card}
	_ = m.Seen.Set(time.UnixMilli(int64(kept.Float(keepSeen)))) // a binding without a converter can be set
	return s
}

// Choose implements ui.Settings.
func (s *settings) Choose(purpose, device string) error {
	if s.card == nil {
		return errNoPhone
	}
	return s.card.Choose(audio.Purpose(purpose), device)
}

// Appearance implements ui.Settings.
func (s *settings) Appearance() ui.Appearance {
	return ui.Appearance(s.kept.StringWithFallback(keepAppearance, string(ui.AsSystem)))
}

// SetAppearance implements ui.Settings.
func (s *settings) SetAppearance(a ui.Appearance) {
	s.kept.SetString(keepAppearance, string(a))
	s.looks.SetTheme(ui.Theme(a))
}

// Language implements ui.Settings.
func (s *settings) Language() string { return s.kept.String(keepLanguage) }

// SetLanguage implements ui.Settings.
func (s *settings) SetLanguage(l string) { s.kept.SetString(keepLanguage, l) }

// Look implements ui.Settings.
func (s *settings) Look(on bool) { s.look.Store(on) }

// Seen implements ui.Settings.
func (s *settings) Seen(until time.Time) {
	s.kept.SetFloat(keepSeen, float64(until.UnixMilli()))
	_ = s.model.Seen.Set(until)
}

// sound is how the sound is set, and how loud it is.
func (s *settings) sound() ui.Sound {
	if s.card == nil {
		return ui.Sound{Problem: errNoPhone.Message}
	}
	levels := s.card.Levels()
	sound := ui.Sound{Microphone: levels.Microphone, Loudspeaker: levels.Loudspeaker, Problem: s.card.State()}
	devices, _ := s.card.Devices() // State says why there are none
	for _, d := range devices {
		sound.Devices = append(sound.Devices, ui.Device{Purpose: string(d.Purpose), Name: d.Name, Chosen: d.Chosen, Missing: d.Missing})
	}
	return sound
}

// size is that which the window had last.
func (s *settings) size(width, height float64) fyne.Size {
	return fyne.NewSize(float32(s.kept.FloatWithFallback(keepWidth, width)), float32(s.kept.FloatWithFallback(keepHeight, height)))
}

func (s *settings) keepSize(size fyne.Size) {
	if size.Width > 0 && size.Height > 0 {
		s.kept.SetFloat(keepWidth, float64(size.Width))
		s.kept.SetFloat(keepHeight, float64(size.Height))
	}
}
