package ui

import (
	"cmp"
	"slices"
	"strings"

	"cordboard/gateway/call"
)

// match is one that somebody who types may mean.
type match struct {
	name, more, target string
	state              call.LampState // empty: an earlier call's number
	rank               int            // the lower the better
}

// Ranks of what fits.
const (
	rankWhole  = iota // all of a name, number or extension
	rankBegins        // its beginning
	rankWord          // the beginning of a word in the name
	rankWithin        // digits within a number
	rankNone
)

// matches gives those who fit what was typed, best first: people before earlier calls, of these the newest first.
func (m *Model) matches(typed string, most int) []match {
	typed = strings.ToLower(strings.TrimSpace(typed))
	if typed == "" {
		return nil
	}
	number := dialable(typed)
	var all []match
	people, _ := m.People.Get()
	for _, l := range people {
		r := min(rankOfName(typed, l.Name), rankOfName(typed, l.Target), rankOfNumber(number, l.Extension))
		if r != rankNone {
			all = append(all, match{l.Name, joined(l.Extension, l.Site), l.Target, l.State, r})
		}
	}
	owner, _ := m.Owner.Get()
	records, _ := m.Recent.Get()
	for _, rec := range records {
		p := pastOf(m, owner, rec)
		if _, colleague := m.lampOf(p.target); colleague || p.target == "" || slices.ContainsFunc(all, func(o match) bool { return o.target == p.target }) {
			continue
		}
		if r := min(rankOfName(typed, p.name), rankOfNumber(number, p.target)); r != rankNone {
			all = append(all, match{p.name, p.number, p.target, "", r})
		}
	}
	slices.SortStableFunc(all, func(a, b match) int { return cmp.Compare(a.rank, b.rank) })
	return all[:min(most, len(all))]
}

// rankOfName says how well a name fits; typed is in lower case.
func rankOfName(typed, name string) int {
	name = strings.ToLower(name)
	switch {
	case name == "" || typed == "":
		return rankNone
	case name == typed:
		return rankWhole
	case strings.HasPrefix(name, typed):
		return rankBegins
	case strings.Contains(name, " "+typed), strings.Contains(name, "-"+typed):
		return rankWord
	}
	return rankNone
}

// rankOfNumber says how well a number fits; three digits may stand anywhere in it.
func rankOfNumber(typed, number string) int {
	number = dialable(number)
	switch {
	case number == "" || typed == "":
		return rankNone
	case number == typed:
		return rankWhole
	case strings.HasPrefix(number, typed):
		return rankBegins
	case len(typed) >= 3 && isKey(rune(typed[0])) && strings.Contains(number, typed):
		return rankWithin
	}
	return rankNone
}

// joined puts a dot between what is there.
func joined(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " · ")
}
