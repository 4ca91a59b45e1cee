package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"cordboard/app/links"
	"cordboard/gateway"
)

// command is one word of the command line, or two for those with commands of their own.
type command struct {
	name     string   // "serve", "user add"
	args     string   // what follows the flags, "NAME"
	short    string   // what it does, in one line
	examples []string // whole command lines
	flags    func(*flag.FlagSet)
	run      func(c console, args []string) error
}

// commands is all that the program can do, in the order of the help.
func commands() []command {
	return []command{serveCommand(), checkCommand(), doctorCommand(), userAdd(), userList(), userRemove(), userPassword(), tokenCommand(), callCommand(), devicesCommand(), neighboursCommand(), pairCommand(), trustCommand(), versionCommand()}
}

func versionCommand() command {
	return command{
		name: "version", short: "say which Cordboard this is",
		examples: []string{"cordboard version"},
		run: func(c console, args []string) error {
			if len(args) > 0 {
				return misused("version", "version takes no arguments")
			}
			_, err := fmt.Fprintln(c.out, "cordboard", version)
			return err
		},
	}
}

// dispatch finds the command and runs it. Without one, Cordboard opens its window.
func dispatch(all []command, args []string, c console) error {
	if len(args) == 0 {
		return runCommand(windowCommand(), nil, c)
	}
	switch args[0] {
	case "-h", "-help", "--help":
		return help(all, nil, c.out)
	case "help":
		return help(all, args[1:], c.out)
	case "-version", "--version":
		args = append([]string{"version"}, args[1:]...)
	}
	if strings.HasPrefix(args[0], "-") || links.Is(args[0]) {
		return runCommand(windowCommand(), args, c)
	}
	cmd, rest, err := find(all, args)
	if err != nil {
		return err
	}
	if cmd == nil { // the first word of a group, followed by a call for help
		return help(all, args[:1], c.out)
	}
	return runCommand(*cmd, rest, c)
}

