package discovery

import (
	"fmt"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Lengths of what the network says, in characters; what is longer is cut or refused.
const (
	maxShown   = 64 // names, as people read them
	maxVersion = 32
	maxLabel   = 63 // octets of a label (RFC 1035 §2.3.4)
	idDigits   = 32 // of Announcement.ID
	sumDigits  = 64 // of Announcement.Fingerprint
)

// Printable makes a text of a stranger fit to be shown: valid UTF-8 without control characters and without those that turn the direction
// of writing or hide, at most most characters.
func Printable(text string, most int) string {
	var b strings.Builder
	kept, space := 0, false
	for _, c := range text {
		switch {
		case unicode.IsSpace(c):
			space = kept > 0
			continue
		case !unicode.IsPrint(c): // no letter, mark, number, punctuation or symbol
			continue
		}
		if space {
			if kept+2 > most {
				break
			}
			b.WriteByte(' ')
			kept++
			space = false
		}
		if kept == most {
			break
		}
		b.WriteRune(c)
		kept++
	}
	return b.String()
}

// label makes a service's name of what people call it: at most maxLabel octets, unescaped. number tells services apart that would
// have the same name; 1: none does.
func label(name string, number int) string {
	more := ""
	if number > 1 {
		more = fmt.Sprintf(" (%d)", number)
	}
	name = Printable(name, maxShown)
	for len(name)+len(more) > maxLabel {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	if name = strings.Trim(name, ". "); name == "" { // zeroconf would take dots off its ends, in the middle of an escape
		name = "Cordboard"
	}
	return name + more
}

// escape writes a label as domain names of the dns package have it when they come from a packet, so that both can be compared.
func escape(label string) string {
	var b strings.Builder
	for _, c := range []byte(label) {
		switch {
		case strings.IndexByte(`. '@;()"\`, c) >= 0:
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, "\\%03d", c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// unescape gives the octets that a label or a text of the dns package stands for (RFC 1035 §5.1).
func unescape(text string) string {
	if strings.IndexByte(text, '\\') < 0 {
		return text
	}
	b := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			b = append(b, text[i])
			continue
		}
		i++
		if i+2 < len(text) && isDigit(text[i]) && isDigit(text[i+1]) && isDigit(text[i+2]) {
			b = append(b, (text[i]-'0')*100+(text[i+1]-'0')*10+text[i+2]-'0')
			i += 2
			continue
		}
		b = append(b, text[i])
	}
	return string(b)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// isHex reports whether text is of so many lower-case hexadecimal digits.
func isHex(text string, digits int) bool {
	return len(text) == digits && strings.Trim(text, "0123456789abcdef") == ""
}

// localHost gives the first label of "label.local."; false for other names, and for those that are no host names (RFC 1123 §2.1;
// some machines have an underscore).
func localHost(name string) (string, bool) {
	host, ok := strings.CutSuffix(strings.ToLower(name), ".local.")
	if !ok || host == "" || len(host) > maxLabel || strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		return "", false
	}
	return host, true
}

// usable reports whether a machine may be reached by an address that a stranger names for it.
func usable(a netip.Addr) bool {
	return a.IsValid() && !a.IsUnspecified() && !a.IsLoopback() && !a.IsMulticast() && a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// text is the TXT record of an announcement (RFC 6763 §6), as the dns package writes it.
func (a Announcement) text() []string {
	all := []string{"version=" + Printable(a.Version, maxVersion), "id=" + a.ID, "name=" + Printable(a.Name, maxShown), "fingerprint=" + a.Fingerprint}
	for i, t := range all {
		for len(t) > 255 { // one of them is at most that long, in octets
			_, size := utf8.DecodeLastRuneInString(t)
			t = t[:len(t)-size]
		}
		all[i] = strings.ReplaceAll(t, `\`, `\\`)
	}
	return all
}

// readText reads a TXT record. Of a key that is there twice the first counts (RFC 6763 §6.4). false: it is no Cordboard's.
func readText(text []string) (a Announcement, ok bool) {
	seen := map[string]bool{}
	for _, t := range text {
		key, value, _ := strings.Cut(unescape(t), "=")
		if key = strings.ToLower(key); seen[key] {
			continue
		}
		switch key {
		case "version":
			a.Version = Printable(value, maxVersion)
		case "id":
			a.ID = value
		case "name":
			a.Name = Printable(value, maxShown)
		case "fingerprint":
			a.Fingerprint = value
		default:
			continue
		}
		seen[key] = true
	}
	return a, isHex(a.ID, idDigits) && isHex(a.Fingerprint, sumDigits)
}
