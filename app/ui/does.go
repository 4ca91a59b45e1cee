package ui

// Does is what the window has others do, each part by an interface of its own. None of them may be nil.
type Does struct {
	Phone    Phone
	Calls    Calls
	Settings Settings
	System   System
	Setup    Setup
	Office   Office
}
