//go:build !linux

package device

// permission says how Cordboard gets to the sound card.
const permission = "Allow it in the system's settings for privacy"

// hidden is about ALSA, which only Linux has.
func hidden() bool { return false }
