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
// the browser, its answer the PBX, and no password is ever here. Such a browser has a line: one user of one PBX on one flow. The flow
// belongs to that user once the PBX has taken its registration; until then it may only ask the PBX.

// strangerRequests is how many requests in a second a line may make before its PBX has taken its registration, in bursts of twice as many.
const strangerRequests = 5

// line is the way of a browser to its own account at a PBX.
type line struct {
	pbx      *pbx
	flow     *flow
	aor      sip.Uri // its address of record, as the browser writes it
	id       flowID
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

// name is who the flow of a line belongs to. With its "@" it is never the name of a user of ours.
func (l *line) name() string { return l.aor.User + "@" + strings.ToLower(l.aor.Host) }

// is says whether an address is the line's own.
func (l *line) is(uri sip.Uri) bool {
	return uri.User == l.aor.User && strings.EqualFold(uri.Host, l.aor.Host)
}

// registered says where the browser is reached; false when the PBX does not know it now.
func (l *line) registered(now time.Time) (contact sip.Uri, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.contact, now.Before(l.expires)
}

// passes says whether users of the PBX come through us with their own credentials.
func (p *pbx) passes() bool { return p != nil && p.cfg.mode() == ModePassthrough }

// lineBook knows the lines of the moment.
type lineBook struct {
	tokens flowTokens

	mu    sync.Mutex
	flows map[*flow]*line
	ids   map[flowID]*line
}

func newLineBook() *lineBook {
	return &lineBook{tokens: newFlowTokens(), flows: make(map[*flow]*line), ids: make(map[flowID]*line)}
}

// of is the line of a flow; nil when it has none.
func (b *lineBook) of(f *flow) *line {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.flows[f]
}

// claim makes the line of a flow, or gives the one it has.
func (b *lineBook) claim(f *flow, p *pbx, aor sip.Uri) *line {
	b.mu.Lock()
	defer b.mu.Unlock()
	if l := b.flows[f]; l != nil {
		return l
	}
	l := &line{pbx: p, flow: f, aor: aor, callID: token(), tag: token(), stranger: rate.NewLimiter(strangerRequests, 2*strangerRequests)}
	rand.Read(l.id[:])
	l.token = b.tokens.seal(l.id)
	b.flows[f], b.ids[l.id] = l, l
	return l
}

// remove forgets the line of a flow.
func (b *lineBook) remove(f *flow) *line {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.flows[f]
	if l != nil {
		delete(b.flows, f)
		delete(b.ids, l.id)
	}
	return l
}

// all lists the lines for which match holds.
func (b *lineBook) all(match func(*line) bool) []*line {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []*line
	for _, l := range b.flows {
		if match(l) {
			list = append(list, l)
		}
	}
	return list
}

// lineOf is the line of a flow; nil when the flow belongs, or may yet belong, to a user of ours. A stranger's REGISTER or INVITE in
// the name of a user of a PBX in mode passthrough makes it a line.
func (s *Server) lineOf(f *flow, req *sip.Request) *line {
	if l := s.lines.of(f); l != nil {
		return l
	}
	from := req.From()
	if _, bound := f.Identity(); bound || from == nil || from.Address.User == "" || req.Method != sip.REGISTER && req.Method != sip.INVITE {
		return nil
	}
	for _, p := range s.pbxes {
		if p.passes() && p.serves(from.Address.Host) {
			l := s.lines.claim(f, p, sip.Uri{Scheme: "sip", User: from.Address.User, Host: from.Address.Host, Port: from.Address.Port})
			if f.gone() { // flowClosed came too early for it
				s.lineClosed(f)
			}
			return l
		}
	}
	return nil
}

// authorizeLine lets a request of a line's browser pass, as authorize does for those of users of ours: From is the line's own, and a
// stranger only asks its PBX, and not too often.
func (s *Server) authorizeLine(l *line, f *flow, req *sip.Request, tx sip.ServerTransaction) bool {
	if from := req.From(); from == nil || !l.is(from.Address) {
		s.breach(f, req, tx, "From of another user")
		return false
	}
	if _, bound := f.Identity(); bound {
		return true
	}
	_, within := req.To().Params.Get("tag")
	switch {
	case !l.stranger.Allow():
		s.reply(req, tx, sip.StatusServiceUnavailable, "Too Many Requests", sip.NewHeader("Retry-After", "2"))
		return false
	case req.Method != sip.REGISTER && req.Method != sip.INVITE && !within:
		s.reply(req, tx, sip.StatusForbidden, "Not Registered")
		return false
	}
	return true
}

// mayTry says whether a line may show its PBX a password, or must wait after wrong ones: a PBX bans the address of who guesses, and
// that is ours.
func (s *Server) mayTry(l *line, req *sip.Request) bool {
	if len(credentialsOf(req)) == 0 {
		return true
	}
	_, ok := s.tries.Allow(l.key(), time.Now())
	return ok
}

// judged takes what the PBX thinks of the credentials in a request.
func (s *Server) judged(l *line, req *sip.Request, res *sip.Response) {
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
		s.tries.Fail(l.key(), time.Now())
	case sip.StatusForbidden:
		if req.Method == sip.REGISTER {
			s.tries.Fail(l.key(), time.Now())
		}
	case sip.StatusOK:
		s.tries.Success(l.key())
	}
}

func (l *line) key() string { return auth.LimitKey(l.flow.Remote().Addr(), l.name()) }

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

// passCredentials copies the credentials in a request that leg from has got into the one for leg to, if that is its own PBX's.
func passCredentials(from, to *leg, req, out *sip.Request) {
	if from.line == nil || to.pbx != from.line.pbx {
		return
	}
	for _, h := range credentialsOf(req) {
		out.AppendHeader(h)
	}
}

// answerFor is the status of leg from's response for leg to, with the challenge in it when that is for to's browser to answer.
func answerFor(from, to *leg, res *sip.Response) (status int, challenge []sip.Header) {
	if to.line == nil || from.pbx != to.line.pbx {
		return passable(res.StatusCode), nil
	}
	return res.StatusCode, challengesOf(res)
}

// aim sends a request that names a PBX by one of its domains to the PBX's address.
func (p *pbx) aim(req *sip.Request) {
	if req.Route() == nil && p.hasDomain(req.Recipient.Host) {
		req.SetDestination(p.uri.HostPort())
	}
}

// lineClosed ends the line of a flow that is gone, also at the PBX. When we stop, endLines does that.
func (s *Server) lineClosed(f *flow) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return
	}
	l := s.lines.remove(f)
	if l == nil {
		return
	}
	s.routed.Go(func() {
		ctx, stop := context.WithTimeout(context.Background(), answerTime)
		defer stop()
		s.endLine(ctx, l)
	})
}

// endLines ends the registration of every line.
func (s *Server) endLines(ctx context.Context) {
	var work sync.WaitGroup
	for _, l := range s.lines.all(func(*line) bool { return true }) {
		work.Go(func() { s.endLine(ctx, l) })
	}
	work.Wait()
}
