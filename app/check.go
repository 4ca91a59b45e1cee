package main

import (
	"errors"
	"fmt"

	"cordboard/gateway"
)

func checkCommand() command {
	var p place
	return command{
		name: "check", short: "name every fault of the configuration file, with its line",
		examples: []string{"cordboard check", "cordboard check --config /etc/cordboard/cordboard.toml"},
		flags:    p.flags,
		run: func(c console, args []string) error {
			if len(args) > 0 {
				return misused("check", "check takes no arguments; name the file with --config %s", args[0])
			}
			return check(c, p)
		},
	}
}

// check prints the faults to standard output, where other programs find them.
func check(c console, p place) error {
	cfg, file, dir, err := p.load()
	var faults gateway.Faults
	if errors.As(err, &faults) {
		fmt.Fprintln(c.out, faults)
		fmt.Fprintln(c.out, counted(len(faults), "fault"))
		return errSaid
	}
	if err != nil {
		return err
	}
	for _, n := range cfg.Notices {
		fmt.Fprintln(c.out, n)
	}
	if file == "" {
		fmt.Fprintf(c.out, "There is no configuration file in %s or /etc/cordboard, so everything has its default.\n", dir)
		return nil
	}
	fmt.Fprintf(c.out, "%s: no faults\n", file)
	return nil
}

// counted writes "1 fault", "2 faults".
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
