package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// handOverTime bounds how long a second start waits for the first.
const handOverTime = 5 * time.Second

// handOver has the Cordboard that already runs with the data folder show itself, unless it shall stay hidden, and take whom to call.
// taken is false where none runs.
func handOver(c console, p place, hidden bool, target string) (taken bool, err error) {
	control, err := p.control()
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), handOverTime)
	defer cancel()
	in := struct {
		Show bool   `json:"show"`
		Dial string `json:"dial"`
	}{!hidden, target}
	var none *notRunning
	switch err := control.ask(ctx, http.MethodPost, "/api/v1/window", in, nil); {
	case errors.As(err, &none):
		return false, nil
	case err != nil:
		return false, err
	}
	said := "Cordboard runs already. Its window comes up."
	switch {
	case target != "":
		said = fmt.Sprintf("Cordboard runs already. Its window takes %s.", target)
	case hidden:
		said = "Cordboard runs already."
	}
	_, _ = fmt.Fprintln(c.out, said) // nobody there to read it is no fault
	return true, nil
}
