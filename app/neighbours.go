package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"text/tabwriter"
)

// neighbour is another Cordboard, and found a PBX, as the API tells of them.
type (
	neighbour struct {
		Name      string
		Addresses []string
		Paired    bool
		Presence  string
	}
	found struct {
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
		paired := "no"
		if n.Paired {
			paired = "yes"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", n.Name, dash(first(n.Addresses)), paired, dash(n.Presence))
	}
	if err := table.Flush(); err != nil || len(pbxs) == 0 {
		return err
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
