package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"cordboard/gateway/call"
)

var _ call.Recordings = (*Store)(nil)

// SaveRecording keeps what is known of a recording, as call.Recordings asks for.
func (s *Store) SaveRecording(ctx context.Context, r call.Recording) error {
	if err := s.saveRecording(ctx, r); err != nil {
		return fmt.Errorf("save recording %s: %w", r.ID, explain(err))
	}
	return nil
}

func (s *Store) saveRecording(ctx context.Context, r call.Recording) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing after a commit
	texts := call.Record{From: r.From, FromDisplay: r.FromDisplay, To: r.To, ToDisplay: r.ToDisplay}.Bounded()
	if _, err := tx.ExecContext(ctx, `INSERT INTO recordings (id, file, caller, caller_display, callee, callee_display, began, ended, paused, rule)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET ended = excluded.ended, paused = excluded.paused, rule = excluded.rule`,
		r.ID, r.File, texts.From, texts.FromDisplay, texts.To, texts.ToDisplay, r.Began.UnixMilli(), moment(r.Ended), r.Paused, r.Rule); err != nil {
		return err
	}
	for _, user := range r.Users {
		if _, err := tx.ExecContext(ctx, "INSERT INTO recording_users (user, id) VALUES (?, ?) ON CONFLICT DO NOTHING", user, r.ID); err != nil {
			return err
		}
	}
	return tx.Commit()
}

const selectRecordings = `SELECT r.id, r.file, r.caller, r.caller_display, r.callee, r.callee_display, r.began, r.ended, r.paused, r.rule,
	ifnull((SELECT group_concat(user, ' ') FROM recording_users WHERE id = r.id), '') FROM recordings AS r `

// Recording gives a recording by its ID, or call.ErrNoRecording.
func (s *Store) Recording(ctx context.Context, id string) (call.Recording, error) {
	r, err := scanRecording(s.db.QueryRowContext(ctx, selectRecordings+"WHERE r.id = ?", id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return r, call.ErrNoRecording
	}
	if err != nil {
		return r, fmt.Errorf("read recording %s: %w", id, explain(err))
	}
	return r, nil
}

// Recordings gives a page of finished recordings, as call.Recordings asks for.
func (s *Store) Recordings(ctx context.Context, user string, before time.Time, limit int) ([]call.Recording, error) {
	end := int64(math.MaxInt64)
	if !before.IsZero() {
		end = before.UnixMilli()
	}
	return s.recordings(ctx, `WHERE r.ended IS NOT NULL AND r.began < ?1
		AND (?2 = '' OR EXISTS (SELECT 1 FROM recording_users WHERE id = r.id AND user = ?2)) ORDER BY r.began DESC, r.id LIMIT ?3`, end, user, limit)
}

// UnfinishedRecordings gives those that have not ended.
func (s *Store) UnfinishedRecordings(ctx context.Context) ([]call.Recording, error) {
	return s.recordings(ctx, "WHERE r.ended IS NULL ORDER BY r.began")
}

// OldRecordings gives the oldest that ended before a time.
func (s *Store) OldRecordings(ctx context.Context, before time.Time, limit int) ([]call.Recording, error) {
	return s.recordings(ctx, "WHERE r.ended < ? ORDER BY r.ended LIMIT ?", before.UnixMilli(), limit)
}

// ForgetRecording forgets a recording.
func (s *Store) ForgetRecording(ctx context.Context, id string) error {
	if _, err := s.db.ExecContext(ctx, "DELETE FROM recordings WHERE id = ?", id); err != nil {
		return fmt.Errorf("forget recording %s: %w", id, explain(err))
	}
	return nil
}

func (s *Store) recordings(ctx context.Context, where string, args ...any) (list []call.Recording, err error) {
	rows, err := s.db.QueryContext(ctx, selectRecordings+where, args...)
	if err != nil {
		return nil, fmt.Errorf("list recordings: %w", explain(err))
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scanRecording(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("list recordings: %w", err)
		}
		list = append(list, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list recordings: %w", explain(err))
	}
	return list, nil
}

// scanRecording reads a row of selectRecordings.
func scanRecording(scan func(...any) error) (r call.Recording, err error) {
	var began int64
	var ended sql.NullInt64
	var users string
	err = scan(&r.ID, &r.File, &r.From, &r.FromDisplay, &r.To, &r.ToDisplay, &began, &ended, &r.Paused, &r.Rule, &users)
	r.Began = time.UnixMilli(began).UTC()
	if ended.Valid {
		r.Ended = time.UnixMilli(ended.Int64).UTC()
	}
	r.Users = strings.Fields(users)
	slices.Sort(r.Users)
	return r, err
}
