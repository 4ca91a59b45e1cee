package signaling

import (
	"context"
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/auth"
	"cordboard/gateway/locate"
)

// Times of a registration at the PBX.
const (
	askExpires  = 300 * time.Second
	firstRetry  = 2 * time.Second
	lastRetry   = time.Minute
	refusedWait = 5 * time.Minute // a password does not mend itself, and PBXs ban who guesses

	// Of registrations that begin together so many come at once, the others one after another.
	atOnce        = 20
	registerEvery = 20 * time.Millisecond
)

// registration keeps one address of record registered at a PBX.
type registration struct {
	pbx    *pbx
	creds  auth.Credentials
	turn   time.Duration // how long it lets others go first when all begin
	stop   context.CancelFunc
	done   chan struct{}
	callID string
	tag    string
	seq    uint32  // owned by run, then by whoever has seen done closed
	at     sip.Uri // the Contact as last sent; owned likewise

	// guarded by pbx.mu
	state, detail string
	routes        []sip.Uri // the Service-Route (RFC 3608)
}

// runPBXes watches every PBX and keeps the registrations there until ctx ends.
func (s *Server) runPBXes(ctx context.Context) {
	var work sync.WaitGroup
	defer work.Wait()
	all, users := make(tended), s.deps.UsersChanged
	for {
		select {
		case <-s.revised: // tend sees it
		default:
		}
		s.tend(ctx, &work, all)
		s.syncAccounts(ctx)
		select {
		case <-ctx.Done():
			return
		case <-s.revised:
		case _, open := <-users:
			if !open {
				users = nil
			}
		}
	}
}

// syncAccounts makes the registrations those of the accounts of now.
func (s *Server) syncAccounts(ctx context.Context) {
	users, err := s.deps.Users.List(ctx)
	if err != nil {
		s.log.Error("accounts not read", "error", err)
		return
	}
	s.around.syncAccounts(ctx, users)
	for _, p := range s.pbxes() {
		want := make(map[string]auth.Credentials)
		switch p.cfg.mode() {
		case ModeTrunk:
			want[""] = auth.Credentials{Username: p.cfg.Username, Password: p.cfg.Password}
		case ModeExtension:
			for _, u := range users {
				if u.PBX.Username != "" && u.PBX.Password != "" && s.home(u) == p {
					want[u.Name] = u.PBX
				}
			}
		}
		p.register(ctx, want)
	}
}

// register starts and ends registrations so that they are those wanted, by user.
func (p *pbx) register(ctx context.Context, want map[string]auth.Credentials) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for user, r := range p.regs {
		if want[user] != r.creds {
			r.stop()
			delete(p.regs, user)
			p.srv.routed.Go(func() {
				<-r.done
				ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), answerTime)
				defer stop()
				r.remove(ctx)
				if p.web() {
					p.dismiss(r)
				}
			})
		}
	}
	begun := 0
	for user, creds := range want {
		if p.regs[user] != nil {
			continue
		}
		ctx, stop := context.WithCancel(ctx)
		r := &registration{pbx: p, creds: creds, stop: stop, done: make(chan struct{}), callID: token(), tag: token(), state: stateRegistering}
		p.regs[user] = r
		r.turn = max(0, time.Duration(begun-atOnce)*registerEvery)
		begun++
		go func() { // ends with ctx; register or unregisterAll waits for done
			defer close(r.done)
			r.run(ctx)
		}()
	}
}

// unregisterAll ends every registration at every PBX.
func (s *Server) unregisterAll(ctx context.Context) {
	var work sync.WaitGroup
	for _, p := range s.pbxes() {
		p.mu.Lock()
		regs := maps.Clone(p.regs)
		p.mu.Unlock()
		for _, r := range regs {
			work.Go(func() {
				r.stop()
				<-r.done
				r.remove(ctx)
			})
		}
	}
	work.Go(func() { s.endGuests(ctx) })
	work.Wait()
}

// run registers, refreshes and tries again until ctx ends.
func (r *registration) run(ctx context.Context) {
	retry, turn := firstRetry, r.turn
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(turn):
		}
		turn = 0
		changed, renewed := r.pbx.change(), r.pbx.renewals()
		lifetime, state, detail := r.register(ctx, askExpires)
		if ctx.Err() != nil {
			return
		}
		r.set(state, detail)
		if state == stateRegistered {
			r.pbx.note(nil) // the PBX lives, whatever the last OPTIONS said
			changed = r.pbx.change()
			if r.pbx.renewals() != renewed { // meanwhile
				continue
			}
		}
		var wait time.Duration
		switch state {
		case stateRegistered:
			retry = firstRetry
			wait = lifetime / 2
			if r.moved() {
				wait = firstRetry
			}
		case stateUnreachable:
			wait = max(retry, lifetime)
			retry = min(2*retry, lastRetry)
		default:
			wait = refusedWait
		}
		wait += time.Duration(rand.Int64N(int64(wait)/10 + 1)) // so that not all come at once
		select {
		case <-ctx.Done():
			return
		case <-changed: // the PBX went or came back: it may have forgotten us all
			turn = r.turn
			if r.pbx.web() { // and not us alone
				turn += rand.N(firstPause)
			}
		case <-r.broke(): // its own connection did
			turn = r.uplink().pause()
		case <-time.After(wait):
		}
	}
}

