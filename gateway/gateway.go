package gateway

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"cordboard/audio"
	"cordboard/discovery"
	"cordboard/gateway/auth"
	"cordboard/gateway/cert"
	"cordboard/gateway/desk"
	"cordboard/gateway/guard"
	"cordboard/gateway/media"
	"cordboard/gateway/metrics"
	"cordboard/gateway/recording"
	"cordboard/gateway/signaling"
	"cordboard/gateway/store"
	"cordboard/gateway/web"
)

// Host is what the program around a gateway gives it.
type Host struct {
	Dir     string // data folder; made when it is missing
	Version string
	Page    fs.FS // the built page, index.html at its top

	Config string         // the configuration file, which may be changed and need not be there; empty: cordboard.toml in Dir
	Level  *slog.LevelVar // of the log, for a configuration that changes it; nil: stays

	Card   audio.Card // the machine's sound; nil: none
	NoCard string     // then why there is none, one sentence; empty: not known

	// Window has the window come up, and take whom to call unless dial is empty. It is asked only while the gateway runs, and returns
	// at once; nil: there is no window.
	Window func(show bool, dial string)
}

// Gateway is a Cordboard without a window. New opens all it needs, Run serves and closes it.
type Gateway struct {
	cfg        Config
	host       Host
	log        *slog.Logger
	level      *slog.LevelVar          // nil: stays as it is
	outside    atomic.Pointer[outside] // in force
	reloading  sync.Mutex              // one Reload at a time
	accounts   *Accounts
	live       *store.Live
	deskLive   *store.Live // nil: none
	bans       *guard.Bans
	toll       *guard.Toll
	cert       *cert.Keeper
	media      *media.Engine
	recordings *recording.Keeper
	signaling  *signaling.Server
	web        *web.Server
	sound      *sound
	discovery  *discovery.Service // nil: switched off
	desk       *desk.Phone        // nil: none
	neighbours *neighbours        // nil: none
	file       *settings
	https      net.Listener
	http       net.Listener // nil: none
	control    net.Listener // nil: none
	changed    chan struct{}
	greeting   Greeting
	now        atomic.Pointer[Config] // as it was taken over last: of what holds at once
}

// Files of the calls that are up in the data folder, as the server and as the phone of this machine knows them.
const (
	liveName     = "calls.live"
	deskLiveName = "desk.live"
)

// Greeting is what to tell the person who started the gateway.
type Greeting struct {
	Name     string
	Pages    []string // addresses of the page, the best for other machines first
	Plain    []string // the same without TLS; empty: none
	LocalCA  bool     // browsers must learn the local CA first
	Account  string   // who can sign in with a one-time password; empty: nobody
	Password string   // that password, shown this once; empty: an earlier start showed it
}

// New opens store, certificate and sockets. What it opened is closed again when something fails.
func New(cfg Config, host Host, log *slog.Logger) (g *Gateway, err error) {
	g = &Gateway{cfg: cfg, host: host, log: log, level: host.Level, changed: make(chan struct{}, 1)}
	g.now.Store(&cfg)
	g.file = g.settings(host)
	g.outside.Store(outsideOf(cfg))
	defer func() {
		if err != nil {
			err = errors.Join(err, g.closeAll())
			g = nil
		}
	}()
	for _, n := range cfg.Notices {
		log.Warn("configuration", "notice", n.String())
	}
	ctx := context.Background()
	if g.accounts, err = OpenAccounts(cfg, host.Dir); err != nil {
		return g, err
	}
	// Comes before the ports, so that a second gateway of this folder learns what it is.
	if g.live, err = store.OpenLive(filepath.Join(host.Dir, liveName)); err != nil {
		return g, err
	}
	if age := time.Duration(cfg.Store.History); age > 0 {
		g.accounts.store.KeepCalls(age)
	}
	if err = g.openGuard(ctx); err != nil {
		return g, err
	}
	names, addrs := certificateNames(cfg)
	if g.cert, err = cert.Open(cfg.TLS, host.Dir, names, addrs, log); err != nil {
		return g, fmt.Errorf("open certificate: %w", err)
	}
	if g.https, err = openTCP("https", "HTTPS", cfg.Listen.HTTPS); err != nil {
		return g, err
	}
	if cfg.Listen.HTTP != "" {
		if g.http, err = openTCP("http", "HTTP", cfg.Listen.HTTP); err != nil {
			return g, err
		}
	}
	g.media, err = media.New(media.Config{
		Listen: cfg.Listen.Media, TCP: g.https.Addr().(*net.TCPAddr).AddrPort(), Ports: cfg.Listen.RTP, Advertise: cfg.Listen.advertised(),
		Opus: cfg.Media.Opus,
		Digits: func(id, leg string, digit rune, d time.Duration, passed bool) {
			g.signaling.Digit(id, leg, digit, d, passed)
		},
		Pictures: func(id, leg string) { g.signaling.Picture(id, leg) },
		Restarts: func(id, leg string) { g.signaling.Restart(id, leg) },
		Nap:      time.Duration(cfg.Listen.Nap),
	}, log)
	if err != nil {
		return g, portError("media", "media", cfg.Listen.Media, err)
	}
	if err = g.openRecordings(ctx, host.Dir); err != nil {
		return g, err
	}
	if err = g.openNeighbours(host.Dir); err != nil {
		return g, err
	}
	if err = g.join(ctx, host); err != nil {
		return g, err
	}
	g.openDiscovery(host.Version)
	if g.greeting, err = g.greet(ctx); err != nil {
		return g, err
	}
	if g.control, err = openControl(host.Dir); err != nil {
		log.Warn("commands like neighbours and call will not find this Cordboard", "error", err)
	}
	return g, nil
}

