package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// errChanged reports a file that another program has changed meanwhile.
var errChanged = errors.New("the file was changed by another program meanwhile")

// replaceFile writes a file anew in a way that a power cut leaves the old or the new one whole. It must still be as it was read: was,
// nil if there was none. Its mode and owner stay; a new one has mode 0600. A link is followed.
func replaceFile(path string, was, data []byte) error {
	if to, err := filepath.EvalSymlinks(path); err == nil {
		path = to
	}
	info, err := os.Stat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".new*") // mode 0600
	if err != nil {
		return fmt.Errorf("write beside %s: %w", path, err)
	}
	_, err = temp.Write(data)
	if info != nil {
		err = errors.Join(err, temp.Chmod(info.Mode().Perm()), keepOwner(temp, info))
	}
	if err = errors.Join(err, temp.Sync(), temp.Close()); err == nil {
		err = unchanged(path, was)
	}
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return syncDir(filepath.Dir(path))
}

// unchanged gives errChanged when a file is not as it was read.
func unchanged(path string, was []byte) error {
	now, err := readFile(path, maxConfig)
	switch {
	case errors.Is(err, fs.ErrNotExist) && was == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return errChanged
	case err != nil:
		return err
	case was == nil || !bytes.Equal(now, was):
		return errChanged
	}
	return nil
}
