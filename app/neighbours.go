package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
)

// neighbour is another Cordboard, and found a PBX, as the API tells of them.
type (
	neighbour struct {
		Name, Address, Trouble string // Address is by which its people are called
		Addresses              []string
		Paired, Here           bool
		People                 []person
		Pairing                *struct{ Asked bool }
	}
	person struct{ Target, State string }
	found  struct {
		Name      string
		Addresses []string
		URI       string
	}
)

func neighboursCommand() command {
	var p place
	return command{
		name: "neighbours", short: "list the Cordboards and PBXs nearby",
		examples: []string{"cordboard neighbours", "cordboard neighbours --data /var/lib/cordboard"},
		flags:    p.dataFlag,
		run: func(c console, args []string) error {
			if len(args) > 0 {
				return misused("neighbours", "neighbours takes no arguments")
			}
			board, err := p.control()
			if err != nil {
				return err
			}
			var near struct{ Neighbours []neighbour }
			if err := board.ask(context.Background(), http.MethodGet, "/api/v1/neighbours", nil, &near); err != nil {
				return err
			}
			var pbxs struct{ PBX []found }
			if err := board.ask(context.Background(), http.MethodGet, "/api/v1/found", nil, &pbxs); err != nil {
				return err
			}
			return listNeighbours(c.out, near.Neighbours, pbxs.PBX)
		},
	}
}

func listNeighbours(out io.Writer, near []neighbour, pbxs []found) error {
	if len(near) == 0 {
		fmt.Fprintln(out, "No other Cordboard is nearby.")
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(near) > 0 {
		fmt.Fprintln(table, "NAME\tADDRESS\tPAIRED\tPRESENCE")
	}
	for _, n := range near {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", n.Name, dash(first(n.Addresses)), n.paired(), dash(n.presence()))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, n := range near {
		if n.Pairing != nil && n.Pairing.Asked {
			fmt.Fprintf(out, "\n%s asks to be paired. If somebody there does it just now: cordboard pair %q\n", n.Name, n.Name)
		}
		if n.Trouble != "" {
			fmt.Fprintf(out, "\n%s: %s\n", n.Name, n.Trouble)
		}
	}
	if len(pbxs) == 0 {
		return nil
	}
	fmt.Fprintln(out)
	fmt.Fprintln(table, "PBX\tADDRESS\tURI")
	for _, p := range pbxs {
		fmt.Fprintf(table, "%s\t%s\t%s\n", p.Name, dash(first(p.Addresses)), p.URI)
	}
	return table.Flush()
}

// first gives the first of a list, if any.
func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// paired says how it stands with a neighbour.
func (n neighbour) paired() string {
	switch {
	case n.Paired:
		return "yes"
	case n.Pairing != nil && n.Pairing.Asked:
		return "asks"
	}
	return "no"
}

// presence says how a neighbour's people are doing.
func (n neighbour) presence() string {
	if n.Paired && !n.Here {
		return "not there"
	}
	words := map[string]string{"idle": "free", "ringing": "ringing", "busy": "talking", "dnd": "do not disturb", "unreachable": "not signed in"}
	var list []string
	for _, p := range n.People {
		word := words[p.State]
		if word == "" {
			word = "not known"
		}
		list = append(list, p.Target+" "+word)
	}
	return strings.Join(list, ", ")
}
