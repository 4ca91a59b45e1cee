package links

import (
	"errors"
	"fmt"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// Possible says that links can come to a program of one's choice.
const Possible = true

// Opens reports whether this command is among what opens the links; which of those does the user has chosen in the settings of Windows.
func (h Handler) Opens() (bool, error) {
	line, err := value(classes+h.class()+command, "")
	if err != nil {
		return false, fmt.Errorf("read who opens links: %w", err)
	}
	where, err := value(registered, h.Name)
	if err != nil {
		return false, fmt.Errorf("read who opens links: %w", err)
	}
	return line == h.Command.Line() && where == h.capabilities(), nil
}

// Open puts the command among what opens the links.
func (h Handler) Open() error {
	var free []string
	for _, s := range Schemes {
		// All that has a say, programs for all users of the machine too: ours, of the user's own, would hide theirs.
		if line, err := read(registry.CLASSES_ROOT, s+command, ""); err == nil && line == "" {
			free = append(free, s)
		}
	}
	for _, e := range h.entries(free) {
		if err := set(e.key, e.name, e.value); err != nil {
			return fmt.Errorf("open links: %w", err)
		}
	}
	changed()
	return nil
}

// Close takes all of it away; when it never was so nothing happens.
func (h Handler) Close() error {
	var errs []error
	for _, s := range Schemes {
		if line, err := value(classes+s+command, ""); err == nil && line == h.Command.Line() {
			errs = append(errs, remove(classes+s, `\shell\open\command`, `\shell\open`, `\shell`, ""))
		}
	}
	errs = append(errs,
		unset(registered, h.Name),
		remove(`Software\`+h.Name, `\Capabilities\URLAssociations`, `\Capabilities`),
		remove(classes+h.class(), `\shell\open\command`, `\shell\open`, `\shell`, `\DefaultIcon`, ""))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("open links no more: %w", err)
	}
	changed()
	return nil
}

// changed has Windows read anew who opens what: SHChangeNotify with SHCNE_ASSOCCHANGED.
func changed() {
	const associations = 0x08000000
	_, _, _ = windows.NewLazySystemDLL("shell32.dll").NewProc("SHChangeNotify").Call(associations, 0, 0, 0) // which gives nothing
}

// value reads a text of the user's part; empty when it is not there.
func value(key, name string) (string, error) { return read(registry.CURRENT_USER, key, name) }

// read reads a text; empty when it is not there.
func read(part registry.Key, key, name string) (string, error) {
	k, err := registry.OpenKey(part, key, registry.QUERY_VALUE)
	if err != nil {
		return "", missing(err)
	}
	defer k.Close()
	text, _, err := k.GetStringValue(name)
	return text, missing(err)
}

func set(key, name, text string) error {
	k, _, err := registry.CreateKey(registry.CURRENT_USER, key, registry.SET_VALUE)
	if err != nil {
		return err
	}
	defer k.Close()
	return k.SetStringValue(name, text)
}

func unset(key, name string) error {
	k, err := registry.OpenKey(registry.CURRENT_USER, key, registry.SET_VALUE)
	if err != nil {
		return missing(err)
	}
	defer k.Close()
	return missing(k.DeleteValue(name))
}

// remove deletes keys below one, in that order.
func remove(key string, below ...string) error {
	for _, b := range below {
		if err := missing(registry.DeleteKey(registry.CURRENT_USER, key+b)); err != nil {
			return err
		}
	}
	return nil
}

// missing takes it for no error that something is not there.
func missing(err error) error {
	if errors.Is(err, registry.ErrNotExist) {
		return nil
	}
	return err
}
