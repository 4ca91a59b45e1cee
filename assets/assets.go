// Package assets holds the files that go into the program: the calling page, as packaging/build bundled it, and the window's icons
// and words.
package assets

import (
	"embed"
	"io/fs"
)

// dist has only its placeholder until the page is built, so the program compiles without npm.
//
//go:embed all:web/dist
var dist embed.FS

// icons are those of page and window: SVG of 24 by 24 pixels, drawn by strokes of "currentColor".
//
//go:embed icons/*.svg
var icons embed.FS

// words are the window's strings, one file a language, each string with its context.
//
//go:embed words/*.json
var words embed.FS

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

// Icon is the drawing of that name, as "call"; an error when there is none.
func Icon(name string) ([]byte, error) { return icons.ReadFile("icons/" + name + ".svg") }

// Words are the window's strings in a language, as "de": JSON as github.com/nicksnyder/go-i18n reads it.
func Words(language string) ([]byte, error) { return words.ReadFile("words/" + language + ".json") }
