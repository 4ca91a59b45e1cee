package store

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"cordboard/gateway/auth"
)

func open(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func user(t testing.TB, name, extension string) auth.User {
	t.Helper()
	u, err := auth.NewUser(name, "Display of "+name, extension, "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	u.PBX = auth.Credentials{Username: extension, Password: "secret of " + name}
	return u
}

func TestUsers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "cordboard.db")
	s := open(t, path)
	ctx := t.Context()
	alice, bob := user(t, "alice", "101"), user(t, "bob", "")
	bob.MustChange = true
	carol := user(t, "carol", "") // a second one without an extension
	for _, u := range []auth.User{carol, alice, bob} {
		if err := s.Put(ctx, u); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []auth.User{alice, bob, carol} {
		if got, err := s.User(ctx, want.Name); got != want || err != nil {
			t.Errorf("User(%s) = %+v, %v, want %+v", want.Name, got, err, want)
		}
	}
	if got, err := s.ByExtension(ctx, "101"); got != alice || err != nil {
		t.Errorf("ByExtension(101) = %+v, %v", got, err)
	}
	for what, err := range map[string]error{
		"user":         second(s.User(ctx, "zoe")),
		"upper case":   second(s.User(ctx, "Alice")),
		"extension":    second(s.ByExtension(ctx, "999")),
		"no extension": second(s.ByExtension(ctx, "")),
		"remove":       s.Remove(ctx, "zoe"),
	} {
		if !errors.Is(err, auth.ErrNoUser) {
			t.Errorf("unknown %s: %v, want ErrNoUser", what, err)
		}
	}
	alice.Display, alice.Extension = "Alice O'Doe", "102"
	if err := s.Put(ctx, alice); err != nil {
		t.Fatal(err)
	}
	taken := user(t, "dave", "102")
	if err := s.Put(ctx, taken); !errors.Is(err, ErrExtensionTaken) || !strings.Contains(err.Error(), "102") {
		t.Errorf("Put with alice's extension = %v, want ErrExtensionTaken", err)
	}
	if err := s.Put(ctx, auth.User{Name: "No Name"}); err == nil {
		t.Error("Put takes a wrong name")
	}
	if err := s.Remove(ctx, "bob"); err != nil {
		t.Error(err)
	}
	want := []auth.User{alice, carol}
	if got, err := s.List(ctx); fmt.Sprint(got) != fmt.Sprint(want) || err != nil {
		t.Errorf("List = %+v, %v, want %+v", got, err, want)
	}
	if got, err := open(t, path).List(ctx); fmt.Sprint(got) != fmt.Sprint(want) || err != nil {
		t.Errorf("List of a second handle = %+v, %v, want %+v", got, err, want)
	}
}

func second[T any](_ T, err error) error { return err }

func TestSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cordboard.db")
	a, b := open(t, path), open(t, path)
	session, err := a.Secret(t.Context(), "session")
	if err != nil || len(session) != 32 {
		t.Fatalf("Secret = %x, %v, want 32 bytes", session, err)
	}
	if again, err := b.Secret(t.Context(), "session"); !bytes.Equal(again, session) || err != nil {
		t.Errorf("Secret of a second handle = %x, %v", again, err)
	}
	if other, err := a.Secret(t.Context(), "digest"); bytes.Equal(other, session) || err != nil {
		t.Errorf("Secret of another name = %x, %v", other, err)
	}
}

func TestModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	path := filepath.Join(dir, "a b#c?d%20.db")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil { // as after a power cut at the very start
		t.Fatal(err)
	}
	s := open(t, path)
	if err := s.Put(t.Context(), user(t, "alice", "")); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 3 {
		t.Errorf("files %v, %v, want the database with -wal and -shm", entries, err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v, want 0600", e.Name(), info.Mode(), err)
		}
	}
	open(t, filepath.Join(dir, "deep", "er", "x.db"))
	for _, d := range []string{"deep", "deep/er"} {
		if info, err := os.Stat(filepath.Join(dir, d)); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s has mode %v, %v, want 0700", d, info.Mode(), err)
		}
	}
}

