package ui

// Calls is what is done with calls beside what this machine's phone does. Its errors are sentences for people.
type Calls interface {
	// Take moves a call of Model.Elsewhere to this machine's phone.
	Take(id string) error
	// Record switches the recording of a call of Model.Recordings on or off.
	Record(id string, on bool) error
}
