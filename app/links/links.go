// Package links is about the links that name somebody to call, as tel:+49301234567 and sip:201@pbx.example: what they say, and that the
// operating system hands them to this program. Links come from web pages and mail, so that nothing in them does more than name whom to
// call.
package links

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"cordboard/app/launch"
)

// Schemes are those of the links, without the colon.
var Schemes = []string{"tel", "sip", "sips", "callto"}

// Longest link and longest name or number in one, in bytes.
const (
	maxLink = 1024
	maxUser = 128
)

// ErrNoTarget reports a link that names nobody who could be called.
var ErrNoTarget = errors.New("the link names nobody to call")

// Is reports whether a word is a link of one of the schemes.
func Is(word string) bool {
	scheme, _, found := strings.Cut(word, ":")
	if !found {
		return false
	}
	for _, s := range Schemes {
		if strings.EqualFold(scheme, s) {
			return true
		}
	}
	return false
}

// Target is whom a link names: a number with its visual separators taken out (RFC 3966 §3), a name, or user@host of a SIP URI (RFC 3261
// §19.1). Parameters and headers, a phone-context among them, are left out: it is the user who knows the numbers that are called from here.
// A password is refused. Everything that is not understood is ErrNoTarget.
func Target(link string) (string, error) {
	if !Is(link) || len(link) > maxLink {
		return "", ErrNoTarget
	}
	scheme, rest, _ := strings.Cut(link, ":")
	rest = strings.TrimPrefix(rest, "//") // which many pages write
	target, ok := "", false
	if strings.EqualFold(scheme, "tel") {
		target, ok = number(cut(rest, ";?"))
	} else {
		target, ok = address(rest)
	}
	if !ok {
		return "", fmt.Errorf("read %.40q: %w", link, ErrNoTarget)
	}
	return target, nil
}

// cut is a text up to the first of some characters.
func cut(text, at string) string {
	if i := strings.IndexAny(text, at); i >= 0 {
		return text[:i]
	}
	return text
}

// number reads a telephone number: digits, * and #, a + only before them.
func number(text string) (string, bool) {
	text, err := url.PathUnescape(text)
	if err != nil || len(text) > maxUser {
		return "", false
	}
	text = strings.NewReplacer("-", "", ".", "", "(", "", ")", "", " ", "").Replace(text) // the visual separators, and what pages write
	digits := strings.TrimPrefix(text, "+")
	return text, strings.ContainsAny(digits, "0123456789") && strings.Trim(digits, "0123456789*#") == ""
}

// address reads what follows the scheme of a SIP URI. The host may be missing, as in sip:201.
func address(text string) (string, bool) {
	text = strings.TrimSuffix(text, "/") // some browsers add one to a host
	user, host, far := text, "", false
	if i := strings.LastIndexByte(text, '@'); i >= 0 {
		user, host, far = text[:i], cut(text[i+1:], ";?"), true
	}
	user, err := url.PathUnescape(cut(user, ";?")) // which leaves out the parameters of a telephone number (RFC 3261 §19.1.6), too
	if err != nil || user == "" || len(user) > maxUser {
		return "", false
	}
	if plain, ok := number(user); ok {
		user = plain
	} else if user[0] == '-' || !made(user, "-_.!~*'+=&$") {
		return "", false
	}
	if !far {
		return user, true
	}
	return strings.ReplaceAll(user, "#", "%23") + "@" + strings.ToLower(host), isHost(host)
}

// isHost accepts a name or an IP address, with or without a port.
func isHost(text string) bool {
	name, port, found := text, "", false
	if i := strings.LastIndexByte(text, ':'); i > strings.LastIndexByte(text, ']') {
		name, port, found = text[:i], text[i+1:], true
	}
	if found && (port == "" || len(port) > 5 || strings.Trim(port, "0123456789") != "") {
		return false
	}
	if inner, bracketed := strings.CutPrefix(name, "["); bracketed {
		addr, err := netip.ParseAddr(strings.TrimSuffix(inner, "]"))
		return err == nil && addr.Is6() && addr.Zone() == "" && strings.HasSuffix(inner, "]")
	}
	return name != "" && len(name) <= 253 && name[0] != '-' && name[0] != '.' && made(name, "-.")
}

// made reports whether a text has nothing but letters and digits of ASCII, and those other characters.
func made(text, others string) bool {
	return !strings.ContainsFunc(text, func(c rune) bool {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		return !letter && !strings.ContainsRune(others, c)
	})
}

// Harmless reports whether a target may be called without somebody having looked at it. Keys that are no digits may do more than call,
// as those that forward all calls.
func Harmless(target string) bool { return !strings.ContainsAny(target, "*#%") }

// Handler is a program that opens links. ID names its files, as "org.example.App"; Name is what people know it by. Command has launch.URL
// where the link goes.
type Handler struct {
	ID, Name, What string // What it is, as "Softphone"
	Icon           []byte // a PNG of 256 by 256 pixels, where the system does not take the program's own; empty: none
	Command        launch.Command
}
