package signaling

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/locate"
)

// leaveEvery is how often a PBX that was taken out of the configuration is looked at: whether a call is still up over it.
const leaveEvery = 500 * time.Millisecond

// roster is which PBXs there are. It is not changed, but replaced by another.
type roster struct {
	now     []*pbx // those of the configuration, in its order
	leaving []*pbx // those that were taken out of it, or changed, for as long as calls are up over them
	all     []*pbx // both, in that order
}

func newRoster(now, leaving []*pbx) *roster {
	return &roster{now, leaving, slices.Concat(now, leaving)}
}

// roster is that of the moment.
func (s *Server) roster() *roster {
	if r := s.known.Load(); r != nil {
		return r
	}
	return &roster{}
}

// pbxes are those of the configuration.
func (s *Server) pbxes() []*pbx { return s.roster().now }

// revise replaces the roster.
func (s *Server) revise(change func(r *roster) *roster) {
	for {
		old := s.known.Load()
		r := old
		if r == nil {
			r = &roster{}
		}
		if s.known.CompareAndSwap(old, change(r)) {
			return
		}
	}
}

// same says whether a PBX need not be made anew for a table of the configuration.
func (p PBX) same(other PBX) bool { return reflect.DeepEqual(p.plain(), other.plain()) }

// plain is the PBX in the one way of all that mean the same to us.
func (p PBX) plain() PBX {
	p.Mode, p.Record = p.mode(), ""
	for _, list := range []*[]string{&p.Prefixes, &p.Domains, &p.Backup, &p.ICE} {
		if len(*list) == 0 {
			*list = nil
		}
	}
	return p
}

// SetPBXs makes the PBXs those of list. One that is in it as it was goes on untouched. One that is not, or is another now, leaves: its
// registrations end, no call begins over it, and those that are up over it go on till they end. The first PBX that needs them has the
// SIP ports opened, at the addresses listen and listenTLS ("host:port", the second empty: none); they stay open. An error changes nothing; it is
// ErrTLSPort when that port can't be opened.
func (s *Server) SetPBXs(list []PBX, listen, listenTLS string) error {
	s.setting.Lock()
	defer s.setting.Unlock()
	was := s.pbxes()
	now := make([]*pbx, len(list))
	for i, cfg := range list {
		if j := slices.IndexFunc(was, func(p *pbx) bool { return p.cfg.same(cfg) }); j >= 0 {
			now[i] = was[j]
			continue
		}
		p, err := newPBX(cfg, s)
		if err != nil {
			return fmt.Errorf("pbx %q: %w", cfg.Name, err)
		}
		for _, old := range was {
			if old.cfg.URI == cfg.URI {
				p.facts.recall(old.facts.list())
			}
		}
		s.recallFacts(context.Background(), p)
		now[i] = p
	}
	if err := s.open(now, listen, listenTLS); err != nil {
		return err
	}
	var left []*pbx
	s.revise(func(r *roster) *roster {
		left = slices.DeleteFunc(slices.Clone(r.now), func(p *pbx) bool { return slices.Contains(now, p) })
		return newRoster(now, slices.Concat(r.leaving, left))
	})
	for _, p := range left {
		s.bequeath(p)
	}
	select {
	case s.revised <- struct{}{}:
	default: // runPBXes will look
	}
	return nil
}

// bequeath makes the connections with a PBX that leaves those of one that is met there in the same way, if there is one.
func (s *Server) bequeath(p *pbx) {
	for _, l := range s.lines.with(p) {
		secure, addr := strings.HasPrefix(l.key, locate.TLS+" "), hostOf(l.RemoteAddr().String())
		for _, heir := range s.pbxes() {
			if sameCertificates(p, heir) && (heir.owns(addr, secure) || secure && heir.secure() && heir.cfg.Cert != "") {
				l.pbx.Store(heir)
				break
			}
		}
	}
}

// tended are the PBXs that runPBXes looks after, each with what ends its watch; nil: it leaves.
type tended map[*pbx]context.CancelFunc

