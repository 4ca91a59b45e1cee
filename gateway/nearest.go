package gateway

import (
	"slices"
	"strings"
)

// Nearest gives the word that was probably meant by one that is unknown: that which differs by the
// fewest characters, two at most and fewer than half of them; empty when there is none.
func Nearest(word string, among []string) string {
	best, least := "", 3
	for _, known := range slices.Sorted(slices.Values(among)) {
		if d := distance(strings.ToLower(word), known); d < least && 2*d < len(known) {
			best, least = known, d
		}
	}
	return best
}

// distance is how many characters have to be put in, taken out or changed to make b of a (Levenshtein).
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return max(len(a), len(b))
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := corner
			if a[i] != b[j] {
				change++
			}
			corner = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
