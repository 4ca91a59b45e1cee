package call

// DeskCall is a call of the phone that this machine is.
type DeskCall struct {
	ID        string `json:"id"`
	Peer      string `json:"peer"`           // the other one's number or name
	Name      string `json:"name,omitempty"` // as people write it
	To        string `json:"to,omitempty"`   // whom a call that comes in is for
	Direction string `json:"direction"`      // "in" or "out"
	State     State  `json:"state"`          // one that has ended stays for half a minute
	Held      bool   `json:"held"`           // by us
	Waits     bool   `json:"waits"`          // the other one holds us
	Muted     bool   `json:"muted"`
	Joined    bool   `json:"joined"`             // it is part of the conference
	Since     int64  `json:"since"`              // when it began, Unix milliseconds
	Answered  int64  `json:"answered,omitzero"`  // absent: never
	Digits    string `json:"digits,omitempty"`   // the keys that the other one has pressed
	Transfer  string `json:"transfer,omitempty"` // how its transfer or move goes, one sentence
	Moves     string `json:"moves,omitempty"`    // the ID of the call that goes on where this one, to the owner's other devices, is answered
	Reason    string `json:"reason,omitempty"`   // why it has ended, one sentence
	Dialog    string `json:"dialog,omitempty"`   // what a Replaces header (RFC 3891) names to take it over; absent before the answer
}

// DeskState is all there is to know of the phone that this machine is.
type DeskState struct {
	Ready   bool       `json:"ready"`   // it can call and be called
	Problem string     `json:"problem"` // what keeps it from working, one sentence; empty: nothing
	Owner   string     `json:"owner"`   // the user whose device it is
	Busy    bool       `json:"busy"`    // do not disturb: whoever calls hears that it is busy
	Calls   []DeskCall `json:"calls"`   // oldest first
}

// DeskFault says why the phone of this machine did not do what it was asked for.
type DeskFault struct {
	Code    string // "no_call", "not_now", "bad_target", "no_sound", "no_phone"
	Message string // one sentence for people
}

func (f *DeskFault) Error() string { return f.Message }
