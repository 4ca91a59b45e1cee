package cert

import (
	"errors"
	"os"
	"path/filepath"
)

// tempMark stands in the names of files that are being written.
const tempMark = ".new"

// writeFile replaces a file, mode 0600, in a way that a power cut leaves the old or the new one whole.
func writeFile(path string, data []byte) error {
	dir := filepath.Dir(path)
	temp, err := os.CreateTemp(dir, filepath.Base(path)+tempMark+"*") // mode 0600
	if err != nil {
		return err
	}
	_, err = temp.Write(data)
	if err = errors.Join(err, temp.Sync(), temp.Close()); err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return syncDir(dir)
}
