package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	toml "github.com/pelletier/go-toml/v2"
)

// edit is one change of a configuration file's text. All but what it names stays as it is: comments, order, and the way it is written.
type edit struct {
	set    string // a key, as "name", "log.level" or "pbx[0].uri"
	value  string // what set becomes, as TOML; empty: the key is taken out, so that its default holds
	add    string // a list of tables that gets another one at its end: "pbx" or "user"
	keys   []keyValue
	remove string // a table of a list, as "user[1]"
}

// keyValue is a line of a table that is added; the value is TOML.
type keyValue struct{ key, value string }

// errByHand reports a file that is written in a way that we don't dare to change.
var errByHand = errors.New("the file is written in an unusual way just there; change it by hand")

// apply gives the text with the change made. The text must have no syntax faults. That nothing else has changed is made sure of.
func (e edit) apply(text []byte) ([]byte, error) {
	l := survey(text)
	var changed []byte
	var err error
	switch {
	case e.add != "":
		changed = l.add(e.add, e.keys)
	case e.remove != "":
		changed, err = l.remove(e.remove)
	case e.value == "":
		changed = l.unset(e.set)
	default:
		changed, err = l.set(e.set, e.value)
	}
	if err != nil {
		return nil, err
	}
	if err := e.verify(text, changed); err != nil {
		return nil, err
	}
	return changed, nil
}

// cut replaces a stretch of the text.
func (l *layout) cut(from, to int, with string) []byte {
	return slices.Concat(l.text[:from], []byte(with), l.text[to:])
}

// newline is how the file ends its lines.
func (l *layout) newline() string {
	if n := bytes.IndexByte(l.text, '\n'); n > 0 && l.text[n-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// set gives a key another value, or writes it into its table.
func (l *layout) set(path, value string) ([]byte, error) {
	if p, there := l.keys[path]; there {
		from, to := p.value[0], p.value[1]
		said := comments(l.text[from:to]) // of a list over several lines: they stay, above it
		if len(said) == 0 {
			return l.cut(from, to, value), nil
		}
		if p.in.braces {
			return nil, errByHand
		}
		line := lineStart(l.text, p.start)
		indent := string(l.text[line:p.start])
		above := indent + strings.Join(said, l.newline()+indent) + l.newline()
		return slices.Concat(l.text[:line], []byte(above), l.text[line:from], []byte(value), l.text[to:]), nil
	}
	table, key := "", path
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		table, key = path[:i], path[i+1:]
	}
	in := l.tables[table]
	switch {
	case in == nil && strings.HasSuffix(table, "]"):
		return nil, fmt.Errorf("there is no %s in the file", place(table))
	case in == nil:
		return l.atEnd("["+table+"]", []keyValue{{key, value}}), nil
	case in.braces && in.empty:
		return l.cut(in.end, in.end, " "+key+" = "+value+" "), nil
	case in.braces:
		return l.cut(in.end, in.end, ", "+key+" = "+value), nil
	case table == "" && in.empty:
		return l.onTop(key + " = " + value), nil
	}
	indent := ""
	if line := lineStart(l.text, in.start); in.prefix == "" && table != "" {
		indent = string(l.text[line : line+len(l.text[line:])-len(bytes.TrimLeft(l.text[line:], " \t"))])
	}
	return l.below(in.end, indent+in.prefix+key+" = "+value), nil
}

// below writes a line below the one that at is on.
func (l *layout) below(at int, line string) []byte {
	end := lineEnd(l.text, at)
	if end == len(l.text) {
		return l.cut(end, end, l.newline()+line+l.newline())
	}
	return l.cut(end+1, end+1, line+l.newline())
}

// onTop writes a line before the first header, and before the comment right above that.
func (l *layout) onTop(line string) []byte {
	at := l.first
	if at == len(l.text) {
		return l.lines(at, line)
	}
	for at > 0 {
		above := lineStart(l.text, at-1)
		if !bytes.HasPrefix(bytes.TrimSpace(l.text[above:at]), []byte("#")) {
			break
		}
		at = above
	}
	return l.cut(at, at, line+l.newline()+l.newline())
}

// lines writes lines at the beginning of a line, or at the text's end.
func (l *layout) lines(at int, lines ...string) []byte {
	text := strings.Join(lines, l.newline()) + l.newline()
	if at > 0 && l.text[at-1] != '\n' {
		text = l.newline() + text
	}
	return l.cut(at, at, text)
}

// atEnd writes a table at the end of the file.
func (l *layout) atEnd(header string, keys []keyValue) []byte {
	return l.table(len(l.text), header, keys)
}

// table writes a table at the beginning of a line, or at the text's end, with blank lines around it.
func (l *layout) table(at int, header string, keys []keyValue) []byte {
	var lines []string
	if before := bytes.TrimRight(l.text[:at], " \t\r"); len(before) > 0 && !bytes.HasSuffix(bytes.TrimRight(bytes.TrimSuffix(before, []byte("\n")), " \t\r"), []byte("\n")) {
		lines = append(lines, "")
	}
	lines = append(lines, header)
	for _, k := range keys {
		lines = append(lines, k.key+" = "+k.value)
	}
	if at < len(l.text) && len(bytes.TrimSpace(l.text[at:lineEnd(l.text, at)])) > 0 {
		lines = append(lines, "")
	}
	return l.lines(at, lines...)
}

// add writes another table of a list, below the others.
func (l *layout) add(path string, keys []keyValue) []byte {
	of := l.lists[path]
	switch {
	case of == nil:
		return l.atEnd("[["+path+"]]", keys)
	case of.bracket == 0:
		return l.table(l.after(l.tables[path+index0(of.count-1)]), "[["+path+"]]", keys)
	}
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = k.key + " = " + k.value
	}
	text := "{ " + strings.Join(parts, ", ") + " }"
	if of.count > 0 {
		text = ", " + text
	}
	return l.cut(of.end, of.end, text)
}

