package ui

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"

	"cordboard/gateway/call"
)

// at opens a page of the settings by its word.
func (s *scene) atPage(t *testing.T, word string) {
	t.Helper()
	s.openSettings()
	s.tap(t, word)
}

// all gives what of a kind can be seen of the page.
func all[T any](s *scene) (found []T) {
	for _, o := range shown(s.window.Content()) {
		if v, ok := o.(T); ok {
			found = append(found, v)
		}
	}
	return found
}

// entryOf finds the field under a name.
func (s *scene) entryOf(t *testing.T, name string) *entry {
	t.Helper()
	named := false
	for _, o := range shown(s.window.Content()) {
		if x, ok := o.(*text); ok {
			named = named || x.words == name
		}
		if e, ok := o.(*entry); ok && named {
			return e
		}
	}
	t.Fatalf("there is no field %q", name)
	return nil
}

// press answers a question that stands over the window.
func (s *scene) press(t *testing.T, word string) {
	t.Helper()
	over := s.window.Canvas().Overlays().Top()
	if over == nil {
		t.Fatal("nothing is asked")
	}
	for _, o := range shown(over) {
		if p, ok := o.(*pill); ok && p.word == word {
			p.Tapped(nil)
			return
		}
	}
	t.Fatalf("there is no answer %q", word)
}

// asks says whether a question that stands over the window has such words.
func (s *scene) asks(words string) bool {
	over := s.window.Canvas().Overlays().Top()
	return over != nil && reads(over, words)
}

func (s *scene) wantsOffice(t *testing.T, asked ...string) {
	t.Helper()
	if !slices.Equal(s.office.asked, asked) {
		t.Errorf("the office was asked for %q, want %q", s.office.asked, asked)
	}
}

func TestSoundPage(t *testing.T) {
	s := open(t, 1280, 800)
	s.atPage(t, "Sound")
	checks, choices := all[*tick](s), all[*chooser](s)
	if len(checks) != 3 || !checks[0].Checked || checks[2].Checked {
		t.Fatalf("%d switches", len(checks))
	}
	country := choices[len(choices)-1]
	if country.Selected != "Germany" || !slices.Equal(country.Options, []string{"As the system says", "Austria", "Germany", "United Kingdom"}) {
		t.Errorf("country %q of %q", country.Selected, country.Options)
	}
	s.wantsOffice(t)
	checks[1].SetChecked(false)
	country.SetSelected("Austria")
	s.wantsOffice(t, "1: audio.noise = false", "1: audio.country = AT")
	if !s.reads("Saved.") {
		t.Error("it does not say that it is saved")
	}
	s.tap(t, "Try")
	if want := []string{"sample loudspeaker"}; !slices.Equal(s.setup.asked, want) {
		t.Errorf("asked for %q, want %q", s.setup.asked, want)
	}
	_ = s.model.Sound.Set(Sound{Problem: "The microphone is in use."})
	if !s.reads("The microphone is in use.") {
		t.Error("it does not say what keeps the sound from working")
	}
}

// What is refused goes back where it is a choice, and stays where it was typed.
func TestRefusedSettings(t *testing.T) {
	s := open(t, 1280, 800)
	s.office.err = &Refused{[]Fault{{"audio.noise", "Not today."}, {"", "And something else."}}}
	s.atPage(t, "Sound")
	all[*tick](s)[1].SetChecked(false)
	if !s.reads("Not today.") || !s.reads("And something else.") || !all[*tick](s)[1].Checked {
		t.Error("it does not say what was refused, or the switch stays")
	}
	s.tap(t, "This computer")
	e := s.entryOf(t, "Name of this Cordboard, as colleagues see it")
	if e.Text != "Front office" {
		t.Fatalf("the name is %q", e.Text)
	}
	s.office.err = &Refused{[]Fault{{"name", "Has a control character."}}}
	e.SetText("Back office")
	s.tap(t, "Save")
	if !s.reads("Has a control character.") || e.Text != "Back office" {
		t.Errorf("refused, the field has %q", e.Text)
	}
	s.office.err = ErrChangedMeanwhile
	s.office.config.Version, s.office.config.Values["name"] = "2", "By hand"
	s.tap(t, "Save")
	if !s.reads("was changed meanwhile") || e.Text != "Back office" {
		t.Errorf("changed meanwhile, the field has %q", e.Text)
	}
	s.office.err = nil
	s.office.config.Values["name"] = "Back office"
	s.office.config.Waiting = []string{"[listen]"}
	s.tap(t, "Save")
	s.wantsOffice(t, "1: audio.noise = false", "1: name = Back office", "1: name = Back office", "2: name = Back office")
	if s.reads("Has a control") || !s.reads("Some changes hold only after") {
		t.Error("it does not say what it waits for")
	}
	s.tap(t, "Start again now")
	if s.office.again != 1 {
		t.Error("it does not start again")
	}
	s.office.calls = 3 // none of this phone's
	s.tap(t, "Start again now")
	if s.office.again != 1 {
		t.Error("it ends calls unasked")
	}
	if !s.asks("3 calls would end") {
		t.Error("it does not say how many calls would end")
	}
	s.press(t, "Start again anyway")
	if s.office.again != 2 {
		t.Error("it does not start again after a yes")
	}
}

