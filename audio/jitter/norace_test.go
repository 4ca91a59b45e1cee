//go:build !race

package jitter

import "time"

const drifting = 10 * time.Minute
