//go:build !headless && cgo

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"

	"cordboard/app/ui"
	"cordboard/audio"
	"cordboard/gateway"
	"cordboard/gateway/call"
	"cordboard/gateway/cert/trust"
)

// office is what the pages of settings show and change. Its fields are the user interface's; what takes time runs on goroutines that work
// waits for, and ends with ctx.
type office struct {
	ctx     context.Context
	work    *sync.WaitGroup
	gateway func() *gateway.Gateway // of the moment
	lists   func() []trust.List
	again   func()       // starts the gateway anew
	copy    func(string) // to where other programs paste from
	do      func(func()) // on Fyne's loop
}

// later does something that takes time, and then, on Fyne's loop, what is to be done with what came of it.
func later[T any](o *office, what func(context.Context, *gateway.Gateway) (T, error), done func(T, error)) {
	g := o.gateway()
	o.work.Go(func() {
		v, err := what(o.ctx, g)
		o.do(func() { done(v, forPeople(err)) })
	})
}

// alone is for what gives nothing but an error.
func alone(done func(error)) func(struct{}, error) { return func(_ struct{}, err error) { done(err) } }

// sentence is an error in words for people.
type sentence string

func (s sentence) Error() string { return string(s) }

// forPeople makes errors of the gateway those that views know.
func forPeople(err error) error {
	var refused *gateway.SettingsRefused
	switch {
	case errors.Is(err, gateway.ErrSettingsChanged):
		return ui.ErrChangedMeanwhile
	case errors.Is(err, gateway.ErrNoUser):
		return sentence("There is no user of that name any more. Load the list again.")
	case errors.As(err, &refused):
		all := &ui.Refused{}
		for _, f := range refused.Faults {
			problem := f.Problem
			if where, rest, found := strings.Cut(problem, ": "); found && f.Key != "" && (where == f.Key || strings.HasPrefix(where, "[")) {
				problem = rest
			}
			all.Faults = append(all.Faults, ui.Fault{Key: f.Key, Problem: strings.ToUpper(problem[:1]) + problem[1:]})
		}
		return all
	}
	return err
}

// ReadConfig implements ui.Office.
func (o *office) ReadConfig(done func(ui.Config, error)) {
	later(o, func(_ context.Context, g *gateway.Gateway) (ui.Config, error) {
		s, err := g.Settings()
		if err != nil {
			return ui.Config{}, err
		}
		c := ui.Config{Version: s.Version, Secrets: s.Secrets, Waiting: s.Waiting}
		text, err := json.Marshal(s.Settings) // the views know no types of ours
		if err == nil {
			err = json.Unmarshal(text, &c.Values)
		}
		return c, err
	}, done)
}

// ChangeConfig implements ui.Office.
func (o *office) ChangeConfig(version string, changes []ui.Change, done func(error)) {
	later(o, func(_ context.Context, g *gateway.Gateway) (struct{}, error) {
		all := make([]gateway.SettingsChange, len(changes))
		for i, c := range changes {
			all[i] = gateway.SettingsChange{Set: c.Set, Add: c.Add, Remove: c.Remove}
			var err error
			if all[i].To, err = json.Marshal(c.To); err != nil {
				return struct{}{}, err
			}
			for key, to := range c.Entry {
				value, err := json.Marshal(to)
				if err != nil {
					return struct{}{}, err
				}
				if all[i].Entry == nil {
					all[i].Entry = map[string]json.RawMessage{}
				}
				all[i].Entry[key] = value
			}
		}
		_, err := g.Change(version, all)
		return struct{}{}, err
	}, alone(done))
}

// Users implements ui.Office.
func (o *office) Users(done func([]ui.User, error)) {
	later(o, func(ctx context.Context, g *gateway.Gateway) ([]ui.User, error) {
		all, err := g.Accounts(ctx)
		users := make([]ui.User, len(all))
		for i, a := range all {
			users[i] = ui.User{Name: a.Name, Display: a.Display, Extension: a.Extension, Admin: a.Admin, PBX: a.PBX, PBXUsername: a.PBXUsername,
				HasPBXPassword: a.PBXPassword, InFile: a.InFile, OneTime: a.OneTime, Owner: a.Owner}
		}
		return users, err
	}, done)
}

// PutUser implements ui.Office.
func (o *office) PutUser(u ui.User, add bool, done func(password string, err error)) {
	later(o, func(ctx context.Context, g *gateway.Gateway) (string, error) {
		c := gateway.AccountChange{Display: &u.Display, Extension: &u.Extension, Admin: &u.Admin, PBX: &u.PBX, PBXUsername: &u.PBXUsername,
			PBXPassword: u.PBXPassword, Password: u.Password}
		if !add {
			return g.ChangeAccount(ctx, u.Name, c)
		}
		c.Name = &u.Name
		return g.AddAccount(ctx, c)
	}, done)
}