func TestPragmas(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "cordboard.db"))
	for name, want := range map[string]string{
		"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000", "secure_delete": "1", "user_version": "8",
	} {
		var got string
		if err := s.db.QueryRow("PRAGMA " + name).Scan(&got); got != want || err != nil {
			t.Errorf("%s = %s, %v, want %s", name, got, err, want)
		}
	}
}

func TestOpenFaults(t *testing.T) {
	for _, tt := range []struct {
		what  string
		spoil func(t *testing.T, path string)
		fault string
	}{
		{"newer", func(t *testing.T, path string) { execute(t, path, "PRAGMA user_version = 99") }, "newer Cordboard (schema 99, this one knows 8)"},
		{"negative version", func(t *testing.T, path string) { execute(t, path, "PRAGMA user_version = -1") }, "damaged"},
		{"text", func(t *testing.T, path string) { write(t, path, []byte(strings.Repeat("no database. ", 500))) }, "damaged"},
		{"cut in half", func(t *testing.T, path string) {
			data := read(t, path)
			write(t, path, data[:len(data)/2])
		}, "damaged"},
		{"overwritten", func(t *testing.T, path string) {
			data := read(t, path)
			for i := 4096; i < len(data); i++ {
				data[i] ^= 0x5a
			}
			write(t, path, data)
		}, "damaged"},
		{"an index without its row", func(t *testing.T, path string) {
			execute(t, path, "PRAGMA writable_schema = 1; UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'secrets') WHERE name = 'users_extension'")
		}, "damaged"},
		{"a folder", func(t *testing.T, path string) {
			if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
				t.Fatal(err)
			}
		}, "is a directory"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "cordboard.db")
			s, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			for i := range 50 {
				if err := s.Put(t.Context(), user(t, fmt.Sprintf("user%d", i), fmt.Sprint(i))); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			tt.spoil(t, path)
			s, err = Open(path)
			if err == nil {
				s.Close()
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), tt.fault) || !strings.Contains(err.Error(), path) {
				t.Errorf("Open = %v, want an error with the file's name and %q", err, tt.fault)
			}
		})
	}
}

// execute runs SQL on a closed store's file.
func execute(t *testing.T, path, text string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err == nil {
		_, err = db.Exec(text)
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestMigrate(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	first := file("CREATE TABLE a (x); INSERT INTO a VALUES (1)")
	db, err := sql.Open("sqlite", source(filepath.Join(t.TempDir(), "x.db")))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, tt := range []struct {
		what    string
		schema  fstest.MapFS
		fault   string
		version int
		rows    int
	}{
		{"first", fstest.MapFS{"schema/0001_a.sql": first}, "", 1, 1},
		{"again", fstest.MapFS{"schema/0001_a.sql": first}, "", 1, 1},
		{"a gap", fstest.MapFS{"schema/0001_a.sql": first, "schema/0003_c.sql": first}, "want number 0002", 1, 1},
		{"half a step", fstest.MapFS{"schema/0001_a.sql": first, "schema/0002_b.sql": file("INSERT INTO a VALUES (2); INSERT INTO b VALUES (1)")}, "no such table: b", 1, 1},
		{"two more", fstest.MapFS{"schema/0001_a.sql": first, "schema/0002_b.sql": file("INSERT INTO a VALUES (2)"), "schema/0003_c.sql": file("INSERT INTO a VALUES (3)")}, "", 3, 3},
		{"back", fstest.MapFS{"schema/0001_a.sql": first}, "newer Cordboard", 3, 3},
	} {
		err := migrate(t.Context(), db, tt.schema)
		if (err == nil) != (tt.fault == "") || err != nil && !strings.Contains(err.Error(), tt.fault) {
			t.Errorf("%s: %v, want %q", tt.what, err, tt.fault)
		}
		var version, rows int
		err = errors.Join(db.QueryRow("PRAGMA user_version").Scan(&version), db.QueryRow("SELECT count(*) FROM a").Scan(&rows))
		if version != tt.version || rows != tt.rows || err != nil {
			t.Errorf("%s: version %d, %d rows, %v, want %d and %d", tt.what, version, rows, err, tt.version, tt.rows)
		}
	}
}

func BenchmarkUser(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "cordboard.db"))
	if err := s.Put(b.Context(), user(b, "alice", "101")); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.User(b.Context(), "alice"); err != nil {
			b.Fatal(err)
		}
	}
}
