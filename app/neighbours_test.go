package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestListNeighbours(t *testing.T) {
	people := func(state string) []person { return []person{{"bob@workshop", state}} }
	for _, tt := range []struct {
		name string
		near neighbour
		want string
	}{
		{"free", neighbour{Name: "Workshop", Paired: true, Here: true, People: people("idle")}, "Workshop  -  yes  bob@workshop free"},
		{"rings", neighbour{Name: "Workshop", Paired: true, Here: true, People: people("ringing")}, "Workshop  -  yes  bob@workshop ringing"},
		{"talks", neighbour{Name: "Workshop", Paired: true, Here: true, People: people("busy")}, "Workshop  -  yes  bob@workshop talking"},
		{"do not disturb", neighbour{Name: "Workshop", Paired: true, Here: true, People: people("dnd")}, "Workshop  -  yes  bob@workshop do not disturb"},
		{"no device", neighbour{Name: "Workshop", Paired: true, Here: true, People: people("unreachable")}, "Workshop  -  yes  bob@workshop not signed in"},
		{"of a newer one", neighbour{Name: "Workshop", Paired: true, Here: true, People: people("asleep")}, "Workshop  -  yes  bob@workshop not known"},
		{"away", neighbour{Name: "Workshop", Paired: true, Addresses: []string{"10.0.0.2"}}, "Workshop  10.0.0.2  yes  not there"},
		{"not paired", neighbour{Name: "Workshop", Here: true, Addresses: []string{"10.0.0.2", "fe80::2"}}, "Workshop  10.0.0.2  no  -"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			if err := listNeighbours(&out, []neighbour{tt.near}, nil); err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			if got := columns(lines[len(lines)-1]); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// columns are a line of a table with two spaces between them, however wide they are.
func columns(line string) string {
	for strings.Contains(line, "   ") {
		line = strings.ReplaceAll(line, "   ", "  ")
	}
	return line
}
