package main

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	board "cordboard/gateway/call"
)

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
