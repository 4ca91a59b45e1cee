// Package media relays the sound of calls between browsers, which speak WebRTC, and the PBX or phones, which speak
// plain RTP. It knows session descriptions, sockets and keys, and nothing of SIP: Offer and Answer turn one party's
// description into what the other party is told, Delete ends it.
//
// # How a packet travels
//
// One thread carries the packets of all calls (relay_linux.go; elsewhere each socket has a goroutine). It waits for the
// browsers' socket and for the two sockets, RTP and RTCP, of each leg toward the PBX.
//
// From a browser: the thread reads up to 64 datagrams at once. The first octet tells what each is (demux.go). STUN is
// answered at once and binds its source address to a leg, if it proves to come from the leg's party (stun.go, table.go).
// Anything else must come from such an address. DTLS goes to the handshake's goroutine, which ends when it has derived
// the SRTP keys (dtls.go, dtlsserver.go). RTP and RTCP are decrypted in place (srtp.go) and handed to the leg.
//
// What a browser sends by TCP is cut into datagrams by a goroutine of the connection, which sends them to the browsers'
// socket; from there on all is the same (tcp.go, framing.go).
//
// From the PBX: the thread reads one datagram, as there is hardly ever another. It must come from the address that the
// party named, or that it really sends from (plain.go). While the peer is a browser without keys nothing is read (early.go).
//
// From a server whose client we are: an ICE agent of pion's has sockets of its own, and lets in what is harmless
// (outside.go, welcome.go). Each such leg has a goroutine that reads and one that writes (path.go, clientline.go).
//
// Then all go the same way. leg.receive counts the packet, lets the taps hear it, and passes it to the leg's peer as
// the leg's way says, by an adapter or as it is. leg.send hands it to the line of the other party: to the PBX by one
// system call; to a browser encrypted in place and copied to a batch, which goes out by one system call when all
// sockets that had something were served.
//
// So what runs on the thread delays every call: it allocates nothing, waits for nothing and reads no clock. Tones,
// recordings and the like have goroutines of their own; they may send at any time, and SDP may replace a leg's way, its
// line's keys or its target at any time, as each is a pointer to something that never changes.
//
// # What a packet costs
//
// Mostly what the kernel takes. Of 8.2 µs a packet at 200 calls over loopback, on two virtual processors, sending took 3.8, as the sender
// pays for the receiver's stack there, receiving 0.6, waiting 0.9, entering the kernel 0.2, encryption 0.4, other threads 0.4, and all
// the rest 1.8; at 50 calls waiting took 1.8 and other threads 1.3 of 11.4. A relay cut down to reading, encryption and sending took 6.8
// and 7.8 µs in runs in which rtpengine took 10.0 and 10.5: to be had by cutting down ours there is little.
// For the same packets io_uring takes 3.5 µs where system calls take 3.3, and sendmmsg no less than a call a packet. Naps shorter than the
// pauses between packets join none, and those of 0.5 ms and more delay packets by 1 ms more than they last. Connected sockets save a
// seventh of sending, but need one more for each address. BenchmarkKernel has the kernel's share. By BenchmarkRelay a packet costs at 400
// calls what it costs at one; at 1000 a tenth to a fifth more, as the processor's caches hold no more.
//
// Where sound is converted, that costs most: Opus into PCMA and back 0.55 % of a core for a call with libopus, of which rtpengine, as it is
// installed, takes 1.93 (TestTranscodeCost, 20 calls with a browser each, by turns with rtpengine on two virtual processors).
//
// # What a set-up costs
//
// From INVITE to BYE with 0.1 s of sound between a browser and a PBX, 30 of them a second on two virtual processors, of 2.7 ms in all:
// carrying packets 22 %, a third of it being woken; SIP 21 %, WebSocket included; memory and its collection 15 %; changes of goroutines and
// threads 13 %; DTLS 12 %, more than half of it signatures and the exchange of keys; descriptions, sockets and ports 10 %; the history and
// the state for a restart 4 %; the log 3 %. A DTLS server of our own, instead of pion's, has since taken 6 to 9 % of all away.
// Kamailio and rtpengine take 4.7 ms for the same. With 1 s of sound most is the packets' again:
// ten calls at a time wake the thread for nearly every packet, as they wake rtpengine.
//
// # How soon a call is heard
//
// As soon as the two sides allow: no candidate is gathered, the browser's first check is answered by the thread that reads it, DTLS begins
// with that check and not with a nomination, and the first packet after it goes on at once. No timer of ours stands between an INVITE and
// the first sound (TestFirstSound). By BenchmarkFirstSound, with a browser and a phone on the same two processors that do nothing but wait
// for us, it takes 1.8 ms: descriptions 0.15, the first check 0.11, DTLS 1.3 with what the browser takes for it, and the first packet
// 0.1 each way. A real browser spends some tenths of a second on the same.
package media

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// ErrUnknownCall reports a call or a leg that the engine knows nothing of.
var ErrUnknownCall = errors.New("unknown call")

