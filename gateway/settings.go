package gateway

import (
	"cmp"
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"cordboard/gateway/signaling"
	"cordboard/gateway/web"

	"github.com/pelletier/go-toml/v2/unstable"
)

// settings is the configuration file of a running gateway, as administrators see and change it.
type settings struct {
	path     string
	possible func(Config) error // says, by Faults, why the running gateway can't take it over; nil: it always can
	apply    func(Config) (waiting []string, err error)
	now      func(Config) (waiting []string) // how the running gateway differs

	mu sync.Mutex // one change at a time
}

// settings is what the API changes the configuration file by.
func (g *Gateway) settings(host Host) *settings {
	return &settings{path: cmp.Or(host.Config, filepath.Join(host.Dir, ConfigName)), apply: g.Reload, possible: g.canReach, now: g.differences}
}

// live are the parts of the configuration that a change of is in force at once.
var live = []string{"name", "[[user]]", "[[pbx]]", "[guard]", "[log] level", "[window]", "[recording] enabled", "[recording] announce", "[recording] keep", "[discovery] strangers", "[audio] owner", "[audio] country", "[audio] echo", "[audio] noise", "[audio] gain"}

// secretKeys are the plain paths of what is never told.
var secretKeys = func() map[string]bool {
	all := Config{PBX: []signaling.PBX{{ICE: []string{""}}}, User: []User{{}}}
	all.Auth.Secrets = []string{""}
	found := map[string]bool{}
	for _, s := range all.secrets() {
		found[strings.TrimSuffix(plain(s.path), "[]")] = true
	}
	return found
}()

// read gives the file's text, nil when there is none, and what it says.
func (s *settings) read() (text []byte, cfg Config, err error) {
	text, err = readFile(s.path, maxConfig)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = nil, nil
	}
	if err != nil {
		return nil, Config{}, fmt.Errorf("read the configuration file: %w", err)
	}
	cfg, err = Parse(s.path, text)
	return text, cfg, err
}

// Settings tells what the file says.
func (s *settings) Settings() (web.Settings, error) {
	text, cfg, err := s.read()
	if err != nil {
		return web.Settings{}, refusal(err)
	}
	return s.view(text, cfg), nil
}

func (s *settings) view(text []byte, cfg Config) web.Settings {
	v := web.Settings{
		File: s.path, Version: versionOf(text), Settings: visible(reflect.ValueOf(cfg), ""),
		InFile: []string{}, Secrets: []string{}, Live: live, Waiting: s.now(cfg), Notices: []string{},
	}
	if text == nil {
		v.Version = ""
	}
	for path := range survey(trimMark(text)).keys {
		if kind := keys[plain(path)]; kind != unstable.Table && kind != unstable.ArrayTable {
			v.InFile = append(v.InFile, path)
		}
	}
	for _, secret := range cfg.secrets() {
		path := secret.path
		if kept := strings.LastIndexByte(path, '['); strings.HasSuffix(path, "]") {
			path = path[:kept]
		}
		if *secret.text != "" && !slices.Contains(v.Secrets, path) {
			v.Secrets = append(v.Secrets, path)
		}
	}
	for _, n := range cfg.Notices {
		v.Notices = append(v.Notices, Fault{Path: n.Path, Problem: n.Problem}.String())
	}
	slices.Sort(v.InFile)
	slices.Sort(v.Secrets)
	return v
}

// versionOf names a text of the file.
func versionOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// byteOrderMark begins UTF-8 of some editors.
const byteOrderMark = "\xef\xbb\xbf"

func trimMark(text []byte) []byte { return []byte(strings.TrimPrefix(string(text), byteOrderMark)) }

// visible gives the keys of a table and their values, but for secrets.
func visible(table reflect.Value, prefix string) map[string]any {
	all := map[string]any{}
	for field := range fields(table.Type()) {
		name := field.Tag.Get("toml")
		if name == "" || name == "-" || secretKeys[prefix+name] {
			continue
		}
		value := table.FieldByIndex(field.Index)
		if value.Kind() == reflect.Pointer {
			if value.IsNil() {
				continue
			}
			value = value.Elem()
		}
		_, text := value.Interface().(encoding.TextMarshaler)
		switch {
		case value.Kind() == reflect.Struct && !text:
			all[name] = visible(value, prefix+name+".")
		case value.Kind() == reflect.Slice && value.Type().Elem().Kind() == reflect.Struct:
			rows := make([]any, value.Len())
			for i := range rows {
				rows[i] = visible(value.Index(i), prefix+name+"[].")
			}
			all[name] = rows
		case value.Kind() == reflect.Slice && value.IsNil():
			all[name] = []string{}
		default:
			all[name] = value.Interface()
		}
	}
	return all
}

