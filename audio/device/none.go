//go:build !cgo

package device

import (
	"errors"
	"log/slog"
)

// Available tells whether this build can use a sound card.
const Available = false

// Open says that there is no sound.
func Open(Config, *slog.Logger) (*Card, error) {
	return nil, errors.New("this build of Cordboard has no sound: it was made without cgo")
}