// RemoveUser implements ui.Office.
func (o *office) RemoveUser(name string, done func(error)) {
	later(o, func(ctx context.Context, g *gateway.Gateway) (struct{}, error) {
		return struct{}{}, g.RemoveAccount(ctx, name)
	}, alone(done))
}

// Neighbours implements ui.Office.
func (o *office) Neighbours(tell func([]call.NeighbourState)) (stop func()) {
	near := o.gateway().Nearby()
	if near == nil {
		return nil
	}
	ctx, stop := context.WithCancel(o.ctx)
	moved := near.Watch(ctx)
	tell(near.List())
	o.work.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-moved:
			}
			all := near.List()
			o.do(func() {
				if ctx.Err() == nil {
					tell(all)
				}
			})
		}
	})
	return stop
}

// errNoNeighbours is for a gateway that was started anew without them.
var errNoNeighbours = sentence("Neighbours are switched off here.")

// near does something with neighbours.
func near[T any](o *office, what func(context.Context, gateway.Neighbours) (T, error), done func(T, error)) {
	later(o, func(ctx context.Context, g *gateway.Gateway) (none T, err error) {
		if n := g.Nearby(); n != nil {
			return what(ctx, n)
		}
		return none, errNoNeighbours
	}, done)
}

// Pair implements ui.Office.
func (o *office) Pair(name string, done func(call.Pairing, error)) {
	near(o, func(ctx context.Context, n gateway.Neighbours) (call.Pairing, error) { return n.Pair(ctx, name) }, done)
}

// Same implements ui.Office.
func (o *office) Same(id, code string, same bool, done func(error)) {
	near(o, func(_ context.Context, n gateway.Neighbours) (struct{}, error) {
		return struct{}{}, n.Answer(id, code, same)
	}, alone(done))
}

// Forget implements ui.Office.
func (o *office) Forget(id string, done func(error)) {
	near(o, func(ctx context.Context, n gateway.Neighbours) (struct{}, error) {
		return struct{}{}, n.Forget(ctx, id)
	}, alone(done))
}

// Certificate implements ui.Office.
func (o *office) Certificate(done func(ui.Certificate, error)) {
	later(o, func(ctx context.Context, g *gateway.Gateway) (ui.Certificate, error) {
		now := g.Certificate()
		c := ui.Certificate{Names: now.Names, Addresses: now.Addresses, Until: now.Until, Fingerprint: now.Fingerprint, Issuer: now.Issuer}
		if now.Authority == nil {
			return c, nil
		}
		c.Own, c.Authority, c.Fingerprint = true, now.Authority.Name, now.Authority.Fingerprint
		ca, err := trust.Read([]byte(now.Authority.PEM))
		if err != nil {
			return c, err
		}
		for i, l := range o.lists() {
			c.Lists = append(c.Lists, ui.TrustList{ID: strconv.Itoa(i), Name: l.Name, System: l.System, Lacks: l.Lacks, Trusts: l.Has(ctx, ca)})
		}
		return c, nil
	}, done)
}

// Trust implements ui.Office.
func (o *office) Trust(list string, done func(error)) {
	later(o, func(ctx context.Context, g *gateway.Gateway) (struct{}, error) {
		now := g.Certificate()
		all := o.lists()
		i, err := strconv.Atoi(list)
		if err != nil || i < 0 || i >= len(all) || now.Authority == nil {
			return struct{}{}, sentence("There is no such list any more.")
		}
		ca, err := trust.Read([]byte(now.Authority.PEM))
		if err == nil {
			err = all[i].Add(ctx, ca)
		}
		return struct{}{}, err
	}, alone(done))
}

// Examine implements ui.Office.
func (o *office) Examine(done func([]ui.Finding, error)) {
	later(o, func(ctx context.Context, g *gateway.Gateway) ([]ui.Finding, error) {
		ctx, stop := context.WithTimeout(ctx, doctorTime)
		defer stop()
		found := g.Examine(ctx)
		all := make([]ui.Finding, len(found))
		for i, f := range found {
			all[i] = ui.Finding{What: f.What, Text: f.Text, Do: f.Do, Well: f.Well}
		}
		return all, nil
	}, done)
}

// About implements ui.Office.
func (o *office) About() ui.About {
	g := o.gateway()
	folder, file := g.Place()
	return ui.About{Version: cmp.Or(version, "dev"), Folder: folder, File: file, Pages: g.Greeting().Pages, Countries: slices.DeleteFunc(audio.Countries(), func(c string) bool { return c == "UK" })} // GB
}

// Calls implements ui.Office.
func (o *office) Calls() int { return o.gateway().Calls() }

// StartAgain implements ui.Office.
func (o *office) StartAgain() { o.again() }

// Copy implements ui.Office.
func (o *office) Copy(text string) { o.copy(text) }
