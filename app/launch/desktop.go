package launch

import "strings"

// Key is a line of a desktop entry.
type Key struct{ Name, Value string }

// DesktopEntry is the text of a desktop entry (Desktop Entry Specification 1.5). Values of strings are escaped already, as Text and Exec do it.
func DesktopEntry(keys []Key) []byte {
	var b strings.Builder
	b.WriteString("[Desktop Entry]\n")
	for _, k := range keys {
		b.WriteString(k.Name + "=" + k.Value + "\n")
	}
	return []byte(b.String())
}

// Text escapes a string for a desktop entry.
func Text(s string) string {
	return strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(s)
}

// DesktopKeys reads the main group of a desktop entry: each key's value as it stands there.
func DesktopKeys(text []byte) map[string]string {
	keys, inside := map[string]string{}, false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			inside = line == "[Desktop Entry]"
			continue
		}
		if name, value, found := strings.Cut(line, "="); found && inside && !strings.HasPrefix(line, "#") {
			keys[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return keys
}
