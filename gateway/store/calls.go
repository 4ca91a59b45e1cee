package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"cordboard/gateway/call"
)

var _ call.History = (*Store)(nil)

// How long and how many calls are kept. A full number of calls between two users each takes 28 MB.
const (
	defaultCallAge  = 365 * 24 * time.Hour
	defaultMaxCalls = 100_000
)

// Old calls are deleted with every pruneEvery-th new one, at most pruneBatch at a time so that nobody waits long for it.
const (
	pruneEvery = 64
	pruneBatch = 1024
)

const (
	insertCall = `INSERT INTO calls (id, caller, caller_display, callee, callee_display, answered_by, direction,
			began, rang, answered, ended, ended_by, status, reason, quality)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`
	insertCallUser = "INSERT INTO call_users (user, began, number) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
)

// KeepCalls says how long calls are kept; before it is called, a year.
func (s *Store) KeepCalls(age time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.callAge = age
}

// Add keeps calls that have ended, their texts cut to a reasonable length: all of them or none. A second one with the same ID
// changes nothing.
func (s *Store) Add(ctx context.Context, records ...call.Record) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("save calls: %w", explain(err))
	}
	defer tx.Rollback() // nothing after a commit
	for _, r := range records {
		if err := s.add(ctx, tx, r.Bounded()); err != nil {
			return fmt.Errorf("save call %s: %w", r.ID, explain(err))
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("save calls: %w", explain(err))
	}
	return nil
}

func (s *Store) add(ctx context.Context, tx *sql.Tx, r call.Record) error {
	result, err := tx.StmtContext(ctx, s.addCall).ExecContext(ctx, r.ID, r.From, r.FromDisplay, r.To, r.ToDisplay, r.AnsweredBy, string(r.Direction),
		r.Began.UnixMilli(), moment(r.Rang), moment(r.Answered), r.Ended.UnixMilli(), r.By, r.Status, r.Reason, qualityText(r.Quality))
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); n == 0 || err != nil {
		return err
	}
	number, err := result.LastInsertId()
	if err != nil {
		return err
	}
	for _, user := range r.Users {
		if _, err := tx.StmtContext(ctx, s.addCallUser).ExecContext(ctx, user, r.Began.UnixMilli(), number); err != nil {
			return err
		}
	}
	if number%pruneEvery == 0 {
		return s.prune(ctx, tx, number, r.Ended)
	}
	return nil
}

// prune deletes calls that are too old, or too many, once the call with that number has ended.
func (s *Store) prune(ctx context.Context, tx *sql.Tx, number int64, ended time.Time) error {
	s.mu.Lock()
	age, most := s.callAge, s.maxCalls
	s.mu.Unlock()
	if _, err := tx.ExecContext(ctx, "DELETE FROM calls WHERE number IN (SELECT number FROM calls WHERE ended < ? ORDER BY ended LIMIT ?)",
		ended.Add(-age).UnixMilli(), pruneBatch); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "DELETE FROM calls WHERE number IN (SELECT number FROM calls WHERE number <= ? ORDER BY number LIMIT ?)",
		number-most, pruneBatch)
	return err
}

// The inner query finds where the page ends; the outer one takes all calls of that millisecond.
const selectCalls = `SELECT c.id, c.caller, c.caller_display, c.callee, c.callee_display, c.answered_by, c.direction,
		c.began, c.rang, c.answered, c.ended, c.ended_by, c.status, c.reason, c.quality,
		(SELECT group_concat(user, ' ') FROM call_users WHERE number = c.number)
	FROM call_users AS u CROSS JOIN calls AS c ON c.number = u.number
	WHERE u.user = ?1 AND u.began < ?2 AND u.began >=
		(SELECT min(began) FROM (SELECT began FROM call_users WHERE user = ?1 AND began < ?2 ORDER BY began DESC LIMIT ?3))
	ORDER BY u.began DESC, u.number DESC LIMIT ?3 + 100`

// Calls gives a page of a user's calls, as call.History asks for.
func (s *Store) Calls(ctx context.Context, user string, before time.Time, limit int) (calls []call.Record, err error) {
	end := int64(1<<63 - 1)
	if !before.IsZero() {
		end = before.UnixMilli()
	}
	rows, err := s.db.QueryContext(ctx, selectCalls, user, end, max(limit, 0))
	if err != nil {
		return nil, fmt.Errorf("list calls: %w", explain(err))
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scanCall(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("list calls: %w", err)
		}
		calls = append(calls, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list calls: %w", explain(err))
	}
	return calls, nil
}

// scanCall reads a row of selectCalls.
func scanCall(scan func(...any) error) (r call.Record, err error) {
	var began, ended int64
	var rang, answered sql.NullInt64
	var users, quality string
	err = scan(&r.ID, &r.From, &r.FromDisplay, &r.To, &r.ToDisplay, &r.AnsweredBy, &r.Direction,
		&began, &rang, &answered, &ended, &r.By, &r.Status, &r.Reason, &quality, &users)
	r.Began, r.Ended = time.UnixMilli(began).UTC(), time.UnixMilli(ended).UTC()
	if rang.Valid {
		r.Rang = time.UnixMilli(rang.Int64).UTC()
	}
	if answered.Valid {
		r.Answered = time.UnixMilli(answered.Int64).UTC()
	}
	r.Users = strings.Fields(users)
	if quality != "" && err == nil {
		err = json.Unmarshal([]byte(quality), &r.Quality)
	}
	slices.Sort(r.Users)
	return r, err
}

// qualityText is how a call sounded as the file has it, empty when that is not known.
func qualityText(q call.Quality) string {
	if len(q.Legs) == 0 {
		return ""
	}
	text, err := json.Marshal(q)
	if err != nil { // plain numbers and texts can all be written
		return ""
	}
	return string(text)
}

// moment is a time as the file has it, NULL when it is zero.
func moment(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixMilli(), Valid: !t.IsZero()}
}
