package links

import (
	"errors"
	"fmt"

	"golang.org/x/sys/windows/registry"
)

// Keys of the user's part of the registry. Windows lists what has capabilities among the default apps, where the user chooses; until
// then it offers every class of the scheme's name.
const (
	classes    = `Software\Classes\`
	registered = `Software\RegisteredApplications`
)

func (h Handler) class() string        { return h.ID + ".link" }
func (h Handler) capabilities() string { return `Software\` + h.Name + `\Capabilities` }

// Opens reports whether this command is among what opens the links; which of those does the user has chosen in the settings of Windows.
func (h Handler) Opens() (bool, error) {
	line, err := value(classes+h.class()+`\shell\open\command`, "")
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
	type entry struct{ key, name, value string }
	all := []entry{
		{classes + h.class(), "", "URL:" + h.Name},
		{classes + h.class(), "URL Protocol", ""},
		{classes + h.class() + `\DefaultIcon`, "", `"` + h.Command.Path + `",0`},
		{classes + h.class() + `\shell\open\command`, "", h.Command.Line()},
		{h.capabilities(), "ApplicationName", h.Name},
		{h.capabilities(), "ApplicationDescription", h.What},
	}
	for _, s := range Schemes {
		all = append(all, entry{h.capabilities() + `\URLAssociations`, s, h.class()})
		if line, err := value(classes+s+`\shell\open\command`, ""); err == nil && line == "" { // nobody else's
			all = append(all, entry{classes + s, "", "URL:" + s}, entry{classes + s, "URL Protocol", ""},
				entry{classes + s + `\shell\open\command`, "", h.Command.Line()})
		}
	}
	all = append(all, entry{registered, h.Name, h.capabilities()}) // the last, when all is there
	for _, e := range all {
		if err := set(e.key, e.name, e.value); err != nil {
			return fmt.Errorf("open links: %w", err)
		}
	}
	return nil
}

// Close takes all of it away; when it never was so nothing happens.
func (h Handler) Close() error {
	var errs []error
	for _, s := range Schemes {
		if line, err := value(classes+s+`\shell\open\command`, ""); err == nil && line == h.Command.Line() {
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
	return nil
}

// value reads a text; empty when it is not there.
func value(key, name string) (string, error) {
	k, err := registry.OpenKey(registry.CURRENT_USER, key, registry.QUERY_VALUE)
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
