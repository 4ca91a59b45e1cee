//go:build race

package jitter

import "time"

const drifting = 2 * time.Minute
