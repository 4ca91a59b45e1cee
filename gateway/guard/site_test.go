package guard

import (
	"context"
	"testing"
	"time"
)

func siteText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// What all users together may do limits each of them beside the user's own limits.
func TestSiteNumbers(t *testing.T) {
	toll := NewToll(nil)
	toll.SetRules(Rules{Default: Limits{Deny: []string{"0900"}}, Users: map[string]Limits{"boss": {}},
		Site: Limits{Allow: []string{"x", "0049"}, Deny: []string{"00"}}, Emergency: []string{"112"}})
	for _, tt := range []struct{ user, number, want string }{
		{"alice", "201", ""}, {"boss", "0900", ""},
		{"alice", "0900", "Calls to 0900… are not allowed for you"},
		{"boss", "+43", "Calls to 00… are not allowed"},
		{"boss", "*21", "Calls to *21 are not allowed"},
		{"boss", "004917", ""}, {"boss", "112", ""},
	} {
		if got := siteText(toll.Permits(tt.user, tt.number)); got != tt.want {
			t.Errorf("%s calls %s: %q, want %q", tt.user, tt.number, got, tt.want)
		}
	}
}

func TestSiteCallsAtATime(t *testing.T) {
	toll := NewToll(nil)
	toll.SetRules(Rules{Default: Limits{Calls: 2}, Site: Limits{Calls: 3}, Emergency: []string{"112"}})
	for _, tt := range []struct{ call, user, number, want string }{
		{"1", "alice", "201", ""}, {"2", "alice", "201", ""}, {"x", "alice", "201", "Only 2 calls at a time are allowed for you"},
		{"3", "bob", "201", ""}, {"3", "bob", "202", ""}, // redirected
		{"x", "bob", "201", "All of the 3 calls that are allowed at a time are in use"},
		{"x", "bob", "112", ""},
	} {
		if got := siteText(toll.Enter(t.Context(), tt.call, tt.user, tt.number, now)); got != tt.want {
			t.Errorf("%s calls %s: %q, want %q", tt.user, tt.number, got, tt.want)
		}
	}
	toll.Leave("1", now)
	if err := toll.Enter(t.Context(), "4", "bob", "201", now); err != nil {
		t.Errorf("one line is free: %v", err)
	}
}

func TestSiteTalkTime(t *testing.T) {
	asked := make(map[string]int)
	toll := NewToll(func(_ context.Context, user string, _ time.Time) (time.Duration, error) {
		asked[user]++
		return 10 * time.Minute, nil
	})
	toll.SetRules(Rules{Users: map[string]Limits{"alice": {Talk: 30 * time.Minute}}, Site: Limits{Talk: 40 * time.Minute}})
	left := func(call string, at, want time.Duration, refusal string) {
		t.Helper()
		if got, err := toll.Left(call, now.Add(at)); got != want || siteText(err) != refusal {
			t.Errorf("after %v call %s has %v, %q, want %v, %q", at, call, got, siteText(err), want, refusal)
		}
	}
	for _, user := range []string{"alice", "bob"} {
		if err := toll.Enter(t.Context(), user, user, "201", now); err != nil {
			t.Fatal(err)
		}
	}
	toll.Answered("alice", now)
	left("alice", 0, 20*time.Minute, "")
	left("bob", 0, 30*time.Minute, "")
	toll.Answered("bob", now)
	left("alice", 10*time.Minute, 5*time.Minute, "") // the two use up ten minutes
	toll.Leave("alice", now.Add(10*time.Minute))
	left("bob", 10*time.Minute, 10*time.Minute, "")
	left("bob", 20*time.Minute, 0, "The daily limit of 40 minutes for all users is used up")
	if got := siteText(toll.Enter(t.Context(), "c", "carol", "201", now.Add(20*time.Minute))); got != "The daily limit of 40 minutes for all users is used up" {
		t.Errorf("another call: %q", got)
	}
	left("bob", 13*time.Hour, 0, "The daily limit of 40 minutes for all users is used up") // it talks since midnight
	toll.Leave("bob", now.Add(12*time.Hour+time.Minute))
	if err := toll.Enter(t.Context(), "d", "carol", "201", now.Add(12*time.Hour+time.Minute)); err != nil {
		t.Errorf("the next day: %v", err)
	}
	if asked[site] != 2 || asked["alice"] != 1 || asked["bob"] > 0 {
		t.Errorf("the history was asked %v, want once a day and for who has a limit", asked)
	}
}
