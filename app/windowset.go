//go:build !headless && cgo

package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"fyne.io/fyne/v2"

	"cordboard/app/ui"
	"cordboard/audio"
)

// windowName is the file of the data folder in which it is kept how the window was left. That is the person's, so it does not stand in
// the configuration file.
const windowName = "window.json"

// left is how the window was left.
type left struct {
	Appearance ui.Appearance `json:"appearance"`
	Language   string        `json:"language"`
	CallsLinks bool          `json:"callsLinks"` // at once
	Seen       int64         `json:"seen"`       // until when missed calls were seen, Unix milliseconds
	Width      float32       `json:"width"`      // Fyne's pixels
	Height     float32       `json:"height"`
	SetUp      bool          `json:"setUp"` // the first start is over, or was put off
}

// settings is what the window's settings change. Its fields are the user interface's; only look, listen and sound are the feed's, too.
type settings struct {
	left   left
	file   string
	looks  fyne.Settings
	model  *ui.Model
	card   audio.Card  // nil: no sound
	look   atomic.Bool // meters are shown
	listen atomic.Bool // the microphone shall be open without a call
	heard  time.Time   // when the microphone was last heard, or was not open; the feed's
	log    *slog.Logger
}

// newSettings reads how the window was left; what can't be read is as at the first start.
func newSettings(dir string, looks fyne.Settings, m *ui.Model, card audio.Card, log *slog.Logger) *settings {
	s := &settings{file: filepath.Join(dir, windowName), looks: looks, model: m, card: card, log: log}
	var err error
	if s.left, err = readLeft(s.file); err != nil {
		log.Warn("window's settings not read", "error", err)
	}
	must(m.Seen.Set(time.UnixMilli(s.left.Seen)))
	return s
}

// readLeft reads how the window was left; as at the first start where nothing is kept, or it can't be read.
func readLeft(file string) (l left, err error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return left{}, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &l)
	}
	if err != nil {
		return left{}, err
	}
	return l, nil
}

// keep writes how the window was left, whole or not at all.
func (s *settings) keep() {
	text, err := json.Marshal(s.left)
	if err == nil {
		made := s.file + ".new"
		if err = os.WriteFile(made, text, 0o600); err == nil {
			err = os.Rename(made, s.file)
		}
	}
	if err != nil {
		s.log.Warn("window's settings not kept", "error", err)
	}
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
	return cmp.Or(s.left.Appearance, ui.AsSystem)
}

// SetAppearance implements ui.Settings.
func (s *settings) SetAppearance(a ui.Appearance) {
	s.left.Appearance = a
	s.keep()
	s.looks.SetTheme(ui.Theme(a))
}

// Language implements ui.Settings.
func (s *settings) Language() string { return s.left.Language }

// SetLanguage implements ui.Settings.
func (s *settings) SetLanguage(l string) {
	s.left.Language = l
	s.keep()
}

// Look implements ui.Settings.
func (s *settings) Look(on bool) { s.look.Store(on) }

// Seen implements ui.Settings.
func (s *settings) Seen(until time.Time) {
	s.left.Seen = until.UnixMilli()
	s.keep()
	must(s.model.Seen.Set(until))
}

// Nothing was heard from the microphone when it stayed below quiet, where a meter shows nothing, for stillTime.
const (
	quiet     = -60.0 // dBFS
	stillTime = 3 * time.Second
)

// sound is how the sound is set, and how loud it is now.
func (s *settings) sound(now time.Time) ui.Sound {
	if s.card == nil {
		return ui.Sound{Problem: errNoPhone.Message}
	}
	levels := s.card.Levels()
	sound := ui.Sound{Microphone: levels.Microphone, Loudspeaker: levels.Loudspeaker, Problem: s.card.State()}
	if s.heard.IsZero() || levels.Microphone > quiet || !s.listen.Load() {
		s.heard = now
	}
	sound.Still = now.Sub(s.heard) >= stillTime
	devices, _ := s.card.Devices() // State says why there are none
	for _, d := range devices {
		sound.Devices = append(sound.Devices, ui.Device{Purpose: string(d.Purpose), Name: d.Name, Chosen: d.Chosen, Missing: d.Missing})
	}
	return sound
}

// size is that which the window had last, or that of the first start.
func (s *settings) size(width, height float32) fyne.Size {
	if s.left.Width > 0 && s.left.Height > 0 {
		return fyne.NewSize(s.left.Width, s.left.Height)
	}
	return fyne.NewSize(width, height)
}

func (s *settings) keepSize(size fyne.Size) {
	if size.Width > 0 && size.Height > 0 && (size.Width != s.left.Width || size.Height != s.left.Height) {
		s.left.Width, s.left.Height = size.Width, size.Height
		s.keep()
	}
}
