//go:build race

package jitter

// thorough is false under the race detector, which makes everything ten times as slow.
const thorough = false
