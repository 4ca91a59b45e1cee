package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/term"
)

// maxPassword bounds a line of standard input that is a password, in bytes.
const maxPassword = 4096

// askPassword asks twice at a terminal, without showing what is typed; elsewhere it is the first line of input.
func askPassword(c console) (string, error) {
	fd := int(c.in.Fd())
	if !term.IsTerminal(fd) {
		return readLine(c.in)
	}
	first, err := ask(c, fd, "Password: ")
	if err != nil {
		return "", err
	}
	second, err := ask(c, fd, "Again: ")
	if err != nil {
		return "", err
	}
	if first != second {
		return "", errors.New("the two passwords differ; nothing was changed")
	}
	return first, nil
}

// ask reads one line without echo. An interrupt turns the echo on again before it ends the program.
func ask(c console, fd int, prompt string) (string, error) {
	state, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("ask for password: %w", err)
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	answered := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-interrupted:
			_ = term.Restore(fd, state) // it ends all the same
			fmt.Fprintln(c.err)
			os.Exit(exitFault)
		case <-answered:
		}
	}()
	fmt.Fprint(c.err, prompt)
	line, err := term.ReadPassword(fd)
	signal.Stop(interrupted)
	close(answered)
	<-watched
	fmt.Fprintln(c.err)
	if err != nil {
		return "", fmt.Errorf("read password: %w", err)
	}
	return string(line), nil
}

// readLine reads the first line of an input that is no terminal.
func readLine(in io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(in, maxPassword)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read password: %w", err)
	}
	if line == "" {
		return "", errors.New("read password: nothing on standard input; pipe it in, or use --generate")
	}
	return strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"), nil
}
