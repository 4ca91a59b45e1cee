package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode"

	board "cordboard/gateway/call"
)

func callCommand() command {
	var p place
	return command{
		name: "call", args: "TARGET", short: "call a number or a name from this machine's microphone and loudspeaker",
		examples: []string{"cordboard call 300", "cordboard call bob --data /var/lib/cordboard"},
		flags:    p.flags,
		run: func(c console, args []string) error {
			if len(args) != 1 {
				return misused("call", "call needs one number or name")
			}
			control, err := p.control()
			if err != nil {
				return err
			}
			signals := make(chan os.Signal, 2)
			signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
			defer signal.Stop(signals)
			return placeCall(control, args[0], c.out, signals)
		},
	}
}

// byeTime is how long a call that is hung up may take to end.
const byeTime = 10 * time.Second

// errOver ends the listening to a call that has ended.
var errOver = errors.New("the call is over")

// placeCall calls target from the running Cordboard's machine and stays until the call ends; a signal hangs up. It fails when nobody
// answers.
func placeCall(control *control, target string, out io.Writer, signals <-chan os.Signal) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var placed struct{ ID string }
	hangUp := func() {
		ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), byeTime)
		defer stop()
		_ = control.ask(ctx, http.MethodPost, "/api/v1/desk/calls/"+placed.ID+"/hangup", struct{}{}, nil) // it may have ended
	}
	asked := make(chan error, 1)
	go func() { // ends with ctx
		asked <- control.ask(ctx, http.MethodPost, "/api/v1/desk/calls", map[string]string{"target": target}, &placed)
	}()
	select {
	case err := <-asked:
		if err != nil {
			return err
		}
	case <-signals:
		stop() // Cordboard hangs up a call whose caller has gone
		if <-asked == nil {
			hangUp()
		}
		fmt.Fprintln(out, visible("No call with "+target+": you gave up."))
		return errSaid
	}
	go func() { // ends with the call
		select {
		case <-signals:
			time.AfterFunc(byeTime, stop)
			hangUp()
		case <-ctx.Done():
		}
	}()
	steps := callSteps{id: placed.ID, target: target, out: out}
	err := control.events(ctx, "/api/v1/desk/events", steps.take)
	switch {
	case errors.Is(err, errOver) && steps.answered:
		return nil
	case errors.Is(err, errOver):
		return errSaid
	case errors.Is(err, io.EOF):
		return errors.New("the call is over: Cordboard has stopped")
	}
	return err
}

// callSteps tells in words how a call goes.
type callSteps struct {
	id, target string
	out        io.Writer
	last       string // what was said last
	problem    string
	keys       int
	answered   bool
}

// take hears how the phone is doing; errOver when the call has ended.
func (s *callSteps) take(name string, data []byte) error {
	var state board.DeskState
	if name != "desk" {
		return nil
	}
	if err := json.Unmarshal(data, &state); err != nil {
		return fmt.Errorf("read Cordboard's answer: %w", err)
	}
	i := slices.IndexFunc(state.Calls, func(c board.DeskCall) bool { return c.ID == s.id })
	if i < 0 {
		return errOver
	}
	c := state.Calls[i]
	if state.Problem != s.problem {
		if s.problem = state.Problem; s.problem != "" {
			fmt.Fprintln(s.out, visible(s.problem))
		}
	}
	if text := s.step(c); text != s.last {
		s.last = text
		fmt.Fprintln(s.out, visible(text))
	}
	if n := len(c.Digits); n > s.keys {
		fmt.Fprintf(s.out, "The other side pressed %s.\n", c.Digits[s.keys:])
		s.keys = n
	}
	if c.State == board.Ended {
		return errOver
	}
	return nil
}

// visible is a text, in which there may be names that others have chosen, without what a terminal would obey.
func visible(text string) string {
	return strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return -1
		}
		return c
	}, text)
}

// step is how the call stands, in one line.
func (s *callSteps) step(c board.DeskCall) string {
	who := cmp.Or(c.Name, c.Peer, s.target)
	s.answered = s.answered || c.Answered != 0
	switch {
	case c.State == board.Ended && s.answered:
		text := "The call has ended"
		if c.Reason != board.ReasonAnswered && c.Reason != "" {
			text += ": " + strings.TrimSuffix(c.Reason, ".")
		}
		return text + "."
	case c.State == board.Ended:
		return fmt.Sprintf("No call with %s: %s.", s.target, strings.TrimSuffix(c.Reason, "."))
	case c.Transfer != "":
		return strings.TrimSuffix(c.Transfer, ".") + "."
	case c.State == board.Talking && c.Waits:
		return who + " has put you on hold."
	case c.State == board.Talking && c.Held:
		return who + " is on hold."
	case c.State == board.Talking:
		return "Talking with " + who + ". Ctrl-C hangs up."
	case c.State == board.Ringing:
		return "It rings at " + who + "."
	}
	return "Calling " + s.target + "."
}
