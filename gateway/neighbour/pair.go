package neighbour

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"

	"cordboard/gateway/call"
	"cordboard/gateway/cert"
)

// How long pairing may take, and how often others may try.
const (
	exchangeTime = 10 * time.Second // until both have the code
	pairTime     = 2 * time.Minute  // from then until both people have said yes
	attemptEvery = 30 * time.Second
	attemptBurst = 5
	maxPairings  = 4 // that wait for people
)

// pairing is one that goes on. Its goroutine owns the connection.
type pairing struct {
	call.Pairing
	fingerprint string
	at          netip.AddrPort // where the other one is reached
	conn        *tls.Conn
	in          *bufio.Reader
	answer      chan bool // what the person here says; holds one
}

var (
	errCommit         = errors.New("the other side changed its nonce: somebody is between the two machines")
	errDeclined error = sentence("The codes are different, somebody said. If they really were, somebody is between the two machines.")
	errTooMany        = errors.New("too many attempts to pair")
	errSelf     error = sentence("That is this machine.")
)

// Pair begins to pair with a neighbour, by its ID, its name or "host:port", and gives the code to compare. When that neighbour has
// asked already it gives the code of that.
func (k *Keeper) Pair(ctx context.Context, name string) (call.Pairing, error) {
	if p := k.pairingNamed(name); p != nil {
		return k.show(p), nil
	}
	places, fingerprint, err := k.search(ctx, name)
	if err != nil {
		return call.Pairing{}, err
	}
	ctx, stop := context.WithTimeout(ctx, exchangeTime)
	defer stop()
	for _, at := range places {
		var p *pairing
		if p, err = k.ask(ctx, at, fingerprint); err == nil {
			k.work.Go(func() { k.settle(p) })
			return k.show(p), nil
		}
		if !transient(err) {
			break
		}
	}
	if errors.Is(err, errSelf) {
		return call.Pairing{}, err
	}
	return call.Pairing{}, fmt.Errorf("%s could not be asked: %w", name, err)
}

// transient says whether another address of the same machine may do better.
func transient(err error) bool {
	var net net.Error
	return errors.As(err, &net)
}

// search finds the addresses of who is to be paired, and the certificate that it announces; empty: none is announced.
func (k *Keeper) search(ctx context.Context, name string) (places []netip.AddrPort, fingerprint string, err error) {
	if name == "" {
		return nil, "", ErrUnknown
	}
	var ids []string
	for _, a := range k.found() {
		if a.ID != name && !strings.EqualFold(clean(a.Name), name) && !strings.EqualFold(a.Host, name) {
			continue
		}
		ids = append(ids, a.ID)
		fingerprint = a.Fingerprint
		for _, addr := range a.Addrs {
			places = append(places, netip.AddrPortFrom(addr, a.HTTPS))
		}
	}
	switch {
	case len(ids) > 1:
		return nil, "", ErrAmbiguous
	case len(ids) == 1:
		return places, fingerprint, nil
	}
	host, port, err := net.SplitHostPort(name)
	if err != nil {
		return nil, "", ErrUnknown
	}
	number, err := net.LookupPort("tcp", port)
	if err != nil {
		return nil, "", ErrUnknown
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, "", ErrUnknown
	}
	for _, a := range addrs {
		places = append(places, netip.AddrPortFrom(a.Unmap(), uint16(number)))
	}
	return places, "", nil
}