// runCommand reads a command's flags and runs it.
func runCommand(cmd command, rest []string, c console) error {
	flags := flag.NewFlagSet(cmd.name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	if cmd.flags != nil {
		cmd.flags(flags)
	}
	words, err := parse(flags, rest)
	if errors.Is(err, flag.ErrHelp) {
		if cmd.name == "" {
			return help(commands(), nil, c.out)
		}
		return help([]command{cmd}, strings.Fields(cmd.name), c.out)
	}
	if err != nil {
		return misused(cmd.name, "%s", explain(flags, err))
	}
	return cmd.run(c, words)
}

// find gives the command that the first words name, and the words after; nil when they are a group's and ask for help.
func find(all []command, args []string) (*command, []string, error) {
	var names, members []string // of commands; of the group that the first word names
	for i := range all {
		first, second, group := strings.Cut(all[i].name, " ")
		names = append(names, first)
		if first != args[0] {
			continue
		}
		if !group {
			return &all[i], args[1:], nil
		}
		members = append(members, second)
		if len(args) > 1 && args[1] == second {
			return &all[i], args[2:], nil
		}
	}
	switch {
	case members == nil:
		return nil, nil, misused("", "there is no command %q%s", args[0], meant(gateway.Nearest(args[0], names)))
	case len(args) == 1:
		return nil, nil, misused(args[0], "%s needs one of: %s", args[0], strings.Join(members, ", "))
	case isHelp(args[1]):
		return nil, nil, nil
	}
	return nil, nil, misused(args[0], "there is no command %q%s", args[0]+" "+args[1], meant(gateway.Nearest(args[1], members)))
}

func isHelp(word string) bool {
	return word == "-h" || word == "-help" || word == "--help" || word == "help"
}

// meant offers another word.
func meant(word string) string {
	if word == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", word)
}

// parse reads flags before, between and after the other words; behind "--" all are other words.
func parse(flags *flag.FlagSet, args []string) (words []string, err error) {
	for {
		if err := flags.Parse(args); err != nil {
			return nil, err
		}
		rest := flags.Args()
		if len(rest) == 0 {
			return words, nil
		}
		if used := len(args) - len(rest); used > 0 && args[used-1] == "--" {
			return append(words, rest...), nil
		}
		words, args = append(words, rest[0]), rest[1:]
	}
}

// explain words the flag package's error for people.
func explain(flags *flag.FlagSet, err error) string {
	text := err.Error()
	name, unknown := strings.CutPrefix(text, "flag provided but not defined: -")
	if !unknown {
		return text
	}
	var known []string
	flags.VisitAll(func(f *flag.Flag) { known = append(known, f.Name) })
	name = strings.TrimPrefix(name, "-")
	if near := gateway.Nearest(name, known); near != "" {
		return fmt.Sprintf("there is no --%s; did you mean --%s?", name, near)
	}
	return fmt.Sprintf("there is no --%s", name)
}

// help prints all commands, or those that the words name.
func help(all []command, words []string, out io.Writer) error {
	var b strings.Builder
	if len(words) == 0 {
		b.WriteString("Cordboard makes and takes calls in the browser and joins them to your PBX.\n\n" +
			"Usage: cordboard [COMMAND]\n       cordboard [FLAGS] [LINK]\n\nWithout a command it opens its window, where there is a display, or shows the one that is open. A link like " +
			"tel:+49301234567 or\nsip:201@pbx.example names whom to call. Flags of the window:\n")
		windowCommand().describeFlags(&b)
		b.WriteString("\nCommands:\n")
		for _, cmd := range all {
			fmt.Fprintf(&b, "  %-22s %s\n", strings.TrimSpace(cmd.name+" "+cmd.args), cmd.short)
		}
		b.WriteString("\nMore about one: cordboard COMMAND --help\nThe page's address is printed at the start.\n")
		_, err := io.WriteString(out, b.String())
		return err
	}
	name := strings.Join(words, " ")
	found := false
	for _, cmd := range all {
		if cmd.name == name || strings.HasPrefix(cmd.name, name+" ") {
			if found {
				b.WriteByte('\n')
			}
			found = true
			cmd.describe(&b)
		}
	}
	if !found {
		return misused("", "there is no command %q", name)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// describe writes a command's own help.
func (cmd command) describe(b *strings.Builder) {
	flags := flag.NewFlagSet(cmd.name, flag.ContinueOnError)
	if cmd.flags != nil {
		cmd.flags(flags)
	}
	some := ""
	flags.VisitAll(func(*flag.Flag) { some = " [FLAGS]" })
	fmt.Fprintf(b, "cordboard %s%s: %s\n", strings.TrimSpace(cmd.name+" "+cmd.args), some, cmd.short)
	cmd.describeFlags(b)
	for _, line := range cmd.examples {
		fmt.Fprintf(b, "  Example: %s\n", line)
	}
}

// describeFlags writes what its flags do.
func (cmd command) describeFlags(b *strings.Builder) {
	flags := flag.NewFlagSet(cmd.name, flag.ContinueOnError)
	if cmd.flags != nil {
		cmd.flags(flags)
	}
	flags.VisitAll(func(f *flag.Flag) {
		value, text := flag.UnquoteUsage(f)
		fmt.Fprintf(b, "  %-24s %s\n", strings.TrimSpace("--"+f.Name+" "+value), text)
	})
}

// windowCommand is what happens without a command: the window with the gateway in it.
func windowCommand() command {
	var p place
	hidden := false
	return command{
		flags: func(f *flag.FlagSet) {
			p.flags(f)
			f.BoolVar(&hidden, "hidden", false, "begin in the tray, where there is one")
		},
		run: func(c console, args []string) error {
			target := ""
			switch {
			case len(args) > 1 && links.Is(args[0]):
				return misused("", "one link at a time, not %d", len(args))
			case len(args) == 1 && links.Is(args[0]):
				var err error
				if target, err = links.Target(args[0]); err != nil {
					return misused("", "%v", err)
				}
			case len(args) > 0:
				return misused("", "there is no command %q", args[0])
			}
			taken, err := handOver(c, p, hidden, target)
			why := noWindow()
			switch {
			case taken:
				return nil
			case err != nil && why == "":
				return tell(c, p, err)
			case err != nil:
				return err
			case why != "":
				return errors.New(why + " Without a window it runs by: cordboard serve")
			}
			return window(c, p, hidden, target)
		},
	}
}
