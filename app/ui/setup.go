package ui

import (
	"net/netip"
	"strings"

	"cordboard/gateway/call"
)

// Setup is what the first start asks for, and the settings later. What takes time is done elsewhere; done is called on Fyne's loop. Errors are
// sentences for people.
type Setup interface {
	// State is what is set up already.
	State() SetupState
	// SaveNames sets the name of this Cordboard and that of its owner. Without a password the owner of a fresh machine gets one, which
	// done is given to show once; else empty.
	SaveNames(n Names, done func(password string, err error))
	// TryAccount finds out whether an account works.
	TryAccount(a Account, done func(call.Trial, error))
	// SaveAccount makes it that of this machine's owner; done is given it without its password.
	SaveAccount(a Account, done func(Account, error))
	// Sample plays a short sound for a purpose: Loudspeaker or Ringer.
	Sample(purpose string) error
	// Listen keeps the microphone open, so that Model.Sound tells how loud it is without a call, until it is told otherwise.
	Listen(on bool)
	// Finished tells that the first start is over or was put off, so that it is not begun by itself again. What was saved is in force
	// from then on.
	Finished()
}

// SetupState is what is set up already.
type SetupState struct {
	Wanted  bool    // the first start is to be shown by itself
	Fresh   bool    // nobody has signed in yet, so that the owner may be named
	Names   Names   // without a password
	Account Account // without its password
	LocalCA bool    // browsers must learn to trust this machine first
}

// Names are those of this Cordboard and of its owner.
type Names struct {
	Machine  string // shown to colleagues, as "Front office"
	Owner    string // as people say it
	SignIn   string // the owner's at the page
	Password string // for the page; empty: stays
}

// Account is an account at a PBX.
type Account struct {
	PBX       string // name of the configured PBX that it changes; empty: a new one
	Address   string // as people type it, see sipAddress
	Extension string
	Password  string
	Saved     bool // has a password that is not told; an empty Password means that one
}

// Nearby is a PBX that announces itself in the network.
type Nearby struct{ Name, Address string }

// sipAddress makes the address of a PBX as people type it one of SIP (RFC 3261 §19.1.1): "192.0.2.10", "pbx.example:5070", "2001:db8::1",
// "sip:pbx.example;transport=tcp".
func sipAddress(typed string) string {
	typed = strings.TrimSpace(typed)
	scheme, rest, _ := strings.Cut(typed, ":")
	if s := strings.ToLower(scheme); s == "sip" || s == "sips" {
		return s + ":" + strings.TrimPrefix(rest, "//")
	}
	if addr, err := netip.ParseAddr(typed); err == nil && addr.Is6() {
		typed = "[" + typed + "]"
	}
	return "sip:" + typed
}

// plainAddress is how people would type an address of SIP.
func plainAddress(uri string) string {
	plain := strings.TrimSuffix(strings.TrimPrefix(uri, "sip:"), ";transport=udp")
	if !strings.HasPrefix(uri, "sip:") || strings.ContainsAny(plain, ";?") {
		return uri // it says more than where
	}
	return strings.TrimSuffix(plain, ":5060")
}

// builtIn are names that nobody may sign in by.
var builtIn = map[string]bool{"echo": true, "tone": true, "desk": true}

// signInName is a name to sign in by for somebody of that name: "anna" for "Anna Schmidt".
func signInName(name string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(strings.ToLower(name)), " ")
	var b strings.Builder
	letter := false
	for _, r := range first {
		switch {
		case r >= 'a' && r <= 'z':
			letter = true
			b.WriteRune(r)
		case r >= '0' && r <= '9', r == '.', r == '_', r == '-':
			b.WriteRune(r)
		case folded[r] != "":
			letter = true
			b.WriteString(folded[r])
		}
	}
	made := b.String()
	if !letter || len(made) > 64 || builtIn[made] {
		return "operator"
	}
	return made
}

// folded are letters of European names without their marks.
var folded = func() map[rune]string {
	all := map[rune]string{'ä': "ae", 'ö': "oe", 'ü': "ue", 'ß': "ss", 'æ': "ae", 'ø': "oe", 'å': "aa", 'œ': "oe", 'ł': "l", 'đ': "d", 'ð': "d", 'þ': "th"}
	for plain, marked := range map[string]string{"a": "àáâãăą", "c": "çćč", "d": "ď", "e": "èéêëěęė", "g": "ğģ", "i": "ìíîïıį", "l": "ĺľļ",
		"n": "ñńňņ", "o": "òóôõő", "r": "řŕ", "s": "śšşș", "t": "ťțţ", "u": "ùúûůűū", "y": "ýÿ", "z": "źžż"} {
		for _, r := range marked {
			all[r] = plain
		}
	}
	return all
}()
