package gateway

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode"

	toml "github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// entry is one key or table of a configuration file.
type entry struct {
	path string        // "pbx[0].mode"
	line int           // from 1
	kind unstable.Kind // of its value; Table for a table's header and for what a dotted key passes
	expr [2]int        // first byte of its top-level expression and the byte after; of a header, its line
}

// document is a file's text with the place of each key in it.
type document struct {
	text    []byte
	entries []entry
	line    map[string]int // by path; the first mention counts
}

// maxSyntaxFaults bounds how often the text is mended and read again.
const maxSyntaxFaults = 50

// readDocument finds the file's syntax faults, all that can be told apart: a faulty line is
// blanked and the rest read again. whole is false when what is left can no longer be trusted to
// say what its author meant, because a table's header or a long text's end is missing.
func readDocument(text []byte) (doc document, faults []Fault, whole bool) {
	text = slices.Clone(text)
	for last := 0; ; {
		var decode *toml.DecodeError
		var all map[string]any
		err := toml.Unmarshal(text, &all)
		if err == nil {
			return index(text), faults, true
		}
		if !errors.As(err, &decode) {
			return document{}, append(faults, Fault{Line: max(last, 1), Problem: reword(err)}), false
		}
		row, _ := decode.Position()
		row = min(max(row, 1), lineCount(text))
		if row <= last {
			return document{}, faults, false
		}
		faults = append(faults, Fault{Line: row, Problem: reword(err)})
		if last = row; len(faults) == maxSyntaxFaults || !blankLine(text, row) {
			return document{}, faults, false
		}
	}
}

// reword takes the library's name off its error.
func reword(err error) string {
	return strings.Replace(strings.TrimPrefix(err.Error(), "toml: "), "character U+000A", "end of line", 1)
}

// lineCount is the number of the last line that holds a character; at least 1.
func lineCount(text []byte) int {
	n := bytes.Count(text, []byte("\n"))
	if len(text) == 0 || text[len(text)-1] != '\n' {
		n++
	}
	return max(n, 1)
}

// blankLine empties what stands on line row, with the whole of an expression that spreads over more lines.
// It refuses a table's header, for the keys that follow it would then belong to another table.
func blankLine(text []byte, row int) bool {
	start := 0
	for range row - 1 {
		start += bytes.IndexByte(text[start:], '\n') + 1
	}
	end := len(text)
	if n := bytes.IndexByte(text[start:], '\n'); n >= 0 {
		end = start + n
	}
	if bytes.HasPrefix(bytes.TrimSpace(text[start:end]), []byte("[")) {
		return false
	}
	var p unstable.Parser
	p.Reset(text)
	for p.NextExpression() {
		raw := p.Expression().Raw
		from, to := int(raw.Offset), int(raw.Offset+raw.Length)
		if p.Expression().Kind == unstable.KeyValue && from < end && to > start {
			start, end = min(start, from), max(end, to)
		}
	}
	blank(text, [2]int{start, end})
	return true
}

// blank overwrites a stretch with spaces; line ends stay, so that line numbers do.
func blank(text []byte, stretch [2]int) {
	for i := stretch[0]; i < stretch[1]; i++ {
		if text[i] != '\n' && text[i] != '\r' {
			text[i] = ' '
		}
	}
}

// index notes the line of every key of a text without syntax faults.
func index(text []byte) document {
	doc := document{text: text, line: map[string]int{}}
	var p unstable.Parser
	p.Reset(text)
	table := ""
	lists := map[string]int{} // how many [[tables]] of a path there were
	for p.NextExpression() {
		e := p.Expression()
		switch e.Kind {
		case unstable.Table:
			table = doc.walkKey(&p, e.Key(), "", lists, unstable.Table, headerLine(text, e))
		case unstable.ArrayTable:
			table = doc.walkKey(&p, e.Key(), "", lists, unstable.ArrayTable, headerLine(text, e))
		case unstable.KeyValue:
			expr := [2]int{int(e.Raw.Offset), int(e.Raw.Offset + e.Raw.Length)}
			doc.walkPair(&p, e, table, lists, expr)
		}
	}
	return doc
}

// headerLine is the stretch of text that holds a table's header.
func headerLine(text []byte, e *unstable.Node) [2]int {
	at := int(e.Child().Raw.Offset)
	start := bytes.LastIndexByte(text[:at], '\n') + 1
	if n := bytes.IndexByte(text[at:], '\n'); n >= 0 {
		return [2]int{start, at + n}
	}
	return [2]int{start, len(text)}
}

// walkKey notes each step of a dotted key below prefix and returns the path of the last.
func (d *document) walkKey(p *unstable.Parser, key unstable.Iterator, prefix string, lists map[string]int, kind unstable.Kind, expr [2]int) string {
	path := prefix
	for key.Next() {
		node := key.Node()
		step := bare(string(node.Data))
		if path != "" {
			step = path + "." + step
		}
		line := p.Shape(node.Raw).Start.Line
		if !key.IsLast() {
			d.add(entry{step, line, unstable.Table, expr})
			if n := lists[step]; n > 0 {
				step += index0(n - 1)
			}
			path = step
			continue
		}
		d.add(entry{step, line, kind, expr})
		if path = step; kind == unstable.ArrayTable {
			lists[step]++
			path += index0(lists[step] - 1)
			d.add(entry{path, line, unstable.Table, expr})
		}
	}
	return path
}

// walkPair notes a key and all that its value holds.
func (d *document) walkPair(p *unstable.Parser, pair *unstable.Node, prefix string, lists map[string]int, expr [2]int) {
	value := pair.Value()
	path := d.walkKey(p, pair.Key(), prefix, lists, value.Kind, expr)
	d.walkValue(p, value, path, d.line[path], lists, expr)
}

func (d *document) walkValue(p *unstable.Parser, value *unstable.Node, path string, line int, lists map[string]int, expr [2]int) {
	children := value.Children()
	switch value.Kind {
	case unstable.InlineTable:
		for children.Next() {
			d.walkPair(p, children.Node(), path, lists, expr)
		}
	case unstable.Array:
		for i := 0; children.Next(); i++ {
			node := children.Node()
			if node.Raw.Length > 0 {
				line = p.Shape(node.Raw).Start.Line
			}
			d.add(entry{path + index0(i), line, node.Kind, expr})
			d.walkValue(p, node, path+index0(i), line, lists, expr)
		}
	}
}

func (d *document) add(e entry) {
	if _, known := d.line[e.path]; known {
		return
	}
	d.line[e.path] = e.line
	d.entries = append(d.entries, e)
}

// lineOf finds the line of a key, or of the nearest thing around it that the file has; 1 when there is none.
func (d *document) lineOf(path string) int {
	for path != "" {
		if line, ok := d.line[path]; ok {
			return line
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return 1
}

// bare gives one step of a key. Characters that have a meaning in a path make it a quoted step,
// which no key of the schema is.
func bare(step string) string {
	if step != "" && !strings.ContainsFunc(step, func(r rune) bool { return strings.ContainsRune(".[]", r) || unicode.IsControl(r) }) {
		return step
	}
	return `"` + strings.Map(func(r rune) rune {
		if strings.ContainsRune(".[]", r) || unicode.IsControl(r) {
			return '_'
		}
		return r
	}, step) + `"`
}

// index0 writes a list position as it stands in a path.
func index0(i int) string { return "[" + strconv.Itoa(i) + "]" }
