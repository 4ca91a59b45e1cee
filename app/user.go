package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"cordboard/gateway"
)

// one gives the only word that a command takes.
func one(command string, words []string) (string, error) {
	switch len(words) {
	case 0:
		return "", misused(command, "%s needs the NAME of a user", command)
	case 1:
		return words[0], nil
	}
	return "", misused(command, "%s takes one NAME, not %s", command, strings.Join(words, " "))
}

func userAdd() command {
	var p place
	var u gateway.User
	var generate bool
	var secret string
	return command{
		name: "user add", args: "NAME", short: "add a user; asks for the password",
		examples: []string{
			`cordboard user add alice --display "Alice Doe" --extension 101`,
			"cordboard user add bob --generate",
			"cordboard user add carol --extension 103 --pbx-password-file /etc/cordboard/carol",
		},
		flags: func(f *flag.FlagSet) {
			p.flags(f)
			f.StringVar(&u.Display, "display", "", "the `NAME` that others see")
			f.BoolVar(&u.Admin, "admin", false, "may do what concerns others, as lifting bans")
			f.StringVar(&u.Extension, "extension", "", "the `NUMBER` that rings this user")
			f.StringVar(&u.PBX, "pbx", "", "`NAME` of the PBX to register at; else the first one in mode extension")
			f.StringVar(&u.PBXUsername, "pbx-username", "", "`NAME` to register with at the PBX; else the extension")
			f.StringVar(&secret, "pbx-password-file", "", "`FILE` with the password at the PBX")
			f.BoolVar(&generate, "generate", false, "make a one-time password and print it")
		},
		run: func(c console, args []string) (err error) {
			if u.Name, err = one("user add", args); err != nil {
				return err
			}
			if secret != "" {
				if u.PBXPassword, err = readSecret(secret); err != nil {
					return err
				}
			}
			a, err := p.accounts()
			if err != nil {
				return err
			}
			defer a.Close()
			if err := a.Check(context.Background(), u); err != nil { // before anybody types a password
				return fmt.Errorf("add user %s: %w", u.Name, err)
			}
			if u.Password, err = choose(c, generate); err != nil {
				return err
			}
			if err := a.Add(context.Background(), u, generate); err != nil {
				return fmt.Errorf("add user %s: %w", u.Name, err)
			}
			fmt.Fprintf(c.out, "User %s added.\n", u.Name)
			return tellPassword(c, generate, u.Password)
		},
	}
}

func userPassword() command {
	var p place
	var generate bool
	return command{
		name: "user password", args: "NAME", short: "give a user another password; asks for it",
		examples: []string{"cordboard user password alice", "cordboard user password alice --generate"},
		flags: func(f *flag.FlagSet) {
			p.flags(f)
			f.BoolVar(&generate, "generate", false, "make a one-time password and print it")
		},
		run: func(c console, args []string) error {
			name, err := one("user password", args)
			if err != nil {
				return err
			}
			a, err := p.accounts()
			if err != nil {
				return err
			}
			defer a.Close()
			if err := a.Changeable(context.Background(), name); err != nil {
				return fmt.Errorf("change password of %s: %w", name, err)
			}
			password, err := choose(c, generate)
			if err != nil {
				return err
			}
			set := a.SetPassword
			if generate {
				set = a.SetOneTimePassword
			}
			if err := set(context.Background(), name, password); err != nil {
				return fmt.Errorf("change password of %s: %w", name, err)
			}
			fmt.Fprintf(c.out, "Password of %s changed.\n", name)
			return tellPassword(c, generate, password)
		},
	}
}

// choose makes a one-time password, or asks for one.
func choose(c console, generate bool) (string, error) {
	if generate {
		return gateway.NewPassword(), nil
	}
	return askPassword(c)
}

func tellPassword(c console, generate bool, password string) error {
	if !generate {
		return nil
	}
	_, err := fmt.Fprintf(c.out, "One-time password: %s\nThe page asks for a new one at the first sign-in.\n", password)
	return err
}

func userRemove() command {
	var p place
	return command{
		name: "user remove", args: "NAME", short: "remove a user",
		examples: []string{"cordboard user remove alice"},
		flags:    p.flags,
		run: func(c console, args []string) error {
			name, err := one("user remove", args)
			if err != nil {
				return err
			}
			a, err := p.accounts()
			if err != nil {
				return err
			}
			defer a.Close()
			if err := a.Remove(context.Background(), name); err != nil {
				return fmt.Errorf("remove user %s: %w", name, err)
			}
			_, err = fmt.Fprintf(c.out, "User %s removed.\n", name)
			return err
		},
	}
}

func userList() command {
	var p place
	return command{
		name: "user list", short: "list the users",
		examples: []string{"cordboard user list"},
		flags:    p.flags,
		run: func(c console, args []string) error {
			if len(args) > 0 {
				return misused("user list", "user list takes no arguments")
			}
			a, err := p.accounts()
			if err != nil {
				return err
			}
			defer a.Close()
			return listUsers(c.out, a)
		},
	}
}

func listUsers(out io.Writer, a *gateway.Accounts) error {
	users, err := a.List(context.Background())
	if err != nil {
		return fmt.Errorf("list users: %w", err)
	}
	if len(users) == 0 {
		_, err := fmt.Fprintln(out, "There are no users yet. Add one: cordboard user add NAME")
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tEXTENSION\tDISPLAY NAME\tNOTE")
	for _, u := range users {
		note := ""
		switch {
		case a.InFile(context.Background(), u.Name):
			note = "in the configuration file"
		case u.MustChange:
			note = "one-time password not used yet"
		}
		if u.Admin {
			note = strings.TrimPrefix(note+", administrator", ", ")
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", u.Name, dash(u.Extension), dash(u.Display), note)
	}
	return table.Flush()
}

// dash stands for what is not there.
func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// readSecret reads a small file without its final line end.
func readSecret(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read PBX password: %w", err)
	}
	secret := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if secret == "" {
		return "", errors.New("read PBX password: " + path + " is empty")
	}
	return secret, nil
}