func TestRecordingPage(t *testing.T) {
	s := open(t, 400, 700)
	s.atPage(t, "Recording")
	c := all[*chooser](s)
	if c[0].Selected != "When somebody asks for it" || c[1].Selected != "90 days" {
		t.Errorf("chosen %q, %q", c[0].Selected, c[1].Selected)
	}
	c[0].SetSelected("Never")
	c[1].SetSelected("A year")
	s.wantsOffice(t, "1: recording.enabled = ", "1: recording.keep = 365d")
}

func TestComputerPage(t *testing.T) {
	s := open(t, 400, 700)
	s.atPage(t, "This computer")
	for _, c := range all[*tick](s) {
		c.SetChecked(true)
	}
	if !s.system.starts || !s.system.links || !s.system.atOnce {
		t.Errorf("agreed: %+v", *s.system)
	}
	if pop := s.entryOf(t, "Address, empty for none"); pop.Text != "https://crm.example/{number}" {
		t.Errorf("the page about the caller is %q", pop.Text)
	}
	choices := all[*chooser](s)
	choices[len(choices)-1].SetSelected("you answer")
	s.wantsOffice(t, "1: window.pop_on = answer")
}

// Where no links can come to Cordboard none are offered.
func TestNoLinks(t *testing.T) {
	s := open(t, 400, 700)
	s.system.mac = true
	s.atPage(t, "This computer")
	if n := len(all[*tick](s)); n != 1 || s.reads("tel:") {
		t.Errorf("%d switches on a system without links", n)
	}
	s.closeSettings()
	s.OpenSetup()
	s.wizard.show(3)
	if n := len(all[*tick](s)); n != 1 {
		t.Errorf("the first start has %d switches there", n)
	}
}

func TestNeighboursPage(t *testing.T) {
	s := open(t, 400, 700)
	s.atPage(t, "Neighbours")
	for _, words := range []string{"Warehouse", "called by name@warehouse", "Workshop", "found in this network"} {
		if !s.reads(words) {
			t.Errorf("the page does not say %q", words)
		}
	}
	s.tap(t, "Pair")
	s.office.near[1].Pairing = &call.Pairing{ID: "bb", Name: "Workshop", Code: "123456"}
	s.office.tell(s.office.near)
	if !s.reads("123 456") || !s.reads("Does it show the same code?") {
		t.Error("it shows no code")
	}
	s.tap(t, "The same")
	s.office.near[1].Pairing.Waits = true
	s.office.tell(s.office.near)
	if !s.reads("Now say the same at Workshop.") {
		t.Error("it does not say what it waits for")
	}
	s.office.near[1].Pairing, s.office.near[1].Trouble = nil, "Not paired: The other machine gave up."
	s.office.tell(s.office.near)
	if !s.reads("The other machine gave up.") {
		t.Error("it does not say what came of it")
	}
	s.tap(t, "Forget")
	s.press(t, "Forget")
	s.office.err = errors.New("No neighbour of that name is known.")
	e := all[*entry](s)[0]
	e.SetText("192.168.1.40")
	e.OnSubmitted(e.Text)
	if !s.reads("No neighbour of that name") {
		t.Error("it does not say that nobody is there")
	}
	s.office.err = nil
	all[*tick](s)[0].SetChecked(true)
	s.wantsOffice(t, "pair bb", "same bb 123456 true", "forget aa", "pair 192.168.1.40:8443", "1: discovery.strangers = true")
	s.closeSettings()
	if s.office.tell != nil {
		t.Error("somebody listens to neighbours still")
	}
	s.office.noNear = true
	s.atPage(t, "Neighbours")
	if !s.reads("Finding neighbours is switched off") {
		t.Error("it does not say that they are switched off")
	}
}

