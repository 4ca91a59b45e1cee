package main

import (
	"context"
	"flag"
	"fmt"
	"time"
)

func tokenCommand() command {
	var p place
	var user string
	var ttl time.Duration
	return command{
		name: "token", short: "print a credential that is good for a while, for a phone or a test",
		examples: []string{"cordboard token --user alice", "cordboard token --user alice --ttl 15m"},
		flags: func(f *flag.FlagSet) {
			p.flags(f)
			f.StringVar(&user, "user", "", "whom it is for, `NAME`")
			f.DurationVar(&ttl, "ttl", 0, "how long it is good, a `TIME` like 1h or 15m; else as configured")
		},
		run: func(c console, args []string) error {
			switch {
			case len(args) > 0:
				return misused("token", "token takes no arguments; name the user with --user %s", args[0])
			case user == "":
				return misused("token", "whom is the credential for? Name the user with --user NAME")
			case ttl < 0:
				return misused("token", "--ttl %v is in the past", ttl)
			}
			a, err := p.accounts()
			if err != nil {
				return err
			}
			defer a.Close()
			username, password, err := a.Token(context.Background(), user, ttl, time.Now())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.out, "username: %s\npassword: %s\n", username, password)
			return err
		},
	}
}
