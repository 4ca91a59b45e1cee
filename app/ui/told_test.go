package ui

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// sources are where sentences come from that the window shows as they are told. In a file only the functions are looked at that are named,
// where any are.
var sources = []struct {
	files string
	in    []string
}{
	{"audio/device/system.go", nil},
	{"audio/device/permission_*.go", nil},
	{"gateway/desk.go", []string{"deskOwner", "noDesk", "checkAudio"}},
	{"gateway/desk/desk.go", nil},
	{"gateway/desk/move.go", nil},
	{"gateway/desk/transfer.go", nil},
	{"gateway/desk/verbs.go", nil},
	{"gateway/doctor.go", nil},
	{"gateway/folder*.go", []string{"examineFolder"}},
	{"gateway/sockets.go", []string{"portError"}},
	{"gateway/store/live.go", []string{"errInUse"}},
	{"gateway/signaling/try.go", nil},
	{"gateway/neighbour/pair.go", nil},
	{"gateway/neighbour/link.go", nil},
	{"gateway/neighbour/list.go", nil},
	{"gateway/neighbour/people.go", []string{"listen"}},
	{"gateway/neighbour/neighbour.go", nil},
	{"gateway/users.go", nil},
	{"gateway/auth/user.go", []string{"ValidateName", "ValidateExtension", "validateDisplay", "WithPassword", "Validate"}},
	{"gateway/validate.go", nil},
	{"gateway/listen.go", nil},
	{"gateway/pbx.go", []string{"checkPBX", "checkICE"}},
	{"gateway/routes.go", nil},
	{"gateway/guard.go", []string{"checkGuard"}},
	{"gateway/metrics.go", []string{"check"}},
	{"gateway/schema.go", nil},
	{"gateway/settings.go", []string{"Change", "editOf", "additionOf", "valueOf"}},
	{"gateway/recording/config.go", nil},
	{"gateway/web/config.go", nil},
	{"gateway/signaling/config.go", nil},
	{"gateway/call/pop.go", nil},
	{"gateway/call/ice.go", nil},
	{"app/office.go", nil},
	{"app/setup.go", nil},
	{"app/window.go", []string{"errNoPhone"}},
	{"app/links/handler_*.go", nil},
	{"app/autostart/*.go", nil},
	{"app/ui/office.go", nil},
	{"gateway/cert/trust/*.go", nil},
}

// notShown are functions whose arguments no window shows as they are.
var notShown = regexp.MustCompile(`^(Debug|Info|Warn|Error|Log|reply|notify|NewHeader|X|XN|say|count|RawQuery|Unquote|panic|run|MustCompile)$`)

// neverShown are texts that are no sentences, or are passed on to nobody at the window.
var neverShown = []string{"correct horse battery", "SIP TLS", "[Default Applications]", "URL Protocol", "remote error", "Chromium (snap)", "Firefox (snap)", "Firefox (Flatpak)"}

// keyed is the key before what is wrong with it.
var keyed = regexp.MustCompile(`^[a-z_]+: `)

// hole stands for a value in a sentence.
const hole = "\x00"

var verb = regexp.MustCompile(`%[-+#0-9.\[\]]*[a-zA-Z]`)

// TestToldIsThere finds sentences that the gateway, or what it stands on, tells the window, and for which there are no words in German.
func TestToldIsThere(t *testing.T) {
	if err := Speak("de"); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, s := range sources {
		files, err := filepath.Glob("../../" + s.files)
		if err != nil || len(files) == 0 {
			t.Fatalf("no files %s: %v", s.files, err)
		}
		found := false
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, sentence := range sentencesOf(t, file, s.in) {
				n++
				found = true
				if slices.Contains(neverShown, sentence) || strings.ContainsAny(sentence, "<&$") { // of other files, or commands
					continue
				}
				if strings.HasSuffix(file, "config.go") { // without the key, which is told apart
					sentence = keyed.ReplaceAllString(sentence, "")
				}
				for _, form := range []string{sentence, strings.ToUpper(sentence[:1]) + sentence[1:], strings.ToUpper(sentence[:1]) + strings.TrimSuffix(sentence[1:], ".") + "."} {
					if left := untold(form); left != "" {
						t.Errorf("%s: %q is not said in German: %q stays", file, strings.ReplaceAll(form, hole, "…"), left)
						break
					}
				}
			}
		}
		if !found && s.in != nil {
			t.Errorf("no sentences in %s, %q", s.files, s.in)
		}
	}
	if n < 200 {
		t.Errorf("only %d sentences found", n)
	}
}

// untold is what of a sentence stays as it is in the language in use; empty: nothing.
func untold(sentence string) string {
	filled := sentence
	for i := 0; strings.Contains(filled, hole); i++ {
		filled = strings.Replace(filled, hole, "x"+strconv.Itoa(i), 1)
	}
	said := strings.ToLower(told(filled))
	for part := range strings.SplitSeq(strings.ToLower(sentence), hole) {
		if part = strings.Trim(part, ` .,:;()"`); len(strings.Fields(part)) > 1 && strings.Contains(said, part) {
			return part
		}
	}
	if filled == sentence && said == strings.ToLower(sentence) {
		return sentence
	}
	return ""
}

