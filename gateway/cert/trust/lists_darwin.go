package trust

import (
	"context"
	"os"
	"path/filepath"
	"strings"
)

// Lists is the login keychain, which Safari, Chrome and, since 2023, Firefox ask.
func Lists() []List {
	const program = "/usr/bin/security"
	home, err := os.UserHomeDir()
	if err != nil {
		return nil
	}
	keychain := filepath.Join(home, "Library", "Keychains", "login.keychain-db")
	has := func(ctx context.Context, ca CA) bool {
		text, err := run(ctx, program, "find-certificate", "-a", "-Z", "-c", ca.Name, keychain)
		return err == nil && strings.Contains(text, ca.thumbprint())
	}
	return []List{{
		Name: "your keychain",
		has:  has,
		add: func(ctx context.Context, ca CA) error { // macOS asks the person for the password
			return ca.inFile(func(path string) error {
				_, err := run(ctx, program, "add-trusted-cert", "-r", "trustRoot", "-p", "ssl", "-k", keychain, path)
				return err
			})
		},
		remove: func(ctx context.Context, ca CA) error {
			if !has(ctx, ca) {
				return nil
			}
			_, err := run(ctx, program, "delete-certificate", "-Z", ca.thumbprint(), "-t", keychain)
			return err
		},
	}}
}
