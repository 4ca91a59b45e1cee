package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
)

// Secret gives 32 random bytes for the purpose called name, made at first use and kept.
func (s *Store) Secret(ctx context.Context, name string) ([]byte, error) {
	const query = "SELECT value FROM secrets WHERE name = ?"
	var value []byte
	err := s.db.QueryRowContext(ctx, query, name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		fresh := make([]byte, 32)
		rand.Read(fresh) // never fails
		// If another process was first, its secret is the one.
		if _, err = s.db.ExecContext(ctx, "INSERT INTO secrets (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING", name, fresh); err == nil {
			err = s.db.QueryRowContext(ctx, query, name).Scan(&value)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read secret %s: %w", name, explain(err))
	}
	return value, nil
}
