// Package gateway is the whole of Cordboard but its window: it reads the configuration file, joins
// signaling, media and web, and starts and stops them.
package gateway

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"cordboard/gateway/auth"
	"cordboard/gateway/cert"
	"cordboard/gateway/media"
	"cordboard/gateway/recording"
	"cordboard/gateway/signaling"
	"cordboard/gateway/web"

	toml "github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// Config is the configuration file. Every key is optional; make one with Parse or Load, which know the defaults.
type Config struct {
	Name      string           `toml:"name"`   // on the page; default: the machine's name
	Domain    string           `toml:"domain"` // SIP domain of the local users; default: the machine's name + ".local"
	Listen    Listen           `toml:"listen"`
	PBX       []signaling.PBX  `toml:"pbx"` // the first one that is not in mode passthrough is the default route
	User      []User           `toml:"user"`
	Auth      auth.Config      `toml:"auth"`
	Guard     Guard            `toml:"guard"`
	Media     Media            `toml:"media"`
	Web       web.Config       `toml:"web"`
	TLS       cert.Config      `toml:"tls"`
	TURN      Switch           `toml:"turn"`
	Audio     Audio            `toml:"audio"`
	Window    Window           `toml:"window"`
	Discovery Discovery        `toml:"discovery"`
	Store     Store            `toml:"store"`
	Recording recording.Config `toml:"recording"`
	Metrics   Metrics          `toml:"metrics"`
	Log       Log              `toml:"log"`

	// Notices are keys that are right but do nothing yet, and PBXs that are left out because of them.
	Notices []Fault `toml:"-"`
}

// Listen is the [listen] table: where the gateway is reached. Addresses are "host:port"; an empty
// host is every interface, port 0 a free one, an empty text switches the port off.
type Listen struct {
	HTTPS          string   `toml:"https"`           // page, API and wss
	HTTP           string   `toml:"http"`            // the same without TLS, for localhost or a reverse proxy
	Media          string   `toml:"media"`           // UDP: all browser media
	SIP            string   `toml:"sip"`             // UDP and TCP toward the PBX
	SIPS           string   `toml:"sips"`            // TLS from the PBX; empty: none
	RTP            string   `toml:"rtp"`             // "first-last": UDP ports toward the PBX, even RTP, odd RTCP
	Advertise      []string `toml:"advertise"`       // IP addresses for descriptions and candidates; empty: those of the interfaces
	TrustedProxies []string `toml:"trusted_proxies"` // CIDRs whose X-Forwarded-For is believed

	Nap auth.Duration `toml:"nap"` // how long packets may wait for others to be carried together; 0: not at all
}

// User is a [[user]] table: an account that stands in the file.
type User struct {
	Name        string `toml:"name"`
	Display     string `toml:"display"`
	Password    string `toml:"password"` // empty: signs in by ephemeral credentials only
	Extension   string `toml:"extension"`
	PBXUsername string `toml:"pbx_username"` // empty: the extension
	PBXPassword string `toml:"pbx_password"`
	PBX         string `toml:"pbx"`   // name of the PBX that it registers at; empty: the first one in mode extension
	Admin       bool   `toml:"admin"` // may do what concerns others, as lifting bans

	// Its own limits, instead of those of [guard].
	Allow   []string `toml:"allow"`
	Deny    []string `toml:"deny"`
	Calls   *int     `toml:"calls"`
	Minutes *int     `toml:"minutes"`

	Record string `toml:"record"` // never | always | ask: instead of [recording] enabled
}

// Guard is the [guard] table: what users may do through a PBX, who is never banned, and how much is done at a time.
type Guard struct {
	Allow       []string `toml:"allow"`        // beginnings of numbers; empty: all but those of Deny
	Deny        []string `toml:"deny"`         // of a number that begins like some of both the longest decides
	Calls       int      `toml:"calls"`        // of a user at a time; 0: any number
	Minutes     int      `toml:"minutes"`      // that a user may talk a day; 0: any
	SiteAllow   []string `toml:"site_allow"`   // the same four for all users together, beside their own
	SiteDeny    []string `toml:"site_deny"`    //
	SiteCalls   int      `toml:"site_calls"`   //
	SiteMinutes int      `toml:"site_minutes"` //
	Emergency   []string `toml:"emergency"`    // numbers that nothing limits
	NeverBan    []string `toml:"never_ban"`    // networks; PBXs and trusted proxies are among them anyway
	Busy        int      `toml:"busy"`         // requests and calls being set up at a time; who comes then is sent away
}

