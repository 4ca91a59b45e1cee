package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"cordboard/gateway"
	"cordboard/gateway/cert/trust"
)

func trustCommand() command {
	var p place
	var system, remove bool
	var file string
	return command{
		name: "trust", short: "have this user's browsers trust Cordboard's certificates, or no more",
		examples: []string{"cordboard trust", "sudo cordboard trust --system --data /var/lib/cordboard", "cordboard trust --ca cordboard-ca.crt", "cordboard trust --remove"},
		flags: func(f *flag.FlagSet) {
			p.dataFlag(f)
			f.BoolVar(&system, "system", false, "all users and programs of this machine, not only browsers of this user; an administrator must agree")
			f.BoolVar(&remove, "remove", false, "end the trust")
			f.StringVar(&file, "ca", "", "trust the authority of another machine's Cordboard; `FILE` is what its page /trust gives")
		},
		run: func(c console, args []string) error {
			if len(args) > 0 {
				return misused("trust", "trust takes no arguments")
			}
			ca, err := authorityOf(p, file)
			if err != nil {
				return err
			}
			return trustIn(c, ca, trust.Lists(), system, remove)
		},
	}
}

// authorityOf reads the authority of a file, or that of the data folder.
func authorityOf(p place, file string) (trust.CA, error) {
	if file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return trust.CA{}, err
		}
		return trust.Read(text)
	}
	dir, err := p.dir()
	if err != nil {
		return trust.CA{}, err
	}
	text, err := gateway.LocalCA(dir)
	switch {
	case errors.Is(err, os.ErrPermission):
		return trust.CA{}, fmt.Errorf("%w; fetch the certificate from the page /trust, and give it by --ca", err)
	case err != nil:
		return trust.CA{}, err
	case text == nil:
		return trust.CA{}, fmt.Errorf("there is no authority in the data folder %s yet; start Cordboard once, or name another folder with --data", dir)
	}
	return trust.Read(text)
}

// trustIn changes the lists of browsers, or that of the system, and tells of each.
func trustIn(c console, ca trust.CA, lists []trust.List, system, remove bool) error {
	ctx := context.Background()
	changed, faults := 0, 0
	for _, l := range lists {
		if l.System != system {
			continue
		}
		change, said := l.Add, "trusts "+ca.Name+" now"
		if remove {
			change, said = l.Remove, "does not trust "+ca.Name+" any more"
		}
		if err := change(ctx, ca); err != nil {
			faults++
			fmt.Fprintf(c.err, "%s: %v\n", l.Name, err)
			continue
		}
		changed++
		fmt.Fprintf(c.out, "%s %s.\n", strings.ToUpper(l.Name[:1])+l.Name[1:], said)
	}
	switch {
	case faults > 0:
		return errSaid
	case changed == 0:
		return errors.New("there is no list of trusted authorities here that can be changed; open the page /trust for what to do by hand")
	case system:
		_, err := fmt.Fprintln(c.out, "Browsers that are open look at it when they start the next time. Chromium and Firefox on Linux have lists of their own: cordboard trust")
		return err
	}
	_, err := fmt.Fprintln(c.out, "Browsers that are open look at it when they start the next time.")
	return err
}
