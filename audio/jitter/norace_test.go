//go:build !race

package jitter

const thorough = true
