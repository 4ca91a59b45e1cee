package call

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"
)

// Pop is the address of a page about a caller, as "https://crm.example/find?number={number}&name={name}".
type Pop struct{ parts []popPart }

// popPart is a text of the address, or what stands in it.
type popPart struct {
	text   string
	field  string // "number", …; empty: text
	inPath bool
}

// popFields are what can stand in an address.
var popFields = []string{"number", "name", "id", "to"}

// Caller is what is known of a call that comes in.
type Caller struct {
	Number, Name string // of the one who calls
	ID           string // of the call
	To           string // the user who is called
}

// maxPop bounds what stands in an address for one field, in characters.
const maxPop = 200

// ParsePop reads the template of an address. Without a scheme it is https; others than https and http are refused, and what the caller
// says can't choose the host. An empty template is no address.
func ParsePop(template string) (Pop, error) {
	if template == "" {
		return Pop{}, nil
	}
	if !strings.Contains(template, "://") {
		template = "https://" + template
	}
	if strings.ContainsFunc(template, func(c rune) bool {
		return c <= ' ' || c == 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '`'
	}) {
		return Pop{}, errors.New("has a space or another character that no address has")
	}
	var p Pop
	where := strings.Index(template, "://") + 3
	path := len(template) // where it ends
	if i := strings.IndexAny(template, "?#"); i >= 0 {
		path = i
	}
	hostEnd := len(template)
	if i := strings.IndexAny(template[where:], "/?#"); i >= 0 {
		hostEnd = where + i
	}
	for rest := template; rest != ""; {
		at := len(template) - len(rest)
		open := strings.IndexByte(rest, '{')
		if open < 0 {
			p.parts = append(p.parts, popPart{text: rest})
			break
		}
		name, after, closed := strings.Cut(rest[open+1:], "}")
		switch {
		case !closed:
			return Pop{}, errors.New("has a { without a }")
		case !slices.Contains(popFields, name):
			return Pop{}, fmt.Errorf("has {%s}, but there is only {%s}", name, strings.Join(popFields, "}, {"))
		case at+open < hostEnd:
			return Pop{}, fmt.Errorf("has {%s} in its host, which would let callers choose it", name)
		}
		if open > 0 {
			p.parts = append(p.parts, popPart{text: rest[:open]})
		}
		p.parts = append(p.parts, popPart{field: name, inPath: at+open < path})
		rest = after
	}
	u, err := url.Parse(p.Address(Caller{}))
	switch {
	case err != nil:
		return Pop{}, errors.New("is no address")
	case u.Scheme != "https" && u.Scheme != "http":
		return Pop{}, fmt.Errorf("begins with %s:, want https or http", u.Scheme)
	case u.Hostname() == "":
		return Pop{}, errors.New("has no host")
	case u.User != nil:
		return Pop{}, errors.New("has a user or a password before its host")
	}
	return p, nil
}

// Address is the address for a caller; empty: there is none. What the caller says is percent-encoded (RFC 3986 §2.1), so that it adds
// neither a parameter nor a folder.
func (p Pop) Address(c Caller) string {
	values := map[string]string{"number": c.Number, "name": c.Name, "id": c.ID, "to": c.To}
	var b strings.Builder
	for _, part := range p.parts {
		if part.field == "" {
			b.WriteString(part.text)
			continue
		}
		value := values[part.field]
		if part.inPath { // where browsers take "." and ".." for folders, encoded or not
			value = strings.ReplaceAll(value, ".", "")
		}
		escape(&b, value)
	}
	return b.String()
}

// escape writes a value of unreserved characters and percent-encoded ones, without control characters.
func escape(b *strings.Builder, value string) {
	n := 0
	for _, c := range strings.ToValidUTF8(value, "") {
		if unicode.IsControl(c) {
			continue
		}
		if n++; n > maxPop {
			return
		}
		if c < 0x80 && (unicode.IsLetter(c) || unicode.IsDigit(c) || strings.ContainsRune("-._~", c)) {
			b.WriteRune(c)
			continue
		}
		for _, octet := range []byte(string(c)) {
			fmt.Fprintf(b, "%%%02X", octet)
		}
	}
}
