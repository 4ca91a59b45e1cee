package signaling

import (
	"context"
	"crypto/rand"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
	"golang.org/x/time/rate"

	"cordboard/gateway/auth"
)

// Through a PBX in mode passthrough browsers use accounts of that PBX. Their credentials go end to end: the PBX's challenge reaches
// the browser, its answer the PBX, and no password is ever here. Such a browser is a guest: one user of one PBX on one flow. The flow
// belongs to that user once the PBX has taken its registration; until then it may only ask the PBX.

// strangerRequests is how many requests in a second a guest may make before its PBX has taken its registration, in bursts of twice as many.
const strangerRequests = 5

// guest is a browser that uses an account of a PBX.
type guest struct {
	pbx      *pbx
	flow     *flow
	aor      sip.Uri // its address of record, as the browser writes it
	id       guestID
	token    string // names it toward the PBX
	stranger *rate.Limiter

	turn        sync.Mutex // held for a REGISTER and its answer; guards these:
	callID, tag string
	seq         uint32
	ended       bool         // its flow is gone
	credentials []sip.Header // of the last REGISTER that the PBX took

	mu      sync.Mutex
	contact sip.Uri   // the browser's
	expires time.Time // of its registration; zero: none
}

// name is who the guest's flow belongs to. With its "@" it is never the name of a user of ours.
func (g *guest) name() string { return g.aor.User + "@" + strings.ToLower(g.aor.Host) }

// is says whether an address is the guest's own.
func (g *guest) is(uri sip.Uri) bool {
	return uri.User == g.aor.User && strings.EqualFold(uri.Host, g.aor.Host)
}

// registered says where the browser is reached; false when the PBX does not know it now.
func (g *guest) registered(now time.Time) (contact sip.Uri, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.contact, now.Before(g.expires)
}

// passes says whether users of the PBX come through us with their own credentials.
func (p *pbx) passes() bool { return p != nil && p.cfg.mode() == ModePassthrough }

// guestBook knows the guests of the moment.
type guestBook struct {
	tokens guestTokens

	mu    sync.Mutex
	flows map[*flow]*guest
	ids   map[guestID]*guest
}

func newGuestBook() *guestBook {
	return &guestBook{tokens: newGuestTokens(), flows: make(map[*flow]*guest), ids: make(map[guestID]*guest)}
}

// of is the guest on a flow; nil when there is none.
func (b *guestBook) of(f *flow) *guest {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.flows[f]
}

// claim makes a flow a guest's, or gives the guest it has.
func (b *guestBook) claim(f *flow, p *pbx, aor sip.Uri) *guest {
	b.mu.Lock()
	defer b.mu.Unlock()
	if g := b.flows[f]; g != nil {
		return g
	}
	g := &guest{pbx: p, flow: f, aor: aor, callID: token(), tag: token(), stranger: rate.NewLimiter(strangerRequests, 2*strangerRequests)}
	rand.Read(g.id[:])
	g.token = b.tokens.seal(g.id)
	b.flows[f], b.ids[g.id] = g, g
	return g
}

// remove forgets the guest on a flow.
func (b *guestBook) remove(f *flow) *guest {
	b.mu.Lock()
	defer b.mu.Unlock()
	g := b.flows[f]
	if g != nil {
		delete(b.flows, f)
		delete(b.ids, g.id)
	}
	return g
}

// all lists the guests for which match holds.
func (b *guestBook) all(match func(*guest) bool) []*guest {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []*guest
	for _, g := range b.flows {
		if match(g) {
			list = append(list, g)
		}
	}
	return list
}

// guestOf is the guest on a flow; nil when the flow belongs, or may yet belong, to a user of ours. A stranger's REGISTER or INVITE in
// the name of a user of a PBX in mode passthrough makes it a guest.
func (s *Server) guestOf(f *flow, req *sip.Request) *guest {
	if g := s.guests.of(f); g != nil {
		return g
	}
	from := req.From()
	if _, bound := f.Identity(); bound || from == nil || from.Address.User == "" || req.Method != sip.REGISTER && req.Method != sip.INVITE {
		return nil
	}
	for _, p := range s.pbxes() {
		if p.passes() && p.serves(from.Address.Host) {
			g := s.guests.claim(f, p, sip.Uri{Scheme: "sip", User: from.Address.User, Host: from.Address.Host, Port: from.Address.Port})
			if f.gone() { // flowClosed came too early for it
				s.guestClosed(f)
			}
			return g
		}
	}
	return nil
}

