package store

import (
	"context"
	"fmt"
	"time"

	"cordboard/gateway/guard"
)

// SaveBans keeps a list of bans in place of the one before.
func (s *Store) SaveBans(ctx context.Context, bans []guard.Ban) error {
	if err := s.saveBans(ctx, bans); err != nil {
		return fmt.Errorf("save bans: %w", explain(err))
	}
	return nil
}

func (s *Store) saveBans(ctx context.Context, bans []guard.Ban) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing after a commit
	if _, err := tx.ExecContext(ctx, "DELETE FROM bans"); err != nil {
		return err
	}
	insert, err := tx.PrepareContext(ctx, "INSERT INTO bans (subject, why, since, until, times) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING")
	if err != nil {
		return err
	}
	defer insert.Close()
	for _, b := range bans {
		if _, err := insert.ExecContext(ctx, b.Subject, b.Why, b.Since.UnixMilli(), b.Until.UnixMilli(), b.Times); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// Bans gives the list that was kept last.
func (s *Store) Bans(ctx context.Context) (bans []guard.Ban, err error) {
	rows, err := s.db.QueryContext(ctx, "SELECT subject, why, since, until, times FROM bans")
	if err != nil {
		return nil, fmt.Errorf("read bans: %w", explain(err))
	}
	defer rows.Close()
	for rows.Next() {
		var b guard.Ban
		var since, until int64
		if err := rows.Scan(&b.Subject, &b.Why, &since, &until, &b.Times); err != nil {
			return nil, fmt.Errorf("read bans: %w", err)
		}
		b.Since, b.Until = time.UnixMilli(since).UTC(), time.UnixMilli(until).UTC()
		bans = append(bans, b)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read bans: %w", explain(err))
	}
	return bans, nil
}

// TalkTime is how long a user, or all users if user is empty, have talked since a time in calls through a PBX that have ended.
func (s *Store) TalkTime(ctx context.Context, user string, since time.Time) (time.Duration, error) {
	var total int64
	err := s.db.QueryRowContext(ctx, `SELECT ifnull(sum(max(c.ended - max(c.answered, ?2), 0)), 0) FROM calls AS c
		WHERE c.ended >= ?2 AND (?1 = '' OR c.caller = ?1) AND c.direction = 'out' AND c.answered IS NOT NULL`, user, since.UnixMilli()).Scan(&total)
	if err != nil {
		return 0, fmt.Errorf("read talk time: %w", explain(err))
	}
	return time.Duration(total) * time.Millisecond, nil
}
