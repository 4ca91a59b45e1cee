// Package signaling joins two SIP worlds: browsers, which speak SIP over
// WebSocket (RFC 7118), and a PBX, which speaks SIP over UDP, TCP or TLS. It is a
// back-to-back user agent (RFC 7092: media-relaying, SDP-modifying): a call has
// two legs, each a dialog of its own. It knows no RTP; the Media interface
// turns one side's descriptions into the other's.
package signaling

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/auth"
	"cordboard/gateway/call"
	"cordboard/gateway/guard"
	"cordboard/gateway/locate"
)

// Media is what signaling needs of the media engine: descriptions in, descriptions out.
type Media interface {
	// Offer takes from's offer and gives what to offer to: of who is held, that it would be heard again, and to who holds, nothing to hear.
	Offer(ctx context.Context, call string, from, to call.Party, offer []byte) ([]byte, error)
	// Answer takes from's answer and gives the answer for to; it joins the two legs' media.
	Answer(ctx context.Context, call string, from, to call.Party, answer []byte) ([]byte, error)
	// Local answers party's offer by a built-in callee, "echo" or "tone".
	Local(ctx context.Context, call string, party call.Party, callee string, offer []byte) ([]byte, error)
	// Meet lets a party join that has offered as well as the first one, whose offer nobody has answered yet: each gets an answer.
	Meet(ctx context.Context, call string, first, party call.Party, offer []byte) (toFirst, toParty []byte, err error)
	// Replace lets party take the place of leg old, and answers its offer by what the other leg has agreed to already.
	Replace(ctx context.Context, call, old string, party call.Party, offer []byte) ([]byte, error)
	// Changes says whether from's offer changes more for to than how we reach from.
	Changes(call string, from, to call.Party, offer []byte) bool
	// Keep answers from's offer by what to has agreed to already.
	Keep(ctx context.Context, call string, from, to call.Party, offer []byte) ([]byte, error)
	// Again offers to to what from said last; an Answer follows.
	Again(ctx context.Context, call string, from, to call.Party) ([]byte, error)
	// Wait says that a leg's party is waited for, or not any more: meanwhile its peer shall not hear dead silence. Replace
	// ends it too. It comes while locks are held, so it must not wait for signaling.
	Wait(call, leg string, waiting bool)
	// Digit plays a key to the peer of a leg, as if the leg's party had pressed it for d. It fails when the peer takes keys by INFO.
	Digit(ctx context.Context, call, leg string, digit rune, d time.Duration) error
	// Picture asks a leg's party for a whole picture. It fails when that must be done by INFO.
	Picture(ctx context.Context, call, leg string) error
	// Save gives the state of a call's media for Restore, without keys.
	Save(call string) ([]byte, error)
	// Restore makes the media of a call anew, as Save gave it. A browser's leg is silent until Reanswer or Replace.
	Restore(call string, state []byte) error
	// Introduce tells of a restored leg's party what was not written down: by which servers it is reached.
	Introduce(call string, party call.Party) error
	// Reoffer gives the offer that brings a restored browser's leg back; empty: it needs none.
	Reoffer(ctx context.Context, call, leg string) ([]byte, error)
	// Reanswer takes the browser's answer to that.
	Reanswer(ctx context.Context, call, leg string, answer []byte) error
	// Delete ends a leg's media; leg "" ends the whole call's.
	Delete(call, leg string)
}

// Deps are the parts a Server stands on.
type Deps struct {
	Users        auth.Users
	Ephemeral    auth.Ephemeral
	Digest       *auth.Digest
	Sessions     auth.Sessions
	Media        Media
	UsersChanged <-chan struct{} // a tick when accounts changed; may be nil
	Knowledge    call.Knowledge  // keeps what is learned of PBXs; nil: forgotten at the end
	History      call.History    // keeps the calls that have ended; nil: none
	TLS          *tls.Config     // our certificate, for ListenTLS
	Resolver     locate.Resolver // finds PBXs by name; nil: the system's DNS
	Live         Live            // keeps the calls that are up; nil: they don't survive a crash
	Bans         *guard.Bans     // who is kept out; nil: a list of our own
	Toll         *guard.Toll     // who may call where, and how much; nil: no limits
	Recorder     Recorder        // records calls; nil: nobody does
	Judge        Judge           // of how calls sound; nil: none
	NoDesk       func() string   // why the phone of this machine is not there, one sentence; empty: not known. nil: nothing to say
	Neighbours   Neighbours      // reaches other Cordboards; nil: none

	Owner func(ctx context.Context) (auth.User, error) // whose machine this is, whom neighbours call by its name alone; nil: nobody's
}

