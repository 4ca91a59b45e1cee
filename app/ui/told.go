package ui

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"fyne.io/fyne/v2/lang"

	"cordboard/assets"
)

// phrase is a sentence of the gateway's, as the words of all languages have it for their key: in English, with its values by name. What
// stands between two values, or before the first or after the last, is in parts.
type phrase struct {
	key    string
	parts  []string
	values []string // their names
}

// phrases are all that there are words for, as alike makes them. Those without a value are found by what they are; the others are tried in
// turn, those that say most by themselves, at first at their beginning, before the rest.
var phrases = sync.OnceValues(func() (whole map[string]string, open []phrase) {
	whole = make(map[string]string)
	data, err := assets.Words("en")
	if err != nil {
		return whole, nil
	}
	var all map[string]json.RawMessage
	if json.Unmarshal(data, &all) != nil {
		return whole, nil
	}
	for key := range all {
		if !strings.ContainsAny(key, " {") && strings.Contains(key, ".") { // the name of a string of the window's own
			continue
		}
		p := phrase{key: key}
		for rest := alike(key); ; {
			before, after, found := strings.Cut(rest, "{{.")
			p.parts = append(p.parts, before)
			if !found {
				break
			}
			name, behind, _ := strings.Cut(after, "}}")
			p.values, rest = append(p.values, strings.ToUpper(name[:1])+name[1:]), behind
		}
		if len(p.values) == 0 {
			whole[p.parts[0]] = key
		} else {
			open = append(open, p)
		}
	}
	slices.SortFunc(open, func(a, b phrase) int {
		return cmp.Or(len(b.parts[0])-len(a.parts[0]), len(strings.Join(b.parts, ""))-len(strings.Join(a.parts, "")), strings.Compare(a.key, b.key))
	})
	return whole, open
})

// told is a sentence of the gateway's in the language in use, where that has it; else as it is. Its values are told, too, as the reason at the
// end of a sentence.
func told(sentence string) string {
	whole, open := phrases()
	bare := alike(sentence)
	if key, known := whole[bare]; known {
		return ended(lang.X(key, key), sentence)
	}
	for _, p := range open {
		values, ok := p.match(bare)
		if !ok {
			continue
		}
		data := make(map[string]string, len(values))
		for i, v := range values {
			data[p.values[i]] = told(v)
		}
		return ended(lang.X(p.key, p.key, data), sentence)
	}
	return sentence
}

// match gives the values of a sentence that is the phrase.
func (p phrase) match(bare string) (values []string, ok bool) {
	rest, ok := strings.CutPrefix(bare, p.parts[0])
	for i, part := range p.parts[1:] {
		at := strings.Index(rest, part)
		if i == len(p.values)-1 { // the last has all that is left
			at = len(rest) - len(part)
		}
		if !ok || at < 0 || !strings.HasPrefix(rest[at:], part) {
			return nil, false
		}
		values, rest = append(values, rest[:at]), rest[at+len(part):]
	}
	return values, ok
}

// alike is a sentence without how it begins and ends: a capital letter and a full stop.
func alike(sentence string) string {
	first, n := utf8.DecodeRuneInString(sentence)
	return strings.TrimSuffix(string(unicode.ToLower(first))+sentence[n:], ".")
}

// ended is words that begin and end as a sentence does.
func ended(words, as string) string {
	words = strings.TrimSuffix(words, ".")
	if strings.HasSuffix(as, ".") && !strings.HasSuffix(words, "?") {
		words += "."
	}
	first, n := utf8.DecodeRuneInString(words)
	if begins, _ := utf8.DecodeRuneInString(as); unicode.IsUpper(begins) {
		words = string(unicode.ToUpper(first)) + words[n:]
	}
	return words
}
