// Package web is the HTTPS side of Cordboard: it serves the calling page, the API for signing in and
// the pages that explain trust, and hands /ws to signaling.
//
// What happens around calls: GET /api/v1/events?watch=300,bob, signed in, is a stream of server-sent events. "lamp" tells how a
// colleague or a watched name or number is doing ({"target", "name", "extension", "state", "note"}; state is idle, ringing, busy,
// unreachable or unknown), at first for each, later at each change. "voicemail" counts messages ({"new", "old"}) once the PBX
// tells of any. "media" tells of trouble with the sound of a call of the user's, as call.Concern says, when it begins and, then with
// "ended", when it is over. A comment comes every 20 s.
//
// "recording" tells how it stands with the recording of a call of the user's that is up ({"id", "dialog", "on", "begun", "allowed",
// "failed"}); dialog is the SIP Call-ID that the user's device knows it by. GET /api/v1/calls/{id}/recording tells the same, and POST
// {"on": true} or {"on": false} there switches it. GET /api/v1/recordings?before=…&limit=50 lists those that have ended, newest first;
// GET and DELETE of /api/v1/recordings/{id}, with the call's id, give one's sound (?download names it as a file) and delete it.
//
// The phone that this machine is: GET /api/v1/desk, for its owner and administrators, tells how it is doing (call.DeskState), and
// /api/v1/desk/events streams that as events "desk". POST /api/v1/desk {"busy": true} lets callers hear that it is busy. POST
// /api/v1/desk/calls {"target": "300"} calls and answers {"id"}; {"take": id of /api/v1/calls} moves a call of the owner's there. POST
// /api/v1/desk/calls/{id}/VERB does something with a call: answer, hangup, hold, resume, mute ({"on": false} ends it), digits
// ({"digits": "12#"}), transfer ({"target": a number, a name or another call's id}); {} is the body where nothing needs to be said. POST
// /api/v1/desk/join makes one conference of all its calls.
//
// The window, for the machine's owner by the control socket and for administrators: POST /api/v1/window {"show": true, "dial": "201"} has it
// come up and take a number or a name to call; a Cordboard without a window answers 409 no_window.
//
// The machine's sound, for the phone's owner and administrators: GET /api/v1/devices answers Sound, PUT takes SoundChange and answers
// the same.
// Other Cordboards: GET /api/v1/neighbours lists the paired ones with their people, to administrators also those that are not paired
// and pairings that go on (call.NeighbourState says what each field is); "neighbours" in the event stream tells an administrator
// the same list at each change. POST {} to /api/v1/neighbours/{name}/pair, with an id, a name or "host:port", begins a pairing, or finds the
// one that the neighbour has begun, and answers with the code to compare ({"id", "name", "code", "asked", "waits", "expires"}); POST
// {"code", "same": true} there says that the neighbour shows the same, and "same": false ends it. DELETE /api/v1/neighbours/{name} forgets it.
//
// The history of calls: GET /api/v1/history?before=1767225600000&limit=50, signed in, answers
//
//	{"calls": [{"id", "from", "to", "display", "direction", "began", "answered", "ended", "seconds", "reason", "recording"}]}
//
// with the calls that the user made and those that were for the user, newest first; Call says what each field is. limit is
// 50 when it is left out, and at most 200. before is the began of the last call on the page before; without it the newest
// calls come. An answer without calls is the end. It may have a few calls more than limit when several began in the same
// millisecond.
package web

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"cordboard/audio"
	"cordboard/gateway/auth"
	"cordboard/gateway/call"
	"cordboard/gateway/guard"
)

