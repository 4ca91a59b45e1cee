package device

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"cordboard/audio"
)

// Gains that a device may get, in dB.
const (
	minGain = -60
	maxGain = 20
)

// choice is what somebody chose while Cordboard ran. It holds until the configuration file says something else than it did then.
type choice struct {
	Name string  `json:"name"` // empty: the system's default
	File string  `json:"file"` // what the configuration said
	Gain float64 `json:"gain"` // dB
}

// choices are those of each purpose, as kept in a file.
type choices map[audio.Purpose]choice

// loadChoices reads what was chosen earlier, as far as the configuration has not changed since. The choices are good even with an error.
func loadChoices(file string, configured map[audio.Purpose]string) (choices, error) {
	kept := choices{}
	var err error
	if file != "" {
		var text []byte
		if text, err = os.ReadFile(file); err == nil {
			err = json.Unmarshal(text, &kept)
		} else if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	list := choices{}
	for purpose, name := range configured {
		c := kept[purpose]
		if c.File != name {
			c.Name = name
		}
		c.File, c.Gain = name, max(minGain, min(c.Gain, maxGain))
		list[purpose] = c
	}
	if err != nil {
		err = fmt.Errorf("read which sound devices were chosen: %w", err)
	}
	return list, err
}

// save writes the choices to a file, whole or not at all.
func (c choices) save(file string) error {
	if file == "" {
		return nil
	}
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(file), ".sound-*")
	if err != nil {
		return fmt.Errorf("remember the choice: %w", err)
	}
	_, err = temp.Write(append(text, '\n'))
	err = errors.Join(err, temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), file)
	}
	if err != nil {
		return fmt.Errorf("remember the choice: %w", errors.Join(err, os.Remove(temp.Name())))
	}
	return nil
}
