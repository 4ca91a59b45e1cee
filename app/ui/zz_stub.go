package ui

// OpenSetup comes with the first start.
func (w *Window) OpenSetup() {}
