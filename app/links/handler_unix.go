//go:build unix && !darwin

package links

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cordboard/app/launch"
)

// Possible says that links can come to a program of one's choice.
const Possible = true

// userData is the folder of what the user has installed (XDG Base Directory Specification).
func userData() (string, error) {
	if data := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(data) {
		return data, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find the folder of your applications: %w", err)
	}
	return filepath.Join(home, ".local", "share"), nil
}

// icon is the file of the handler's icon (Icon Theme Specification).
func (h Handler) icon() (string, error) {
	data, err := userData()
	return filepath.Join(data, "icons", "hicolor", "256x256", "apps", h.ID+".png"), err
}

// entry is the desktop entry of the handler, among the user's applications (Desktop Entry Specification 1.5).
func (h Handler) entry() (path string, text []byte, err error) {
	data, err := userData()
	if err != nil {
		return "", nil, err
	}
	var types strings.Builder
	for _, s := range Schemes {
		types.WriteString("x-scheme-handler/" + s + ";")
	}
	return filepath.Join(data, "applications", h.ID+".desktop"), launch.DesktopEntry([]launch.Key{
		{Name: "Type", Value: "Application"},
		{Name: "Name", Value: launch.Text(h.Name)},
		{Name: "GenericName", Value: launch.Text(h.What)},
		{Name: "Exec", Value: h.Command.Exec()},
		{Name: "Icon", Value: launch.Text(h.ID)},
		{Name: "Terminal", Value: "false"},
		{Name: "Categories", Value: "Network;Telephony;"},
		{Name: "MimeType", Value: types.String()},
	}), nil
}

// defaults is the file in which the user's choice of applications stands (Association between MIME types and applications 1.0.1).
func defaults() (path string, text []byte, err error) {
	folder, err := os.UserConfigDir()
	if err != nil {
		return "", nil, fmt.Errorf("find the list of default applications: %w", err)
	}
	path = filepath.Join(folder, "mimeapps.list")
	if text, err = os.ReadFile(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", nil, fmt.Errorf("read the list of default applications: %w", err)
	}
	return path, text, nil
}

// defaultGroup is where the defaults stand in their file.
const defaultGroup = "[Default Applications]"

// chosen gives the applications for each type, the best first.
func chosen(text []byte) map[string][]string {
	all, inside := map[string][]string{}, false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			inside = line == defaultGroup
		} else if name, value, found := strings.Cut(line, "="); found && inside {
			all[strings.TrimSpace(name)] = strings.FieldsFunc(value, func(c rune) bool { return c == ';' })
		}
	}
	return all
}

// choose writes the applications for some types into the text; none: the type's line goes. Everything else stays as it is.
func choose(text []byte, apps map[string][]string) []byte {
	var out []string
	inside, at := false, -1 // where new lines go
	for line := range strings.Lines(string(text)) {
		name, _, found := strings.Cut(line, "=")
		switch trimmed := strings.TrimSpace(line); {
		case strings.HasPrefix(trimmed, "["):
			inside = trimmed == defaultGroup
		case found && inside:
			if _, ours := apps[strings.TrimSpace(name)]; ours {
				continue
			}
		}
		out = append(out, strings.TrimSuffix(line, "\n")+"\n")
		if inside && strings.TrimSpace(line) != "" {
			at = len(out)
		}
	}
	var made []string
	for _, s := range Schemes {
		if list := apps["x-scheme-handler/"+s]; len(list) > 0 {
			made = append(made, "x-scheme-handler/"+s+"="+strings.Join(list, ";")+";\n")
		}
	}
	if at < 0 && len(made) > 0 {
		if len(out) > 0 {
			out = append(out, "\n")
		}
		out = append(out, defaultGroup+"\n")
		at = len(out)
	}
	if at >= 0 {
		out = slices.Insert(out, at, made...)
	}
	return []byte(strings.Join(out, ""))
}

// Opens reports whether the links come to just this command.
func (h Handler) Opens() (bool, error) {
	path, want, err := h.entry()
	if err != nil {
		return false, err
	}
	is, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read who opens links: %w", err)
	}
	_, list, err := defaults()
	if err != nil {
		return false, err
	}
	apps := chosen(list)
	for _, s := range Schemes {
		if first := apps["x-scheme-handler/"+s]; len(first) == 0 || first[0] != h.ID+".desktop" {
			return false, nil
		}
	}
	return launch.DesktopKeys(is)["Exec"] == launch.DesktopKeys(want)["Exec"], nil
}

// Open has the links come to the command. Who opened them before does so again after Close.
func (h Handler) Open() error {
	path, text, err := h.entry()
	if err != nil {
		return err
	}
	if len(h.Icon) > 0 {
		icon, err := h.icon()
		if err != nil {
			return err
		}
		if err := launch.Write(icon, h.Icon); err != nil {
			return fmt.Errorf("open links: %w", err)
		}
	}
	if err := launch.Write(path, text); err != nil {
		return fmt.Errorf("open links: %w", err)
	}
	return h.put(func(others []string) []string { return append([]string{h.ID + ".desktop"}, others...) })
}

// Close ends that; when it never was so nothing happens.
func (h Handler) Close() error {
	path, _, err := h.entry()
	if err != nil {
		return err
	}
	icon, err := h.icon()
	if err != nil {
		return err
	}
	if err := h.put(func(others []string) []string { return others }); err != nil {
		return err
	}
	for _, file := range []string{path, icon} {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("open links no more: %w", err)
		}
	}
	return nil
}

// put changes who opens the links. with is told of the other applications.
func (h Handler) put(with func(others []string) []string) error {
	path, text, err := defaults()
	if err != nil {
		return err
	}
	was, apps := chosen(text), map[string][]string{}
	for _, s := range Schemes {
		kind := "x-scheme-handler/" + s
		apps[kind] = with(slices.DeleteFunc(was[kind], func(id string) bool { return id == h.ID+".desktop" }))
	}
	made := choose(text, apps)
	if bytes.Equal(made, text) {
		return nil
	}
	if path, err = filepath.EvalSymlinks(path); err != nil { // some keep it elsewhere
		path, _, err = defaults()
	}
	if err == nil {
		err = launch.Write(path, made)
	}
	if err != nil {
		return fmt.Errorf("change the list of default applications: %w", err)
	}
	return nil
}
