package ui

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2/test"

	"cordboard/assets"
	"cordboard/gateway/call"
)

type message struct{ Description, One, Other string }

func messages(t *testing.T, language string) map[string]message {
	t.Helper()
	data, err := assets.Words(language)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]message
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatalf("words of %s: %v", language, err)
	}
	return all
}

// TestLanguagesSayTheSame compares the keys of all languages, and the values that stand in their strings.
func TestLanguagesSayTheSame(t *testing.T) {
	english := messages(t, "en")
	for language := range Languages {
		other := messages(t, language)
		for key := range maps.Keys(english) {
			a, b := english[key], other[key]
			if b.Other == "" || b.Description == "" || (a.One == "") != (b.One == "") {
				t.Errorf("%s: %q is missing, or its context is", language, key)
			}
			if strings.Count(a.Other, "{{") != strings.Count(b.Other, "{{") {
				t.Errorf("%s: %q has other values than in English", language, key)
			}
			if strings.Contains(b.Other, "!") {
				t.Errorf("%s: %q shouts", language, key)
			}
		}
		for key := range other {
			if _, known := english[key]; !known {
				t.Errorf("%s: %q is not said in English", language, key)
			}
		}
	}
}

// TestEverythingSaidIsThere finds keys in the code of window and views that have no words.
func TestEverythingSaidIsThere(t *testing.T) {
	english := messages(t, "en")
	files, _ := filepath.Glob("*.go")
	more, _ := filepath.Glob("../window*.go")
	said := 0
	for _, file := range slices.Concat(files, more) {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			c, ok := n.(*ast.CallExpr)
			if !ok || len(c.Args) == 0 {
				return true
			}
			name := ""
			switch f := c.Fun.(type) {
			case *ast.Ident:
				name = f.Name
			case *ast.SelectorExpr:
				if x, ok := f.X.(*ast.Ident); ok {
					name = x.Name + "." + f.Sel.Name
				}
			}
			lit, ok := c.Args[0].(*ast.BasicLit)
			if !ok || !slices.Contains([]string{"say", "count", "lang.X"}, name) {
				return true
			}
			key, _ := strconv.Unquote(lit.Value)
			said++
			if _, known := english[key]; !known {
				t.Errorf("%s says %q, for which there are no words", file, key)
			}
			return true
		})
	}
	if said < 50 {
		t.Errorf("only %d strings found", said)
	}
	for _, s := range []call.LampState{call.LampIdle, call.LampRinging, call.LampBusy, call.LampUnreachable, call.LampUnknown} {
		if _, known := english["lamp."+string(s)]; !known {
			t.Errorf("no word for the lamp %q", s)
		}
	}
	for _, k := range []call.TroubleKind{call.TroubleICE, call.TroubleDTLS, call.TroubleKeys, call.TroubleCodec, call.TroubleAddress, call.TroubleSilent,
		call.TroubleMuted, call.TroubleLossIn, call.TroubleLossOut, call.TroubleOneWay} {
		if _, known := english[troubleWord(k)]; !known {
			t.Errorf("no words for the trouble %q", k)
		}
	}
	for _, reason := range []string{call.ReasonAnswered, call.ReasonBusy, call.ReasonDeclined, call.ReasonNotAnswered, call.ReasonUnavailable, call.ReasonNobody,
		call.ReasonIncomplete, call.ReasonForbidden, call.ReasonNoSound, call.ReasonLoop, call.ReasonRefused, call.ReasonFault, call.ReasonHungUp,
		call.ReasonNoDevice, call.ReasonLost, call.ReasonStopped, call.ReasonOwnFault} {
		if _, known := english[reason]; !known {
			t.Errorf("no words for the reason %q", reason)
		}
	}
}

// TestGerman shows the window in the language that was chosen, whatever the system's is.
func TestGerman(t *testing.T) {
	s := openIn(t, "de", Dark, 1280, 800)
	c := s.talking("a", "bob")
	c.State, c.Reason = call.Ended, "Busy"
	s.calls(c)
	for _, words := range []string{"Kollegen", "frei · 102", "Letzter Anruf: Bob Miller", "Besetzt", "1 verpasster Anruf", "gestern", "3. Mai"} {
		if !s.reads(words) {
			t.Errorf("the window does not say %q", words)
		}
	}
}

func TestWhen(t *testing.T) {
	if err := Speak("en"); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 1, 0, 30, 0, 0, time.UTC)
	for _, tt := range []struct {
		ago  time.Duration
		want string
	}{
		{0, "just now"}, {59 * time.Second, "just now"}, {time.Minute, "1 min ago"}, {59 * time.Minute, "59 min ago"},
		{time.Hour, "yesterday 23:30"}, {24 * time.Hour, "yesterday 00:30"}, {25 * time.Hour, "27 Feb 23:30"},
	} {
		if got := when(now.Add(-tt.ago), now); got != tt.want {
			t.Errorf("when(%v ago) = %q, want %q", tt.ago, got, tt.want)
		}
	}
}

func TestClockGroupedInitials(t *testing.T) {
	for d, want := range map[time.Duration]string{-time.Second: "0:00", 65 * time.Second: "1:05", 3723 * time.Second: "1:02:03"} {
		if got := clock(d); got != want {
			t.Errorf("clock(%v) = %q, want %q", d, got, want)
		}
	}
	for number, want := range map[string]string{"": "", "101": "101", "1234": "1234", "12345": "123 45", "0301234567": "030 123 4567",
		"+4989123456": "+498 912 3456", "bob": "bob", "*21#": "*21#", "123456": "123 456"} {
		if got := grouped(number); got != want {
			t.Errorf("grouped(%q) = %q, want %q", number, got, want)
		}
	}
	for name, want := range map[string]string{"": "", "bob": "B", "Bob Miller": "BM", "Anna von der Weide": "AW", "030 12": "", "élan": "É"} {
		if got := initials(name); got != want {
			t.Errorf("initials(%q) = %q, want %q", name, got, want)
		}
	}
}

// TestIconsAreThere finds names of icons in the code that there is no drawing for, and draws all of them.
func TestIconsAreThere(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(Theme(Light))
	entries, err := os.ReadDir("../../assets/icons")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ".svg")
		drawing := string(icon{name, colourMuted}.Content())
		if strings.Contains(drawing, "currentColor") || !strings.Contains(drawing, "stroke=") {
			t.Errorf("icon %s has no colour: %s", name, drawing)
		}
	}
}
