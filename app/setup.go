//go:build !headless && cgo

package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"cordboard/app/ui"
	"cordboard/audio"
	"cordboard/gateway"
	"cordboard/gateway/call"
)

// setup is what the first start asks for. Its fields are the user interface's; what takes time runs on goroutines that work waits for, and
// ends with ctx.
type setup struct {
	gateway *gateway.Gateway
	ctx     context.Context
	set     *settings
	log     *slog.Logger
	work    *sync.WaitGroup
	do      func(func()) // on Fyne's loop
}

// errMeanwhile is what people are told when somebody else has changed the configuration file.
var errMeanwhile = sentence("The configuration file was changed meanwhile. Try again.")

// later does something that takes time, and then what it gives on Fyne's loop.
func (s *setup) later(do func(context.Context, *gateway.Gateway) (after func())) {
	g := s.gateway
	s.work.Go(func() { s.do(do(s.ctx, g)) })
}

// State implements ui.Setup.
func (s *setup) State() ui.SetupState {
	first, err := s.gateway.FirstStart(s.ctx)
	if err != nil {
		s.log.Warn("what is set up is not known", "error", err)
		return ui.SetupState{}
	}
	return ui.SetupState{
		Wanted: !first.HasPBX && !s.set.left.SetUp, Fresh: first.Fresh, LocalCA: first.LocalCA,
		Names:   ui.Names{Machine: first.Name, Owner: first.Display, SignIn: first.Owner},
		Account: account(first.Account),
	}
}

func account(e gateway.Extension) ui.Account {
	return ui.Account{PBX: e.PBX, Address: e.URI, Extension: e.Username, Saved: e.Kept}
}

func extension(a ui.Account) gateway.Extension {
	return gateway.Extension{PBX: a.PBX, URI: a.Address, Username: a.Extension, Password: a.Password}
}

// plainFault makes an error one for people.
func plainFault(err error) error {
	if errors.Is(err, gateway.ErrSettingsChanged) {
		return errMeanwhile
	}
	return forPeople(err)
}

// SaveNames implements ui.Setup.
func (s *setup) SaveNames(n ui.Names, done func(password string, err error)) {
	s.later(func(ctx context.Context, g *gateway.Gateway) func() {
		password, err := g.NameOwner(ctx, n.Machine, n.SignIn, n.Owner, n.Password)
		return func() { done(password, plainFault(err)) }
	})
}

// TryAccount implements ui.Setup.
func (s *setup) TryAccount(a ui.Account, done func(call.Trial, error)) {
	s.later(func(ctx context.Context, g *gateway.Gateway) func() {
		t, err := g.TryExtension(ctx, extension(a))
		return func() { done(t, plainFault(err)) }
	})
}

// SaveAccount implements ui.Setup.
func (s *setup) SaveAccount(a ui.Account, done func(ui.Account, error)) {
	s.later(func(ctx context.Context, g *gateway.Gateway) func() {
		e, err := g.SaveExtension(ctx, extension(a))
		return func() { done(account(e), plainFault(err)) }
	})
}

// Sample implements ui.Setup.
func (s *setup) Sample(purpose string) error {
	phone, why := s.gateway.Desk()
	if phone == nil {
		return sentence(why)
	}
	return phone.Sample(audio.Purpose(purpose))
}

// Listen implements ui.Setup.
func (s *setup) Listen(on bool) { s.set.listen.Store(on) }

// Finished implements ui.Setup.
func (s *setup) Finished() {
	s.set.left.SetUp = true
	s.set.keep()
}
