package autostart

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"cordboard/app/launch"
)

// file is the user's launch agent, which launchd reads when the user signs in (launchd.plist(5)).
func (e Entry) file() (string, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find the folder of what starts with the computer: %w", err)
	}
	return filepath.Join(home, "Library", "LaunchAgents", e.ID+".plist"), nil
}

// plist is the whole text of the agent.
func (e Entry) plist() []byte {
	var b bytes.Buffer
	text := func(tag, value string) {
		b.WriteString("<" + tag + ">")
		_ = xml.EscapeText(&b, []byte(value)) // a buffer takes everything
		b.WriteString("</" + tag + ">\n")
	}
	b.WriteString(xml.Header + `<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">` +
		"\n<plist version=\"1.0\">\n<dict>\n")
	text("key", "Label")
	text("string", e.ID)
	text("key", "ProgramArguments")
	b.WriteString("<array>\n")
	text("string", e.Command.Path)
	for _, a := range e.Command.Args {
		text("string", a)
	}
	b.WriteString("</array>\n")
	text("key", "RunAtLoad")
	b.WriteString("<true/>\n")
	text("key", "ProcessType")
	text("string", "Interactive")
	b.WriteString("</dict>\n</plist>\n")
	return b.Bytes()
}

// Enabled reports whether just this command starts when the user signs in.
func (e Entry) Enabled() (bool, error) {
	path, err := e.file()
	if err != nil {
		return false, err
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read what starts with the computer: %w", err)
	}
	return bytes.Equal(text, e.plist()), nil
}

// Enable has the command start from now on.
func (e Entry) Enable() error {
	path, err := e.file()
	if err != nil {
		return err
	}
	if err := launch.Write(path, e.plist()); err != nil {
		return fmt.Errorf("start with the computer: %w", err)
	}
	return nil
}

// Disable ends that; when it never was so nothing happens.
func (e Entry) Disable() error {
	path, err := e.file()
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("start no more with the computer: %w", err)
	}
	return nil
}
