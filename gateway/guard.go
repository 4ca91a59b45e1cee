package gateway

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"cordboard/gateway/guard"
)

// The most calls at a time that a limit can be of, and the most minutes that a day has.
const (
	maxCalls   = 1000
	maxMinutes = 24 * 60

	maxBusy = 100_000 // requests under way at a time
)

// checkGuard finds rules that could not be meant.
func (c *Config) checkGuard(check *checker) {
	check.patterns("guard.allow", c.Guard.Allow)
	check.patterns("guard.deny", c.Guard.Deny)
	check.patterns("guard.site_allow", c.Guard.SiteAllow)
	check.patterns("guard.site_deny", c.Guard.SiteDeny)
	check.patterns("guard.emergency", c.Guard.Emergency)
	check.between("guard.calls", &c.Guard.Calls, maxCalls)
	check.between("guard.minutes", &c.Guard.Minutes, maxMinutes)
	check.between("guard.site_calls", &c.Guard.SiteCalls, maxCalls)
	check.between("guard.site_minutes", &c.Guard.SiteMinutes, maxCalls*maxMinutes)
	if n := c.Guard.Busy; n < 1 || n > maxBusy {
		check.add("guard.busy", "%d, want 1 to %d", n, maxBusy)
	}
	for i, text := range c.Guard.NeverBan {
		if _, err := parsePrefix(text); err != nil {
			check.add("guard.never_ban"+index0(i), "%q is not a range of addresses like 10.0.0.0/8", text)
		}
	}
	for i, u := range c.User {
		table := "user" + index0(i)
		check.patterns(table+".allow", u.Allow)
		check.patterns(table+".deny", u.Deny)
		check.between(table+".calls", u.Calls, maxCalls)
		check.between(table+".minutes", u.Minutes, maxMinutes)
	}
}

func (c *checker) patterns(path string, list []string) {
	for i, p := range list {
		if err := guard.ValidatePattern(p); err != nil {
			c.add(path+index0(i), "%v", err)
		}
	}
}

// between refuses a number below 0, which stands for no limit, or above most.
func (c *checker) between(path string, n *int, most int) {
	if n != nil && (*n < 0 || *n > most) {
		c.add(path, "%d, want 0 for no limit, or up to %d", *n, most)
	}
}

// rules are the limits that a valid configuration sets.
func (c *Config) rules() guard.Rules {
	r := guard.Rules{
		Default:   guard.Limits{Allow: c.Guard.Allow, Deny: c.Guard.Deny, Calls: c.Guard.Calls, Talk: minutes(c.Guard.Minutes)},
		Users:     make(map[string]guard.Limits),
		Site:      guard.Limits{Allow: c.Guard.SiteAllow, Deny: c.Guard.SiteDeny, Calls: c.Guard.SiteCalls, Talk: minutes(c.Guard.SiteMinutes)},
		Emergency: c.Guard.Emergency,
	}
	for _, u := range c.User {
		l := r.Default
		if u.Allow != nil {
			l.Allow = u.Allow
		}
		if u.Deny != nil {
			l.Deny = u.Deny
		}
		if u.Calls != nil {
			l.Calls = *u.Calls
		}
		if u.Minutes != nil {
			l.Talk = minutes(*u.Minutes)
		}
		r.Users[u.Name] = l
	}
	return r
}

func minutes(n int) time.Duration { return time.Duration(n) * time.Minute }

// openGuard makes the lists of who is kept out and of who may call where, with what an earlier run has kept.
func (g *Gateway) openGuard(ctx context.Context) error {
	g.bans = guard.NewBans(func(b guard.Ban) {
		g.log.Warn("banned", "subject", b.Subject, "why", b.Why, "until", b.Until.Format(time.RFC3339), "times", b.Times)
	})
	g.toll = guard.NewToll(g.accounts.store.TalkTime)
	g.setGuard(g.cfg)
	kept, err := g.accounts.store.Bans(ctx)
	if err != nil {
		return fmt.Errorf("read who is banned: %w", err)
	}
	g.bans.Restore(kept, time.Now())
	return nil
}

// setGuard takes the rules of a valid configuration over.
func (g *Gateway) setGuard(cfg Config) {
	var never []netip.Prefix
	for _, text := range cfg.Guard.NeverBan {
		if p, err := parsePrefix(text); err == nil {
			never = append(never, p)
		}
	}
	g.bans.Never(never)
	g.toll.SetRules(cfg.rules())
}

// keepBans writes down who is banned, so that a restart does not forget it, at most once a second.
func (g *Gateway) keepBans(ctx context.Context) error {
	const rest = time.Second
	for done := false; !done; {
		select {
		case <-g.bans.Changed():
		case <-ctx.Done():
			done = true // what was banned since is written this last time
		}
		if err := g.accounts.store.SaveBans(context.WithoutCancel(ctx), g.bans.List(time.Now())); err != nil {
			g.log.Error("bans not kept", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(rest):
		}
	}
	return nil
}