// Deps is what the server needs of the other parts.
type Deps struct {
	Users     auth.Users
	Sessions  auth.Sessions
	Owner     func(ctx context.Context) (auth.User, error) // the machine's, for the control socket; nil: an administrator without a name
	Passwords Passwords
	Page      fs.FS        // the built page, index.html at its top
	WS        http.Handler // SIP over WebSocket
	// ICE takes connections that bring media (RFC 6544); begun is what was read of one already. nil: none are taken.
	ICE    func(conn net.Conn, begun []byte)
	Status func() Status     // the moment's state; never nil
	PBXs   func() []call.PBX // what is known of each PBX; never nil
	// NumbersGoOut says whether there is a PBX for the numbers that users call; nil: there is none.
	NumbersGoOut func() bool
	History      call.History // the calls that have ended; never nil
	// Watch tells a user of lamps and voice mail until ctx ends or the channel is closed; never nil.
	Watch func(ctx context.Context, user string, targets []string) <-chan call.News
	Calls func() []call.Live         // the calls of the moment, oldest first; never nil
	Media func(id string) call.Media // how the media of a call is doing; never nil
	// Concerns tells a user what is wrong with the media of the user's calls, and when that is over, until ctx ends or the channel
	// is closed because its reader was too slow; nil: nobody is told.
	Concerns   func(ctx context.Context, user string) <-chan call.Concern
	Recordings Recordings     // of calls; nil: none
	Neighbours Neighbours     // other Cordboards; nil: there shall be none
	Found      func() []Found // PBXs nearby; nil: none
	Card       audio.Card     // the machine's sound; nil: none
	Desk       Desk           // the phone that this machine is; nil: it is none
	// Dialog names the dialog of a user in a call of the moment as a Replaces header does; "" when there is none. nil: there never is.
	Dialog func(call, user string) string
	// Window has the window of this Cordboard come up, and take whom to call unless dial is empty; nil: there is none.
	Window func(show bool, dial string)
	// Doctor looks at all that Cordboard needs; nil: nobody does.
	Doctor func(ctx context.Context) []Finding
	// TryPBX tries an account at a PBX; the error is one sentence on what can't be tried. nil: nothing can.
	TryPBX      func(ctx context.Context, uri, username, password string) (call.Trial, error)
	Settings    SettingsKeeper     // the configuration file; nil: there is none to change
	Accounts    AccountKeeper      // nil: nobody changes them
	Certificate func() Certificate // nil: nobody tells of it
	Metrics     http.Handler       // for Prometheus; nil: none
	Bans        *guard.Bans        // who is kept out; nil: a list of our own
	CA          []byte             // the local CA's certificate, PEM; nil: the certificate is from elsewhere
	Now         func() time.Time   // nil: time.Now
}

// Passwords keeps new passwords.
type Passwords interface {
	// SetPassword gives the account its new password. The error is ErrPasswordInConfig for an
	// account of the configuration file, auth.ErrWeakPassword, auth.ErrNoUser, or a fault of the store.
	SetPassword(ctx context.Context, name, password string) error
}

// ErrPasswordInConfig reports an account whose password stands in the configuration file and
// is changed there.
var ErrPasswordInConfig = errors.New("the password stands in the configuration file")

// Status is what /api/v1/status tells beside the name and the number of users.
type Status struct {
	PBX   []PBX
	Calls int // calls of the moment
}

// PBX is how one registration at, or the way to, a PBX is doing.
type PBX struct {
	Name   string `json:"name"`
	Mode   string `json:"mode"`
	URI    string `json:"uri"`
	User   string `json:"user,omitempty"`   // extension mode: whose registration
	State  string `json:"state"`            // "registered", "wrong password", "unreachable", …
	Detail string `json:"detail"`           // as "no answer in 5 s"
	Server string `json:"server,omitempty"` // which of its servers is in use, as "udp:192.0.2.10:5060"
}

// Server answers every path of the gateway. Serve runs it on sockets; as an http.Handler it is complete too.
type Server struct {
	cfg     Config
	deps    Deps
	log     *slog.Logger
	handler http.Handler
	brake   *brake
	streams streams
	trials  pace
	name    atomic.Pointer[string] // on the page
	trust   atomic.Pointer[trustPage]
}

