package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"cordboard/gateway/call"
)

var _ call.Knowledge = (*Store)(nil)

// Facts gives what was learned of a PBX, sorted by name.
func (s *Store) Facts(ctx context.Context, pbx string) (facts []call.Fact, err error) {
	rows, err := s.db.QueryContext(ctx, "SELECT name, list, learned FROM pbx_facts WHERE pbx = ? ORDER BY name", pbx)
	if err != nil {
		return nil, fmt.Errorf("read facts of a PBX: %w", explain(err))
	}
	defer rows.Close()
	for rows.Next() {
		var f call.Fact
		var list string
		var learned int64
		if err := rows.Scan(&f.Name, &list, &learned); err != nil {
			return nil, fmt.Errorf("read facts of a PBX: %w", err)
		}
		if err := json.Unmarshal([]byte(list), &f.Values); err != nil {
			return nil, fmt.Errorf("read fact %s of a PBX: %w", f.Name, err)
		}
		f.Learned = time.UnixMilli(learned).UTC()
		facts = append(facts, f)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read facts of a PBX: %w", explain(err))
	}
	return facts, nil
}

// Learn keeps a fact of a PBX in the place of the one of its name.
func (s *Store) Learn(ctx context.Context, pbx string, f call.Fact) error {
	list, err := json.Marshal(f.Values)
	if err != nil {
		return fmt.Errorf("save fact %s of a PBX: %w", f.Name, err)
	}
	_, err = s.db.ExecContext(ctx, `INSERT INTO pbx_facts (pbx, name, list, learned) VALUES (?, ?, ?, ?)
		ON CONFLICT (pbx, name) DO UPDATE SET list = excluded.list, learned = excluded.learned`, pbx, f.Name, string(list), f.Learned.UnixMilli())
	if err != nil {
		return fmt.Errorf("save fact %s of a PBX: %w", f.Name, explain(err))
	}
	return nil
}
