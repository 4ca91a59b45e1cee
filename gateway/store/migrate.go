package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// schema holds the steps 0001_….sql, 0002_….sql and so on. A step that was released is never changed.
//
//go:embed schema/*.sql
var schema embed.FS

// migrate brings the database to the latest step. PRAGMA user_version is the last step taken;
// each step is one transaction, so that a crash leaves it before or after.
func migrate(ctx context.Context, db *sql.DB, schema fs.FS) error {
	steps, err := fs.Glob(schema, "schema/*.sql") // sorted
	if err != nil {
		return err
	}
	for i, step := range steps {
		if number, _, _ := strings.Cut(path.Base(step), "_"); number != fmt.Sprintf("%04d", i+1) {
			return fmt.Errorf("schema step %s: want number %04d", step, i+1)
		}
	}
	for {
		done, err := migrateStep(ctx, db, schema, steps)
		if done || err != nil {
			return err
		}
	}
}

// migrateStep takes the next step; done tells that there was none left. It looks at the version
// inside the transaction, because another process may be at the same work.
func migrateStep(ctx context.Context, db *sql.DB, schema fs.FS, steps []string) (done bool, err error) {
	var version int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return false, err
	}
	if version == len(steps) { // the usual start, without the lock of a writer
		return true, nil
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer tx.Rollback() // nothing after a commit
	if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return false, err
	}
	switch {
	case version > len(steps):
		return false, fmt.Errorf("the file was written by a newer Cordboard (schema %d, this one knows %d); install that version or put an older backup in its place", version, len(steps))
	case version < 0:
		return false, fmt.Errorf("%w: schema %d", errDamaged, version)
	case version == len(steps):
		return true, nil
	}
	text, err := fs.ReadFile(schema, steps[version])
	if err != nil {
		return false, err
	}
	if _, err := tx.ExecContext(ctx, string(text)); err != nil {
		return false, fmt.Errorf("schema step %s: %w", steps[version], err)
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version+1)); err != nil {
		return false, fmt.Errorf("schema step %s: %w", steps[version], err)
	}
	return false, tx.Commit()
}
