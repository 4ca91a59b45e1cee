package gateway

import (
	"fmt"
	"strings"
)

// Fault is one thing wrong, or worth knowing, in the configuration file.
type Fault struct {
	File    string // as the user named it
	Line    int    // from 1; 0 while not yet located
	Path    string // the key with its tables, "pbx[0].mode"; empty: the file as a whole
	Problem string // what is wrong, and what is wanted instead

	other string // of a fault between two keys: the other one
}

// String gives "cordboard.toml:12: [[pbx]] mode: problem", the form editors jump to.
func (f Fault) String() string {
	var b strings.Builder
	if f.File != "" {
		b.WriteString(f.File)
		if f.Line > 0 {
			fmt.Fprintf(&b, ":%d", f.Line)
		}
		b.WriteString(": ")
	}
	if place := place(f.Path); place != "" {
		b.WriteString(place + ": ")
	}
	return b.String() + f.Problem
}

// place writes a path the way it stands in the file: "pbx[0].mode" as "[[pbx]] mode", "auth.secrets[1]" as "[auth] secrets".
func place(path string) string {
	if path == "" {
		return ""
	}
	table, rest, _ := strings.Cut(path, ".")
	name, _, _ := strings.Cut(table, "[")
	steps := strings.Split(rest, ".")
	for i, step := range steps {
		steps[i], _, _ = strings.Cut(step, "[")
	}
	key := strings.Join(steps, ".")
	switch {
	case name == "pbx" || name == "user":
		name = "[[" + name + "]]"
	case key != "":
		name = "[" + name + "]"
	}
	return strings.TrimSpace(name + " " + key)
}

// Faults is every fault of one file, in the order of its lines.
type Faults []Fault

// Error gives one line a fault.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.String()
	}
	return strings.Join(lines, "\n")
}
