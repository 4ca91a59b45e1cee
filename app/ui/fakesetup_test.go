package ui

import (
	"fmt"

	"cordboard/gateway/call"
)

// fakeSetup writes down what it is asked for. What takes time is over when a test says so.
type fakeSetup struct {
	state    SetupState
	asked    []string
	pending  []func(call.Trial) // trials that go on
	err      error              // what saving answers
	password string             // that the owner is given
	listens  bool
}

func (s *fakeSetup) note(format string, args ...any) {
	s.asked = append(s.asked, fmt.Sprintf(format, args...))
}

func (s *fakeSetup) State() SetupState { return s.state }

func (s *fakeSetup) SaveNames(n Names, done func(string, error)) {
	s.note("names %s, %s, %s, %s", n.Machine, n.Owner, n.SignIn, n.Password)
	if s.err == nil {
		s.state.Fresh, s.state.Names = false, n
		s.state.Names.Password = ""
	}
	done(s.password, s.err)
}

func (s *fakeSetup) TryAccount(a Account, done func(call.Trial, error)) {
	s.note("try %s, %s, %s", a.Address, a.Extension, a.Password)
	s.pending = append(s.pending, func(t call.Trial) { done(t, nil) })
}

// comes ends the trial that was begun last.
func (s *fakeSetup) comes(code string) {
	s.pending[len(s.pending)-1](call.Trial{Works: code == call.TrialWorks, Code: code, Text: "As the PBX says."})
}

func (s *fakeSetup) SaveAccount(a Account, done func(Account, error)) {
	s.note("save %s, %s, %s, %s", a.PBX, a.Address, a.Extension, a.Password)
	a.Password, a.Saved = "", true
	done(a, s.err)
}

func (s *fakeSetup) Sample(purpose string) error {
	s.note("sample %s", purpose)
	return s.err
}

func (s *fakeSetup) Listen(on bool) { s.listens = on }

func (s *fakeSetup) Finished() { s.note("finished") }
