package gateway

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"cordboard/gateway/call"
	"cordboard/gateway/guard"
)

func TestGuardConfiguration(t *testing.T) {
	cfg, err := Parse("cordboard.toml", []byte(`
[guard]
allow = ["x", "+49"]
deny = ["00", "0900"]
calls = 2
minutes = 60
site_allow = ["x", "00"]
site_deny = ["0900"]
site_calls = 8
site_minutes = 2000
emergency = ["112"]
never_ban = []
[[user]]
name = "alice"
deny = []
minutes = 0
[[user]]
name = "bob"
admin = true
allow = ["1"]
calls = 1
`))
	if err != nil {
		t.Fatal(err)
	}
	rules := cfg.rules()
	for user, want := range map[string]guard.Limits{
		"carol": {Calls: 2, Talk: time.Hour, Allow: []string{"x", "+49"}, Deny: []string{"00", "0900"}},
		"alice": {Calls: 2, Allow: []string{"x", "+49"}},
		"bob":   {Calls: 1, Talk: time.Hour, Allow: []string{"1"}, Deny: []string{"00", "0900"}},
	} {
		got, own := rules.Users[user]
		if !own {
			got = rules.Default
		}
		if !slices.Equal(got.Allow, want.Allow) || !slices.Equal(got.Deny, want.Deny) || got.Calls != want.Calls || got.Talk != want.Talk {
			t.Errorf("%s: %+v, want %+v", user, got, want)
		}
	}
	if s := rules.Site; !slices.Equal(s.Allow, []string{"x", "00"}) || !slices.Equal(s.Deny, []string{"0900"}) || s.Calls != 8 || s.Talk != 2000*time.Minute {
		t.Errorf("all together: %+v", s)
	}
	if !slices.Equal(rules.Emergency, []string{"112"}) || len(cfg.Guard.NeverBan) > 0 || !cfg.User[1].Admin || cfg.User[0].Admin {
		t.Errorf("not as in the file: %+v", cfg)
	}
	if nothing, err := Parse("", nil); err != nil || len(nothing.Guard.NeverBan) != 2 || !slices.Contains(nothing.rules().Emergency, "112") {
		t.Errorf("without a file: %+v, %v", nothing.Guard, err)
	}
}

func TestGuardFaults(t *testing.T) {
	_, err := Parse("cordboard.toml", []byte(`[guard]
allow = ["1", "abc"]
deny = [""]
calls = -1
minutes = 1441
emergency = ["1 1 2"]
never_ban = ["10.0.0.0/40"]
site_allow = ["x", "y"]
site_calls = 1001
site_minutes = -5
busy = 0
[[user]]
name = "alice"
deny = ["0+49"]
calls = "two"
minutes = 1.5
`))
	want := []string{
		`cordboard.toml:2: [guard] allow: "abc" is not the beginning of a number like "0049", "+49" or "x" for any digit`,
		`cordboard.toml:3: [guard] deny: "" is not the beginning of a number like "0049", "+49" or "x" for any digit`,
		`cordboard.toml:4: [guard] calls: -1, want 0 for no limit, or up to 1000`,
		`cordboard.toml:5: [guard] minutes: 1441, want 0 for no limit, or up to 1440`,
		`cordboard.toml:6: [guard] emergency: "1 1 2" is not the beginning of a number like "0049", "+49" or "x" for any digit`,
		`cordboard.toml:7: [guard] never_ban: "10.0.0.0/40" is not a range of addresses like 10.0.0.0/8`,
		`cordboard.toml:8: [guard] site_allow: "y" is not the beginning of a number like "0049", "+49" or "x" for any digit`,
		`cordboard.toml:9: [guard] site_calls: 1001, want 0 for no limit, or up to 1000`,
		`cordboard.toml:10: [guard] site_minutes: -5, want 0 for no limit, or up to 1440000`,
		`cordboard.toml:11: [guard] busy: 0, want 1 to 100000`,
		`cordboard.toml:14: [[user]] deny: "0+49" is not the beginning of a number like "0049", "+49" or "x" for any digit`,
		`cordboard.toml:15: [[user]] calls: has a text, want a whole number`,
		`cordboard.toml:16: [[user]] minutes: has a number, want a whole number`,
	}
	if err == nil || err.Error() != strings.Join(want, "\n") {
		t.Errorf("faults:\n%v\nwant\n%s", err, strings.Join(want, "\n"))
	}
}

func TestGuardReloads(t *testing.T) {
	g, _ := start(t, loopback(t, ""), t.TempDir())
	if err := g.toll.Permits("alice", "0900"); err != nil {
		t.Errorf("without rules: %v", err)
	}
	waiting, err := g.Reload(loopback(t, "\n[guard]\ndeny = [\"0900\"]\nnever_ban = [\"192.0.2.0/24\"]\n"))
	if err != nil || len(waiting) > 0 {
		t.Fatalf("Reload = %q, %v, want nothing waiting", waiting, err)
	}
	if err := g.toll.Permits("alice", "0900"); err == nil {
		t.Error("a rule that came with the reload does not hold")
	}
	if _, err := g.bans.Add("192.0.2.1", "", time.Hour, time.Now()); err == nil {
		t.Error("a network of never_ban that came with the reload is banned")
	}
}

func TestMinutesOutliveARestart(t *testing.T) {
	const rules = "\n[guard]\nsite_minutes = 10\n"
	dir := t.TempDir()
	g, stop := start(t, loopback(t, rules), dir)
	noon := time.Now()
	noon = time.Date(noon.Year(), noon.Month(), noon.Day(), 12, 0, 0, 0, noon.Location())
	if err := g.toll.Enter(t.Context(), "a", "alice", "201", noon); err != nil {
		t.Fatal(err)
	}
	began := noon.Add(-11 * time.Minute)
	if err := g.accounts.store.Add(t.Context(), call.Record{ID: "x", From: "alice", Direction: call.Out, Began: began, Answered: began, Ended: noon}); err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	g, _ = start(t, loopback(t, rules), dir)
	err := g.toll.Enter(t.Context(), "b", "bob", "201", noon)
	if err == nil || err.Error() != "The daily limit of 10 minutes for all users is used up" {
		t.Errorf("after 11 minutes of another user and a restart: %v", err)
	}
	if err := g.toll.Enter(t.Context(), "c", "bob", "201", noon.AddDate(0, 0, 1)); err != nil {
		t.Errorf("the next day: %v", err)
	}
}

func TestBansOutliveARestart(t *testing.T) {
	dir, addr := t.TempDir(), netip.MustParseAddr("192.0.2.1")
	g, stop := start(t, loopback(t, ""), dir)
	if _, err := g.bans.Add("192.0.2.1", "noise", time.Hour, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	again, _ := start(t, loopback(t, ""), dir)
	if !again.bans.Address(addr, time.Now()) {
		t.Errorf("after a restart banned are %v", again.bans.List(time.Now()))
	}
}

func TestFirstAccountIsAdministrator(t *testing.T) {
	g, _ := start(t, loopback(t, ""), t.TempDir())
	u, err := g.accounts.User(t.Context(), firstAccount)
	if err != nil || !u.Admin {
		t.Errorf("the first account: %+v, %v", u, err)
	}
}