// Judge is what signaling needs of those who judge how calls sound. Locks are held while it is asked, so it must not wait for signaling.
type Judge interface {
	// Answered says that from now on both sides of a call should be heard.
	Answered(call string)
	// Verdict is how a call sounded so far.
	Verdict(call string) call.Quality
}

// Neighbours is what signaling needs to reach other Cordboards.
type Neighbours interface {
	// Dial opens a connection with the neighbour of that ID, whose certificate has been checked.
	Dial(ctx context.Context, id string) (net.Conn, error)
	// Stranger is the neighbour at an address that is not paired and may be called nevertheless; false when there is none.
	Stranger(address string) (Neighbour, bool)
}

// stopTime is how long Run takes at most to end calls and registrations once its context has ended.
const stopTime = 5 * time.Second

// flushTime is how much of it is left for the history when PBXs or browsers don't answer.
const flushTime = 500 * time.Millisecond

// Server is the SIP side of the gateway. Run owns every goroutine it starts.
type Server struct {
	cfg    Config
	deps   Deps
	log    *slog.Logger
	ua     *sipgo.UserAgent
	door   *door
	known  atomic.Pointer[roster] // of PBXs
	near   neighbours
	lobby  lobby
	board  call.Board
	takes  map[sip.RequestMethod]sipgo.RequestHandler // of the methods we know
	sealer sealer                                     // of flow tokens and temporary GRUUs
	inside atomic.Pointer[flow]                       // of the phone that this machine is; nil: never attached
	name   atomic.Pointer[string]                     // of this machine, as people write it
	ready  chan struct{}                              // closed when requests can be taken
	reg    registrar
	loops  loops
	load   overload
	tries  *auth.Limiter // wrong digests, by address

	history *recorder
	around  *around

	guests   *guestBook
	passages passages
	learned  chan struct{} // holds one when there are facts of a PBX to keep

	locator *locate.Locator
	lines   *lines
	uplinks *uplinks

	setting sync.Mutex              // held while the PBXs are set; guards made
	made    uint                    // counts PBXs
	revised chan struct{}           // holds one when the roster is another
	sockets atomic.Pointer[sockets] // nil while there is no PBX that needs them
	harbor  harbor
	routed  tasks // calls being set up and other work that outlives its request

	grants grants   // what users may replace
	hosts  farHosts // of calls
	past   past     // dialogs
	away   away     // servers inside of dialogs

	misread misread

	mu       sync.Mutex
	legs     map[string]*leg // by the token in our Contact
	draining bool
}

