package main

import (
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"cordboard/assets"
	"cordboard/gateway"
)

func serveCommand() command {
	var p place
	return command{
		name: "serve", short: "serve the calling page and join its calls to the PBX",
		examples: []string{"cordboard serve", "cordboard serve --config /etc/cordboard/cordboard.toml --data /var/lib/cordboard"},
		flags:    p.flags,
		run: func(c console, args []string) error {
			if len(args) > 0 {
				return misused("serve", "serve takes no arguments, but there is %q", args[0])
			}
			i, err := start(c, p, nil)
			if err != nil {
				return err
			}
			return i.run(context.Background())
		},
	}
}

// instance is a gateway of this process, with what the machine has.
type instance struct {
	place   place
	cfg     gateway.Config
	host    gateway.Host
	gateway *gateway.Gateway
	log     *slog.Logger
	level   *slog.LevelVar
	signals chan os.Signal
	close   func() // the sound card
}

// start opens a gateway, which run then serves and closes. window is as in gateway.Host.
func start(c console, p place, window func(show bool, dial string)) (i *instance, err error) {
	if ownHeap() {
		makeRoom()
	}
	signal.Ignore(syscall.SIGPIPE) // who reads the output may go, calls go on
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer func() {
		if err != nil {
			signal.Stop(signals)
		}
	}()
	i = &instance{place: p, signals: signals}

	cfg, file, dir, err := p.load()
	if err != nil {
		return nil, err
	}
	i.cfg = cfg
	i.log, i.level = newLog(c.err, cfg.Log)
	stdlog.SetFlags(0)
	stdlog.SetOutput(slog.NewLogLogger(i.log.Handler(), slog.LevelDebug).Writer()) // what libraries say, as zeroconf of a network without IPv6
	i.host = gateway.Host{Dir: dir, Version: version, Page: assets.Web(), Config: file, Level: i.level, Window: window}
	i.close = openCard(cfg.Audio, &i.host, i.log)
	if i.gateway, err = gateway.New(cfg, i.host, i.log); err != nil {
		i.close()
		return nil, fmt.Errorf("start: %w", err)
	}
	greet(c.out, i.gateway.Greeting(), file, dir)
	if !assets.Built() {
		i.log.Warn("the page was not built: run packaging/build")
	}
	return i, nil
}

// run serves until ctx ends, or SIGTERM or an interrupt comes, which lets calls end in order; a second one ends it at once. SIGHUP
// reloads the configuration.
func (i *instance) run(ctx context.Context) error {
	defer i.close()
	defer signal.Stop(i.signals)
	var tasks sync.WaitGroup
	defer tasks.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if ownHeap() {
		tasks.Go(func() { tendHeap(ctx) })
	}
	ended := make(chan error, 1)
	go func() { ended <- i.gateway.Run(ctx) }()
	for {
		select {
		case err := <-ended:
			return err
		case s := <-i.signals:
			switch {
			case s == syscall.SIGHUP:
				reload(i.gateway, i.place, i.log)
			case ctx.Err() != nil:
				i.log.Warn("ended at once, at the second signal")
				os.Exit(exitFault)
			default:
				stop()
			}
		}
	}
}

// reload takes over what can change while calls go on, and says what can't. A faulty file changes nothing.
func reload(g *gateway.Gateway, p place, log *slog.Logger) {
	cfg, file, _, err := p.load()
	var faults gateway.Faults
	switch {
	case errors.As(err, &faults):
		for _, f := range faults {
			log.Error("configuration not reloaded", "fault", f.String())
		}
		return
	case err != nil:
		log.Error("configuration not reloaded", "error", err)
		return
	}
	waiting, err := g.Reload(cfg)
	if err != nil {
		log.Error("configuration not reloaded", "error", err)
		return
	}
	for _, n := range cfg.Notices {
		log.Warn("configuration", "notice", n.String())
	}
	log.Info("configuration reloaded", "file", file)
	for _, name := range waiting {
		log.Warn("changed in the file, but waits for the next start", "key", name)
	}
}
