package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"cordboard/gateway/web"
)

// StopTime is how long Run takes at most to stop.
const StopTime = 6 * time.Second

// stage is a part that runs until its own context ends, so that parts can be stopped one after another.
type stage struct {
	name string
	run  func(context.Context) error
	stop context.CancelFunc
	done chan struct{}
	err  error // of run; set when done is closed
}

// Run serves until ctx ends, which gives nil, or a part fails. Then it stops signaling, which hangs
// up and unregisters, then web, then media, and closes the store, in at most StopTime.
func (g *Gateway) Run(ctx context.Context) error {
	on := web.Listeners{HTTPS: g.https, TLS: g.cert.TLSConfig(), HTTP: g.http, Control: g.control}
	stages := []*stage{ // in the order of stopping
		{name: "signaling", run: g.signaling.Run},
		{name: "web", run: func(ctx context.Context) error { return g.web.Serve(ctx, on) }},
		{name: "media", run: g.media.Run},
		{name: "recordings", run: g.recordings.Run},
		{name: "certificate", run: g.cert.Run},
		{name: "addresses", run: g.watchAddresses},
		{name: "account changes", run: g.forwardChanges},
		{name: "bans", run: g.keepBans},
	}
	if g.neighbours != nil {
		stages = slices.Insert(stages, 1, &stage{name: "neighbours", run: g.neighbours.Run})
	}
	if g.discovery != nil { // says goodbye before the rest ends
		stages = slices.Insert(stages, 0, &stage{name: "discovery", run: g.discovery.Run})
	}
	if g.desk != nil { // stops first, to hang up its calls
		stages = slices.Insert(stages, 0, &stage{name: "desk", run: g.desk.Run})
	}
	failed := make(chan struct{}, len(stages))
	for _, s := range stages {
		s.start(context.WithoutCancel(ctx), failed)
	}
	g.log.Info("started", "name", g.cfg.Name, "page", g.https.Addr().String())
	select {
	case <-ctx.Done():
		g.log.Info("stopping")
	case <-failed:
	}
	err := errors.Join(stopAll(stages, time.Now().Add(StopTime)), g.closeLive(), g.accounts.Close())
	g.log.Info("stopped")
	return err
}

func (s *stage) start(ctx context.Context, failed chan<- struct{}) {
	ctx, s.stop = context.WithCancel(ctx)
	s.done = make(chan struct{})
	go func() {
		defer close(s.done)
		if s.err = s.run(ctx); s.err == nil && ctx.Err() == nil {
			s.err = errors.New("ended by itself")
		}
		if ctx.Err() == nil {
			failed <- struct{}{}
		}
	}()
}

// stopAll stops one stage after another; from the deadline on it waits for none.
func stopAll(stages []*stage, deadline time.Time) error {
	var errs []error
	limit := time.NewTimer(time.Until(deadline))
	defer limit.Stop()
	late := false
	for _, s := range stages {
		s.stop()
		if !late {
			select {
			case <-s.done:
			case <-limit.C:
				late = true
			}
		}
		select {
		case <-s.done:
			if s.err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", s.name, s.err))
			}
		default:
			errs = append(errs, fmt.Errorf("stop %s: not done in time", s.name))
		}
	}
	return errors.Join(errs...)
}