// join makes the SIP and the web server, which share accounts and secrets.
func (g *Gateway) join(ctx context.Context, host Host) error {
	ephemeral, err := g.accounts.ephemeral(ctx)
	if err != nil {
		return err
	}
	session, err := g.accounts.store.Secret(ctx, secretSession)
	if err != nil {
		return fmt.Errorf("get the secret of sessions: %w", err)
	}
	digest, err := g.accounts.store.Secret(ctx, secretDigest)
	if err != nil {
		return fmt.Errorf("get the secret of SIP digest: %w", err)
	}
	sessions := auth.Sessions{Secret: session}
	cfg := g.cfg
	measured := metrics.New()
	g.signaling, err = signaling.New(signaling.Config{
		Name: cfg.Name, Domain: cfg.Domain, Version: host.Version,
		Listen: cfg.Listen.SIP, Advertise: cfg.Listen.advertised(),
		ListenTLS: cfg.Listen.SIPS,
		PBX:       cfg.PBX,
		Origins:   cfg.Web.Origins, TrustedProxies: cfg.Listen.proxies(),
		RequireHandshake: cfg.Auth.RequireHandshake, Busy: cfg.Guard.Busy,
	}, signaling.Deps{
		Users: g.accounts, Ephemeral: ephemeral, Digest: auth.NewDigest(digest), Sessions: sessions,
		Media: g.media, Judge: g.media, UsersChanged: g.changed, History: measured.Counted(g.accounts.store), Knowledge: g.accounts.store,
		TLS: g.cert.TLSConfig(), Live: g.live, Bans: g.bans, Toll: g.toll, Recorder: g.recordings,
		NoDesk:     func() string { return g.noDesk(host) },
		Neighbours: g.dialer(), Owner: g.owner,
	}, g.log)
	if err != nil {
		return g.outside.Load().portError(err)
	}
	if g.neighbours != nil {
		g.neighbours.paired()
	}
	g.sound = &sound{Metrics: measured, media: g.media, signaling: g.signaling}
	g.media.Observe(g.sound)
	if err = g.openDesk(ctx, host); err != nil {
		return err
	}
	page := cfg.Web
	page.MetricsFrom, page.MetricsToken = cfg.Metrics.from(), cfg.Metrics.Token
	page.Name, page.Domain, page.Version = cfg.Name, cfg.Domain, host.Version
	page.TrustedProxies = cfg.Listen.proxies()
	var phone web.Desk
	if g.desk != nil {
		phone = g.desk
	}
	g.web, err = web.New(page, web.Deps{
		Users: g.accounts, Sessions: sessions, Owner: g.owner, Passwords: g.accounts,
		Page: host.Page, WS: g.signaling, ICE: g.media.ServeTCP, Status: g.status, NumbersGoOut: g.numbersGoOut, PBXs: g.signaling.PBXs, Watch: g.watch, History: g.accounts.store,
		Calls: g.sound.calls, Media: g.sound.of, Concerns: g.sound.concerns, Metrics: measured.Handler(g.measured(host.Version)),
		Bans: g.bans, CA: g.cert.CA(), Recordings: g.recordings, Neighbours: g.nearby(), Found: g.found, Settings: g.file, Accounts: g, Certificate: g.certificate, TryPBX: g.tryPBX,
		Doctor: g.Examine,
		Card:   host.Card, Desk: phone, Dialog: g.sound.dialog, Window: host.Window,
	}, g.log)
	return err
}

// status is the moment's state for the page.
func (g *Gateway) status() web.Status {
	s := web.Status{Calls: len(g.signaling.Calls())}
	for _, p := range g.signaling.PBXStatus() {
		s.PBX = append(s.PBX, web.PBX(p))
	}
	return s
}

