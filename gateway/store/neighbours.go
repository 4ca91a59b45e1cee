package store

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"cordboard/gateway/call"
)

// Neighbours gives the Cordboards that this one was paired with, sorted by name.
func (s *Store) Neighbours(ctx context.Context) (list []call.Neighbour, err error) {
	rows, err := s.db.QueryContext(ctx, "SELECT id, fingerprint, name, address, at, paired FROM neighbours ORDER BY name, id")
	if err != nil {
		return nil, fmt.Errorf("read neighbours: %w", explain(err))
	}
	defer rows.Close()
	for rows.Next() {
		var n call.Neighbour
		var at string
		var paired int64
		if err := rows.Scan(&n.ID, &n.Fingerprint, &n.Name, &n.Address, &at, &paired); err != nil {
			return nil, fmt.Errorf("read neighbours: %w", err)
		}
		n.At, _ = netip.ParseAddrPort(at) // invalid: not known
		n.Paired = time.UnixMilli(paired).UTC()
		list = append(list, n)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read neighbours: %w", explain(err))
	}
	return list, nil
}

// PutNeighbour keeps a neighbour in the place of the one of its ID.
func (s *Store) PutNeighbour(ctx context.Context, n call.Neighbour) error {
	at := ""
	if n.At.IsValid() {
		at = n.At.String()
	}
	_, err := s.db.ExecContext(ctx, `INSERT INTO neighbours (id, fingerprint, name, address, at, paired) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET fingerprint = excluded.fingerprint, name = excluded.name, address = excluded.address,
			at = excluded.at, paired = excluded.paired`, n.ID, n.Fingerprint, n.Name, n.Address, at, n.Paired.UnixMilli())
	if err != nil {
		return fmt.Errorf("save neighbour %s: %w", n.Name, explain(err))
	}
	return nil
}

// RemoveNeighbour forgets a neighbour; one that is not known is no fault.
func (s *Store) RemoveNeighbour(ctx context.Context, id string) error {
	if _, err := s.db.ExecContext(ctx, "DELETE FROM neighbours WHERE id = ?", id); err != nil {
		return fmt.Errorf("forget neighbour: %w", explain(err))
	}
	return nil
}