// Audio is the [audio] table: the phone that this machine is.
type Audio struct {
	Enabled     bool   `toml:"enabled"`
	Owner       string `toml:"owner"`       // the user whose device it is; empty: the first one
	Microphone  string `toml:"microphone"`  // by name; empty: the system's default, as for the two below
	Loudspeaker string `toml:"loudspeaker"` //
	Ringer      string `toml:"ringer"`      // for incoming calls
	Country     string `toml:"country"`     // whose tones are heard: two letters (ISO 3166); empty: that of the machine's locale
	Echo        bool   `toml:"echo"`        // echo is cancelled
	Noise       bool   `toml:"noise"`       // what is steady is suppressed, as the noise of a fan
	Gain        bool   `toml:"gain"`        // a soft voice gets louder, a loud one softer
}

// Window is the [window] table: what the window of this machine does when somebody calls.
type Window struct {
	Pop   string `toml:"pop"`    // the address of a page about the caller, as call.ParsePop reads it; empty: none is opened
	PopOn string `toml:"pop_on"` // ring | answer
}

// When a page about the caller is opened.
const (
	PopOnRing   = "ring"
	PopOnAnswer = "answer"
)

// Switch is a table of a part that can be switched off.
type Switch struct {
	Enabled bool `toml:"enabled"`
}

// Discovery is the [discovery] table.
type Discovery struct {
	Enabled   bool `toml:"enabled"`
	Strangers bool `toml:"strangers"` // Cordboards that are not paired may ring here, and be rung
}

// Store is the [store] table.
type Store struct {
	URL     string        `toml:"url"`     // empty: SQLite in the data folder
	History auth.Duration `toml:"history"` // how long calls that have ended are kept; default: a year, "8760h"
}

// Media is the [media] table.
type Media struct {
	Opus string `toml:"opus"` // auto | never | prefer
}

// Metrics is the [metrics] table: who may read /metrics, beside administrators who are signed in.
type Metrics struct {
	Allow []string `toml:"allow"` // networks; default: this machine
	Token string   `toml:"token"` // a bearer token of at least 16 characters; empty: none
}

// Log is the [log] table.
type Log struct {
	Level  string `toml:"level"`  // debug | info | warn | error
	Format string `toml:"format"` // text | json
}

// SlogLevel is the level of a valid configuration.
func (l Log) SlogLevel() slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.Level)); err != nil {
		return slog.LevelInfo
	}
	return level
}

// maxConfig bounds the size of the configuration file in bytes.
const maxConfig = 1 << 20

// keys is the schema of the configuration file.
var keys = newSchema(reflect.TypeFor[Config]())

// defaults is what holds for keys that the file does not have.
func defaults() Config {
	host := hostName()
	return Config{
		Name: host, Domain: host + ".local",
		Listen: Listen{HTTPS: ":8443", Media: ":8443", SIP: ":5060", RTP: "20000-20999"},
		Window: Window{PopOn: PopOnRing},
		TURN:   Switch{true}, Audio: Audio{Enabled: true, Echo: true, Noise: true, Gain: true}, Discovery: Discovery{Enabled: true},
		Log:       Log{Level: "info", Format: "text"},
		Media:     Media{Opus: media.OpusAuto},
		Metrics:   Metrics{Allow: []string{"127.0.0.1/32", "::1/128"}},
		Recording: recording.Config{Announce: true, Keep: recording.DefaultKeep},
		Guard: Guard{
			Emergency: []string{"112", "110", "911", "999", "000", "111", "118", "119"},
			NeverBan:  []string{"127.0.0.0/8", "::1/128"},
			Busy:      signaling.MostBusy,
		},
	}
}