// sentencesOf are those in a file, or in some of its functions and variables, with hole for each value.
func sentencesOf(t *testing.T, file string, in []string) (all []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range parsed.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if in == nil || slices.Contains(in, d.Name.Name) {
				all = append(all, sentencesIn(d.Body)...)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				if v, ok := spec.(*ast.ValueSpec); ok && (in == nil || slices.Contains(in, v.Names[0].Name)) {
					all = append(all, sentencesIn(v)...)
				}
			}
		}
	}
	return all
}

// sentencesIn are those in a part of the code.
func sentencesIn(in ast.Node) (all []string) {
	ast.Inspect(in, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			name := ""
			switch f := n.Fun.(type) {
			case *ast.Ident:
				name = f.Name
			case *ast.SelectorExpr:
				name = f.Sel.Name
			}
			return !notShown.MatchString(name)
		case ast.Expr:
			text, ok := textOf(n)
			if !ok {
				return true
			}
			if words := strings.FieldsFunc(text, func(r rune) bool { return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || r == '\'') }); len(words) > 1 && strings.Contains(text, " ") {
				all = append(all, text)
			}
			return false
		}
		return true
	})
	return all
}

// textOf is a text with its values, as a literal, a format, or a sum of them.
func textOf(e ast.Expr) (text string, ok bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind != token.STRING {
			return "", false
		}
		text, _ = strconv.Unquote(e.Value)
		text = verb.ReplaceAllStringFunc(strings.ReplaceAll(text, "%%", "%"), func(v string) string {
			if strings.HasSuffix(v, "q") {
				return `"` + hole + `"`
			}
			return hole
		})
		return text, true
	case *ast.ParenExpr:
		return textOf(e.X)
	case *ast.BinaryExpr:
		if e.Op != token.ADD {
			return "", false
		}
		a, left := textOf(e.X)
		b, right := textOf(e.Y)
		if !left && !right {
			return "", false
		}
		if !left {
			a = hole
		}
		if !right {
			b = hole
		}
		return a + b, true
	}
	return "", false
}

// TestTold says sentences with values in German, whatever is in the values, and leaves alone what it does not know.
func TestTold(t *testing.T) {
	for _, tt := range []struct{ language, sentence, want string }{
		{"en", "", ""},
		{"en", "Busy", "Busy"},
		{"en", "The transfer failed: Busy", "The transfer failed: Busy"},
		{"en", "The user name is taken. {{.Evil}} {{", "The user name is taken. {{.Evil}} {{"},
		{"en", `"{{.A}}" is not one of debug`, `"{{.A}}" is not one of debug`},
		{"de", "", ""},
		{"de", "busy", "Besetzt"},
		{"de", "The transfer failed: has a control character", "Die Vermittlung ist gescheitert: hat ein Steuerzeichen"},
		{"de", "Nothing we know: Busy.", "Nothing we know: Busy."},
		{"de", "The transfer failed: Busy", "Die Vermittlung ist gescheitert: Besetzt"},
		{"de", "The transfer to 300 failed: Not answered", "Die Vermittlung an 300 ist gescheitert: Nicht angenommen"},
		{"de", "The call is being transferred to {{.Evil}}", "Das Gespräch wird an {{.Evil}} vermittelt"},
		{"de", `The microphone "Head {{ set" is in use by another program. Close that program, or choose another microphone.`,
			"Das Mikrofon „Head {{ set“ ist von einem anderen Programm belegt. Schließen Sie das Programm, oder wählen Sie ein anderes Gerät (Mikrofon)."},
		{"de", "Only digits are allowed.", "Nur Ziffern sind erlaubt."},
		{"de", `Extension "12a": only digits are allowed`, "Nebenstelle „12a“: nur Ziffern sind erlaubt"},
		{"de", "The name pbx.example is not known. Is it written right?", "Den Namen pbx.example kennt niemand. Ist er richtig geschrieben?"},
		{"de", "office-2 could not be asked: dial tcp 192.0.2.7:8443: connect: connection refused",
			"office-2 war nicht zu fragen: Verbindung mit 192.0.2.7:8443: Verbindung abgelehnt"},
		{"de", "start with the computer: open /home/a/.config: permission denied", "mit dem Rechner starten: /home/a/.config öffnen: keine Berechtigung"},
		{"de", "The HTTPS port :8443 is in use by another program (TCP).", "Den Port :8443 (HTTPS) benutzt ein anderes Programm (TCP)."},
	} {
		if err := Speak(tt.language); err != nil {
			t.Fatal(err)
		}
		if got := told(tt.sentence); got != tt.want {
			t.Errorf("%s: told(%q) = %q, want %q", tt.language, tt.sentence, got, tt.want)
		}
	}
}

// FuzzTold says what stands around a value, whatever the value is.
func FuzzTold(f *testing.F) {
	if err := Speak("de"); err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{"The transfer to  failed: ", "The transfer to The transfer to a failed: b failed: c", `"{A}", want {{`, "ß.", "\xff. ", "not paired, not paired"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sentence string) {
		told(sentence)
		if got := told("The transfer failed: " + sentence); !strings.HasPrefix(got, "Die Vermittlung ist gescheitert") {
			t.Errorf("told of %q is %q", sentence, got)
		}
	})
}
