//go:build !unix

package gateway

import (
	"io/fs"
	"os"
)

// keepOwner has nothing to do: a file gets its rights from its folder.
func keepOwner(*os.File, fs.FileInfo) error { return nil }

// syncDir has nothing to do: such systems write a rename down by themselves.
func syncDir(string) error { return nil }
