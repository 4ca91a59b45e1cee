package signaling

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/locate"
)

// maxBusy is how long a server can keep us away by Retry-After.
const maxBusy = 5 * time.Minute

var errNoServer = errors.New("no server known")

// busyError says that a server wants to be left alone for a while (RFC 3261 §21.5.4).
type busyError struct{ until time.Time }

func (e *busyError) Error() string {
	return "busy, asks to be left alone until " + e.until.Format(time.TimeOnly)
}

// choose settles which server is in use: the first that is not known to be away. The caller holds p.mu.
func (p *pbx) choose() {
	now := time.Now()
	i := slices.IndexFunc(p.targets, func(t *target) bool { return t.usable(now) })
	switch {
	case i >= 0:
		p.using, p.err = p.targets[i], nil
	case len(p.targets) > 0:
		p.using, p.err = p.targets[0], p.targets[0].err
		if now.Before(p.using.busy) {
			p.err = &busyError{p.using.busy}
		}
	default:
		p.err = errNoServer
	}
}

func (t *target) usable(now time.Time) bool { return t.err == nil && !now.Before(t.busy) }

// note keeps whether the server in use answers.
func (p *pbx) note(err error) { p.noteAt(p.server(), err) }

// noteAt keeps whether a server of the PBX answers and wakes those who wait for a change.
func (p *pbx) noteAt(t *target, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t.err, t.asked = err, true
	p.settle()
}

// settle chooses the server anew and tells of what changed by it. The caller holds p.mu.
func (p *pbx) settle() {
	was, down, asked := p.using, p.err != nil, p.asked
	p.choose()
	p.asked = true
	renew := p.using != nil && p.using.fresh && p.err == nil
	if renew {
		p.using.fresh = false
		p.renewed++
	}
	if asked && down == (p.err != nil) && was == p.using && !renew {
		return
	}
	switch {
	case p.err != nil && !down:
		p.log.Warn("PBX unreachable", "uri", p.cfg.URI, "error", p.err)
	case p.err == nil && (down || !asked):
		p.log.Info("PBX reachable", "uri", p.cfg.URI, "server", p.using)
	case was != p.using:
		p.log.Info("PBX server changed", "from", was, "server", p.using)
	}
	close(p.changed)
	p.changed = make(chan struct{})
}

// suspect has a server asked at once, since it did not answer or, when broken says so, the connection to it broke.
func (p *pbx) suspect(hop locate.Target, broken bool) {
	p.mu.Lock()
	i := slices.IndexFunc(p.targets, func(t *target) bool { return t.Target == hop })
	if i >= 0 {
		t := p.targets[i]
		t.due, t.fresh = time.Time{}, t.fresh || broken
	}
	p.mu.Unlock()
	if i < 0 {
		return
	}
	select {
	case p.wake <- struct{}{}:
	default: // awake already
	}
}

// watch asks the PBX's servers whether they live until ctx ends.
func (p *pbx) watch(ctx context.Context) {
	for {
		if err := p.resolve(ctx); err != nil && ctx.Err() == nil {
			p.unresolved(err)
		}
		p.askAll(ctx)
		if ctx.Err() != nil {
			return
		}
		timer := time.NewTimer(time.Until(p.nextAsk()))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-p.wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// unresolved notes that no server could be found. Those known before go on.
func (p *pbx) unresolved(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.targets) > 0 {
		return
	}
	if !p.asked || p.err == nil {
		p.log.Warn("PBX not found", "uri", p.cfg.URI, "error", err)
	}
	p.err, p.asked = err, true
}

// nextAsk is when the next server is due.
func (p *pbx) nextAsk() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.targets) == 0 {
		return time.Now().Add(downInterval)
	}
	return slices.MinFunc(p.targets, func(a, b *target) int { return a.due.Compare(b.due) }).due
}

// askAll asks every server that is due, all at the same time.
func (p *pbx) askAll(ctx context.Context) {
	now := time.Now()
	p.mu.Lock()
	due := slices.DeleteFunc(slices.Clone(p.targets), func(t *target) bool { return now.Before(t.due) })
	p.mu.Unlock()
	var asking sync.WaitGroup
	for _, t := range due {
		asking.Go(func() {
			err := p.ask(ctx, t)
			if ctx.Err() != nil {
				return
			}
			interval := aliveInterval
			if err != nil {
				interval = downInterval
			}
			p.mu.Lock()
			t.due = time.Now().Add(interval)
			if t.busy.After(t.due) {
				t.due = t.busy
			}
			p.mu.Unlock()
			p.noteAt(t, err)
		})
	}
	asking.Wait()
}

// ask sends OPTIONS; any answer but 503 is a sign of life.
func (p *pbx) ask(ctx context.Context, t *target) error {
	if p.web() {
		return p.askWeb(ctx, t)
	}
	req := p.request(sip.OPTIONS, sip.Uri{Scheme: "sip", User: "cordboard", Host: t.local.String()}, token(), token(), 1)
	p.addressAt(req, t)
	req.RemoveHeader("Route")
	req.AppendHeader(sip.NewHeader("Accept", sdpType))
	req.SetBody(nil)
	res, err := p.srv.once(ctx, req)
	switch {
	case errors.Is(err, errNoAnswer) && t.Transport != locate.UDP:
		if l := p.srv.lines.at(t.Transport, t.Addr.String()); l != nil {
			l.Close() // it leads nowhere; the next try opens another
		}
	case err == nil && res.StatusCode == sip.StatusServiceUnavailable:
		p.leave(t, res)
		return errors.New("503 " + res.Reason)
	}
	return err
}

