package guard

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Limits are what a user may do outside: through a PBX.
type Limits struct {
	Allow, Deny []string      // beginnings of numbers; see Validate and permits
	Calls       int           // at a time; zero: any number
	Talk        time.Duration // a day, in whole calls and those of now; zero: any time
}

// Rules are the limits of all users.
type Rules struct {
	Default   Limits
	Users     map[string]Limits // of those who have their own
	Site      Limits            // of all users together, beside their own
	Emergency []string          // numbers that nothing limits
}

// site stands for all users where a user is named.
const site = ""

// Refusal says in plain words, made for the user, why a call may not be.
type Refusal struct{ Text string }

func (r *Refusal) Error() string { return r.Text }

func refuse(format string, args ...any) error { return &Refusal{fmt.Sprintf(format, args...)} }

// ValidatePattern accepts the beginning of a number: digits, * and #, + as its first character, x for any digit.
func ValidatePattern(pattern string) error {
	if rest := strings.TrimPrefix(pattern, "+"); pattern == "" || len(pattern) > 32 || strings.Trim(rest, "0123456789*#xX") != "" {
		return fmt.Errorf("%q is not the beginning of a number like \"0049\", \"+49\" or \"x\" for any digit", pattern)
	}
	return nil
}

// Number is a number as rules are compared with: without the marks that people and programs write between digits, and with 00
// for +.
func Number(dialled string) string {
	if plain, err := url.PathUnescape(dialled); err == nil {
		dialled = plain
	}
	dialled, _, _ = strings.Cut(dialled, ";") // parameters, as phone-context
	n := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -.()/", r) {
			return -1
		}
		return r
	}, dialled)
	if rest, ok := strings.CutPrefix(n, "+"); ok {
		n = "00" + rest
	}
	return n
}

// longest is the length of the longest pattern that a number begins with; 0 when there is none.
func longest(patterns []string, number string) int {
	best := 0
	for _, p := range patterns {
		p = Number(strings.ToLower(p))
		if len(p) > best && len(p) <= len(number) && begins(number, p) {
			best = len(p)
		}
	}
	return best
}

func begins(number, pattern string) bool {
	for i := range len(pattern) {
		digit := number[i] >= '0' && number[i] <= '9'
		if pattern[i] != number[i] && (pattern[i] != 'x' || !digit) {
			return false
		}
	}
	return true
}

// permits says whether a number may be called: the longest beginning in Allow or Deny decides, of equals Deny; where
// none fits only an empty Allow permits.
func (l Limits) permits(number, whom string) error {
	allow, deny := longest(l.Allow, number), longest(l.Deny, number)
	switch {
	case deny > 0 && deny >= allow:
		return refuse("Calls to %s… are not allowed%s", number[:deny], whom)
	case allow == 0 && len(l.Allow) > 0:
		return refuse("Calls to %s are not allowed%s", number[:min(len(number), 40)], whom)
	}
	return nil
}

// Spent tells how long a user, or all users if user is empty, have talked outside since a time, in calls that have ended.
type Spent func(ctx context.Context, user string, since time.Time) (time.Duration, error)

// Toll keeps users to their limits. It is safe for concurrent use.
type Toll struct {
	spent Spent

	mu    sync.Mutex
	rules Rules
	calls map[string]*outside  // by the call's id
	days  map[string]*talkTime // by user, and of the site
}

// outside is a call of now.
type outside struct {
	user     string
	answered time.Time // zero: not yet
}

// talkTime is how long a user has talked in the calls of a day that have ended.
type talkTime struct {
	day  time.Time
	used time.Duration
}

// NewToll makes a Toll without rules, which allows everything. spent tells of calls before its time; nil: there are none.
func NewToll(spent Spent) *Toll {
	return &Toll{spent: spent, calls: make(map[string]*outside), days: make(map[string]*talkTime)}
}

// SetRules takes new rules. They hold for the next call, and for the talk time of those of now.
func (t *Toll) SetRules(r Rules) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rules = r
}

// limits are those of a user; the caller holds t.mu.
func (t *Toll) limits(user string) Limits {
	if l, ok := t.rules.Users[user]; ok {
		return l
	}
	return t.rules.Default
}

// Permits says whether a user may have a number called, be it by a call, a transfer or a redirection. The error is a *Refusal.
func (t *Toll) Permits(user, dialled string) error {
	number := Number(dialled)
	t.mu.Lock()
	defer t.mu.Unlock()
	if slices.Contains(t.rules.Emergency, number) {
		return nil
	}
	if err := t.limits(user).permits(number, " for you"); err != nil {
		return err
	}
	return t.rules.Site.permits(number, "")
}

// Emergency says whether a dialled number is one that nothing limits.
func (t *Toll) Emergency(dialled string) bool {
	number := Number(dialled)
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Contains(t.rules.Emergency, number)
}

