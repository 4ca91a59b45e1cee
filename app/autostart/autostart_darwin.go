package autostart

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
)

// file is the user's launch agent, which launchd reads when the user signs in (launchd.plist(5)).
func (e Entry) file() (string, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find the folder of what starts with the computer: %w", err)
	}
	return filepath.Join(home, "Library", "LaunchAgents", e.ID+".plist"), nil
}

// text is the whole file, a property list.
func (e Entry) text() []byte {
	var b bytes.Buffer
	element := func(tag, value string) {
		b.WriteString("<" + tag + ">")
		_ = xml.EscapeText(&b, []byte(value)) // a buffer takes everything
		b.WriteString("</" + tag + ">\n")
	}
	b.WriteString(xml.Header + `<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">` +
		"\n<plist version=\"1.0\">\n<dict>\n")
	element("key", "Label")
	element("string", e.ID)
	element("key", "ProgramArguments")
	b.WriteString("<array>\n")
	element("string", e.Command.Path)
	for _, a := range e.Command.Args {
		element("string", a)
	}
	b.WriteString("</array>\n")
	element("key", "RunAtLoad")
	b.WriteString("<true/>\n")
	element("key", "ProcessType")
	element("string", "Interactive")
	b.WriteString("</dict>\n</plist>\n")
	return b.Bytes()
}

// startedBy reports whether a file has just this command start.
func (e Entry) startedBy(text []byte) bool { return bytes.Equal(text, e.text()) }