// leave keeps away from a server for as long as its 503 says.
func (p *pbx) leave(t *target, res *sip.Response) {
	wait := retryAfter(res)
	if wait == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	t.busy = time.Now().Add(wait)
	t.due = t.busy
	p.settle()
	select {
	case p.wake <- struct{}{}: // to plan anew
	default:
	}
}

// retryAfter reads the seconds of Retry-After (RFC 3261 §20.33); 0 when there are none.
func retryAfter(res *sip.Response) time.Duration {
	digits := valueOf(res, "Retry-After")
	if end := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
		digits = digits[:end]
	}
	seconds, err := strconv.ParseUint(digits, 10, 31)
	if err != nil {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, maxBusy)
}

// failed says whether what became of a request outside of a dialog, sent to t, is the server's failure, so that another may do
// better (RFC 3263 §4.3), and takes note of it.
func (p *pbx) failed(t *target, res *sip.Response, err error) bool {
	switch {
	case p.neighbour != nil: // has no other server
		return false
	case err == nil:
		if res.StatusCode != sip.StatusServiceUnavailable {
			return false
		}
		p.leave(t, res)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, errAbandoned):
		return false
	default:
		p.suspect(t.Target, false)
		p.mu.Lock()
		several := len(p.targets) > 1
		p.mu.Unlock()
		if several { // one that fails would only come again
			p.noteAt(t, err)
		}
	}
	return true
}

// next is the best server that was not tried; nil when there is none.
func (p *pbx) next(tried []*target) *target {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	i := slices.IndexFunc(p.targets, func(t *target) bool { return t.usable(now) && !slices.Contains(tried, t) })
	if i < 0 {
		return nil
	}
	return p.targets[i]
}

// elsewhere is the request to send to the PBX's next server after this one failed; nil when the result stands. tried holds the
// servers that had it.
func (s *Server) elsewhere(req *sip.Request, tried *[]*target, res *sip.Response, err error) *sip.Request {
	p := s.pbxOf(req)
	if p == nil || p.web() { // there the connection fails, not the request
		return nil
	}
	if _, within := req.To().Params.Get("tag"); within {
		return nil
	}
	at, _ := netip.ParseAddrPort(req.MessageData.Destination())
	t := p.targetOf(at, req.Transport())
	*tried = append(*tried, t)
	if !p.failed(t, res, err) {
		return nil
	}
	next := p.next(*tried)
	if next == nil {
		return nil
	}
	p.log.Info("next server", "method", req.Method, "from", t, "to", next, "error", err)
	again := req.Clone()
	for _, h := range []string{"Route", "Authorization", "Proxy-Authorization"} { // they belong to the server that failed
		again.RemoveHeader(h)
	}
	if c := again.Contact(); c != nil {
		uri := p.contactAt(next)
		uri.User = c.Address.User
		c.Address = uri
	}
	p.addressAt(again, next)
	return again
}

// elsewhere is leg l made anew toward the PBX's next server, after its INVITE failed before anything rang; nil when the failure stands.
func (l *leg) elsewhere(res *sip.Response, err error) *leg {
	if l.pbx == nil || l.hop == nil {
		return nil
	}
	l.mu.Lock()
	rang := l.remote.tag != ""
	remote := l.remote
	l.mu.Unlock()
	remote.tag = ""
	if rang || !l.pbx.failed(l.hop, res, err) {
		return nil
	}
	tried := append(slices.Clone(l.tried), l.hop)
	next := l.pbx.next(tried)
	if next == nil {
		return nil
	}
	l.pbx.log.Info("next server", "method", sip.INVITE, "from", l.hop, "to", next, "error", err)
	party := l.party
	party.Host = next.Addr.Addr()
	return &leg{pbx: l.pbx, payer: l.payer, creds: l.creds, target: l.target, local: l.local, remote: remote, party: party, hop: next, tried: tried, refused: l.refused}
}

// doubt has the server asked that took the INVITE of leg l and says no more; the channel is closed when there is news of the PBX's servers.
func (l *leg) doubt() <-chan struct{} {
	if l.hop == nil || l.pbx.neighbour != nil {
		return nil
	}
	news := l.pbx.change()
	l.pbx.suspect(l.hop.Target, false)
	return news
}

// forsaken says whether the server that took the INVITE of leg l has died since, and there is another. What it had begun ended with it.
func (l *leg) forsaken() bool {
	l.pbx.mu.Lock()
	dead := l.hop.err != nil
	l.pbx.mu.Unlock()
	return dead && l.pbx.next(append(slices.Clone(l.tried), l.hop)) != nil
}

// elsewhere is the leg to try when e is the failure of a PBX's server, or its refusal of our profile; nil when it is neither, or the last.
func (e event) elsewhere(ctx context.Context) *leg {
	switch {
	case ctx.Err() != nil:
		return nil
	case e.err != nil, e.res.StatusCode == sip.StatusServiceUnavailable:
		return e.leg.elsewhere(e.res, e.err)
	case len(e.req.Body()) > 0:
		return e.leg.otherwise(e.res)
	}
	return nil
}
