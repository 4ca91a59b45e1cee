package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Busy says whether the owner of this machine's phone has asked not to be disturbed.
func (s *Store) Busy(ctx context.Context) (busy bool, err error) {
	err = s.db.QueryRowContext(ctx, "SELECT busy FROM desk").Scan(&busy)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return false, fmt.Errorf("read do not disturb: %w", explain(err))
	}
	return busy, nil
}

// SetBusy keeps that.
func (s *Store) SetBusy(ctx context.Context, busy bool) error {
	_, err := s.db.ExecContext(ctx, "INSERT INTO desk (only, busy) VALUES (1, ?) ON CONFLICT (only) DO UPDATE SET busy = excluded.busy", busy)
	if err != nil {
		return fmt.Errorf("save do not disturb: %w", explain(err))
	}
	return nil
}