// ask is the asker's part up to the code.
func (k *Keeper) ask(ctx context.Context, at netip.AddrPort, fingerprint string) (*pairing, error) {
	conn, err := k.dialAt(ctx, at, protoPair, fingerprint)
	if err != nil {
		return nil, err
	}
	p, err := k.newPairing(conn)
	if err == nil {
		err = k.compareAsker(p)
	}
	if err == nil {
		p.at = at
		err = k.enter(p)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return p, nil
}

// asked is who is asked to pair, from the first message to the last.
func (k *Keeper) asked(conn *tls.Conn) {
	from := conn.RemoteAddr().String()
	p, err := k.newPairing(conn)
	switch {
	case err != nil:
	case !k.attempts.Allow():
		err = errTooMany
	default:
		err = k.compareAsked(p)
	}
	if err == nil {
		p.Asked = true
		err = k.enter(p)
	}
	if err != nil {
		level := slog.LevelWarn
		if errors.Is(err, errTooMany) { // whoever tries without end shall not fill the log
			level = slog.LevelDebug
		}
		k.log.Log(k.life, level, "pairing refused", "address", from, "error", err)
		return
	}
	k.log.Info("a neighbour asks to pair", "name", p.Name, "id", p.ID, "address", from)
	k.settle(p)
}

// newPairing reads off the certificate who it is with.
func (k *Keeper) newPairing(conn *tls.Conn) (*pairing, error) {
	der := conn.ConnectionState().PeerCertificates[0].Raw
	p := &pairing{fingerprint: cert.FingerprintOf(der), conn: conn, in: bufio.NewReaderSize(conn, maxLine), answer: make(chan bool, 1)}
	p.ID = cert.IDOf(p.fingerprint)
	if p.fingerprint == k.fingerprint {
		return nil, errSelf
	}
	_ = conn.SetDeadline(time.Now().Add(exchangeTime))
	return p, nil
}

func (k *Keeper) compareAsker(p *pairing) error {
	own := newNonce()
	commit := commitment(k.fingerprint, p.fingerprint, own)
	if err := writeMessage(p.conn, message{Name: *k.name.Load(), Port: k.cfg.Port, Commit: hex.EncodeToString(commit[:])}); err != nil {
		return err
	}
	m, err := readMessage(p.in)
	if err != nil {
		return err
	}
	theirs, ok := bytes32(m.Nonce)
	if !ok {
		return errMessage
	}
	if err := writeMessage(p.conn, message{Nonce: hex.EncodeToString(own[:])}); err != nil {
		return err
	}
	p.Name, p.Code = m.Name, codeOf(k.fingerprint, p.fingerprint, own, theirs)
	return nil
}

func (k *Keeper) compareAsked(p *pairing) error {
	m, err := readMessage(p.in)
	if err != nil {
		return err
	}
	commit, ok := bytes32(m.Commit)
	if !ok {
		return errMessage
	}
	own := newNonce()
	if err := writeMessage(p.conn, message{Name: *k.name.Load(), Port: k.cfg.Port, Nonce: hex.EncodeToString(own[:])}); err != nil {
		return err
	}
	reveal, err := readMessage(p.in)
	if err != nil {
		return err
	}
	theirs, ok := bytes32(reveal.Nonce)
	if !ok {
		return errMessage
	}
	if !fits(commit[:], p.fingerprint, k.fingerprint, theirs) {
		return errCommit
	}
	p.Name, p.Code = m.Name, codeOf(p.fingerprint, k.fingerprint, theirs, own)
	if from, err := netip.ParseAddrPort(p.conn.RemoteAddr().String()); err == nil && m.Port != 0 {
		p.at = netip.AddrPortFrom(from.Addr().Unmap(), m.Port)
	}
	return nil
}

// enter puts a pairing where people see it. One with the same machine that waits already goes on alone.
func (k *Keeper) enter(p *pairing) error {
	p.Expires = time.Now().Add(pairTime)
	_ = p.conn.SetDeadline(p.Expires)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.life.Err() != nil || k.pairings[p.ID] != nil || len(k.pairings) >= maxPairings {
		return errTooMany
	}
	k.pairings[p.ID] = p
	delete(k.troubles, p.ID+" "+kindPair)
	return nil
}

// settle waits for what the people on both sides say, and keeps the neighbour when both say yes.
func (k *Keeper) settle(p *pairing) {
	k.changed()
	err := k.agree(p)
	if err == nil {
		err = k.pin(p)
	}
	p.conn.Close()
	k.mu.Lock()
	delete(k.pairings, p.ID)
	k.mu.Unlock()
	if err != nil {
		k.trouble(p.ID, kindPair, "Not paired: "+reasonOf(err))
	} else {
		k.log.Info("paired", "name", p.Name, "id", p.ID)
		k.tellPaired()
	}
	k.changed()
	k.poke()
}

// reasonOf says in words why a pairing came to nothing.
func reasonOf(err error) string {
	var net net.Error
	switch {
	case errors.Is(err, errDeclined):
		return err.Error()
	case errors.As(err, &net) && net.Timeout():
		return "Nobody said in time that the codes are the same."
	}
	return "The other machine gave up."
}

// agree waits until both have said yes. Whoever says no ends it, and so does who goes before both have said something.
func (k *Keeper) agree(p *pairing) error {
	ctx, stop := context.WithDeadline(k.life, p.Expires)
	defer stop()
	defer context.AfterFunc(ctx, func() { p.conn.Close() })()
	type said struct {
		yes bool
		err error
	}
	theirs := make(chan said)
	go func() { // ends with the connection
		for {
			m, err := readMessage(p.in)
			if err == nil && m.Accept == nil {
				err = errMessage
			}
			select {
			case theirs <- said{err == nil && *m.Accept, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	for mine, other := false, false; !mine || !other; {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case yes := <-p.answer:
			if err := writeMessage(p.conn, message{Accept: &yes}); err != nil {
				return err
			}
			if !yes {
				return errDeclined
			}
			mine = true
		case s := <-theirs:
			if s.err != nil {
				return s.err
			}
			if !s.yes {
				return errDeclined
			}
			if other {
				return errMessage
			}
			other = true
		}
	}
	return nil
}

// pin keeps the certificate.
func (k *Keeper) pin(p *pairing) error {
	n := call.Neighbour{ID: p.ID, Fingerprint: p.fingerprint, Name: p.Name, At: p.at, Paired: time.Now().UTC()}
	k.booking.Lock()
	defer k.booking.Unlock()
	k.mu.Lock()
	n.Address = k.newAddress(p.ID, p.Name)
	k.mu.Unlock()
	if err := k.deps.Book.PutNeighbour(context.WithoutCancel(k.life), n); err != nil {
		k.log.Error("neighbour not saved", "error", err)
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if f := k.friends[n.ID]; f != nil {
		f.Neighbour = n
	} else {
		k.friends[n.ID] = &friend{Neighbour: n}
	}
	for _, kind := range pinnedKinds {
		delete(k.troubles, n.ID+" "+kind)
	}
	return nil
}

// Answer says for the person here whether the other machine shows the same code. The code is given again, so that nobody
// confirms another one than was on the screen.
func (k *Keeper) Answer(name, code string, yes bool) error {
	p := k.pairingNamed(name)
	if p == nil || p.Code != code {
		return ErrNoPairing
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	select {
	case p.answer <- yes:
		p.Waits = true
	default: // somebody was faster
	}
	return nil
}

// show copies what people may see of a pairing.
func (k *Keeper) show(p *pairing) call.Pairing {
	k.mu.Lock()
	defer k.mu.Unlock()
	return p.Pairing
}
