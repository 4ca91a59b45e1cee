package ui

import "strings"

// dialable is what is called for what somebody has typed or pasted: of a number as people write it, "+49 (0)30 123-45 67" or
// "tel:+49-30-1234567", what a phone dials; a name or an address stays as it is.
func dialable(text string) string {
	text = strings.TrimSpace(text)
	number := text
	for _, scheme := range []string{"tel:", "callto:", "sip:"} {
		if len(number) > len(scheme) && strings.EqualFold(number[:len(scheme)], scheme) {
			number, _, _ = strings.Cut(strings.TrimLeft(number[len(scheme):], "/"), ";")
		}
	}
	if abroad, rest, found := strings.Cut(number, "(0)"); found && (strings.HasPrefix(abroad, "+") || strings.HasPrefix(abroad, "00")) {
		number = abroad + rest // the 0 is for those who call within the country
	}
	var b strings.Builder
	for i, r := range number {
		switch {
		case isKey(r), r == '+' && i == 0:
			b.WriteRune(r)
		case strings.ContainsRune(" \t.-/()\u00a0\u2009\u202f\u2010\u2011\u2012\u2013", r): // spaces and hyphens of all kinds
		default:
			return text
		}
	}
	if b.Len() == 0 {
		return text
	}
	return b.String()
}
