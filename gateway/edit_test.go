package gateway

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

// office is a file as people write them.
const office = `# Front office
name = "Front office"   # on the page

[listen] # where we are
https = ":8443"
# http = "127.0.0.1:8080"

# The PBX in the cellar
[[pbx]]
name = "office"
uri  = 'sip:192.0.2.10'
backup = [
  "192.0.2.11", # upstairs
  "192.0.2.12",
]

# People
[[user]]
name = "alice" # the boss
password = """
secret # no comment"""
# extension = "101"

[[user]]
name = "bob"

# How much is told
[log]
level = "info"
`

func TestEdit(t *testing.T) {
	add := func(list string, pairs ...string) edit {
		e := edit{add: list}
		for i := 0; i < len(pairs); i += 2 {
			e.keys = append(e.keys, keyValue{pairs[i], pairs[i+1]})
		}
		return e
	}
	for _, tt := range []struct {
		name, text string
		do         edit
		want       string
	}{
		{"a value", office, edit{set: "name", value: `"Back office"`}, strings.Replace(office, `"Front office"   #`, `"Back office"   #`, 1)},
		{"a value of another quote", office, edit{set: "pbx[0].uri", value: `"sip:x"`}, strings.Replace(office, `'sip:192.0.2.10'`, `"sip:x"`, 1)},
		{"a long text", office, edit{set: "user[0].password", value: `"new"`}, strings.Replace(office, "\"\"\"\nsecret # no comment\"\"\"", `"new"`, 1)},
		{"a list with comments", office, edit{set: "pbx[0].backup", value: `["a"]`},
			strings.Replace(office, "backup = [\n  \"192.0.2.11\", # upstairs\n  \"192.0.2.12\",\n]", "# upstairs\nbackup = [\"a\"]", 1)},
		{"a new key of a table", office, edit{set: "listen.sip", value: `":5070"`}, strings.Replace(office, "\":8443\"\n", "\":8443\"\nsip = \":5070\"\n", 1)},
		{"a new key of a user", office, edit{set: "user[1].display", value: `"Bob"`}, strings.Replace(office, "\"bob\"\n", "\"bob\"\ndisplay = \"Bob\"\n", 1)},
		{"a new key on top", office, edit{set: "domain", value: `"x.example"`}, strings.Replace(office, "# on the page\n", "# on the page\ndomain = \"x.example\"\n", 1)},
		{"a new table", office, edit{set: "audio.echo", value: `false`}, office + "\n[audio]\necho = false\n"},
		{"no key any more", office, edit{set: "name"}, strings.Replace(office, `name = "Front office"   # on`, `# on`, 1)},
		{"no list any more", office, edit{set: "pbx[0].backup"}, strings.Replace(office, "backup = [\n  \"192.0.2.11\", # upstairs\n  \"192.0.2.12\",\n]", "# upstairs", 1)},
		{"no key where there is none", office, edit{set: "domain"}, office},
		{"another user", office, add("user", "name", `"carol"`, "admin", "true"), strings.Replace(office, "\"bob\"\n", "\"bob\"\n\n[[user]]\nname = \"carol\"\nadmin = true\n", 1)},
		{"another PBX", office, add("pbx", "uri", `"sip:x"`), strings.Replace(office, "]\n\n# People", "]\n\n[[pbx]]\nuri = \"sip:x\"\n\n# People", 1)},
		{"a user less", office, edit{remove: "user[1]"}, strings.Replace(office, "[[user]]\nname = \"bob\"\n\n", "", 1)},
		{"the first user less", office, edit{remove: "user[0]"},
			strings.Replace(office, "[[user]]\nname = \"alice\" # the boss\npassword = \"\"\"\nsecret # no comment\"\"\"\n", "", 1)},

		{"an empty file", "", edit{set: "name", value: `"x"`}, "name = \"x\"\n"},
		{"an empty file, a table", "", edit{set: "log.level", value: `"warn"`}, "[log]\nlevel = \"warn\"\n"},
		{"an empty file, a user", "", add("user", "name", `"al"`), "[[user]]\nname = \"al\"\n"},
		{"comments only", "# hi", edit{set: "name", value: `"x"`}, "# hi\nname = \"x\"\n"},
		{"the first key before a table", "# about us\n\n# the log\n[log]\nlevel = \"warn\"\n", edit{set: "name", value: `"x"`},
			"# about us\n\nname = \"x\"\n\n# the log\n[log]\nlevel = \"warn\"\n"},
		{"no end of line", "[log]\nlevel = \"warn\"", edit{set: "log.format", value: `"json"`}, "[log]\nlevel = \"warn\"\nformat = \"json\"\n"},
		{"line ends of Windows", "name = \"x\"\r\n[log]\r\n", edit{set: "domain", value: `"y"`}, "name = \"x\"\r\ndomain = \"y\"\r\n[log]\r\n"},
		{"dotted keys", "log.level = \"warn\" # c\nname = \"x\"\n", edit{set: "log.format", value: `"json"`}, "log.level = \"warn\" # c\nlog.format = \"json\"\nname = \"x\"\n"},
		{"braces", "log = { level = \"warn\" } # c\n", edit{set: "log.format", value: `"json"`}, "log = { level = \"warn\", format = \"json\" } # c\n"},
		{"empty braces", "log = {} # c\n", edit{set: "log.format", value: `"json"`}, "log = { format = \"json\" } # c\n"},
		{"out of braces", "log = { level = \"a,b\", format = \"json\" }\n", edit{set: "log.format"}, "log = { level = \"a,b\"  }\n"},
		{"out of braces, the first", "log = { level = \"a,b\", format = \"json\" }\n", edit{set: "log.level"}, "log = {  format = \"json\" }\n"},
		{"in brackets", "user = [\n { name = \"a\" }, # first\n { name = \"b\" } # second\n]\n", add("user", "name", `"c"`),
			"user = [\n { name = \"a\" }, # first\n { name = \"b\" }, { name = \"c\" } # second\n]\n"},
		{"in empty brackets", "user = []\n", add("user", "name", `"c"`), "user = [{ name = \"c\" }]\n"},
		{"out of brackets", "user = [\n { name = \"a\" }, # first, one\n { name = \"b\" } # second\n]\n", edit{remove: "user[1]"},
			"user = [\n { name = \"a\" } # first, one\n  # second\n]\n"},
		{"out of brackets, the first", "user = [\n { name = \"a\" }, # first\n { name = \"b\" } # second\n]\n", edit{remove: "user[0]"},
			"user = [\n  # first\n { name = \"b\" } # second\n]\n"},
		{"an indented table", "[log]\n  level = \"warn\"\n", edit{set: "log.format", value: `"json"`}, "[log]\n  level = \"warn\"\nformat = \"json\"\n"},
		{"quoted keys", "'name' = 'x'\n[\"log\"]\n'level' = 'warn'\n", edit{set: "log.level", value: `"info"`}, "'name' = 'x'\n[\"log\"]\n'level' = \"info\"\n"},
	} {
		got, err := tt.do.apply([]byte(tt.text))
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: %v\n%s\nwant\n%s", tt.name, err, got, tt.want)
		}
	}
}