func TestCertificatePage(t *testing.T) {
	s := open(t, 1280, 800)
	s.atPage(t, "Certificate")
	for _, words := range []string{"front.local, office.example, 192.168.1.20", "25 Jul 2026. It renews itself.", "4F:1A", "Trusts it", "Doesn't trust it yet", "administrator's password"} {
		if !s.reads(words) {
			t.Errorf("the page does not say %q", words)
		}
	}
	s.office.err = errors.New("certutil: no")
	s.tap(t, "Trust it")
	if !s.reads("It could not be added.") || !s.reads("certutil: no") {
		t.Error("it does not say that it failed")
	}
	s.office.err = nil
	s.tap(t, "Trust it")
	s.tap(t, "Trust it")
	s.wantsOffice(t, "trust 1", "trust 1", "trust 2")
	if s.reads("Doesn't trust it yet") {
		t.Error("one does not trust it yet")
	}
	s.office.cert.Own, s.office.cert.Issuer, s.office.cert.Until = false, "Example CA", s.at.Add(48*time.Hour)
	s.tap(t, "Certificate")
	if !s.reads("issued by Example CA") || !s.reads("that is soon. Renew it.") || s.reads("Trusts it") {
		t.Error("a certificate from files is not told of")
	}
}

func TestAboutPage(t *testing.T) {
	s := open(t, 400, 700)
	s.atPage(t, "About")
	s.tap(t, "Look")
	for _, words := range []string{"1.2", "cordboard.toml", "https://front.local:8443", "Wrong password. Set the right", "1 thing to mend."} {
		if !s.reads(words) {
			t.Errorf("the page does not say %q", words)
		}
	}
	s.tap(t, "Copy")
	if !strings.Contains(s.office.copied, "PBX office, bob: Wrong password.") {
		t.Errorf("copied %q", s.office.copied)
	}
	s.office.found = s.office.found[:2]
	s.tap(t, "Look")
	if !s.reads("All is well.") {
		t.Error("a hint is told as a fault")
	}
}

// TestStepsOfSettings goes through the settings by keys, in a narrow window and a wide one; a call puts them aside with what was typed.
func TestStepsOfSettings(t *testing.T) {
	s := open(t, 400, 700)
	before := len(s.ends)
	s.openSettings()
	if !s.reads("Where calls to numbers go") || s.reads("Cancel echo") {
		t.Error("a narrow window begins with something else than the list")
	}
	s.tap(t, "Users")
	s.tap(t, "Bob Miller")
	s.entryOf(t, "Extension").SetText("109")
	s.calls(s.rings("a", "0301234567", "Erika"))
	if s.open || !s.settings.looks == false && s.settings.looks {
		t.Error("a call does not put the settings aside")
	}
	s.calls()
	s.openSettings()
	if e := s.entryOf(t, "Extension"); e.Text != "109" {
		t.Errorf("a call took away what was typed: %q", e.Text)
	}
	for _, want := range []string{"carol · 103", "Where calls to numbers go"} {
		s.typed(fyne.KeyEscape)
		if !s.reads(want) {
			t.Errorf("escape does not lead to %q", want)
		}
	}
	s.typed(fyne.KeyEscape)
	if s.open || s.set != nil || len(s.ends) != before || s.settings.looks {
		t.Errorf("settings are open: %v, %d listeners, want %d", s.open, len(s.ends), before)
	}
	s.window.Resize(fyne.NewSize(1280, 800))
	s.openSettings()
	if !s.reads("Where calls to numbers go") || !s.reads("Cancel echo") {
		t.Error("a wide window does not show list and page")
	}
	s.typed(fyne.KeyEscape)
	if s.open {
		t.Error("escape does not close them")
	}
}

// TestSettingsFit lays every page out from 360 pixels on.
func TestSettingsFit(t *testing.T) {
	for _, width := range []float32{360, 719, 720, 1280} {
		s := openIn(t, "de", Light, width, 640)
		s.openSettings()
		for i, p := range s.set.pages {
			s.set.choose(i)
			if got := s.window.Canvas().Size().Width; got != width {
				t.Errorf("%s wants %v pixels, has %v", p.word, got, width)
			}
			for _, o := range shown(s.window.Content()) {
				switch o.(type) {
				case *pill, *toggle, *row, *entry, *chooser, *tick:
					at := fyne.CurrentApp().Driver().AbsolutePositionForObject(o)
					if at.X < 0 || at.X+o.Size().Width > width+0.5 {
						t.Errorf("%s: at %v pixels %T stands from %v to %v", p.word, width, o, at.X, at.X+o.Size().Width)
					}
				}
			}
		}
	}
}
