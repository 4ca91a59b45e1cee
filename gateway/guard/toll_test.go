package guard

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestPermits(t *testing.T) {
	for _, tt := range []struct {
		name        string
		allow, deny string
		number      string
		want        string // the refusal; empty: none
	}{
		{name: "no rules", number: "0900123"},
		{name: "denied", deny: "00 0900", number: "0900123", want: "Calls to 0900… are not allowed for you"},
		{name: "not denied", deny: "00 0900", number: "0901123"},
		{name: "shorter than the rule", deny: "0900", number: "090"},
		{name: "plus is 00", deny: "00", number: "+491721234", want: "Calls to 00… are not allowed for you"},
		{name: "00 is plus", deny: "+", number: "00491721234", want: "Calls to 00… are not allowed for you"},
		{name: "marks between digits", deny: "0900", number: "0 9-0(0)/1.2", want: "Calls to 0900… are not allowed for you"},
		{name: "escaped digits", deny: "00", number: "%30%301234", want: "Calls to 00… are not allowed for you"},
		{name: "parameters", deny: "00", number: "%2B49;phone-context=x", want: "Calls to 00… are not allowed for you"},
		{name: "only allowed ones", allow: "1 2", number: "3", want: "Calls to 3 are not allowed for you"},
		{name: "allowed", allow: "1 2", number: "201"},
		{name: "a code of the PBX is not allowed", allow: "x", number: "*31#0900", want: "Calls to *31#0900 are not allowed for you"},
		{name: "longest decides for", allow: "x 0049", deny: "00", number: "0049172"},
		{name: "longest decides against", allow: "x 0049", deny: "00 0049900", number: "00499001", want: "Calls to 0049900… are not allowed for you"},
		{name: "equals deny", allow: "00", deny: "00", number: "001", want: "Calls to 00… are not allowed for you"},
		{name: "any digit", deny: "0x00", number: "0700", want: "Calls to 0700… are not allowed for you"},
		{name: "star is no digit", deny: "x", number: "*21#"},
		{name: "emergency", allow: "1", deny: "112", number: "112"},
		{name: "emergency with marks", deny: "9", number: "9-1-1"},
		{name: "longer than emergency", deny: "112", number: "11288", want: "Calls to 112… are not allowed for you"},
	} {
		toll := NewToll(nil)
		toll.SetRules(Rules{Default: Limits{Allow: strings.Fields(tt.allow), Deny: strings.Fields(tt.deny)}, Emergency: []string{"112", "911"}})
		got := ""
		if err := toll.Permits("alice", tt.number); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestCallsAtATime(t *testing.T) {
	toll := NewToll(nil)
	toll.SetRules(Rules{Default: Limits{Calls: 2}, Users: map[string]Limits{"bob": {Calls: 1}, "carol": {}}, Emergency: []string{"112"}})
	enter := func(call, user, number, want string) {
		t.Helper()
		got := ""
		if err := toll.Enter(t.Context(), call, user, number, now); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("call %s: %q, want %q", call, got, want)
		}
	}
	enter("1", "alice", "201", "")
	enter("2", "alice", "202", "")
	enter("2", "alice", "203", "") // redirected
	enter("3", "alice", "201", "Only 2 calls at a time are allowed for you")
	enter("4", "alice", "112", "")
	enter("5", "bob", "201", "")
	enter("6", "bob", "201", "Only one call at a time is allowed for you")
	for _, id := range []string{"7", "8", "9"} {
		enter(id, "carol", "201", "")
	}
	toll.Leave("1", now)
	toll.Leave("1", now)
	enter("3", "alice", "201", "")
}

func TestTalkTime(t *testing.T) {
	asked := 0
	toll := NewToll(func(_ context.Context, user string, since time.Time) (time.Duration, error) {
		asked++
		if user != "alice" || since != time.Date(2026, 3, since.Day(), 0, 0, 0, 0, time.UTC) {
			t.Errorf("asked for %s since %v", user, since)
		}
		if since.Day() == 2 {
			return 7 * time.Minute, nil
		}
		return 10 * time.Minute, nil
	})
	toll.SetRules(Rules{Default: Limits{Talk: 60 * time.Minute}})
	left := func(call string, at time.Duration, want time.Duration) {
		t.Helper()
		if got, err := toll.Left(call, now.Add(at)); err != nil || got != want {
			t.Errorf("after %v call %s has %v, %v, want %v", at, call, got, err, want)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(toll.Enter(t.Context(), "a", "alice", "201", now))
	left("a", 0, 50*time.Minute)
	toll.Answered("a", now)
	toll.Answered("a", now.Add(time.Minute)) // said again
	left("a", 20*time.Minute, 30*time.Minute)
	must(toll.Enter(t.Context(), "b", "alice", "202", now.Add(20*time.Minute)))
	toll.Answered("b", now.Add(20*time.Minute))
	left("b", 20*time.Minute, 15*time.Minute) // two use it up twice as fast
	toll.Leave("a", now.Add(25*time.Minute))
	left("b", 25*time.Minute, 20*time.Minute)
	if _, err := toll.Left("b", now.Add(45*time.Minute)); err == nil || err.Error() != "The daily limit of 60 minutes is used up" {
		t.Errorf("after an hour of talk: %v", err)
	}
	err := toll.Enter(t.Context(), "c", "alice", "203", now.Add(45*time.Minute))
	if refusal := new(Refusal); !errors.As(err, &refusal) {
		t.Errorf("a call after an hour of talk: %v", err)
	}
	left("b", 12*time.Hour+time.Minute, 59*time.Minute) // past midnight
	toll.Leave("b", now.Add(12*time.Hour+2*time.Minute))
	must(toll.Enter(t.Context(), "d", "alice", "203", now.Add(13*time.Hour)))
	left("d", 13*time.Hour, 53*time.Minute) // the history knows of b
	if asked != 2 {
		t.Errorf("the history was asked %d times, want once a day", asked)
	}
	left("unknown", 0, 0)
}

func TestFaultOfTheHistoryRefuses(t *testing.T) {
	broken := errors.New("disk full")
	toll := NewToll(func(context.Context, string, time.Time) (time.Duration, error) { return 0, broken })
	toll.SetRules(Rules{Default: Limits{Talk: time.Hour}, Emergency: []string{"112"}})
	if err := toll.Enter(t.Context(), "a", "alice", "201", now); !errors.Is(err, broken) {
		t.Errorf("Enter = %v", err)
	}
	if err := toll.Enter(t.Context(), "a", "alice", "112", now); err != nil {
		t.Errorf("an emergency call: %v", err)
	}
}

func FuzzPermits(f *testing.F) {
	f.Add("0049", "00", "0049123")
	f.Add("+x*#", "x", "%2B4")
	f.Fuzz(func(t *testing.T, allow, deny, number string) {
		if ValidatePattern(allow) != nil || ValidatePattern(deny) != nil {
			return
		}
		// What a rule denies stays denied however the number is written, and a rule that is no better does not allow it.
		plain := NewToll(nil)
		plain.SetRules(Rules{Default: Limits{Deny: []string{deny}}})
		if plain.Permits("u", number) == nil {
			return
		}
		if plain.Permits("u", Number(number)) == nil {
			t.Errorf("%q is denied, %q is not", number, Number(number))
		}
		both := NewToll(nil)
		both.SetRules(Rules{Default: Limits{Deny: []string{deny}, Allow: []string{allow}}})
		if both.Permits("u", number) == nil && len(Number(allow)) <= len(Number(deny)) {
			t.Errorf("%q is denied by %q and allowed by %q", number, deny, allow)
		}
	})
}
