package store

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	sqlite3 "modernc.org/sqlite/lib"
)

// Live keeps the state of the calls that are up, so that they survive a crash of the program. It has a file of its own: what
// is in it need not survive a power cut, so no write waits for the disk, or for somebody who writes to the Store.
type Live struct {
	db                   *sql.DB
	keep, forget, remark *sql.Stmt
}

// liveVersion is the schema's. The file lives no longer than calls, so there are no steps from an older one to it.
const liveVersion = 1

const liveSchema = `
CREATE TABLE calls (
	id    TEXT PRIMARY KEY,
	at    INTEGER NOT NULL, -- when it was written, in Unix milliseconds
	state BLOB NOT NULL
) STRICT;
CREATE TABLE alive (
	one INTEGER PRIMARY KEY CHECK (one = 1),
	at  INTEGER NOT NULL
) STRICT;
PRAGMA user_version = 1`

// OpenLive opens the file, made when it is missing (mode 0600). One that is damaged, as by a power cut, is begun anew. Only one
// process can have it open.
func OpenLive(path string) (*Live, error) {
	l, err := openLive(path)
	if err != nil && !isLocked(err) {
		for _, name := range []string{path, path + "-wal", path + "-shm"} {
			if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
				return nil, fmt.Errorf("open calls %s: %w", path, err)
			}
		}
		l, err = openLive(path)
	}
	if err != nil {
		return nil, fmt.Errorf("open calls %s: %w", path, explain(err))
	}
	return l, nil
}

func openLive(path string) (l *Live, err error) {
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	if err := prepareFile(path); err != nil {
		return nil, err
	}
	l = &Live{}
	if l.db, err = sql.Open("sqlite", liveSource(path)); err != nil {
		return nil, err
	}
	l.db.SetMaxOpenConns(1)
	if err := l.prepare(); err != nil {
		l.db.Close() // the fault before it is the one to tell
		return nil, err
	}
	return l, nil
}

// liveSource is the name of the file for the driver. Without shared memory (EXCLUSIVE) and without waiting for the disk
// (OFF) a write costs a tenth of one to the Store; the operating system keeps it when the process dies.
func liveSource(path string) string {
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") { // C:/…
		slashed = "/" + slashed
	}
	options := url.Values{
		"_busy_timeout": {fmt.Sprint(busyTimeout.Milliseconds())},
		"_pragma":       {"locking_mode(EXCLUSIVE)", "journal_mode(WAL)", "synchronous(OFF)", "secure_delete(1)", "trusted_schema(0)"},
		"_txlock":       {"immediate"},
		"_dqs":          {"0"},
	}
	return (&url.URL{Scheme: "file", Path: slashed, RawQuery: options.Encode()}).String()
}

func (l *Live) prepare() (err error) {
	var result string
	if err := l.db.QueryRow("PRAGMA quick_check(1)").Scan(&result); err != nil {
		return err
	}
	if result != "ok" {
		return errDamaged
	}
	var version int
	if err := l.db.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if version == 0 {
		if _, err := l.db.Exec("BEGIN IMMEDIATE;" + liveSchema + ";COMMIT"); err != nil {
			return err
		}
		version = liveVersion
	}
	if version != liveVersion {
		return errDamaged
	}
	for stmt, text := range map[**sql.Stmt]string{
		&l.keep: `INSERT INTO calls (id, at, state) VALUES (?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET at = excluded.at, state = excluded.state`,
		&l.forget: "DELETE FROM calls WHERE id = ?",
		&l.remark: "INSERT INTO alive (one, at) VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET at = excluded.at",
	} {
		if *stmt, err = l.db.Prepare(text); err != nil {
			return err
		}
	}
	return nil
}

// Keep writes the state of a call in the place of an earlier one.
func (l *Live) Keep(id string, state []byte) error {
	if _, err := l.keep.Exec(id, time.Now().UnixMilli(), state); err != nil {
		return fmt.Errorf("keep call %s: %w", id, explain(err))
	}
	return nil
}

// Forget takes a call away that has ended; an unknown one is passed over.
func (l *Live) Forget(id string) error {
	if _, err := l.forget.Exec(id); err != nil {
		return fmt.Errorf("forget call %s: %w", id, explain(err))
	}
	return nil
}

// Alive notes that the program runs at this time.
func (l *Live) Alive(now time.Time) error {
	if _, err := l.remark.Exec(now.UnixMilli()); err != nil {
		return fmt.Errorf("note the time: %w", explain(err))
	}
	return nil
}

// Kept gives the states of all calls by ID, and when the program last gave a sign of life.
func (l *Live) Kept() (states map[string][]byte, alive time.Time, err error) {
	var at int64
	if err := l.db.QueryRow("SELECT coalesce(max(at), 0) FROM (SELECT at FROM alive UNION ALL SELECT at FROM calls)").Scan(&at); err != nil {
		return nil, alive, fmt.Errorf("read kept calls: %w", explain(err))
	}
	rows, err := l.db.Query("SELECT id, state FROM calls")
	if err != nil {
		return nil, alive, fmt.Errorf("read kept calls: %w", explain(err))
	}
	defer rows.Close()
	states = make(map[string][]byte)
	for rows.Next() {
		var id string
		var state []byte
		if err := rows.Scan(&id, &state); err != nil {
			return nil, alive, fmt.Errorf("read kept calls: %w", explain(err))
		}
		states[id] = state
	}
	if err := rows.Err(); err != nil {
		return nil, alive, fmt.Errorf("read kept calls: %w", explain(err))
	}
	return states, time.UnixMilli(at), nil
}

// Close closes the file.
func (l *Live) Close() error { return l.db.Close() }

func isLocked(err error) bool { return code(err) == sqlite3.SQLITE_BUSY }
