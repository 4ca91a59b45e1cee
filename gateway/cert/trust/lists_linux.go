package trust

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Lists are those of this user's browsers, and last the system's.
func Lists() []List {
	home, err := os.UserHomeDir()
	if err != nil {
		home = ""
	}
	all := browsers(home, os.Getenv("XDG_DATA_HOME"))
	for _, s := range stores {
		_, err := exec.LookPath(s.command[0])
		if info, none := os.Stat(s.folder); err == nil && none == nil && info.IsDir() {
			return append(all, s.list())
		}
	}
	return all
}

// browsers are the lists of a user. Chromium's is made where there is none: Chromium and its kin look there, whenever they are installed.
func browsers(home, data string) []List {
	if home == "" {
		return nil
	}
	if data == "" {
		data = filepath.Join(home, ".local", "share")
	}
	places := map[string][]string{"Chromium and Chrome": {filepath.Join(home, ".pki", "nssdb")}}
	names := []string{"Chromium and Chrome"}
	for _, more := range []struct{ name, pattern string }{
		{"Chromium and Chrome", filepath.Join(escaped(data), "pki", "nssdb", "cert9.db")}, // of newer ones, where ~/.pki was not
		{"Chromium (snap)", filepath.Join(escaped(home), "snap", "chromium", "current", ".pki", "nssdb", "cert9.db")},
		{"Firefox", filepath.Join(escaped(home), ".mozilla", "firefox", "*", "cert9.db")},
		{"Firefox", filepath.Join(escaped(data), "mozilla", "firefox", "*", "cert9.db")},
		{"Firefox (snap)", filepath.Join(escaped(home), "snap", "firefox", "common", ".mozilla", "firefox", "*", "cert9.db")},
		{"Firefox (Flatpak)", filepath.Join(escaped(home), ".var", "app", "org.mozilla.firefox", ".mozilla", "firefox", "*", "cert9.db")},
	} {
		found, _ := filepath.Glob(more.pattern) // fails for a malformed pattern alone
		for _, file := range found {
			if len(places[more.name]) == 0 {
				names = append(names, more.name)
			}
			places[more.name] = append(places[more.name], filepath.Dir(file))
		}
	}
	var all []List
	for _, name := range names {
		all = append(all, nss(name, places[name]))
	}
	return all
}

// escaped takes the meaning off characters that a pattern would have one for.
func escaped(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// certutil is the program that changes lists of Mozilla's library, NSS.
const certutil = "certutil"

// nss is the list of a browser that uses NSS: all of its profiles, and the places where its versions look.
func nss(name string, places []string) List {
	l := List{Name: name}
	if _, err := exec.LookPath(certutil); err != nil {
		l.Lacks = "The program certutil is missing. Install the package libnss3-tools, then try again."
		return l
	}
	each := func(ctx context.Context, ca CA, there bool, do func(string) error) (err error) {
		for _, dir := range places {
			if nssHas(ctx, dir, ca) == there {
				err = errors.Join(err, do(dir))
			}
		}
		return err
	}
	l.has = func(ctx context.Context, ca CA) bool {
		return !slices.ContainsFunc(places, func(dir string) bool { return !nssHas(ctx, dir, ca) })
	}
	l.add = func(ctx context.Context, ca CA) error {
		return each(ctx, ca, false, func(dir string) error { return nssAdd(ctx, dir, ca) })
	}
	l.remove = func(ctx context.Context, ca CA) error {
		return each(ctx, ca, true, func(dir string) error {
			_, err := run(ctx, certutil, "-d", "sql:"+dir, "-D", "-n", ca.Name)
			return err
		})
	}
	return l
}

func nssHas(ctx context.Context, dir string, ca CA) bool {
	text, err := run(ctx, certutil, "-d", "sql:"+dir, "-L", "-n", ca.Name, "-a")
	return err == nil && bytes.Contains(flat(text), flat(string(ca.text)))
}

func nssAdd(ctx context.Context, dir string, ca CA) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, "cert9.db")); errors.Is(err, os.ErrNotExist) {
		if _, err := run(ctx, certutil, "-d", "sql:"+dir, "-N", "--empty-password"); err != nil {
			return err
		}
	}
	return ca.inFile(func(path string) error {
		_, err := run(ctx, certutil, "-d", "sql:"+dir, "-A", "-t", "C,,", "-n", ca.Name, "-i", path)
		return err
	})
}

// flat is a PEM text without the ends of its lines.
func flat(text string) []byte { return []byte(strings.Join(strings.Fields(text), "")) }

// store is how a system keeps whom all its programs trust: files in a folder, and a command that takes them over.
type store struct {
	folder  string
	command []string
}

var stores = []store{
	{"/usr/local/share/ca-certificates", []string{"update-ca-certificates"}},           // Debian, Ubuntu
	{"/etc/pki/ca-trust/source/anchors", []string{"update-ca-trust", "extract"}},       // Fedora
	{"/etc/ca-certificates/trust-source/anchors", []string{"trust", "extract-compat"}}, // Arch
	{"/usr/share/pki/trust/anchors", []string{"update-ca-certificates"}},               // openSUSE, which the first finds
}

// list is the system's. Who is not root asks for its rights by pkexec, which asks a person.
func (s store) list() List {
	l := List{Name: "this machine", System: true}
	if os.Geteuid() != 0 {
		if _, err := exec.LookPath("pkexec"); err != nil {
			l.Lacks = "Only an administrator may do that. Run as root: cordboard trust --system --data FOLDER"
		}
	}
	file := func(ca CA) string { return filepath.Join(s.folder, "cordboard-"+ca.thumbprint()[:16]+".crt") }
	// change runs a script with the file as $1 and the certificate as $2, and then the system's command.
	change := func(ctx context.Context, script, file, from string) error {
		words := append([]string{"/bin/sh", "-c", script + ` && shift 2 && exec "$@"`, "sh", file, from}, s.command...)
		if os.Geteuid() != 0 {
			words = append([]string{"pkexec"}, words...)
		}
		_, err := run(ctx, words[0], words[1:]...)
		return err
	}
	l.has = func(_ context.Context, ca CA) bool {
		text, err := os.ReadFile(file(ca))
		return err == nil && bytes.Equal(text, ca.text)
	}
	l.add = func(ctx context.Context, ca CA) error {
		return ca.inFile(func(path string) error { return change(ctx, `cp -- "$2" "$1" && chmod 644 "$1"`, file(ca), path) })
	}
	l.remove = func(ctx context.Context, ca CA) error {
		if !l.has(ctx, ca) {
			return nil
		}
		return change(ctx, `rm -f -- "$1"`, file(ca), "")
	}
	return l
}