// Change makes changes of the file and has the gateway take them over, as far as it can without a new start. version says which
// text of the file they are meant for.
func (s *settings) Change(version string, changes []web.SettingsChange) (web.SettingsDone, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was, _, err := s.read()
	if err != nil {
		return web.SettingsDone{}, refusal(err)
	}
	if was == nil && version != "" || was != nil && version != versionOf(was) {
		return web.SettingsDone{}, web.ErrSettingsChanged
	}
	text := trimMark(was)
	mark := string(was[:len(was)-len(text)])
	for _, c := range changes {
		e, fault := editOf(c)
		if fault == nil {
			if text, err = e.apply(text); err != nil {
				fault = &Fault{Path: c.Set + c.Add + c.Remove, Problem: err.Error()}
			}
		}
		if fault != nil {
			return web.SettingsDone{}, refusal(Faults{*fault})
		}
	}
	cfg, err := Parse(s.path, text)
	if err != nil {
		return web.SettingsDone{}, refusal(err)
	}
	if s.possible != nil {
		if err := s.possible(cfg); err != nil {
			return web.SettingsDone{}, refusal(err)
		}
	}
	text = append([]byte(mark), text...)
	switch err := replaceFile(s.path, was, text); {
	case errors.Is(err, errChanged):
		return web.SettingsDone{}, web.ErrSettingsChanged
	case errors.Is(err, os.ErrPermission):
		return web.SettingsDone{}, &web.SettingsRefused{Faults: []web.SettingsFault{{
			Problem: fmt.Sprintf("The user that runs Cordboard may not write %s and its folder. Let it, or change the file by hand.", s.path)}}}
	case err != nil:
		return web.SettingsDone{}, fmt.Errorf("save the configuration file: %w", err)
	}
	waiting, err := s.apply(cfg)
	if err != nil {
		return web.SettingsDone{}, fmt.Errorf("take over the changed configuration: %w", err)
	}
	done := web.SettingsDone{Version: versionOf(text), Waiting: waiting, Message: "Saved, and in force from now on."}
	if len(waiting) > 0 {
		done.Message = fmt.Sprintf("Saved. What was changed in %s is in force after the next start of Cordboard.", strings.Join(waiting, ", "))
	}
	return done, nil
}

// refusal turns faults of the file into an answer of the API.
func refusal(err error) error {
	var faults Faults
	if !errors.As(err, &faults) {
		return err
	}
	all := make([]web.SettingsFault, len(faults))
	for i, f := range faults {
		all[i] = web.SettingsFault{Key: f.Path, Line: f.Line, Problem: Fault{Path: f.Path, Problem: f.Problem}.String()}
	}
	return &web.SettingsRefused{Faults: all}
}

// editOf checks a change and writes its values as TOML.
func editOf(c web.SettingsChange) (edit, *Fault) {
	switch named := c.Set + c.Add + c.Remove; {
	case named == "" || named != c.Set && named != c.Add && named != c.Remove:
		return edit{}, &Fault{Problem: "a change has one of set, add and remove"}
	case c.Add != "":
		if c.Add != "pbx" && c.Add != "user" {
			return edit{}, &Fault{Path: c.Add, Problem: "only a pbx or a user can be added"}
		}
		return additionOf(c)
	case c.Remove != "":
		if name, _, ok := entryOf(c.Remove); !ok || name != "pbx" && name != "user" {
			return edit{}, &Fault{Problem: fmt.Sprintf("%q can't be removed; only a pbx or a user, as user[0]", c.Remove)}
		}
		return edit{remove: c.Remove}, nil
	}
	table, _, _ := strings.Cut(c.Set, ".")
	_, _, entry := entryOf(table)
	if strings.Contains(table, "[") && !entry || strings.Count(c.Set, "[") > 1 || strings.HasSuffix(c.Set, "]") {
		return edit{}, &Fault{Problem: fmt.Sprintf("there is no key %q", c.Set)}
	}
	value, fault := valueOf(c.Set, c.To)
	return edit{set: c.Set, value: value}, fault
}

// additionOf has the keys of a new table in the order in which they are explained.
func additionOf(c web.SettingsChange) (edit, *Fault) {
	e := edit{add: c.Add}
	of := map[string]reflect.Type{"pbx": reflect.TypeFor[signaling.PBX](), "user": reflect.TypeFor[User]()}[c.Add]
	known := 0
	for field := range fields(of) {
		name := field.Tag.Get("toml")
		to, there := c.Entry[name]
		if !there {
			continue
		}
		known++
		value, fault := valueOf(c.Add+"[0]."+name, to)
		if fault != nil {
			return e, fault
		}
		if value != "" {
			e.keys = append(e.keys, keyValue{name, value})
		}
	}
	if known != len(c.Entry) {
		return e, &Fault{Path: c.Add, Problem: "has a key that does not exist"}
	}
	return e, nil
}

// valueOf writes a JSON value as TOML, as the key's kind wants it; null is empty.
func valueOf(path string, to json.RawMessage) (string, *Fault) {
	kind, known := keys[plain(path)]
	if !known || kind == unstable.Table || kind == unstable.ArrayTable {
		return "", &Fault{Problem: fmt.Sprintf("there is no key %q", path)}
	}
	if len(to) == 0 || string(to) == "null" {
		return "", nil
	}
	var text string
	var many []string
	var number int64
	var yes bool
	var err error
	switch kind {
	case unstable.String:
		err = json.Unmarshal(to, &text)
		many = []string{text}
		text = tomlText(text)
	case unstable.Integer:
		err = json.Unmarshal(to, &number)
		text = strconv.FormatInt(number, 10)
	case unstable.Bool:
		err = json.Unmarshal(to, &yes)
		text = strconv.FormatBool(yes)
	default:
		err = json.Unmarshal(to, &many)
		parts := make([]string, len(many))
		for i, part := range many {
			parts[i] = tomlText(part)
		}
		text = "[" + strings.Join(parts, ", ") + "]"
	}
	if err != nil {
		return "", &Fault{Path: path, Problem: "want " + wanted(kind)}
	}
	if secretKeys[plain(path)] && slices.ContainsFunc(many, func(s string) bool { return strings.HasPrefix(s, "file:") }) {
		return "", &Fault{Path: path, Problem: "begins with file:, which only the file itself may say; write it there by hand"}
	}
	return text, nil
}

// tomlText writes a basic string (TOML 1.0).
func tomlText(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case unicode.IsControl(r):
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