// Enter begins a call of a user to a number outside. It ends with Leave, which the caller owes also for a call that was not begun.
// The error is a *Refusal or a fault of what tells of earlier calls.
func (t *Toll) Enter(ctx context.Context, call, user, dialled string, now time.Time) error {
	if err := t.Permits(user, dialled); err != nil {
		return err
	}
	t.mu.Lock()
	limits, all := t.limits(user), t.rules.Site
	_, there := t.calls[call] // it forks, or is redirected
	free := there || slices.Contains(t.rules.Emergency, Number(dialled))
	t.mu.Unlock()
	if free {
		return nil
	}
	if limits.Talk > 0 {
		if err := t.know(ctx, user, now); err != nil {
			return err
		}
	}
	if all.Talk > 0 {
		if err := t.know(ctx, site, now); err != nil {
			return err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	open := 0
	for _, c := range t.calls {
		if c.user == user {
			open++
		}
	}
	switch {
	case limits.Calls == 1 && open > 0:
		return refuse("Only one call at a time is allowed for you")
	case limits.Calls > 0 && open >= limits.Calls:
		return refuse("Only %d calls at a time are allowed for you", limits.Calls)
	case all.Calls > 0 && len(t.calls) >= all.Calls:
		return refuse("All of the %d calls that are allowed at a time are in use", all.Calls)
	case limits.Talk > 0 && t.used(user, now) >= limits.Talk:
		return usedUp(limits.Talk, "")
	case all.Talk > 0 && t.used(site, now) >= all.Talk:
		return usedUp(all.Talk, forAll)
	}
	t.calls[call] = &outside{user: user}
	return nil
}

const forAll = " for all users"

func usedUp(limit time.Duration, whose string) error {
	if limit == time.Minute {
		return refuse("The daily limit of one minute%s is used up", whose)
	}
	return refuse("The daily limit of %d minutes%s is used up", int(limit/time.Minute), whose)
}

// know finds out what a user, or the site, has talked today before this process or this day's first limit.
func (t *Toll) know(ctx context.Context, user string, now time.Time) error {
	day := dayOf(now)
	t.mu.Lock()
	d := t.days[user]
	known := d != nil && d.day.Equal(day)
	t.mu.Unlock()
	if known {
		return nil
	}
	used := time.Duration(0)
	if t.spent != nil {
		var err error
		if used, err = t.spent(ctx, user, day); err != nil {
			return fmt.Errorf("look up the talk time of %s: %w", cmp.Or(user, "all users"), err)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if d := t.days[user]; d == nil || !d.day.Equal(day) {
		t.days[user] = &talkTime{day, used}
	}
	return nil
}

// dayOf is when now's day has begun, where the gateway stands.
func dayOf(now time.Time) time.Time {
	y, m, d := now.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, now.Location())
}

// used is the talk time of a user, or the site, today; the caller holds t.mu.
func (t *Toll) used(user string, now time.Time) time.Duration {
	var used time.Duration
	if d := t.days[user]; d != nil && d.day.Equal(dayOf(now)) {
		used = d.used
	}
	for _, c := range t.calls {
		if user == site || c.user == user {
			used += c.talked(now)
		}
	}
	return used
}

// talked is how long a call has lasted today.
func (c *outside) talked(now time.Time) time.Duration {
	if c.answered.IsZero() {
		return 0
	}
	since := c.answered
	if day := dayOf(now); since.Before(day) {
		since = day
	}
	return max(0, now.Sub(since))
}

// Answered notes that a call talks.
func (t *Toll) Answered(call string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.calls[call]; c != nil && c.answered.IsZero() {
		c.answered = now
	}
}

// Left tells in how long at the earliest a call that talks may have used its user's time up, or the site's, so that Left is to be asked
// again; zero: never. The error says that it has.
func (t *Toll) Left(call string, now time.Time) (time.Duration, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.calls[call]
	if c == nil {
		return 0, nil
	}
	own, err := t.left(c.user, t.limits(c.user).Talk, now)
	if err != nil {
		return 0, err
	}
	all, err := t.left(site, t.rules.Site.Talk, now)
	if err != nil || own == 0 {
		return all, err
	}
	if all > 0 {
		own = min(own, all)
	}
	return own, nil
}

// left is Left for a limit of a user or the site; the caller holds t.mu.
func (t *Toll) left(user string, limit time.Duration, now time.Time) (time.Duration, error) {
	if limit <= 0 {
		return 0, nil
	}
	left := limit - t.used(user, now)
	if left <= 0 {
		if user == site {
			return 0, usedUp(limit, forAll)
		}
		return 0, usedUp(limit, "")
	}
	talking := 0
	for _, other := range t.calls {
		if (user == site || other.user == user) && !other.answered.IsZero() {
			talking++
		}
	}
	return max(left/time.Duration(max(talking, 1)), time.Millisecond), nil
}

// Leave ends a call. One that is not known is no fault.
func (t *Toll) Leave(call string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.calls[call]
	if c == nil {
		return
	}
	delete(t.calls, call)
	for _, whose := range []string{c.user, site} {
		if d := t.days[whose]; d != nil && d.day.Equal(dayOf(now)) {
			d.used += c.talked(now)
		} // else the history will tell of it
	}
}
