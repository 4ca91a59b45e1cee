package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	board "cordboard/gateway/call"
)

func TestCallTellsEachStep(t *testing.T) {
	for _, tt := range []struct {
		name  string
		steps []board.DeskCall
		said  string
		err   error
	}{
		{"answered", []board.DeskCall{
			{State: board.Calling}, {State: board.Ringing}, {State: board.Talking, Answered: 1, Name: "Bob"}, {State: board.Talking, Answered: 1, Name: "Bob", Waits: true},
			{State: board.Talking, Answered: 1, Name: "Bob", Waits: true, Digits: "5"}, {State: board.Ended, Answered: 1, Reason: board.ReasonAnswered},
		}, "Calling 300.\nIt rings at 300.\nTalking with Bob. Ctrl-C hangs up.\nBob has put you on hold.\nThe other side pressed 5.\nThe call has ended.\n", nil},
		{"busy", []board.DeskCall{{State: board.Calling}, {State: board.Ended, Reason: board.ReasonBusy}}, "Calling 300.\nNo call with 300: Busy.\n", errSaid},
		{"lost", []board.DeskCall{{State: board.Talking, Answered: 1}, {State: board.Ended, Answered: 1, Reason: board.ReasonLost}},
			"Talking with 300. Ctrl-C hangs up.\nThe call has ended: Connection lost.\n", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := controlled(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost {
					_, _ = io.WriteString(w, `{"id": "c1"}`)
					return
				}
				for _, step := range tt.steps {
					step.ID = "c1"
					data, _ := json.Marshal(board.DeskState{Calls: []board.DeskCall{{ID: "other"}, step}})
					fmt.Fprintf(w, "event: desk\ndata: %s\n\n", data)
				}
			})
			var said strings.Builder
			if err := placeCall(c, "300", &said, nil); !errors.Is(err, tt.err) || said.String() != tt.said {
				t.Errorf("%v, says %q, want %v, %q", err, said.String(), tt.err, tt.said)
			}
		})
	}
}

func TestCallHangsUpAtASignal(t *testing.T) {
	hungUp, signals := make(chan struct{}), make(chan os.Signal, 1)
	c := controlled(t, func(w http.ResponseWriter, r *http.Request) {
		event := func(state board.State) {
			data, _ := json.Marshal(board.DeskState{Calls: []board.DeskCall{{ID: "c1", State: state, Answered: 1}}})
			fmt.Fprintf(w, "event: desk\ndata: %s\n\n", data)
			_ = http.NewResponseController(w).Flush()
		}
		switch r.URL.Path {
		case "/api/v1/desk/calls":
			_, _ = io.WriteString(w, `{"id": "c1"}`)
		case "/api/v1/desk/calls/c1/hangup":
			close(hungUp)
			_, _ = io.WriteString(w, `{}`)
		default:
			event(board.Talking)
			signals <- os.Interrupt
			<-hungUp
			event(board.Ended)
		}
	})
	if err := placeCall(c, "300", io.Discard, signals); err != nil {
		t.Errorf("placeCall = %v", err)
	}
}

// Who gives up while Cordboard places the call need not wait for it.
func TestCallGivesUpAtASignal(t *testing.T) {
	signals, left := make(chan os.Signal, 1), make(chan struct{})
	c := controlled(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		signals <- os.Interrupt
		<-r.Context().Done()
		close(left)
	})
	var said strings.Builder
	if err := placeCall(c, "300", &said, signals); !errors.Is(err, errSaid) || said.String() != "No call with 300: you gave up.\n" {
		t.Errorf("placeCall = %v, says %q", err, said.String())
	}
	<-left
}

func TestCallSteps(t *testing.T) {
	var out strings.Builder
	steps := callSteps{id: "1", target: "300", out: &out}
	for _, tt := range []struct {
		call board.DeskCall
		said string
		over bool
	}{
		{board.DeskCall{State: board.Calling}, "Calling 300.\n", false},
		{board.DeskCall{State: board.Ringing, Peer: "300"}, "It rings at 300.\n", false},
		{board.DeskCall{State: board.Ringing, Peer: "300"}, "", false},
		// Who is called chooses the name, and a terminal would obey some.
		{board.DeskCall{State: board.Talking, Peer: "300", Name: "B\x1b]0;owned\ao\u202eb\n", Answered: 1}, "Talking with B]0;ownedob. Ctrl-C hangs up.\n", false},
		{board.DeskCall{State: board.Talking, Peer: "300", Name: "Bob", Answered: 1, Digits: "12"}, "Talking with Bob. Ctrl-C hangs up.\nThe other side pressed 12.\n", false},
		{board.DeskCall{State: board.Ended, Peer: "300", Answered: 1, Reason: "Busy \x1b[2Jhere."}, "The call has ended: Busy [2Jhere.\n", true},
	} {
		out.Reset()
		tt.call.ID = "1"
		text, err := json.Marshal(board.DeskState{Calls: []board.DeskCall{tt.call}})
		if err != nil {
			t.Fatal(err)
		}
		if err := steps.take("desk", text); errors.Is(err, errOver) != tt.over || err != nil && !tt.over {
			t.Errorf("%+v: %v", tt.call, err)
		}
		if got := out.String(); got != tt.said {
			t.Errorf("%+v: said %q, want %q", tt.call, got, tt.said)
		}
	}
}