// tend watches the PBXs that have come and lets go of those that leave, by goroutines of work that end with ctx at the latest. It waits for
// the end of the registrations of those that leave: one that comes may have the same Contact at the same PBX.
func (s *Server) tend(ctx context.Context, work *sync.WaitGroup, all tended) {
	r := s.roster()
	maps.DeleteFunc(all, func(p *pbx, _ context.CancelFunc) bool { return !slices.Contains(r.all, p) })
	var ending sync.WaitGroup
	for _, p := range r.leaving {
		stop, there := all[p]
		if there && stop == nil {
			continue
		}
		all[p] = nil
		ended := make(chan struct{})
		ending.Go(func() { <-ended })
		work.Go(func() {
			if stop != nil {
				defer stop()
			}
			p.log.Info("PBX taken out of the configuration")
			s.signOff(ctx, p)
			close(ended)
			s.letGo(ctx, p)
		})
	}
	wait(ctx, &ending)
	for _, p := range r.now {
		if all[p] != nil {
			continue
		}
		life, stop := context.WithCancel(ctx)
		all[p] = stop
		work.Go(func() {
			defer stop()
			p.watch(life)
		})
	}
}

// signOff ends all registrations at a PBX that leaves.
func (s *Server) signOff(ctx context.Context, p *pbx) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), answerTime)
	defer stop()
	p.mu.Lock()
	regs := maps.Clone(p.regs)
	clear(p.regs)
	p.mu.Unlock()
	var work sync.WaitGroup
	for _, r := range regs {
		work.Go(func() {
			r.stop()
			<-r.done
			r.remove(ctx)
		})
	}
	for _, g := range s.guests.all(func(g *guest) bool { return g.pbx == p }) {
		work.Go(func() { s.endGuest(ctx, g) })
	}
	work.Wait()
}

// letGo waits until nothing goes on with a PBX that leaves, and forgets it. When ctx ends before, the PBX stays known for the last BYEs.
func (s *Server) letGo(ctx context.Context, p *pbx) {
	tick := time.NewTicker(leaveEvery)
	defer tick.Stop()
	for s.busyWith(p) {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
	if !pause(ctx, answerTime) { // the last messages may come again
		return
	}
	s.revise(func(r *roster) *roster {
		return newRoster(r.now, slices.DeleteFunc(slices.Clone(r.leaving), func(x *pbx) bool { return x == p }))
	})
	s.uplinks.forget(p)
	s.lines.closeOf(p)
	s.around.forgetPBX(p)
	s.keepFactsOf(ctx, p)
}

// busyWith says whether a call is up over a PBX that leaves, or a subscription there is being ended. Its guests that are in no call are sent
// away, to come back as those of the PBX that is there now.
func (s *Server) busyWith(p *pbx) bool {
	calling := make(map[*guest]bool)
	busy := false
	s.mu.Lock()
	for _, l := range s.legs {
		busy = busy || l.pbx == p
		calling[l.guest] = true
	}
	s.mu.Unlock()
	for _, g := range s.guests.all(func(g *guest) bool { return g.pbx == p }) {
		if calling[g] {
			busy = true
			continue
		}
		g.flow.Close(websocket.StatusGoingAway, stopping)
	}
	return busy || s.around.subscribed(p)
}

// subscribed says whether there is a subscription at a PBX.
func (a *around) subscribed(p *pbx) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, u := range a.ups {
		if u.pbx == p {
			return true
		}
	}
	return false
}

// forgetPBX forgets what a PBX has told and refused.
func (a *around) forgetPBX(p *pbx) {
	a.mu.Lock()
	defer a.mu.Unlock()
	maps.DeleteFunc(a.refusals, func(r refused, _ refusal) bool { return r.pbx == p })
	maps.DeleteFunc(a.tells, func(r refused, _ bool) bool { return r.pbx == p })
}

// forget closes the connections of all accounts at a PBX.
func (us *uplinks) forget(p *pbx) {
	us.mu.Lock()
	var all []*uplink
	for name, u := range us.named {
		if u.pbx == p {
			all = append(all, u)
			delete(us.named, name)
		}
	}
	us.mu.Unlock()
	for _, u := range all {
		u.mu.Lock()
		f := u.flow
		u.mu.Unlock()
		if f != nil {
			f.Close(websocket.StatusNormalClosure, "")
		}
	}
}

// left answers what a PBX that leaves begins, and gives true: all it may do is to go on with its calls.
func (s *Server) left(req *sip.Request, tx sip.ServerTransaction) bool {
	r := s.roster()
	if len(r.leaving) == 0 || req.IsAck() || req.IsCancel() || req.To().Params.Has("tag") {
		return false
	}
	if p := s.pbxAt(req); p == nil || !slices.Contains(r.leaving, p) {
		return false
	}
	s.reply(req, tx, sip.StatusForbidden, "Forbidden")
	return true
}
