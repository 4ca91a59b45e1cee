//go:build !linux

package device

// refused is about PulseAudio, which other systems don't come with.
func refused() bool { return false }