// New reads the page and makes a server. A page that was not built is no error: "/" says so.
func New(cfg Config, deps Deps, log *slog.Logger) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	if deps.Bans == nil {
		deps.Bans = guard.NewBans(nil)
	}
	files, err := readPage(deps.Page)
	if err != nil {
		return nil, fmt.Errorf("read page: %w", err)
	}
	s := &Server{cfg: cfg, deps: deps, log: log, brake: newBrake(), streams: newStreams()}
	if err := s.SetName(cfg.Name); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", files)
	mux.Handle("/ws", deps.WS)
	mux.HandleFunc("/trust", func(w http.ResponseWriter, r *http.Request) { s.trust.Load().page.ServeHTTP(w, r) })
	mux.Handle("/trust/trust.css", s.trust.Load().style)
	mux.Handle("/trust/cordboard-ca.crt", s.trust.Load().certificate)
	mux.HandleFunc("/healthz", healthz)
	mux.Handle("/api/", s.api("", s.nothingHere))
	mux.Handle("/api/v1/login", s.api(http.MethodPost, s.login))
	mux.Handle("/api/v1/password", s.api(http.MethodPost, s.password))
	mux.Handle("/api/v1/logout", s.api(http.MethodPost, s.logout))
	mux.Handle("/api/v1/session", s.api(http.MethodGet, s.session))
	mux.Handle("/api/v1/status", s.api(http.MethodGet, s.status))
	mux.Handle("/api/v1/pbx", s.api(http.MethodGet, s.pbxs))
	mux.Handle("/api/v1/history", s.api(http.MethodGet, s.history))
	mux.Handle("/api/v1/bans", s.api("", s.bans))
	mux.Handle("/api/v1/bans/{address...}", s.api(http.MethodDelete, s.unban))
	mux.Handle("/api/v1/calls/{id}/recording", s.api("", s.record))
	mux.Handle("/api/v1/recordings", s.api(http.MethodGet, s.recordings))
	mux.Handle("/api/v1/recordings/{id}", s.api("", s.recording))
	mux.Handle("/api/v1/events", s.api(http.MethodGet, s.events))
	mux.Handle("/api/v1/found", s.api(http.MethodGet, s.found))
	mux.Handle("/api/v1/calls", s.api(http.MethodGet, s.calls))
	mux.Handle("/api/v1/calls/{id}/media", s.api(http.MethodGet, s.media))
	mux.Handle("/api/v1/desk", s.api("", s.desk(s.deskState)))
	mux.Handle("/api/v1/desk/events", s.api(http.MethodGet, s.desk(s.deskEvents)))
	mux.Handle("/api/v1/desk/calls", s.api(http.MethodPost, s.desk(s.deskCall)))
	mux.Handle("/api/v1/desk/calls/{id}/{verb}", s.api(http.MethodPost, s.desk(s.deskDo)))
	mux.Handle("/api/v1/desk/join", s.api(http.MethodPost, s.desk(s.deskJoin)))
	mux.Handle("/api/v1/devices", s.api("", s.devices))
	mux.Handle("/api/v1/neighbours", s.api(http.MethodGet, s.neighbours))
	mux.Handle("/api/v1/neighbours/{name}", s.api(http.MethodDelete, s.forgetNeighbour))
	mux.Handle("/api/v1/neighbours/{name}/pair", s.api(http.MethodPost, s.pairNeighbour))
	mux.Handle("/api/v1/window", s.api(http.MethodPost, s.window))
	mux.Handle("/api/v1/settings", s.api("", s.settings))
	mux.Handle("/api/v1/try/pbx", s.api(http.MethodPost, s.tryPBX))
	mux.Handle("/api/v1/users", s.api("", s.users))
	mux.Handle("/api/v1/users/{name}", s.api("", s.user))
	mux.Handle("/api/v1/certificate", s.api(http.MethodGet, s.certificate))
	mux.Handle("/api/v1/doctor", s.api(http.MethodGet, s.doctor))
	mux.Handle("/metrics", s.api(http.MethodGet, s.metrics))
	s.handler = mux
	return s, nil
}

// SetName has the pages say another name from now on; those that are open say it when they are loaded again.
func (s *Server) SetName(name string) error {
	trust, err := newTrustPage(name, s.deps.CA)
	if err != nil {
		return fmt.Errorf("make trust page: %w", err)
	}
	s.name.Store(&name)
	s.trust.Store(trust)
	return nil
}

// ServeHTTP puts the security headers on every answer and keeps a panic to its own request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		if p := recover(); p != nil && p != http.ErrAbortHandler {
			s.log.Error("request panicked", "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
			panic(http.ErrAbortHandler)
		} else if p != nil {
			panic(p)
		}
	}()
	s.secure(w.Header(), r)
	if !byOwner(r) && s.deps.Bans.Address(s.cfg.client(r).addr, s.deps.Now()) { // came through a proxy, or before its ban
		s.fail(w, r, errBanned)
		return
	}
	s.handler.ServeHTTP(w, r)
}

// secure sets the headers that bind the page to its own origin.
func (s *Server) secure(h http.Header, r *http.Request) {
	// Some browsers don't count WebSockets of the same origin as 'self'.
	connect := "'self'"
	if plainHost(r.Host) {
		connect += " wss://" + r.Host
	}
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "+
		"media-src 'self' blob:; connect-src "+connect+"; font-src 'self'; manifest-src 'self'; base-uri 'none'; "+
		"form-action 'self'; frame-ancestors 'none'")
	h.Set("Permissions-Policy", "microphone=(self), autoplay=(self), camera=(), display-capture=(), geolocation=(), payment=(), usb=()")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	// With the local CA, HSTS would take away the browser's way past a warning on devices that don't know it yet.
	if r.TLS != nil && s.deps.CA == nil {
		h.Set("Strict-Transport-Security", "max-age=2592000") // 30 days
	}
}

// plainHost reports whether host has nothing but the characters of names, addresses and ports, so
// that it can't add words to a header.
func plainHost(host string) bool {
	return host != "" && strings.Trim(strings.ToLower(host), "abcdefghijklmnopqrstuvwxyz0123456789.-:[]") == ""
}

func healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte("ok\n"))
}