// errClosed reports an engine that has ended.
var errClosed = errors.New("media engine is closed")

// Config says where media flows.
type Config struct {
	Listen    string         // one UDP address toward browsers, "host:port"; host empty: all interfaces
	TCP       netip.AddrPort // where browsers' TCP connections come in that ServeTCP is given; port 0: none do
	Ports     string         // UDP ports toward the PBX, "20000-20999": even ports RTP, odd ones RTCP
	Advertise []netip.Addr   // addresses for descriptions and candidates; empty: those of the interfaces
	Opus      string         // OpusAuto, OpusNever or OpusPrefer; empty: OpusAuto
	Digits    Digits         // is told of keys from a goroutine of its own; nil: nobody is
	Pictures  Pictures       // is told of pictures that are wanted from a goroutine of its own; nil: nobody is
	Restarts  Restarts       // is told of ways to servers that are lost from a goroutine of its own; nil: nobody is
	Nap       time.Duration  // how long packets may wait for others to be carried together, at most MaxNap; 0: not at all. Linux only
}

// What Config.Opus may be.
const (
	OpusAuto   = "auto"   // sound is converted between Opus and the telephone's codecs when nothing passes as it is
	OpusNever  = "never"  // nothing is converted
	OpusPrefer = "prefer" // browsers get and send Opus if they can, since it bears the loss of packets
)

// MaxNap is the longest nap: what it saves is had by then, and delay adds up.
const MaxNap = 10 * time.Millisecond

// Validate names every fault at once.
func (c Config) Validate() error {
	var faults []error
	if _, err := net.ResolveUDPAddr("udp", c.Listen); err != nil {
		faults = append(faults, fmt.Errorf("listen %q: want host:port: %w", c.Listen, err))
	}
	if _, _, err := parsePorts(c.Ports); err != nil {
		faults = append(faults, err)
	}
	switch c.Opus {
	case "", OpusAuto, OpusNever, OpusPrefer:
	default:
		faults = append(faults, fmt.Errorf("opus %q: want %s, %s or %s", c.Opus, OpusAuto, OpusNever, OpusPrefer))
	}
	for _, addr := range c.Advertise {
		if !addr.IsValid() || addr.IsUnspecified() || addr.IsMulticast() || addr.Zone() != "" {
			faults = append(faults, fmt.Errorf("advertise %v: not an address of a host", addr))
		}
	}
	if c.Nap < 0 || c.Nap > MaxNap {
		faults = append(faults, fmt.Errorf("nap %v: want 0 to %v", c.Nap, MaxNap))
	}
	return errors.Join(faults...)
}

// Engine relays the media of all calls. It owns the browsers' socket, the PBX's sockets and every goroutine that serves
// them; when Run or Close returns they are gone.
type Engine struct {
	log         *slog.Logger
	start       time.Time // of the engine's clock
	certificate tls.Certificate
	fingerprint string // of the certificate, as in SDP
	relay       *relay
	inbox       *inbox
	browsers    *socket
	port        uint16 // of browsers
	addresses   addresses
	ports       portRange
	opus        string // Config.Opus
	table       *table
	agent       agent
	voices      voices
	tcp         tcpFlows
	stray       atomic.Uint64 // datagrams on the browsers' socket that belong to no leg
	sums        [2]sum        // of browsers, of others
	observer    Observer      // nil: none
	tell        Digits
	digits      chan heardDigit // for tell; nil when there is none
	show        Pictures
	pictures    chan *leg // for show; nil when there is none
	renew       Restarts
	restarts    chan *leg // for renew; nil when there is none

	ctx    context.Context // ends with the engine
	cancel context.CancelFunc
	tasks  sync.WaitGroup

	mu     sync.Mutex
	calls  map[string]*session
	closed bool

	reporting bool // reports runs
}

