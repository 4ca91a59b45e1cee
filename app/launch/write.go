package launch

import (
	"fmt"
	"os"
	"path/filepath"
)

// Write makes a file, and the folders that it stands in, or replaces it: a power cut leaves the old or the new one whole.
func Write(path string, text []byte) error {
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	f, err := os.CreateTemp(folder, ".cordboard-*")
	if err != nil {
		return fmt.Errorf("make file: %w", err)
	}
	defer os.Remove(f.Name()) // which is gone when all went well
	_, err = f.Write(text)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