// after is where the line below a table begins, and below the comments that follow it without a blank line, unless those are about
// the next table.
func (l *layout) after(b *block) int {
	next := func(at int) int { return min(lineEnd(l.text, at)+1, len(l.text)) }
	begin := next(b.end)
	for at := begin; at < len(l.text); at = next(at) {
		switch line := bytes.TrimSpace(l.text[at:lineEnd(l.text, at)]); {
		case len(line) == 0:
			return at
		case line[0] != '#':
			return begin
		}
	}
	return len(l.text)
}

// unset takes a key out. The comment behind it stays.
func (l *layout) unset(path string) []byte {
	p, there := l.keys[path]
	if !there {
		return l.text
	}
	if p.in.braces {
		return l.takeOut(p.start, p.value[1], p.in.start+1)
	}
	line, end := lineStart(l.text, p.start), lineEnd(l.text, p.value[1])
	said := comments(l.text[p.value[0]:end])
	if len(said) == 0 {
		return l.cut(line, min(end+1, len(l.text)), "")
	}
	indent := string(l.text[line:p.start])
	return l.cut(line, min(end+1, len(l.text)), indent+strings.Join(said, l.newline()+indent)+l.newline())
}

// remove takes a table of a list out, with the comments in it.
func (l *layout) remove(path string) ([]byte, error) {
	b := l.tables[path]
	if b == nil {
		return nil, fmt.Errorf("there is no %s in the file", place(path))
	}
	if b.braces {
		return l.takeOut(b.start, b.close, l.lists[path[:strings.IndexByte(path, '[')]].bracket), nil
	}
	from, to := b.start, min(lineEnd(l.text, b.end)+1, len(l.text))
	if above := lineStart(l.text, max(from-1, 0)); from == 0 || len(bytes.TrimSpace(l.text[above:from])) == 0 {
		for to < len(l.text) && len(bytes.TrimSpace(l.text[to:lineEnd(l.text, to)])) == 0 { // one blank line is enough
			to = min(lineEnd(l.text, to)+1, len(l.text))
		}
	}
	return l.cut(from, to, ""), nil
}

