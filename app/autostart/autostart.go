// Package autostart has a program start when its user signs in: by an entry of the XDG autostart folder, the Run key of Windows, or a
// launch agent of macOS.
package autostart

import (
	"cordboard/app/launch"
)

// Entry is a program that can start so. ID names its file, as "org.example.App"; Name is what people know it by.
type Entry struct {
	ID, Name string
	Command  launch.Command
}