// New opens the browsers' socket; Listen ":0" picks a free port. Packets flow as soon as Run runs.
func New(cfg Config, log *slog.Logger) (*Engine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("media: %w", err)
	}
	certificate, err := newCertificate(time.Now())
	if err != nil {
		return nil, err
	}
	at, err := net.ResolveUDPAddr("udp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("resolve media address: %w", err)
	}
	browsers, err := listen("udp", at)
	if err != nil {
		return nil, fmt.Errorf("open media port: %w", err)
	}
	if err := browsers.gather(); err != nil {
		log.Warn("media port keeps small buffers", slog.Any("error", err))
	}
	relay, err := newRelay(cfg.Nap)
	if err != nil {
		browsers.close()
		return nil, err
	}
	inbox, err := newInbox()
	if err != nil {
		browsers.close()
		relay.release()
		return nil, err
	}
	favourites() // measured now, and not when packets wait
	local := browsers.addr()
	e := &Engine{
		log: log, start: time.Now(), certificate: certificate, fingerprint: fingerprint(certificate.Certificate[0]),
		relay: relay, inbox: inbox, opus: cfg.Opus, browsers: browsers, port: local.Port(), table: newTable(), calls: make(map[string]*session),
		addresses: addresses{advertise: cfg.Advertise, listen: local.Addr().Unmap()},
	}
	e.agent.table = e.table
	if cfg.Digits != nil {
		e.tell, e.digits = cfg.Digits, make(chan heardDigit, maxTold)
	}
	if cfg.Pictures != nil {
		e.show, e.pictures = cfg.Pictures, make(chan *leg, maxWanted)
	}
	if cfg.Restarts != nil {
		e.renew, e.restarts = cfg.Restarts, make(chan *leg, maxWanted)
	}
	if cfg.TCP.Port() != 0 {
		if err := e.tcp.open(local); err != nil {
			log.Warn("no media by TCP", slog.Any("error", err))
		} else {
			e.tcp.at = netip.AddrPortFrom(cfg.TCP.Addr().Unmap(), cfg.TCP.Port())
		}
	}
	e.ports.first, e.ports.pairs, _ = parsePorts(cfg.Ports) // valid, see above
	e.ports.next.Store(uint64(random32()))
	e.ctx, e.cancel = context.WithCancel(context.Background())
	e.tasks.Go(e.inbox.run)
	return e, nil
}

// Addr is the address of the browsers' socket.
func (e *Engine) Addr() netip.AddrPort { return e.browsers.addr() }

// Run relays and judges until ctx ends. Then every call is over, every socket closed, and no goroutine is left.
func (e *Engine) Run(ctx context.Context) error {
	if !e.serve(e.browsers, e.receive) {
		return errClosed
	}
	if e.tell != nil && !e.spawn(e.tellDigits) || e.show != nil && !e.spawn(e.tellPictures) || e.renew != nil && !e.spawn(e.tellRestarts) {
		return errClosed
	}
	e.watch(ctx)
	return e.Close()
}

// Close ends the engine; only one that never ran needs it. It may be called again.
func (e *Engine) Close() error {
	e.mu.Lock()
	e.closed = true
	e.relay.stop()
	calls := e.calls
	e.calls = nil
	e.mu.Unlock()
	for _, s := range calls {
		s.end()
	}
	e.cancel()
	e.inbox.close()
	err := e.browsers.close()
	e.tasks.Wait()
	e.relay.release()
	e.tcp.close()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close media port: %w", err)
	}
	return nil
}

// spawn runs f in a goroutine of the engine. It says false when the engine has ended.
func (e *Engine) spawn(f func()) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	e.tasks.Go(f)
	return true
}

// enter says that a goroutine works for the engine until tasks.Done. It says false when the engine has ended.
func (e *Engine) enter() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	e.tasks.Add(1)
	return true
}

// now is the engine's clock: time since it began.
func (e *Engine) now() time.Duration { return time.Since(e.start) }

// receive handles one datagram on the browsers' socket. STUN proves itself; all else must come from an address that
// STUN has bound to a leg.
func (e *Engine) receive(p []byte, src netip.AddrPort, now time.Duration) {
	what := sort(p)
	switch what {
	case kindOther:
		if !e.tcp.deliver(p, src, now) {
			e.stray.Add(1)
		}
		return
	case kindSTUN:
		if reply := e.agent.answer(p, src, nil, now); reply != nil {
			e.browsers.send(reply, src) // a lost reply is asked for again
		}
		return
	}
	if s := e.table.lookup(src); s != nil {
		s.receive(p, what, src, now)
		return
	}
	e.stray.Add(1)
}