// takeOut removes one of several things between braces or brackets, which open before the place open, and one comma.
func (l *layout) takeOut(from, to, open int) []byte {
	comma := to
	for ; comma < len(l.text) && l.text[comma] != ','; comma++ {
		if l.text[comma] == '#' {
			comma = lineEnd(l.text, comma) - 1
		} else if !bytes.ContainsRune([]byte(" \t\r\n"), rune(l.text[comma])) {
			comma = len(l.text) // what closes comes first: it is the last
		}
	}
	if comma < len(l.text) {
		return slices.Concat(l.text[:from], l.text[to:comma], l.text[comma+1:])
	}
	// The comma before is the last one that is neither in quotes nor in a comment.
	before := -1
	for at := open; at < from; at++ {
		switch c := l.text[at]; c {
		case ',':
			before = at
		case '"', '\'':
			n := 1
			if bytes.HasPrefix(l.text[at:], bytes.Repeat([]byte{c}, 3)) {
				n = 3
			}
			at += quoted(l.text[at:], n) - 1
		case '#':
			at = lineEnd(l.text, at)
		}
	}
	if before < 0 {
		return l.cut(from, to, "")
	}
	return slices.Concat(l.text[:before], l.text[before+1:from], l.text[to:])
}

// verify makes sure that a change did what it was to do, and nothing else.
func (e edit) verify(before, after []byte) error {
	var want, got map[string]any
	if err := toml.Unmarshal(before, &want); err != nil {
		return fmt.Errorf("read the file before its change: %w", err)
	}
	if err := toml.Unmarshal(after, &got); err != nil {
		return errByHand
	}
	if err := e.perform(want); err != nil {
		return err
	}
	for _, all := range []map[string]any{want, got} { // a table may come or go with its only key
		maps.DeleteFunc(all, func(_ string, v any) bool {
			switch v := v.(type) {
			case map[string]any:
				return len(v) == 0
			case []any:
				return len(v) == 0
			}
			return false
		})
	}
	if !reflect.DeepEqual(want, got) {
		return errByHand
	}
	return nil
}

// perform makes the change to what the text says.
func (e edit) perform(all map[string]any) error {
	literal := func(text string) (any, error) {
		var one map[string]any
		err := toml.Unmarshal([]byte("v = "+text), &one)
		return one["v"], err
	}
	switch {
	case e.add != "":
		entry := map[string]any{}
		for _, k := range e.keys {
			v, err := literal(k.value)
			if err != nil {
				return err
			}
			entry[k.key] = v
		}
		old, _ := all[e.add].([]any)
		all[e.add] = append(slices.Clip(old), entry)
		return nil
	case e.remove != "":
		name, i, _ := entryOf(e.remove)
		old, _ := all[name].([]any)
		if i >= len(old) {
			return errByHand
		}
		all[name] = slices.Delete(old, i, i+1)
		return nil
	}
	table, key := all, e.set
	if i := strings.LastIndexByte(e.set, '.'); i >= 0 {
		key = e.set[i+1:]
		if name, n, ok := entryOf(e.set[:i]); ok {
			old, _ := all[name].([]any)
			if n >= len(old) {
				return errByHand
			}
			table, _ = old[n].(map[string]any)
		} else {
			if all[e.set[:i]] == nil {
				all[e.set[:i]] = map[string]any{}
			}
			table, _ = all[e.set[:i]].(map[string]any)
		}
		if table == nil {
			return errByHand
		}
	}
	if e.value == "" {
		delete(table, key)
		return nil
	}
	v, err := literal(e.value)
	table[key] = v
	return err
}

// entryOf takes "user[1]" apart.
func entryOf(path string) (list string, i int, ok bool) {
	list, number, found := strings.Cut(path, "[")
	i, err := strconv.Atoi(strings.TrimSuffix(number, "]"))
	return list, i, found && err == nil && i >= 0 && path == list+index0(i)
}
