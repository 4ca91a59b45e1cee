// Package launch is how other programs start this one: the command lines that stand in desktop entries, property lists and the registry.
package launch

import (
	"fmt"
	"os"
	"strings"
)

// Command is a program, by its whole path, and what it is given.
type Command struct {
	Path string
	Args []string
}

// Self is this program with those arguments.
func Self(args ...string) (Command, error) {
	path := os.Getenv("APPIMAGE") // where the program is only unpacked for as long as it runs
	if path == "" {
		var err error
		if path, err = os.Executable(); err != nil {
			return Command{}, fmt.Errorf("find where this program is: %w", err)
		}
	}
	return Command{path, args}, nil
}

// With is the command with further arguments.
func (c Command) With(args ...string) Command {
	return Command{c.Path, append(c.Args[:len(c.Args):len(c.Args)], args...)}
}

// URL stands for the link that is opened, as the argument of a command.
const URL = "\x00url"

// reserved are the characters that an argument of an Exec key is quoted for.
const reserved = " \t\n\"'\\><~|&;$*?#()`"

// Exec writes the command as the value of the Exec key of a desktop entry (Desktop Entry Specification 1.5, "The Exec key"), after the
// general escaping of strings.
func (c Command) Exec() string {
	words := []string{execWord(c.Path)}
	for _, a := range c.Args {
		if a == URL {
			words = append(words, "%u")
			continue
		}
		words = append(words, execWord(a))
	}
	return Text(strings.Join(words, " "))
}

func execWord(word string) string {
	word = strings.ReplaceAll(word, "%", "%%")
	if word != "" && !strings.ContainsAny(word, reserved) {
		return word
	}
	return `"` + strings.NewReplacer(`"`, `\"`, "`", "\\`", "$", `\$`, `\`, `\\`).Replace(word) + `"`
}

// Line writes the command as a command line of Windows, which CommandLineToArgvW takes apart again.
func (c Command) Line() string {
	words := []string{`"` + c.Path + `"`} // which has no quotes in it there
	for _, a := range c.Args {
		if a == URL {
			words = append(words, `"%1"`)
			continue
		}
		words = append(words, lineWord(a))
	}
	return strings.Join(words, " ")
}

// lineWord doubles the backslashes that stand before a quote.
func lineWord(word string) string {
	if word != "" && !strings.ContainsAny(word, " \t\"") {
		return word
	}
	var b strings.Builder
	b.WriteByte('"')
	slashes := 0
	for _, c := range []byte(word) {
		switch c {
		case '\\':
			slashes++
			continue
		case '"':
			b.WriteString(strings.Repeat(`\`, 2*slashes+1))
		default:
			b.WriteString(strings.Repeat(`\`, slashes))
		}
		slashes = 0
		b.WriteByte(c)
	}
	b.WriteString(strings.Repeat(`\`, 2*slashes))
	b.WriteByte('"')
	return b.String()
}
