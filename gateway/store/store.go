// Package store keeps accounts, secrets and the history of calls in an SQLite file.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Store is an open database. It is an auth.Users and a call.History. Several processes may have the same file
// open. What a method has written when it returns survives a crash and a power cut.
type Store struct {
	db                      *sql.DB
	path                    string
	userByName, userByExten *sql.Stmt
	addCall, addCallUser    *sql.Stmt

	mu       sync.Mutex // guards what follows
	closed   bool
	watchers map[chan struct{}]struct{} // woken by a change of this process
	watching sync.WaitGroup
	done     chan struct{} // closed by Close
	callAge  time.Duration // how long calls are kept
	maxCalls int64         // and how many
}

const (
	// busyTimeout is how long to wait for another process that is writing.
	busyTimeout = 5 * time.Second

	// connections bounds the memory of parallel lookups; writers queue up anyway.
	connections = 4
)

// Open opens the database file, made when it is missing together with its folder (mode
// 0700). Its mode becomes 0600, for it holds passwords of the PBX.
func Open(path string) (*Store, error) {
	s := &Store{path: path, watchers: map[chan struct{}]struct{}{}, done: make(chan struct{}),
		callAge: defaultCallAge, maxCalls: defaultMaxCalls}
	err := s.open()
	if err != nil {
		if s.db != nil {
			s.db.Close() // the fault before it is the one to tell
		}
		return nil, fmt.Errorf("open store %s: %w", path, explain(err))
	}
	return s, nil
}

func (s *Store) open() error {
	path, err := filepath.Abs(s.path)
	if err != nil {
		return err
	}
	if err := prepareFile(path); err != nil {
		return err
	}
	if s.db, err = sql.Open("sqlite", source(path)); err != nil {
		return err
	}
	s.db.SetMaxOpenConns(connections)
	s.db.SetMaxIdleConns(connections)
	ctx := context.Background()
	if err := check(ctx, s.db); err != nil {
		return err
	}
	if err := migrate(ctx, s.db, schema); err != nil {
		return err
	}
	if s.userByName, err = s.db.Prepare(selectUsers + " WHERE name = ?"); err != nil {
		return err
	}
	if s.userByExten, err = s.db.Prepare(selectUsers + " WHERE extension = ? AND extension <> ''"); err != nil {
		return err
	}
	if s.addCall, err = s.db.Prepare(insertCall); err != nil {
		return err
	}
	s.addCallUser, err = s.db.Prepare(insertCallUser)
	return err
}

// source is the name of the file for the driver, with what every connection is to set:
// WAL so that reading and writing don't wait for one another, synchronous=FULL so that what is
// committed survives a power cut, secure_delete so that old passwords don't stay in the file.
func source(path string) string {
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") { // C:/…
		slashed = "/" + slashed
	}
	options := url.Values{
		"_busy_timeout": {fmt.Sprint(busyTimeout.Milliseconds())},
		"_pragma":       {"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "secure_delete(1)", "trusted_schema(0)"},
		"_txlock":       {"immediate"},
		"_dqs":          {"0"},
	}
	return (&url.URL{Scheme: "file", Path: slashed, RawQuery: options.Encode()}).String()
}

// prepareFile makes the file and its folder, and takes the rights of others from the file.
func prepareFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			if err := os.Chmod(name, 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}

// check reads the whole file, which is small, so that damage shows at the start and not in a call.
func check(ctx context.Context, db *sql.DB) error {
	for deadline := time.Now().Add(busyTimeout); ; time.Sleep(20 * time.Millisecond) {
		var result string
		err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&result)
		switch {
		case code(err) == sqlite3.SQLITE_BUSY && time.Now().Before(deadline): // going to WAL does not wait by itself
			continue
		case err != nil:
			return err
		case result != "ok":
			return fmt.Errorf("%w: %s", errDamaged, strings.TrimSpace(result))
		}
		return nil
	}
}

var errDamaged = errors.New("the file is damaged or not a Cordboard database; put a backup in its place, or move it away to start with an empty one")

// explain says in plain words what SQLite's faults mean for the person at the machine.
func explain(err error) error {
	switch code(err) {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%w: %w", errDamaged, err)
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("the disk is full; free some space: %w", err)
	case sqlite3.SQLITE_BUSY:
		return fmt.Errorf("another program has kept it locked for %v: %w", busyTimeout, err)
	}
	return err
}

// code is SQLite's primary result code, 0 for another error.
func code(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// Close ends all watching and closes the file.
func (s *Store) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.done)
	}
	s.mu.Unlock()
	s.watching.Wait()
	return s.db.Close()
}