func TestEditOfWhatIsNotThere(t *testing.T) {
	for _, e := range []edit{{set: "user[2].name", value: `"x"`}, {remove: "user[2]"}, {remove: "pbx[1]"}} {
		if got, err := e.apply([]byte(office)); err == nil {
			t.Errorf("%+v gave %s", e, got)
		}
	}
	// A key of a table that is made in two ways at once.
	if _, err := (edit{set: "pbx[0].backup", value: "[]"}).apply([]byte("pbx = [{ backup = [ # hi\n\"a\" ] }]\n")); !errors.Is(err, errByHand) {
		t.Errorf("a comment within braces: %v, want errByHand", err)
	}
}

// FuzzEdit: after any change the file can be read, its comments are there, and nothing else has changed.
func FuzzEdit(f *testing.F) {
	paths := []string{"name", "domain", "listen.https", "listen.advertise", "log.level", "pbx[0].backup", "pbx[0].uri", "pbx[1].name", "user[0].name", "user[1].display"}
	for i, text := range []string{
		office, "user = [ { name = 'a', x = [1, # c\n 2] }, {}, ] # d\nlog.level = 1\r\n", "name = \"a\" # x\r\n# y\r\n\r\n[log]",
		"name = '''x'''''\ndomain = \"\"\"\\\"\"\"\"\"\n[[user]] # c\n[log]", "listen = { https = 'a', advertise = ['#', ',', '}'] }\npbx = []\n# end",
	} {
		for kind := range uint8(4) {
			f.Add([]byte(text), uint8(i)+kind, "va\"lue", kind)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, which uint8, value string, kind uint8) {
		if _, faults, whole := readDocument(text); len(faults) > 0 || !whole {
			return
		}
		path := paths[int(which)%len(paths)]
		list := []string{"pbx", "user"}[which%2]
		e := []edit{
			{set: path, value: tomlText(value)}, {set: path}, {remove: list + index0(int(which)/2%3)},
			{add: list, keys: []keyValue{{"name", tomlText(value)}, {"prefixes", "[" + tomlText(value) + "]"}}},
		}[kind%4]
		after, err := e.apply(text)
		if err != nil {
			return
		}
		if _, faults, whole := readDocument(after); len(faults) > 0 || !whole {
			t.Fatalf("%+v of %q gave %q: %v", e, text, after, faults)
		}
		if err := e.verify(text, after); err != nil {
			t.Fatalf("%+v of %q gave %q: %v", e, text, after, err)
		}
		before, now := comments(text), comments(after)
		if e.remove != "" { // takes the comments within along
			for _, c := range now {
				i := slices.Index(before, c)
				if i < 0 {
					t.Fatalf("%+v of %q gave %q, with a new comment %q", e, text, after, c)
				}
				before = before[i+1:]
			}
			return
		}
		slices.Sort(before)
		slices.Sort(now)
		if !slices.Equal(before, now) {
			t.Fatalf("%+v of %q gave %q: comments %q became %q", e, text, after, before, now)
		}
		if again, err := e.apply(after); e.add == "" && (err != nil || !bytes.Equal(again, after)) {
			t.Fatalf("%+v of %q gave %q, then %q (%v)", e, text, after, again, err)
		}
	})
}
