package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// pairing is two Cordboards getting to know one another, and paired one of the list of neighbours, as the API tells of them.
type (
	pairing struct {
		ID, Name, Code string
		Asked, Waits   bool
	}
	paired struct {
		ID, Name, Address, Trouble string
		Paired                     bool
		Pairing                    *pairing
	}
)

// pairLook is how often the neighbour's answer is looked for.
const pairLook = 300 * time.Millisecond

func pairCommand() command {
	var p place
	var forget bool
	return command{
		name: "pair", args: "NAME", short: "make a neighbour's people colleagues, once both machines show the same code",
		examples: []string{"cordboard pair \"Front office\"", "cordboard pair 192.168.1.30:8443", "cordboard pair --forget front-office"},
		flags: func(f *flag.FlagSet) {
			p.dataFlag(f)
			f.BoolVar(&forget, "forget", false, "end the pairing: its people are no colleagues any more, and it learns nothing of yours")
		},
		run: func(c console, args []string) error {
			if len(args) != 1 || args[0] == "" {
				return misused("pair", "pair needs one name; cordboard neighbours lists them")
			}
			board, err := p.control()
			if err != nil {
				return err
			}
			path := "/api/v1/neighbours/" + url.PathEscape(args[0])
			if forget {
				if err := board.ask(context.Background(), http.MethodDelete, path, nil, nil); err != nil {
					return err
				}
				_, err := fmt.Fprintf(c.out, "%s is forgotten here. Forget this machine there too.\n", args[0])
				return err
			}
			return pairWith(c, board, path)
		},
	}
}

// pairWith shows the code, asks whether it is the same on the other machine, and waits for what people say there.
func pairWith(c console, board *control, path string) error {
	ctx := context.Background()
	var p pairing
	if err := board.ask(ctx, http.MethodPost, path+"/pair", struct{}{}, &p); err != nil {
		return err
	}
	if len(p.Code) != 6 {
		return errors.New("pair: Cordboard gave no code")
	}
	fmt.Fprintf(c.out, "The code for %s is\n\n    %s %s\n\n", p.Name, p.Code[:3], p.Code[3:])
	if !p.Asked {
		fmt.Fprintf(c.out, "On that machine, run cordboard pair with this machine's name (cordboard neighbours lists it there).\n")
	}
	fmt.Fprintf(c.out, "Does %s show the same code? [y/n] ", p.Name)
	line, err := bufio.NewReader(c.in).ReadString('\n')
	same := err == nil && (strings.EqualFold(strings.TrimSpace(line), "y") || strings.EqualFold(strings.TrimSpace(line), "yes"))
	path = "/api/v1/neighbours/" + url.PathEscape(p.ID)
	said := struct {
		Code string `json:"code"`
		Same bool   `json:"same"`
	}{p.Code, same}
	if err := board.ask(ctx, http.MethodPost, path+"/pair", said, nil); err != nil {
		return err
	}
	if !same {
		fmt.Fprintln(c.out, "Not paired.")
		return nil
	}
	fmt.Fprintln(c.out, "Waiting for the same word there.")
	for {
		var near struct{ Neighbours []paired }
		if err := board.ask(ctx, http.MethodGet, "/api/v1/neighbours", nil, &near); err != nil {
			return err
		}
		var n paired
		for _, other := range near.Neighbours {
			if other.ID == p.ID {
				n = other
			}
		}
		switch {
		case n.Pairing != nil:
		case n.Paired:
			_, err := fmt.Fprintf(c.out, "Paired. Its people are now called NAME@%s, and %s alone rings its owner.\n", n.Address, n.Address)
			return err
		case n.Trouble != "":
			return errors.New(n.Trouble)
		default:
			return errors.New("not paired: the other machine gave up, or nobody there said that the codes are the same")
		}
		time.Sleep(pairLook)
	}
}
