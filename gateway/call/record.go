package call

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Direction is which way a call went, seen from the PBX.
type Direction string

// The directions of a call.
const (
	Internal Direction = "internal" // between users, or to a built-in callee
	In       Direction = "in"       // from the PBX
	Out      Direction = "out"      // to the PBX
)

// Record is what is kept of a call that has ended.
type Record struct {
	ID          string
	From        string   // who called: a user's name, or from the PBX a number
	FromDisplay string   // the caller's name as people write it; may be empty
	To          string   // what the caller dialed
	ToDisplay   string   // the callee's name as people write it; may be empty
	Users       []string // the accounts it is about, sorted: the caller's, and those that it rang or, where no device was signed in, was for
	AnsweredBy  string   // which of Users took it; empty: nobody, the PBX or a built-in callee
	Direction   Direction
	Began       time.Time // when it was asked for
	Rang        time.Time // when the first callee rang; zero: never
	Answered    time.Time // zero: never
	Ended       time.Time
	By          string  // who ended it: a user, a PBX by its name, or "Cordboard"
	Status      int     // what the caller's INVITE came to (RFC 3261 §21); 200 when it was answered
	Reason      string  // why it ended, one short sentence for people
	Quality     Quality // how it sounded; zero for a call that had no media
}

// History keeps the calls that have ended.
type History interface {
	// Add keeps records, all or none of them. A second one with the same ID changes nothing.
	Add(ctx context.Context, records ...Record) error
	// Calls gives the newest limit calls of a user that began before a time (zero: any), newest first. It gives a
	// few more rather than some of several calls that began in the same millisecond, so that the last one's Began
	// is where the next page goes on.
	Calls(ctx context.Context, user string, before time.Time, limit int) ([]Record, error)
}

// Made says whether user is the one who called.
func (r Record) Made(user string) bool { return r.Direction != In && r.From == user }

// Elsewhere says whether it rang user and another one took it.
func (r Record) Elsewhere(user string) bool {
	return r.AnsweredBy != "" && r.AnsweredBy != user && !r.Made(user)
}

// What a record holds at most: bytes of each text, users, and legs.
const (
	maxText  = 160
	maxUsers = 256
	maxLegs  = 8
)

// Bounded is the record as it may be kept: texts that came from the network are cut and have no control characters.
func (r Record) Bounded() Record {
	for _, s := range []*string{&r.ID, &r.From, &r.FromDisplay, &r.To, &r.ToDisplay, &r.AnsweredBy, &r.By, &r.Reason} {
		*s = bounded(*s)
	}
	r.Users = r.Users[:min(len(r.Users), maxUsers)]
	r.Quality.Worst = bounded(r.Quality.Worst)
	r.Quality.Legs = slices.Clone(r.Quality.Legs[:min(len(r.Quality.Legs), maxLegs)])
	for i := range r.Quality.Legs {
		r.Quality.Legs[i].Party = bounded(r.Quality.Legs[i].Party)
	}
	return r
}

func bounded(s string) string {
	if len(s) > maxText {
		end := maxText
		for end > maxText-utf8.UTFMax && !utf8.RuneStart(s[end]) {
			end--
		}
		s = s[:end]
	}
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return -1
		}
		return c
	}, strings.ToValidUTF8(s, ""))
}
