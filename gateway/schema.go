package gateway

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// schema is every key that the configuration file may hold, by its plain path ("pbx[].mode"), and the kind of its value.
type schema map[string]unstable.Kind

// newSchema reads the keys off the toml tags of a struct.
func newSchema(t reflect.Type) schema {
	s := schema{}
	s.add(t, "")
	return s
}

func (s schema) add(t reflect.Type, prefix string) {
	for field := range fields(t) {
		name := field.Tag.Get("toml")
		if name == "" || name == "-" {
			continue
		}
		path := name
		if prefix != "" {
			path = prefix + "." + name
		}
		s.addType(field.Type, path)
	}
}

func (s schema) addType(t reflect.Type, path string) {
	text := reflect.TypeFor[encoding.TextUnmarshaler]()
	switch {
	case reflect.PointerTo(t).Implements(text), t.Kind() == reflect.String:
		s[path] = unstable.String
	case t.Kind() == reflect.Pointer:
		s.addType(t.Elem(), path)
	case t.Kind() == reflect.Int:
		s[path] = unstable.Integer
	case t.Kind() == reflect.Bool:
		s[path] = unstable.Bool
	case t.Kind() == reflect.Struct:
		s[path] = unstable.Table
		s.add(t, path)
	case t.Kind() == reflect.Slice:
		s[path] = unstable.Array
		if t.Elem().Kind() == reflect.Struct {
			s[path] = unstable.ArrayTable
		}
		s.addType(t.Elem(), path+"[]")
	}
}

func fields(t reflect.Type) func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if !yield(t.Field(i)) {
				return
			}
		}
	}
}

// check compares a document with the schema: keys that it does not know, and values of a wrong kind.
// What has a fault is blanked in the document, so that the rest can be decoded.
func (s schema) check(doc *document) []Fault {
	var faults []Fault
	var skip []string // what stands below a fault says nothing new
	for _, e := range doc.entries {
		if slices.ContainsFunc(skip, func(p string) bool {
			return strings.HasPrefix(e.path, p+".") || strings.HasPrefix(e.path, p+"[")
		}) {
			blank(doc.text, e.expr)
			continue
		}
		kind, known := s[plain(e.path)]
		switch {
		case !known:
			faults = append(faults, Fault{Line: e.line, Path: e.path, Problem: "unknown " + noun(e.kind) + s.hint(plain(e.path))})
		case fits(e.kind, kind):
			continue
		default:
			faults = append(faults, Fault{Line: e.line, Path: e.path, Problem: fmt.Sprintf("has %s, want %s", describe(e.kind), wanted(kind))})
		}
		skip = append(skip, e.path)
		blank(doc.text, e.expr)
	}
	return faults
}

// fits reports whether a value of the kind found can stand where kind want is due.
func fits(found, want unstable.Kind) bool {
	switch want {
	case unstable.Table:
		return found == unstable.Table || found == unstable.InlineTable
	case unstable.ArrayTable:
		return found == unstable.ArrayTable || found == unstable.Array
	}
	return found == want
}

// hint names the known key of the same table that differs least, when it is near enough to be meant.
func (s schema) hint(path string) string {
	prefix, step := "", path
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		prefix, step = path[:i+1], path[i+1:]
	}
	var siblings []string
	for known := range s {
		if name, sibling := strings.CutPrefix(known, prefix); sibling && name != "" && !strings.ContainsAny(name, ".[") {
			siblings = append(siblings, name)
		}
	}
	best := Nearest(step, siblings)
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", best)
}

// plain drops the list positions of a path: "pbx[0].mode" becomes "pbx[].mode".
func plain(path string) string {
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		b.WriteByte(path[i])
		if path[i] == '[' {
			for i+1 < len(path) && path[i+1] >= '0' && path[i+1] <= '9' {
				i++
			}
		}
	}
	return b.String()
}

// noun is what a key of that kind is called.
func noun(kind unstable.Kind) string {
	if kind == unstable.Table || kind == unstable.ArrayTable {
		return "table"
	}
	return "key"
}

// wanted says in words which kind of value a key takes.
func wanted(kind unstable.Kind) string {
	switch kind {
	case unstable.Bool:
		return "true or false"
	case unstable.Array:
		return `a list, like ["a", "b"]`
	case unstable.Table:
		return "a table of keys"
	case unstable.ArrayTable:
		return "a list of tables"
	case unstable.Integer:
		return "a whole number"
	}
	return `a text in quotes`
}

// describe says which kind of value the file has instead.
func describe(kind unstable.Kind) string {
	switch kind {
	case unstable.String:
		return "a text"
	case unstable.Bool:
		return "true or false"
	case unstable.Integer, unstable.Float:
		return "a number"
	case unstable.Array:
		return "a list"
	case unstable.Table, unstable.InlineTable, unstable.ArrayTable:
		return "a table"
	}
	return fmt.Sprintf("a %s", strings.ToLower(kind.String()))
}
