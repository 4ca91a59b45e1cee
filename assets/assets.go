// Package assets holds the files that go into the program: the calling page, as packaging/build bundled it.
package assets

import (
	"embed"
	"io/fs"
)

// dist has only its placeholder until the page is built, so the program compiles without npm.
//
//go:embed all:web/dist
var dist embed.FS

// Web is the calling page: index.html and what it asks for. It is empty but for the placeholder when the page was not
// built; see Built.
func Web() fs.FS {
	page, err := fs.Sub(dist, "web/dist")
	if err != nil { // only for a path that is not valid
		panic(err)
	}
	return page
}

// Built tells whether the page was bundled before the program was compiled.
func Built() bool {
	_, err := fs.Stat(Web(), "index.html")
	return err == nil
}