// New opens the SIP sockets (when there is a PBX that is not reached by WebSocket); Listen with port 0 picks a free one.
func New(cfg Config, deps Deps, log *slog.Logger) (*Server, error) {
	tuneSipgo()
	if deps.Bans == nil {
		deps.Bans = guard.NewBans(nil)
	}
	if deps.Toll == nil {
		deps.Toll = guard.NewToll(nil)
	}
	s := &Server{cfg: cfg, deps: deps, log: log, legs: make(map[string]*leg), ready: make(chan struct{}), tries: auth.NewLimiter(), history: newRecorder(deps.History, log),
		guests: newGuestBook(), learned: make(chan struct{}, 1), revised: make(chan struct{}, 1)}
	s.SetName(cfg.Name)
	s.SetBusy(cfg.Busy)
	s.misread.srv = s
	s.lines = newLines(&s.misread)
	s.around = newAround(s)
	resolver := deps.Resolver
	if resolver == nil {
		resolver = locate.System()
	}
	s.locator = locate.New(resolver)
	s.uplinks = newUplinks(s)
	var err error
	if s.sealer, err = newSealer(); err != nil {
		return nil, fmt.Errorf("make a key for tokens: %w", err)
	}
	if err := s.SetPBXs(cfg.PBX, cfg.Listen, cfg.ListenTLS); err != nil {
		return nil, err
	}
	s.spare()
	ua, err := sipgo.NewUA(
		sipgo.WithUserAgent("Cordboard/"+cfg.Version),
		sipgo.WithUserAgentTransportLayerOptions(
			sip.WithTransportLayerLogger(slog.New(unreadLog{misread: &s.misread})),
			sip.WithTransportLayerReadFilter(s.fromPBX)),
		sipgo.WithUserAgenTLSConfig(&tls.Config{RootCAs: x509.NewCertPool()}), // we dial by ourselves; sipgo shall trust nobody
		sipgo.WithUserAgentTransactionLayerOptions(
			sip.WithTransactionLayerLogger(quiet),
			sip.WithTransactionLayerUnhandledResponseHandler(func(*sip.Response) {}),
			sip.WithTransactionLayerTerminateOnConnClose()))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start SIP: %w", err), s.closeSockets())
	}
	s.ua = ua
	s.handle()
	s.door = newDoor(doorConfig{
		Origins: cfg.Origins, TrustedProxies: cfg.TrustedProxies, RequireHandshake: cfg.RequireHandshake, Bans: deps.Bans,
		Authenticate: authenticate(deps.Ephemeral, deps.Sessions, deps.Users),
		Request:      s.serve,
		Opened:       func(*flow) {},
		Closed:       s.flowClosed,
	}, log)
	return s, nil
}

// ServeHTTP is /ws, where browsers come in.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.door.ServeHTTP(w, r) }

// Calls lists the calls of the moment, oldest first.
func (s *Server) Calls() []call.Info { return s.board.List() }

// Run serves until ctx ends. Then it hangs up every call, unregisters at the
// PBX, closes the browsers' flows and records what has ended, in at most five seconds.
func (s *Server) Run(ctx context.Context) error {
	srv, err := sipgo.NewServer(s.ua, sipgo.WithServerLogger(quiet))
	if err != nil {
		return errors.Join(fmt.Errorf("start SIP: %w", err), s.closeSockets())
	}
	srv.OnNoRoute(s.dispatch)
	writing, stopWriting := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWriting()
	go s.history.run(writing)

	var over []*bridge
	if ctx.Err() == nil {
		over = s.restore(ctx)
	}
	var served sync.WaitGroup
	served.Go(func() { srv.ServeTLS(s.lines.tls) })
	served.Go(func() { srv.ServeTCP(s.lines.tcp) })
	s.servePorts(func(at *sockets) {
		served.Go(func() { srv.ServeUDP(at.udp) }) // each ends with net.ErrClosed when its socket closes
		served.Go(func() { srv.ServeTCP(&gate{at.tcp, s}) })
		if at.tls != nil {
			served.Go(func() { s.serveTLS(ctx, at.tls) })
		}
		s.awaitUDP(ctx, at.udp)
	})
	served.Go(func() { s.keepFacts(writing) })
	close(s.ready)
	s.around.open()
	if s.deps.Live != nil {
		s.routed.Go(func() { s.live(ctx) })
		s.routed.Go(func() { s.endAll(ctx, over) })
	}
	s.runPBXes(ctx)

	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	s.hangUpAll()
	goodbye, silence := context.WithTimeout(ending, stopTime-flushTime)
	defer silence()
	var unwatched sync.WaitGroup
	unwatched.Go(func() { s.around.close(goodbye) })
	s.unregisterAll(goodbye)
	unwatched.Wait()
	wait(goodbye, &s.routed)
	s.history.finish(ending)
	stopWriting()
	s.door.close(ending)
	s.uplinks.door.close(ending)
	err = ignoreClosed(s.closeSockets())
	s.lines.close()
	err = errors.Join(err, ignoreClosed(s.ua.Close()))
	served.Wait()
	return err
}

