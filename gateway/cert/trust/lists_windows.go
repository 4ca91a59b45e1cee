package trust

import (
	"context"
	"os"
	"path/filepath"
)

// Lists is the user's of Windows, which Edge and Chrome ask, and Firefox too since 2023.
func Lists() []List {
	// Not by the search path, on which another certutil may be found.
	program := filepath.Join(os.Getenv("SystemRoot"), "System32", "certutil.exe")
	has := func(ctx context.Context, ca CA) bool {
		_, err := run(ctx, program, "-user", "-store", "Root", ca.thumbprint())
		return err == nil
	}
	return []List{{
		Name: "your Windows account",
		has:  has,
		add: func(ctx context.Context, ca CA) error { // Windows asks the person
			return ca.inFile(func(path string) error {
				_, err := run(ctx, program, "-user", "-addstore", "Root", path)
				return err
			})
		},
		remove: func(ctx context.Context, ca CA) error {
			if !has(ctx, ca) {
				return nil
			}
			_, err := run(ctx, program, "-user", "-delstore", "Root", ca.thumbprint())
			return err
		},
	}}
}
