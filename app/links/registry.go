package links

// Keys of the user's part of Windows' registry. Windows lists what has capabilities among the default apps, where the user chooses; until
// then it offers every class of the scheme's name.
const (
	classes    = `Software\Classes\`
	registered = `Software\RegisteredApplications`
	command    = `\shell\open\command` // of a class
)

func (h Handler) class() string        { return h.ID + ".link" }
func (h Handler) capabilities() string { return `Software\` + h.Name + `\Capabilities` }

// entry is a text in the registry; name empty: the key's own.
type entry struct{ key, name, value string }

// entries are all that makes the command one of those that open links, in the order in which they are written. It takes over the schemes in
// free, which no program has.
func (h Handler) entries(free []string) []entry {
	all := []entry{
		{classes + h.class(), "", "URL:" + h.Name},
		{classes + h.class(), "URL Protocol", ""},
		{classes + h.class() + `\DefaultIcon`, "", `"` + h.Command.Path + `",0`},
		{classes + h.class() + command, "", h.Command.Line()},
		{h.capabilities(), "ApplicationName", h.Name},
		{h.capabilities(), "ApplicationDescription", h.What},
	}
	for _, s := range Schemes {
		all = append(all, entry{h.capabilities() + `\URLAssociations`, s, h.class()})
	}
	for _, s := range free {
		all = append(all, entry{classes + s, "", "URL:" + s}, entry{classes + s, "URL Protocol", ""}, entry{classes + s + command, "", h.Command.Line()})
	}
	return append(all, entry{registered, h.Name, h.capabilities()}) // the last, when all is there
}
