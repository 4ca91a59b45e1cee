package ui

import (
	"fmt"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"cordboard/gateway/call"
)

// fakePhone writes down what it is asked for.
type fakePhone struct {
	asked []string
	err   error // what it answers
}

func (p *fakePhone) note(format string, args ...any) error {
	p.asked = append(p.asked, fmt.Sprintf(format, args...))
	return p.err
}

func (p *fakePhone) Call(target string) (string, error) { return "new", p.note("call %s", target) }
func (p *fakePhone) Answer(id string) error             { return p.note("answer %s", id) }
func (p *fakePhone) HangUp(id string) error             { return p.note("hang up %s", id) }
func (p *fakePhone) Hold(id string) error               { return p.note("hold %s", id) }
func (p *fakePhone) Resume(id string) error             { return p.note("resume %s", id) }
func (p *fakePhone) Mute(id string, on bool) error      { return p.note("mute %s %v", id, on) }
func (p *fakePhone) Press(id, keys string) error        { return p.note("press %s %s", id, keys) }
func (p *fakePhone) Transfer(id, to string) error       { return p.note("transfer %s %s", id, to) }
func (p *fakePhone) Move(id string) error               { return p.note("move %s", id) }
func (p *fakePhone) Take(id string) error               { return p.note("take %s", id) }
func (p *fakePhone) Record(id string, on bool) error    { return p.note("record %s %v", id, on) }
func (p *fakePhone) Join() error                        { return p.note("join") }
func (p *fakePhone) DoNotDisturb(on bool)               { _ = p.note("do not disturb %v", on) }

// fakeSettings keeps what is set.
type fakeSettings struct {
	model      *Model
	appearance Appearance
	language   string
	chosen     []string
	looks      bool
}

func (s *fakeSettings) Choose(purpose, device string) error {
	s.chosen = append(s.chosen, purpose+": "+device)
	return nil
}
func (s *fakeSettings) Appearance() Appearance     { return s.appearance }
func (s *fakeSettings) SetAppearance(a Appearance) { s.appearance = a }
func (s *fakeSettings) Language() string           { return s.language }
func (s *fakeSettings) SetLanguage(l string)       { s.language = l }
func (s *fakeSettings) Look(on bool)               { s.looks = on }
func (s *fakeSettings) Seen(until time.Time)       { _ = s.model.Seen.Set(until) }

// fakeSystem keeps what is agreed.
type fakeSystem struct{ starts, links, atOnce, mac bool }

func (s *fakeSystem) StartsWithComputer() (bool, error) { return s.starts, nil }
func (s *fakeSystem) StartWithComputer(on bool) error   { s.starts = on; return nil }
func (s *fakeSystem) TakesLinks() bool                  { return !s.mac }
func (s *fakeSystem) OpensLinks() (bool, error)         { return s.links, nil }
func (s *fakeSystem) OpenLinks(on bool) error           { s.links = on; return nil }
func (s *fakeSystem) CallsLinks() bool                  { return s.atOnce }
func (s *fakeSystem) CallLinks(atOnce bool)             { s.atOnce = atOnce }

// scene is a window with a made-up office.
type scene struct {
	*Window
	phone    *fakePhone
	settings *fakeSettings
	system   *fakeSystem
	setup    *fakeSetup
	office   *fakeOffice
	window   fyne.Window
	at       time.Time
}

// open shows an office's window in English, in that size.
func open(t *testing.T, width, height float32) *scene {
	t.Helper()
	return openIn(t, "en", Light, width, height)
}

func openIn(t *testing.T, language string, a Appearance, width, height float32) *scene {
	t.Helper()
	app := test.NewTempApp(t)
	app.Settings().SetTheme(Theme(a))
	if err := Speak(language); err != nil {
		t.Fatal(err)
	}
	s := &scene{phone: &fakePhone{}, at: time.Date(2026, 5, 6, 14, 30, 0, 0, time.Local)}
	m := NewModel()
	_ = m.Name.Set("Front office")
	_ = m.Now.Set(s.at)
	_ = m.Owner.Set("alice")
	_ = m.People.Set([]call.Lamp{
		{Target: "bob", Name: "Bob Miller", Extension: "102", State: call.LampIdle},
		{Target: "carol", Name: "Carol Jones", Extension: "103", State: call.LampBusy},
		{Target: "dave", Name: "Dave Brown", Extension: "104", State: call.LampRinging},
		{Target: "erin", Name: "Erin Schmidt-Hohenberg of the workshop", Extension: "105", State: call.LampUnreachable},
	})
	_ = m.Recent.Set([]call.Record{
		{ID: "1", From: "0301234567", To: "alice", Direction: call.In, Began: s.at.Add(-2 * time.Minute), Ended: s.at.Add(-time.Minute), Reason: "Not answered", Users: []string{"alice"}},
		{ID: "2", From: "alice", To: "102", ToDisplay: "Bob Miller", Direction: call.Internal, Began: s.at.Add(-3 * time.Hour), Answered: s.at.Add(-3 * time.Hour), Ended: s.at.Add(-3*time.Hour + 95*time.Second), Users: []string{"alice", "bob"}},
		{ID: "3", From: "alice", To: "+4989123456", Direction: call.Out, Began: s.at.Add(-25 * time.Hour), Ended: s.at.Add(-25 * time.Hour), Reason: "Busy", Users: []string{"alice"}},
		{ID: "4", From: "carol", FromDisplay: "Carol Jones", To: "alice", AnsweredBy: "alice", Direction: call.Internal, Began: s.at.Add(-72 * time.Hour), Answered: s.at.Add(-72 * time.Hour), Ended: s.at.Add(-72*time.Hour + 605*time.Second), Users: []string{"alice", "carol"}},
	})
	s.system = &fakeSystem{}
	s.setup = &fakeSetup{}
	s.office = newFakeOffice(s.at)
	s.settings = &fakeSettings{model: m, appearance: a, language: language}
	s.Window = NewWindow(m, Does{Phone: s.phone, Calls: s.phone, Settings: s.settings, System: s.system, Setup: s.setup, Office: s.office}, func() {})
	t.Cleanup(s.Close)
	s.window = test.NewTempWindow(t, s.Content())
	s.window.SetPadded(false)
	s.Attach(s.window.Canvas())
	s.window.Resize(fyne.NewSize(width, height))
	s.calls()
	return s
}

// calls sets the calls of the moment.
func (s *scene) calls(calls ...call.DeskCall) {
	_ = s.model.Desk.Set(call.DeskState{Ready: true, Owner: "alice", Calls: calls})
}

// talking is a call that was answered half a minute ago.
func (s *scene) talking(id, peer string) call.DeskCall {
	return call.DeskCall{ID: id, Peer: peer, Direction: "out", State: call.Talking, Since: s.at.Add(-40 * time.Second).UnixMilli(),
		Answered: s.at.Add(-32 * time.Second).UnixMilli(), Dialog: id + "@host;to-tag=a;from-tag=b"}
}

// rings is a call that comes in.
func (s *scene) rings(id, peer, name string) call.DeskCall {
	return call.DeskCall{ID: id, Peer: peer, Name: name, Direction: "in", State: call.Ringing, Since: s.at.UnixMilli()}
}
