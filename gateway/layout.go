package gateway

import (
	"bytes"

	"github.com/pelletier/go-toml/v2/unstable"
)

// layout is where the parts of a configuration file stand, to the byte, so that one can be changed and the rest left as its author
// wrote it.
type layout struct {
	text   []byte
	keys   map[string]pair   // by path, as "listen.https" and "pbx[0].uri"
	tables map[string]*block // by path, as "listen" and "pbx[0]"; "" is what comes before the first header
	lists  map[string]*list  // of tables: "pbx", "user"
	first  int               // where the line of the first header begins; the text's end when there is none
}

// pair is a key and its value.
type pair struct {
	start int    // the key's first byte
	value [2]int // the value's first byte and the one after it
	in    *block
}

// block is a table.
type block struct {
	prefix string // what a new key begins with where dotted keys make the table: "listen."
	start  int    // its header's line, or its opening brace
	end    int    // after its last pair, or its header
	braces bool   // it is an inline table: end is before what closes it
	empty  bool   // there is no pair in it
	close  int    // of an inline table: after its closing brace
}

// list is a list of tables.
type list struct {
	count   int
	bracket int // of one in brackets: after the opening one; 0: each table has a header
	end     int // after the last table in brackets
}

// survey reads where things stand in a text without syntax faults.
func survey(text []byte) *layout {
	l := &layout{text: text, keys: map[string]pair{}, tables: map[string]*block{}, lists: map[string]*list{}, first: -1}
	in, path := &block{empty: true}, ""
	l.tables[""] = in
	var p unstable.Parser
	p.Reset(text)
	for p.NextExpression() {
		e := p.Expression()
		if e.Kind == unstable.KeyValue {
			l.pair(e, path, in, true)
			continue
		}
		line := headerLine(text, e)
		if l.first < 0 {
			l.first = line[0]
		}
		path = dotted(e.Key())
		if e.Kind == unstable.ArrayTable {
			path = l.entry(path, 0)
		}
		in = &block{start: line[0], end: line[1], empty: true}
		l.tables[path] = in
	}
	if l.first < 0 {
		l.first = len(text)
	}
	return l
}

// entry counts one more table of a list and gives its path.
func (l *layout) entry(path string, bracket int) string {
	of := l.lists[path]
	if of == nil {
		of = &list{bracket: bracket, end: bracket}
		l.lists[path] = of
	}
	of.count++
	return path + index0(of.count-1)
}

// dotted writes a key as a path.
func dotted(key unstable.Iterator) string {
	path := ""
	for key.Next() {
		if path != "" {
			path += "."
		}
		path += bare(string(key.Node().Data))
	}
	return path
}

// pair notes a key of the table path, and the tables that its value holds.
func (l *layout) pair(e *unstable.Node, path string, in *block, dots bool) {
	end := int(e.Raw.Offset + e.Raw.Length)
	key, after, steps, first := dotted(e.Key()), 0, 0, ""
	for parts := e.Key(); parts.Next(); steps++ {
		if steps == 0 {
			first = bare(string(parts.Node().Data))
		}
		after = int(parts.Node().Raw.Offset + parts.Node().Raw.Length)
	}
	start := after + bytes.IndexByte(l.text[after:], '=') + 1
	start += len(l.text[start:]) - len(bytes.TrimLeft(l.text[start:], " \t"))
	in.end, in.empty = end, false
	if path == "" && steps > 1 && dots {
		if l.tables[first] == nil {
			l.tables[first] = &block{prefix: first + "."}
		}
		l.tables[first].end = end
	}
	if path != "" {
		key = path + "." + key
	}
	l.keys[key] = pair{int(e.Raw.Offset), [2]int{start, end}, in}
	switch value := e.Value(); value.Kind {
	case unstable.InlineTable:
		l.braces(value, key, start)
	case unstable.Array:
		l.brackets(value, key, start)
	}
}

// brackets notes a list that may be one of tables.
func (l *layout) brackets(value *unstable.Node, path string, start int) {
	tables := l.lists[path]
	if tables == nil {
		tables = &list{bracket: start + 1, end: start + 1}
		l.lists[path] = tables
	}
	for children := value.Children(); children.Next(); {
		node := children.Node()
		if node.Kind != unstable.InlineTable {
			continue
		}
		name := l.entry(path, start+1)
		l.braces(node, name, int(node.Raw.Offset))
		tables.end = l.tables[name].close
	}
}

// braces notes an inline table whose opening brace is at start.
func (l *layout) braces(value *unstable.Node, path string, start int) {
	in := &block{start: start, end: start + 1, braces: true, empty: true}
	l.tables[path] = in
	for children := value.Children(); children.Next(); {
		l.pair(children.Node(), path, in, false)
	}
	in.close = skip(l.text, in.end, '}') + 1
}

// skip gives the place of the next c from at on that is in no comment; the text's end when there is none. Texts in quotes must not
// come before.
func skip(text []byte, at int, c byte) int {
	for ; at < len(text) && text[at] != c; at++ {
		if text[at] == '#' {
			at = lineEnd(text, at) - 1
		}
	}
	return min(at, len(text))
}

// lineEnd gives the place of the next line end from at on, or the text's end.
func lineEnd(text []byte, at int) int {
	if n := bytes.IndexByte(text[at:], '\n'); n >= 0 {
		return at + n
	}
	return len(text)
}

// lineStart gives the first byte of the line that at is on.
func lineStart(text []byte, at int) int { return bytes.LastIndexByte(text[:at], '\n') + 1 }

// comments gives the comments of a stretch of a file, each from its # to the line's end.
func comments(text []byte) []string {
	var all []string
	for at := 0; at < len(text); {
		rest := text[at:]
		switch {
		case text[at] == '#':
			end := lineEnd(text, at)
			all = append(all, string(bytes.TrimRight(text[at:end], " \t\r")))
			at = end
		case bytes.HasPrefix(rest, []byte(`"""`)), bytes.HasPrefix(rest, []byte(`'''`)):
			at += quoted(rest, 3)
		case text[at] == '"', text[at] == '\'':
			at += quoted(rest, 1)
		default:
			at++
		}
	}
	return all
}

// quoted is how long a text in quotes is, with its quotes, of which there are n at each end.
func quoted(text []byte, n int) int {
	for at := n; at < len(text); at++ {
		switch {
		case text[at] == '\\' && text[0] == '"':
			at++
		case bytes.HasPrefix(text[at:], text[:n]):
			at += n
			for n == 3 && at < len(text) && text[at] == text[0] { // up to two more may stand before the end
				at++
			}
			return at
		}
	}
	return len(text)
}