// set keeps the state and says in the log when it changes.
func (r *registration) set(state, detail string) {
	p := r.pbx
	p.mu.Lock()
	changed := r.state != state || r.detail != detail
	r.state, r.detail = state, detail
	p.mu.Unlock()
	if !changed {
		return
	}
	if state == stateRegistered {
		p.log.Info("registered", "extension", r.creds.Username)
	} else {
		p.log.Warn("not registered", "extension", r.creds.Username, "state", state, "detail", detail)
	}
}

// register sends one REGISTER (RFC 3261 §10.2) and tells what came of it; lifetime is what the PBX grants, or how long it wants
// to be left alone.
func (r *registration) register(ctx context.Context, expires time.Duration) (lifetime time.Duration, state, detail string) {
	p := r.pbx
	for {
		t := p.server()
		if p.web() {
			if err := r.uplink().open(ctx); err != nil {
				return 0, stateUnreachable, err.Error()
			}
		}
		if t.Transport == locate.TLS && t.Addr.IsValid() { // our Contact may hold the connection's port
			_ = p.srv.connect(ctx, p, t.Target, strings.Trim(p.uri.Host, "[]")) // do fails in the same way and tells
		}
		aor := sip.Uri{Scheme: p.uri.Scheme, User: r.creds.Username, Host: p.domain()}
		r.seq++
		req := p.request(sip.REGISTER, aor, r.callID, r.tag, r.seq)
		p.addressAt(req, t)
		contact := p.contactAt(t)
		contact.User = r.creds.Username
		r.at = contact
		if p.web() {
			req.AppendHeader(r.uplink().deviceContact(contact))
			req.AppendHeader(sip.NewHeader("Supported", "path, outbound"))
		} else {
			req.AppendHeader(&sip.ContactHeader{Address: contact})
			req.AppendHeader(sip.NewHeader("Supported", "path")) // between us and the registrar there may be proxies (RFC 3327)
		}
		seconds := sip.ExpiresHeader(expires / time.Second)
		req.AppendHeader(&seconds)
		req.AppendHeader(sip.NewHeader("Allow", allow))
		req.SetBody(nil)
		res, seq, err := p.srv.do(ctx, req, r.creds, nil, func() {})
		r.seq = max(r.seq, seq)
		switch {
		case err != nil:
			return 0, stateUnreachable, err.Error()
		case res.IsSuccess():
			r.setRoutes(serviceRoute(res))
			if p.web() && expires > 0 {
				r.uplink().registered()
			}
			return granted(res, contact, expires), stateRegistered, ""
		case res.StatusCode == sip.StatusIntervalToBrief:
			least, err := strconv.Atoi(valueOf(res, "Min-Expires"))
			if longer := time.Duration(least) * time.Second; err == nil && longer > expires && longer <= maxExpires {
				expires = longer
				continue
			}
			return 0, stateRefused, "423 " + res.Reason
		case res.StatusCode == sip.StatusUnauthorized, res.StatusCode == sip.StatusProxyAuthRequired:
			return 0, stateWrongPassword, p.cfg.Name + " refuses the password of " + r.creds.Username
		case res.StatusCode == sip.StatusServiceUnavailable:
			return retryAfter(res), stateUnreachable, "503 " + res.Reason
		case res.StatusCode >= 500 && res.StatusCode < 600, res.StatusCode == sip.StatusRequestTimeout:
			return 0, stateUnreachable, itoa(res.StatusCode) + " " + res.Reason
		case res.StatusCode == sip.StatusForbidden && p.web(): // what another Cordboard says to a wrong password
			return 0, stateRefused, "403 " + res.Reason + "; is the password of " + r.creds.Username + " right?"
		default:
			return 0, stateRefused, itoa(res.StatusCode) + " " + res.Reason
		}
	}
}

// moved says whether we have learned meanwhile that the PBX reaches us at another address.
func (r *registration) moved() bool {
	now := r.pbx.contactAt(r.pbx.server())
	return now.Host != r.at.Host || now.Port != r.at.Port
}

// remove ends the registration at the PBX.
func (r *registration) remove(ctx context.Context) {
	r.pbx.mu.Lock()
	state := r.state
	r.pbx.mu.Unlock()
	if state == stateRegistered {
		r.register(ctx, 0)
	}
}

// uplink is the connection of the account.
func (r *registration) uplink() *uplink { return r.pbx.uplink(r.creds) }

// broke tells when that connection has closed.
func (r *registration) broke() <-chan struct{} {
	if !r.pbx.web() {
		return nil
	}
	return r.uplink().broke
}

// granted is for how long the PBX registered our contact: its parameter there, else Expires, else what we asked.
func granted(res *sip.Response, contact sip.Uri, asked time.Duration) time.Duration {
	text := valueOf(res, "Expires")
	for _, h := range res.GetHeaders("Contact") {
		c, ok := h.(*sip.ContactHeader)
		if ok && c.Address.User == contact.User && strings.Trim(c.Address.Host, "[]") == contact.Host && c.Address.Port == contact.Port {
			text, _ = c.Params.Get("expires")
		}
	}
	seconds, err := strconv.ParseUint(text, 10, 31)
	if err != nil || seconds == 0 {
		return asked
	}
	return max(time.Duration(seconds)*time.Second, 10*time.Second)
}

func valueOf(msg interface{ GetHeader(string) sip.Header }, name string) string {
	if h := msg.GetHeader(name); h != nil {
		return strings.TrimSpace(h.Value())
	}
	return ""
}
