//go:build !headless && cgo

package main

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"cordboard/app/ui"
	"cordboard/audio"
)

// hungCard is a card of a sound system that answers when a test says so.
type hungCard struct {
	audio.Card
	answers chan error
	devices []audio.Device
	lists   int
}

func (c *hungCard) Levels() audio.Levels { return audio.Levels{Microphone: -20} }
func (c *hungCard) State() string        { return "" }

func (c *hungCard) Devices() ([]audio.Device, error) {
	c.lists++
	return c.devices, <-c.answers
}

func (c *hungCard) Choose(_ audio.Purpose, name string) error {
	err := <-c.answers
	if err == nil {
		c.devices[0].Chosen = c.devices[0].Name == name
	}
	return err
}

// TestHungSound has a sound system that gives no answer for hours: neither window nor feed wait for it.
func TestHungSound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		card := &hungCard{answers: make(chan error), devices: []audio.Device{{Purpose: audio.Microphone, Name: "Headset"}}}
		log := slog.New(slog.DiscardHandler)
		s := newSettings(t.TempDir(), nil, ui.NewModel(), card, log)
		s.sounds = newSounds(card, func(do func()) { do() }, log)
		ctx, stop := context.WithCancel(t.Context())
		go s.sounds.run(ctx)
		looks := func(want int) {
			t.Helper()
			now := s.sound(time.Now())
			if len(now.Devices) != want || now.Microphone != -20 {
				t.Fatalf("%d devices, %v dBFS, want %d", len(now.Devices), now.Microphone, want)
			}
		}
		for range 100 { // the meters move on
			looks(0)
			time.Sleep(feedLevels)
			synctest.Wait()
		}
		if card.lists != 1 {
			t.Errorf("listed %d times while nothing was answered", card.lists)
		}
		s.listed = time.Now() // and is not asked for again
		card.answers <- nil
		synctest.Wait()
		looks(1)
		card.answers <- fmt.Errorf("list: hung") // which was asked for meanwhile
		synctest.Wait()
		looks(1)

		var came []error
		choose := func(err error) {
			s.Choose("microphone", "Headset", func(err error) { came = append(came, err) })
			synctest.Wait()
			looks(1)
			card.answers <- err
			card.answers <- nil
			synctest.Wait()
		}
		choose(nil)
		if !s.sound(time.Now()).Devices[0].Chosen {
			t.Error("the choice is not shown")
		}
		choose(fmt.Errorf("choose: %w", audio.ErrNoDevice))
		choose(fmt.Errorf("choose: silent"))
		if fmt.Sprint(came) != fmt.Sprint([]error{nil, errGone, errHungSound}) {
			t.Errorf("told %v", came)
		}
		for range maxPicks + 2 { // one is under way
			s.Choose("microphone", "", func(err error) { came = append(came, err) })
			synctest.Wait()
		}
		if len(came) != 4 || came[3] != error(errHungSound) {
			t.Errorf("one choice too many is told %v", came)
		}
		stop()
		close(card.answers)
		synctest.Wait()
	})
}
