package gateway

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"cordboard/audio"
	"cordboard/audio/echo"
	"cordboard/gateway/desk"
	"cordboard/gateway/store"
)

// openDesk makes the phone that this machine is, if it has sound.
func (g *Gateway) openDesk(ctx context.Context, host Host) (err error) {
	if !g.cfg.Audio.Enabled || host.Card == nil {
		return nil
	}
	if g.deskLive, err = store.OpenLive(filepath.Join(host.Dir, deskLiveName)); err != nil {
		return err
	}
	if g.cfg.Audio.Echo && !echo.Available {
		g.log.Info("echo of this machine's loudspeaker is not cancelled: the program was built without it")
	}
	busy, kept := g.accounts.store.Busy(ctx)
	if kept != nil {
		g.log.Error("do not disturb of the last run not known", "error", kept)
	}
	g.desk = desk.New(desk.Config{Domain: g.cfg.Domain, Version: host.Version, Busy: busy}, desk.Deps{
		Keep: func(busy bool) error { return g.accounts.store.SetBusy(context.WithoutCancel(ctx), busy) },
		Attach: func(user string) (desk.Line, error) {
			line, err := g.signaling.Attach(user)
			if err != nil { // a nil *Line is no nil Line
				return nil, err
			}
			return line, nil
		},
		Owner: g.deskOwner,
		Voice: func(label string, heard func(rune)) (desk.Voice, error) {
			voice, err := g.media.Voice(label, heard)
			if err != nil {
				return nil, err
			}
			return voice, nil
		},
		Card: host.Card, Live: g.deskLive, Country: func() string { return cmp.Or(g.now.Load().Audio.Country, audio.Country(os.Getenv)) },
		Clean: func(d audio.Duplex) audio.Duplex {
			now := g.now.Load().Audio
			return echo.Wrap(d, echo.Config{Echo: now.Echo, Noise: now.Noise, Gain: now.Gain})
		},
	}, g.log)
	return nil
}

// closeLive closes the files of the calls that are up.
func (g *Gateway) closeLive() (err error) {
	for _, l := range []*store.Live{g.live, g.deskLive} {
		if l != nil {
			err = errors.Join(err, l.Close())
		}
	}
	return err
}

// deskOwner is the user whose device this machine is.
func (g *Gateway) deskOwner(ctx context.Context) (name, display string, err error) {
	if name := g.now.Load().Audio.Owner; name != "" {
		u, err := g.accounts.User(ctx, strings.ToLower(name))
		return u.Name, u.Display, err
	}
	u, err := g.owner(ctx)
	if err == nil && u.Name == "" {
		err = errors.New("there is no account yet")
	}
	return u.Name, u.Display, err
}

// noDesk says why nobody can call this machine.
func (g *Gateway) noDesk(host Host) string {
	switch {
	case !g.cfg.Audio.Enabled:
		return "The sound of this machine is switched off"
	case g.desk != nil:
		return g.desk.State().Problem
	}
	return host.NoCard
}

// checkAudio checks the [audio] table.
func (c *Config) checkAudio(check *checker) {
	country := c.Audio.Country
	if country != "" && (len(country) != 2 || strings.ContainsFunc(country, func(r rune) bool { return r > 'z' || !unicode.IsLetter(r) })) {
		check.add("audio.country", "%q, want two letters like de", country)
	}
}
