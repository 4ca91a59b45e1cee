package call

import (
	"context"
	"errors"
	"time"
)

// Faults of recordings.
var (
	ErrNoRecording = errors.New("no such recording")
	ErrNotAllowed  = errors.New("not allowed")
)

// Up is a call that is up, as far as it matters to those who would record it.
type Up struct {
	ID                string
	From, FromDisplay string // as in Record
	To, ToDisplay     string
	Users             []string          // whose devices take part now
	Left              string            // the leg of the one of them who called, else who was called
	PBXs              []string          // through which it goes, by name
	Dialogs           map[string]string // the Call-ID that each user's device knows it by
	Builtin           bool              // nobody but a machine of ours is at the other end
}

// Recording is what is kept of a recorded call beside the sound.
type Recording struct {
	ID                string // of the call
	File              string // its name in the folder of recordings
	From, FromDisplay string
	To, ToDisplay     string
	Users             []string // who took part, sorted; each may hear it
	Began             time.Time
	Ended             time.Time // zero: the file is still written
	Paused            bool      // nothing is written at the moment
	Rule              bool      // the call was recorded by rule, so that only an administrator deletes it
}

// Recordings keeps what is known of recordings.
type Recordings interface {
	// SaveRecording keeps a recording in the place of what was known of it; users are only added.
	SaveRecording(ctx context.Context, r Recording) error
	// Recording gives one by its ID, or ErrNoRecording.
	Recording(ctx context.Context, id string) (Recording, error)
	// Recordings gives the newest limit finished recordings that began before a time (zero: any), newest first: those of a user,
	// or all for "".
	Recordings(ctx context.Context, user string, before time.Time, limit int) ([]Recording, error)
	// UnfinishedRecordings gives those that have not ended.
	UnfinishedRecordings(ctx context.Context) ([]Recording, error)
	// OldRecordings gives the oldest limit recordings that ended before a time.
	OldRecordings(ctx context.Context, before time.Time, limit int) ([]Recording, error)
	// ForgetRecording forgets one; an unknown one is passed over.
	ForgetRecording(ctx context.Context, id string) error
}

// RecordingState is how it stands with the recording of a call that is up, for one of its users.
type RecordingState struct {
	ID      string `json:"id"`      // of the call
	Dialog  string `json:"dialog"`  // the SIP Call-ID that the user's device knows it by
	On      bool   `json:"on"`      // it is being recorded
	Begun   bool   `json:"begun"`   // there is a recording, though it may pause
	Allowed bool   `json:"allowed"` // the user may switch it on and off
	Failed  bool   `json:"failed"`  // it stopped by a fault, as on a full disk
}
