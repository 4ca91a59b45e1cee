// Command cordboard is a softphone gateway: it serves a calling page and joins its calls to a PBX.
package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"cordboard/gateway"
)

// version says where the program comes from; the build sets it.
var version = "dev"

// Exit codes.
const (
	exitOK    = 0
	exitFault = 1 // it could not be done
	exitUsage = 2 // it was asked for in a way that can't be understood
)

// console is where a command reads and writes.
type console struct {
	in       *os.File
	out, err io.Writer
}

func main() {
	net.DefaultResolver.PreferGo = true // names are looked up in the same way with cgo, which sound needs, and without
	os.Exit(run(os.Args[1:], console{os.Stdin, os.Stdout, os.Stderr}))
}

// run does what the arguments ask for and gives the exit code.
func run(args []string, c console) int {
	err := dispatch(commands(), args, c)
	var wrong *usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &wrong):
		fmt.Fprintf(c.err, "cordboard: %s\nSee: cordboard %s--help\n", wrong.problem, spaced(wrong.command))
		return exitUsage
	case errors.Is(err, errSaid):
		return exitFault
	}
	_ = said(c.err, err)
	return exitFault
}

// errSaid ends the program with a fault that the command has told already.
var errSaid = errors.New("told already")

// said writes an error for people, and gives it as one that is told.
func said(out io.Writer, err error) error {
	var faults gateway.Faults
	if errors.As(err, &faults) {
		fmt.Fprintln(out, faults)
	} else {
		fmt.Fprintf(out, "cordboard: %v\n", err)
	}
	return &told{err}
}

// told is an error that was written already.
type told struct{ error }

func (t *told) Unwrap() []error { return []error{t.error, errSaid} }

// usageError is a command line that can't be understood.
type usageError struct{ command, problem string }

func (e *usageError) Error() string { return e.problem }

func misused(command, format string, args ...any) error {
	return &usageError{command, fmt.Sprintf(format, args...)}
}

// spaced puts a space behind a word that is there.
func spaced(word string) string {
	if word == "" {
		return ""
	}
	return word + " "
}
