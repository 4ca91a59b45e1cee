package main

import (
	"log/slog"
	"path/filepath"

	"cordboard/audio/device"
	"cordboard/gateway"
)

// devicesName is the file of the data folder in which it is kept which devices were chosen.
const devicesName = "devices.json"

// openCard gives the gateway the machine's sound, unless that is switched off. What is returned closes it.
func openCard(cfg gateway.Audio, host *gateway.Host, log *slog.Logger) (closeCard func()) {
	if !cfg.Enabled {
		return func() {}
	}
	card, err := device.Open(device.Config{
		Microphone: cfg.Microphone, Loudspeaker: cfg.Loudspeaker, Ringer: cfg.Ringer, File: filepath.Join(host.Dir, devicesName),
	}, log)
	if err != nil {
		log.Info("no sound", "error", err)
		host.NoCard = err.Error()
		return func() {}
	}
	host.Card = card
	return func() {
		if err := card.Close(); err != nil {
			log.Warn("sound card not closed", "error", err)
		}
	}
}
