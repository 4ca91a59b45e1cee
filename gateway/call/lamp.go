package call

// LampState is how somebody is doing, as a lamp beside a name shows it.
type LampState string

// The states of a lamp.
const (
	LampIdle        LampState = "idle"
	LampRinging     LampState = "ringing"
	LampBusy        LampState = "busy"
	LampDisturb     LampState = "dnd"         // free, and asks not to be disturbed
	LampUnreachable LampState = "unreachable" // a user without a signed-in device
	LampUnknown     LampState = "unknown"     // a number of which the PBX tells nothing
)

// Lamp tells how a user or a number is doing.
type Lamp struct {
	Target    string    `json:"target"` // user name or number
	Name      string    `json:"name"`   // as people write it
	Extension string    `json:"extension"`
	State     LampState `json:"state"`
	Note      string    `json:"note,omitempty"` // in their own words

	Site string `json:"site,omitempty"` // the neighbour whose person it is; empty: our own
	Gone bool   `json:"gone,omitempty"` // is not among the colleagues any more
}

// Voicemail counts the messages in somebody's voice mail box.
type Voicemail struct {
	New int `json:"new"`
	Old int `json:"old"`

	Box string `json:"box,omitempty"` // the number that is called to hear them; empty: the PBX does not tell
}

// News is what has changed for somebody who watches.
type News struct {
	Lamps     []Lamp
	Voicemail *Voicemail // nil: unchanged, or the PBX tells nothing
}
