package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"cordboard/gateway/auth"

	sqlite3 "modernc.org/sqlite/lib"
)

var _ auth.Users = (*Store)(nil)

const selectUsers = "SELECT name, display, extension, md5, sha256, must_change, pbx_username, pbx_password, pbx, admin FROM users"

// scanUser reads a row of selectUsers.
func scanUser(scan func(...any) error) (u auth.User, err error) {
	err = scan(&u.Name, &u.Display, &u.Extension, &u.MD5, &u.SHA256, &u.MustChange, &u.PBX.Username, &u.PBX.Password, &u.PBXName, &u.Admin)
	return u, err
}

// User gives the account of that name, or auth.ErrNoUser.
func (s *Store) User(ctx context.Context, name string) (auth.User, error) {
	return one(ctx, s.userByName, name)
}

// ByExtension gives the account that has the extension, or auth.ErrNoUser.
func (s *Store) ByExtension(ctx context.Context, extension string) (auth.User, error) {
	return one(ctx, s.userByExten, extension)
}

func one(ctx context.Context, query *sql.Stmt, key string) (auth.User, error) {
	u, err := scanUser(query.QueryRowContext(ctx, key).Scan)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return auth.User{}, auth.ErrNoUser
	case err != nil:
		return auth.User{}, fmt.Errorf("read account: %w", explain(err))
	}
	return u, nil
}

// List gives all accounts, sorted by name.
func (s *Store) List(ctx context.Context) (users []auth.User, err error) {
	rows, err := s.db.QueryContext(ctx, selectUsers+" ORDER BY name")
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", explain(err))
	}
	defer rows.Close()
	for rows.Next() {
		u, err := scanUser(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("list accounts: %w", err)
		}
		users = append(users, u)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list accounts: %w", explain(err))
	}
	return users, nil
}

// ErrExtensionTaken reports an extension that another account has.
var ErrExtensionTaken = errors.New("extension belongs to another user")

// Put inserts an account, or replaces the one of that name.
func (s *Store) Put(ctx context.Context, u auth.User) error {
	if err := u.Validate(); err != nil {
		return fmt.Errorf("save account: %w", err)
	}
	_, err := s.db.ExecContext(ctx, `INSERT INTO users (name, display, extension, md5, sha256, must_change, pbx_username, pbx_password, pbx, admin)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET display = excluded.display, extension = excluded.extension, md5 = excluded.md5, sha256 = excluded.sha256,
			must_change = excluded.must_change, pbx_username = excluded.pbx_username, pbx_password = excluded.pbx_password, pbx = excluded.pbx,
			admin = excluded.admin`,
		u.Name, u.Display, u.Extension, u.MD5, u.SHA256, u.MustChange, u.PBX.Username, u.PBX.Password, u.PBXName, u.Admin)
	switch {
	case code(err) == sqlite3.SQLITE_CONSTRAINT: // the only one that a valid account can break
		return fmt.Errorf("save account %s: %w: %s", u.Name, ErrExtensionTaken, u.Extension)
	case err != nil:
		return fmt.Errorf("save account %s: %w", u.Name, explain(err))
	}
	s.wake()
	return nil
}

// Remove deletes an account, or gives auth.ErrNoUser.
func (s *Store) Remove(ctx context.Context, name string) error {
	result, err := s.db.ExecContext(ctx, "DELETE FROM users WHERE name = ?", name)
	if err != nil {
		return fmt.Errorf("remove account %s: %w", name, explain(err))
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return errors.Join(auth.ErrNoUser, err)
	}
	s.wake()
	return nil
}
