package gateway

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"cordboard/gateway/guard"
)

func TestGuardConfiguration(t *testing.T) {
	cfg, err := Parse("cordboard.toml", []byte(`
[guard]
allow = ["x", "+49"]
deny = ["00", "0900"]
calls = 2
minutes = 60
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
		`cordboard.toml:10: [[user]] deny: "0+49" is not the beginning of a number like "0049", "+49" or "x" for any digit`,
		`cordboard.toml:11: [[user]] calls: has a text, want a whole number`,
		`cordboard.toml:12: [[user]] minutes: has a number, want a whole number`,
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
