package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"cordboard/gateway"
)

// doctorTime is how long the examination takes at most.
const doctorTime = time.Minute

func doctorCommand() command {
	var p place
	return command{
		name: "doctor", short: "look at ports, certificate, PBX, sound and clock, and say what to do",
		examples: []string{"cordboard doctor", "cordboard doctor --config /etc/cordboard/cordboard.toml --data /var/lib/cordboard"},
		flags:    p.flags,
		run: func(c console, args []string) error {
			if len(args) > 0 {
				return misused("doctor", "doctor takes no arguments")
			}
			return doctor(c, p)
		},
	}
}

// doctor asks the Cordboard of the data folder, or, when none runs, looks by itself.
func doctor(c console, p place) error {
	ctx, stop := context.WithTimeout(context.Background(), doctorTime)
	defer stop()
	board, err := p.control()
	if err != nil {
		return err
	}
	var answer struct{ Findings []gateway.Finding }
	err = board.ask(ctx, http.MethodGet, "/api/v1/doctor", nil, &answer)
	var none *notRunning
	if errors.As(err, &none) {
		cfg, _, dir, err := p.load()
		var faults gateway.Faults
		if errors.As(err, &faults) {
			for _, f := range faults {
				fmt.Fprintln(c.out, "WRONG ", f)
			}
			fmt.Fprintln(c.out, "Mend the configuration file first, then look again.")
			return errSaid
		}
		if err != nil {
			return err
		}
		host := gateway.Host{Dir: dir, Version: version}
		defer openCard(cfg.Audio, &host, slog.New(slog.DiscardHandler))()
		answer.Findings = gateway.Examine(ctx, cfg, host)
		return report(c, answer.Findings, "No Cordboard runs here. This is what it would find:")
	}
	if err != nil {
		return err
	}
	return report(c, answer.Findings, "")
}

// finding is one line of the report.
func finding(f gateway.Finding) string {
	state := "WRONG "
	switch {
	case f.Well && f.Do != "":
		state = "hint  "
	case f.Well:
		state = "well  "
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s: %s %s", state, f.What, f.Text, f.Do))
}

// report prints one line for each finding. That something is wrong makes an exit code of 1.
func report(c console, found []gateway.Finding, first string) error {
	if first != "" {
		fmt.Fprintln(c.out, first)
	}
	faults := 0
	for _, f := range found {
		if !f.Well {
			faults++
		}
		fmt.Fprintln(c.out, finding(f))
	}
	if faults > 0 {
		fmt.Fprintf(c.out, "%s to mend.\n", counted(faults, "thing"))
		return errSaid
	}
	fmt.Fprintln(c.out, "All is well.")
	return nil
}