// greet comes last in New, so that a first account is made only by a gateway that will run.
func (g *Gateway) greet(ctx context.Context) (Greeting, error) {
	hello := Greeting{Name: g.cfg.Name, Pages: pageAddresses(g.cfg, "https", g.https.Addr()), LocalCA: g.cert.CA() != nil}
	if g.http != nil {
		hello.Plain = pageAddresses(g.cfg, "http", g.http.Addr())
	}
	password, unused, err := g.accounts.first(ctx)
	if err != nil {
		return Greeting{}, err
	}
	if hello.Password = password; password != "" || unused {
		hello.Account = firstAccount
	}
	return hello, nil
}

// Greeting tells where the page is and who can sign in.
func (g *Gateway) Greeting() Greeting {
	hello := g.greeting
	hello.Name = g.now.Load().Name
	return hello
}

// closeAll closes what New opened and Run did not take over.
func (g *Gateway) closeAll() error {
	var errs []error
	if g.https != nil {
		errs = append(errs, g.https.Close())
	}
	if g.http != nil {
		errs = append(errs, g.http.Close())
	}
	if g.control != nil {
		errs = append(errs, g.control.Close())
	}
	// Servers close their sockets when they run under a context that has ended.
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if g.signaling != nil {
		errs = append(errs, g.signaling.Run(ended))
	}
	if g.media != nil {
		errs = append(errs, g.media.Run(ended))
	}
	errs = append(errs, g.closeLive())
	if g.accounts != nil {
		errs = append(errs, g.accounts.Close())
	}
	return errors.Join(errs...)
}

// Reload takes over what of a new configuration can change while calls go on: the name, the accounts, the PBXs, whose calls are recorded, the guard, whether
// strangers may ring, whose phone this machine is and how it sounds, the window and the log's level. It returns the tables that are different but wait for the next start.
func (g *Gateway) Reload(cfg Config) (waiting []string, err error) {
	g.reloading.Lock()
	defer g.reloading.Unlock()
	if err := g.canReach(cfg); err != nil {
		return nil, err
	}
	if err := g.accounts.reload(cfg.User); err != nil {
		return nil, err
	}
	if err := g.setPBXs(cfg); err != nil {
		return nil, err
	}
	g.setGuard(cfg)
	g.signaling.SetBusy(cfg.Guard.Busy)
	g.recordings.Change(cfg.Recording, cfg.recordingRules())
	if g.neighbours != nil {
		g.neighbours.SetStrangers(cfg.Discovery.Strangers)
	}
	g.now.Store(&cfg)
	if err := g.setName(cfg.Name); err != nil {
		return nil, err
	}
	if g.level != nil {
		g.level.Set(cfg.Log.SlogLevel())
	}
	g.accountsChanged()
	return g.differences(cfg), nil
}

// setName has this machine known by another name.
func (g *Gateway) setName(name string) error {
	g.signaling.SetName(name)
	if g.neighbours != nil {
		g.neighbours.SetName(name)
	}
	if g.discovery != nil {
		g.discovery.SetName(name)
	}
	return g.web.SetName(name)
}

// accountsChanged has signaling look after them, and this machine's phone after whose it is.
func (g *Gateway) accountsChanged() {
	select {
	case g.changed <- struct{}{}:
	default: // a tick is waiting already
	}
	if g.desk != nil {
		g.desk.Reown()
	}
}

// differences names the tables, but for what Reload takes over, in which two configurations differ.
func (c Config) differences(other Config) []string {
	other.Name, other.User, other.PBX, other.Guard, other.Window, other.Log.Level, other.Notices = c.Name, c.User, c.PBX, c.Guard, c.Window, c.Log.Level, c.Notices
	other.Recording.Enabled, other.Recording.Announce, other.Recording.Keep = c.Recording.Enabled, c.Recording.Announce, c.Recording.Keep
	other.Discovery.Strangers = c.Discovery.Strangers
	other.Audio.Owner, other.Audio.Country, other.Audio.Echo, other.Audio.Noise, other.Audio.Gain =
		c.Audio.Owner, c.Audio.Country, c.Audio.Echo, c.Audio.Noise, c.Audio.Gain
	var names []string
	a, b := reflect.ValueOf(c), reflect.ValueOf(other)
	for field := range fields(a.Type()) {
		if !reflect.DeepEqual(a.FieldByIndex(field.Index).Interface(), b.FieldByIndex(field.Index).Interface()) {
			name := field.Tag.Get("toml")
			switch field.Type.Kind() {
			case reflect.Struct:
				name = "[" + name + "]"
			case reflect.Slice:
				name = "[[" + name + "]]"
			}
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// watchAddresses keeps the certificate right when the machine gets another address, as on another network.
func (g *Gateway) watchAddresses(ctx context.Context) error {
	const every = 30 * time.Second
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := g.cert.Update(certificateNames(g.cfg)); err != nil {
				g.log.Error("certificate not renewed", "error", err)
			}
		}
	}
}

// forwardChanges passes on that another process changed an account.
func (g *Gateway) forwardChanges(ctx context.Context) error {
	for range g.accounts.store.Changes(ctx) {
		g.accountsChanged()
	}
	return nil
}