// wait waits for wg, but not longer than ctx.
func wait(ctx context.Context, wg interface{ Wait() }) {
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// handle says who takes which request.
func (s *Server) handle() {
	s.takes = make(map[sip.RequestMethod]sipgo.RequestHandler)
	on := func(method sip.RequestMethod, take sipgo.RequestHandler) { s.takes[method] = take }
	on(sip.REGISTER, s.onRegister)
	on(sip.INVITE, s.onInvite)
	on(sip.ACK, s.onAck)
	on(sip.BYE, s.onBye)
	on(sip.PRACK, s.onPrack)
	on(sip.MESSAGE, s.onMessage)
	on(sip.SUBSCRIBE, s.onSubscribe)
	on(sip.NOTIFY, s.onNotify)
	on(sip.PUBLISH, s.onPublish)
	for _, method := range []sip.RequestMethod{sip.INFO, sip.UPDATE, sip.REFER} {
		on(method, s.onPassed)
	}
	on(sip.OPTIONS, s.onOptions)
	on(sip.CANCEL, func(req *sip.Request, tx sip.ServerTransaction) { // its INVITE is not, or no longer, known
		s.reply(req, tx, sip.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist")
	})
}

// serve takes a request of a browser that came at the time arrived.
func (s *Server) serve(req *sip.Request, tx sip.ServerTransaction, arrived time.Time) {
	deepen()
	<-s.ready
	now := time.Now()
	s.load.begins(now.Sub(arrived), now)
	s.dispatch(req, tx)
}

// dispatch takes a request, whoever sent it.
func (s *Server) dispatch(req *sip.Request, tx sip.ServerTransaction) {
	s.load.under.Add(1)
	defer s.load.under.Add(-1)
	if s.overloaded(req, tx) || !s.wellFormed(req, tx) || s.tooManyHops(req, tx) || s.barred(req, tx) || s.left(req, tx) {
		return
	}
	if take, known := s.takes[req.Method]; known {
		if s.understood(req, tx) && !s.tooPrivate(req, tx) {
			take(req, tx)
		}
		return
	}
	if f := s.door.flow(req.Source()); f != nil && !s.authorize(f, req, tx) {
		return
	}
	res := sip.NewResponseFromRequest(req, sip.StatusMethodNotAllowed, "Method Not Allowed", nil)
	res.AppendHeader(sip.NewHeader("Allow", allow))
	s.respond(tx, res)
}

// allow lists the methods we take (RFC 3261 §20.5).
const allow = "INVITE, ACK, CANCEL, BYE, PRACK, UPDATE, INFO, REFER, NOTIFY, MESSAGE, SUBSCRIBE, PUBLISH, OPTIONS"

func (s *Server) onOptions(req *sip.Request, tx sip.ServerTransaction) {
	if req.To().Params.Has("tag") { // asks whether a dialog is still there (RFC 3261 §12.2.2)
		if s.dialog(req, tx) == nil {
			return
		}
	} else if f := s.door.flow(req.Source()); f != nil && !s.authorize(f, req, tx) {
		return
	}
	res := sip.NewResponseFromRequest(req, sip.StatusOK, "OK", nil)
	res.AppendHeader(sip.NewHeader("Allow", allow))
	res.AppendHeader(sip.NewHeader("Accept", "application/sdp"))
	res.AppendHeader(allowEvents())
	s.respond(tx, res)
}

// reply answers req with a bare status.
func (s *Server) reply(req *sip.Request, tx sip.ServerTransaction, status int, reason string, more ...sip.Header) {
	res := sip.NewResponseFromRequest(req, status, reason, nil)
	for _, h := range more {
		res.AppendHeader(h)
	}
	s.respond(tx, res)
}

// respond sends res. A transaction that has ended (a CANCEL overtook us), or a flow that has closed, takes it no more, which is no fault.
func (s *Server) respond(tx sip.ServerTransaction, res *sip.Response) {
	res.SipVersion = sipVersion // sipgo repeats the request's
	res.AppendHeader(sip.NewHeader("Server", s.ua.Name()))
	if err := tx.Respond(res); err != nil && !errors.Is(err, sip.ErrTransactionCanceled) && !errors.Is(err, sip.ErrTransactionTerminated) && !errors.Is(err, net.ErrClosed) {
		s.log.Debug("response not sent", "status", res.StatusCode, "error", err)
	}
}

// token is a random, unguessable name: 130 bits in lower-case letters and digits.
func token() string { return strings.ToLower(rand.Text()) }