// Load reads the configuration file; an empty path means that there is none, so everything has
// its default. Faults in it come as Faults, all of them at once.
func Load(path string) (Config, error) {
	if path == "" {
		return Parse("", nil)
	}
	text, err := readFile(path, maxConfig)
	if err != nil {
		return Config{}, fmt.Errorf("read configuration: %w", err)
	}
	return Parse(path, text)
}

// Parse reads the text of a configuration file; file is its name in the faults.
func Parse(file string, text []byte) (Config, error) {
	return parse(file, text, readFile)
}

// parse has the reader of secrets in files as an argument.
func parse(file string, text []byte, read func(path string, most int) ([]byte, error)) (Config, error) {
	text = trimMark(text)
	doc, faults, whole := readDocument(text)
	broken := len(faults) > 0
	var cfg Config
	if whole {
		faults = append(faults, keys.check(&doc)...)
		var undecoded []Fault
		cfg, undecoded = decode(&doc)
		faults = append(faults, undecoded...)
		faults = append(faults, cfg.readSecrets(read)...)
		for _, f := range cfg.faults() {
			if _, there := doc.line[f.Path]; !there && doc.line[f.other] > 0 {
				f.Path, f.other = f.other, f.Path
			}
			// A line that could not be read may have held just the key that seems to be missing.
			if _, there := doc.line[f.Path]; there || !broken {
				faults = append(faults, f)
			}
		}
	}
	if len(faults) > 0 {
		return Config{}, locate(file, &doc, faults)
	}
	if cfg.Notices = notices(&cfg, &doc); len(cfg.Notices) > 0 {
		cfg.Notices = locate(file, &doc, cfg.Notices)
	}
	return cfg, nil
}

// decode fills a Config. What can't be decoded although it has the right kind, as a duration that
// is none, is a fault and gets blanked.
func decode(doc *document) (Config, []Fault) {
	var faults []Fault
	for {
		cfg := defaults()
		err := toml.Unmarshal(doc.text, &cfg)
		if err == nil {
			cfg.fill()
			return cfg, faults
		}
		f := Fault{Line: 1, Problem: reword(err)}
		var at *toml.DecodeError
		if errors.As(err, &at) {
			f.Line, _ = at.Position()
		}
		i := slices.IndexFunc(doc.entries, func(e entry) bool {
			return e.line == f.Line && e.kind != unstable.Table && e.kind != unstable.ArrayTable && len(bytes.TrimSpace(doc.text[e.expr[0]:e.expr[1]])) > 0
		})
		if i < 0 {
			return defaults(), append(faults, f)
		}
		f.Path = doc.entries[i].path
		faults = append(faults, f)
		blank(doc.text, doc.entries[i].expr)
	}
}

// fill gives tables of a list the defaults of their keys.
func (c *Config) fill() {
	if c.Name == "" {
		c.Name = hostName()
	}
	if c.Domain == "" {
		c.Domain = hostName() + ".local"
	}
	for i := range c.PBX {
		p := &c.PBX[i]
		p.Name = cmp.Or(p.Name, "pbx"+ordinal(i))
		p.Mode = cmp.Or(p.Mode, signaling.ModeExtension)
		p.Media = cmp.Or(p.Media, "rtp")
		p.DTMF = cmp.Or(p.DTMF, signaling.DTMFAuto)
	}
}

// ordinal is "" for the first of a list, then "2", "3" and so on.
func ordinal(i int) string {
	if i == 0 {
		return ""
	}
	return fmt.Sprint(i + 1)
}

// locate gives each fault its file and line, drops what only follows from an earlier fault of the
// same key, and sorts by line.
func locate(file string, doc *document, faults []Fault) Faults {
	var kept Faults
	seen := map[string]bool{}
	for _, f := range faults {
		if f.Path != "" && seen[f.Path] {
			continue
		}
		seen[f.Path] = true
		f.File = file
		if f.Line == 0 {
			f.Line = doc.lineOf(f.Path)
		}
		kept = append(kept, f)
	}
	slices.SortStableFunc(kept, func(a, b Fault) int { return cmp.Compare(a.Line, b.Line) })
	return kept
}

// readFile reads a file of at most most bytes.
func readFile(path string, most int) ([]byte, error) {
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	if err == nil && len(text) > most {
		err = fmt.Errorf("%s: larger than %d bytes", path, most)
	}
	return text, err
}