// authorizeGuest lets a request of a guest pass, as authorize does for those of users of ours: From is the guest's own, and a
// stranger only asks its PBX, and not too often.
func (s *Server) authorizeGuest(g *guest, f *flow, req *sip.Request, tx sip.ServerTransaction) bool {
	if from := req.From(); from == nil || !g.is(from.Address) {
		s.breach(f, req, tx, "From of another user")
		return false
	}
	if _, bound := f.Identity(); bound {
		return true
	}
	_, within := req.To().Params.Get("tag")
	switch {
	case !g.stranger.Allow():
		s.reply(req, tx, sip.StatusServiceUnavailable, "Too Many Requests", sip.NewHeader("Retry-After", "2"))
		return false
	case req.Method != sip.REGISTER && req.Method != sip.INVITE && !within:
		s.reply(req, tx, sip.StatusForbidden, "Not Registered")
		return false
	}
	return true
}

// mayTry says whether a guest may show its PBX a password, or must wait after wrong ones: a PBX bans the address of who guesses, and
// that is ours.
func (s *Server) mayTry(g *guest, req *sip.Request) bool {
	if len(credentialsOf(req)) == 0 {
		return true
	}
	_, ok := s.tries.Allow(g.key(), time.Now())
	return ok
}

// judged takes what the PBX thinks of the credentials in a request.
func (s *Server) judged(g *guest, req *sip.Request, res *sip.Response) {
	if len(credentialsOf(req)) == 0 {
		return
	}
	switch res.StatusCode {
	case sip.StatusUnauthorized, sip.StatusProxyAuthRequired:
		for _, h := range challengesOf(res) {
			if strings.Contains(strings.ToLower(strings.ReplaceAll(h.Value(), " ", "")), "stale=true") {
				return
			}
		}
		s.tries.Fail(g.key(), time.Now())
	case sip.StatusForbidden:
		if req.Method == sip.REGISTER {
			s.tries.Fail(g.key(), time.Now())
		}
	case sip.StatusOK:
		s.tries.Success(g.key())
	}
}

func (g *guest) key() string { return auth.LimitKey(g.flow.Remote().Addr(), g.name()) }

// challengesOf are the headers by which a PBX and a browser of it prove themselves to one another (RFC 3261 §22, RFC 7616 §3.5).
func challengesOf(res *sip.Response) []sip.Header {
	var list []sip.Header
	for _, name := range []string{"WWW-Authenticate", "Proxy-Authenticate", "Authentication-Info", "Proxy-Authentication-Info"} {
		for _, h := range res.GetHeaders(name) {
			list = append(list, sip.HeaderClone(h))
		}
	}
	return list
}

// passCredentials copies the credentials in a request that leg from has got into the one for leg to, if from's is a guest and to its PBX.
func passCredentials(from, to *leg, req, out *sip.Request) {
	if from.guest == nil || to.pbx != from.guest.pbx {
		return
	}
	for _, h := range credentialsOf(req) {
		out.AppendHeader(h)
	}
}

// answerFor is the status of leg from's response for leg to, with the challenge in it when that is for to's browser to answer.
func answerFor(from, to *leg, res *sip.Response) (status int, challenge []sip.Header) {
	if to.guest == nil || from.pbx != to.guest.pbx {
		return passable(res.StatusCode), nil
	}
	return res.StatusCode, challengesOf(res)
}

// guestClosed forgets the guest on a flow that is gone, and ends its registration. When we stop, endGuests does that.
func (s *Server) guestClosed(f *flow) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return
	}
	g := s.guests.remove(f)
	if g == nil {
		return
	}
	s.passages.leave(g)
	s.routed.Go(func() {
		ctx, stop := context.WithTimeout(context.Background(), answerTime)
		defer stop()
		s.endGuest(ctx, g)
	})
}

// endGuests ends the registration of every guest.
func (s *Server) endGuests(ctx context.Context) {
	s.passages.leave(nil)
	var work sync.WaitGroup
	for _, g := range s.guests.all(func(*guest) bool { return true }) {
		work.Go(func() { s.endGuest(ctx, g) })
	}
	work.Wait()
}
