package gateway

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// examineFolder judges the data folder and the disk that it is on.
func examineFolder(dir string) Finding {
	const what = "Data folder"
	info, err := os.Stat(dir)
	at := dir
	for errors.Is(err, fs.ErrNotExist) && filepath.Dir(at) != at { // it is made below what there is
		at = filepath.Dir(at)
		_, err = os.Stat(at)
	}
	switch {
	case err != nil:
		return wrong(what, "Name another with --data, or mend it.", "%s can't be looked at: %v.", dir, err)
	case info != nil && !info.IsDir():
		return wrong(what, "Name another with --data.", "%s is no folder.", dir)
	case !mayWrite(at):
		return wrong(what, "Run this as the user that Cordboard runs as, or give that user the folder with chown.", "This user may not write to %s.", at)
	}
	free, known := freeBytes(at)
	switch {
	case known && free < fewBytes:
		return wrong(what, "Delete what is not needed, as old recordings.", "Only %d MB are free where %s is.", free>>20, dir)
	case info == nil:
		return well(what, "%s will be made by the first start.", dir)
	case !known:
		return well(what, "%s can be written.", dir)
	}
	return well(what, "%s can be written, %.1f GB are free.", dir, float64(free)/(1<<30))
}
