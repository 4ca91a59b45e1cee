package signaling

import (
	"slices"
	"strings"
	"sync"

	"github.com/emiago/sipgo/sip"
)

// maxAlike is how many calls from one number to another may be set up at a time through one PBX. More of them are one call that goes round
// through a PBX which gives it a new Call-ID each time, so nothing else tells.
const maxAlike = 30

// nameless are callers of which many may call at a time (RFC 3323 §4.1.1.3, and what PBXs write instead).
var nameless = []string{"", "anonymous", "unknown", "unavailable", "restricted"}

// maxHops is what a request begins with when its sender gave no limit (RFC 3261 §16.6 step 3).
const maxHops = 70

// tooManyHops answers a request that may go no further, and gives true (RFC 3261 §16.3 step 3). What ends here needs no hop; nor does BYE,
// since a call must always end.
func (s *Server) tooManyHops(req *sip.Request, tx sip.ServerTransaction) bool {
	switch req.Method {
	case sip.ACK, sip.BYE, sip.CANCEL, sip.OPTIONS, sip.REGISTER:
		return false
	}
	if h := req.MaxForwards(); h == nil || h.Val() > 0 {
		return false
	}
	s.reply(req, tx, sip.StatusTooManyHops, "Too Many Hops")
	return true
}

// passHops lets a request on its second leg go one hop less far than on its first (RFC 7332 §3).
func passHops(from, to *sip.Request) {
	left := to.MaxForwards()
	if left == nil {
		return
	}
	*left = maxHops
	if h := from.MaxForwards(); h != nil && h.Val() > 0 {
		*left = min(*h, maxHops) - 1
	}
}

// loops knows the calls that are being set up, to find those that go round. The zero loops is ready.
type loops struct {
	mu    sync.Mutex
	under map[string]int // by visit
}

// visit names a call at one of our doors: a call that comes again by the same door for the same callee has made a round. A call
// that comes in from a browser and again from the PBX, or for somebody else, has only gone through a proxy (RFC 5393 §3: a spiral).
func visit(from caller, req *sip.Request, who string) string {
	return strings.Join([]string{from.door(), strings.ToLower(req.Recipient.User), who}, "\x00")
}

// deviceOf tells the devices of an account of a PBX in mode passthrough apart: a PBX that forks a call sends it to each.
func deviceOf(req *sip.Request) string {
	device, _ := req.Recipient.UriParams.Get(guestParam)
	if r := req.Route(); r != nil {
		device += " " + r.Address.User
	}
	return device
}

func (c caller) door() string {
	if c.pbx != nil {
		return "pbx " + c.pbx.cfg.Name
	}
	return "user " + c.user.Name
}

// enter notes a call that begins to be set up until leave is called, once or more often; ok is false when it is on its way already.
func (l *loops) enter(from caller, req *sip.Request) (leave func(), ok bool) {
	tag, _ := req.From().Params.Get("tag")
	same := visit(from, req, "call "+req.CallID().Value()+" "+tag+" "+deviceOf(req))
	alike := ""
	if caller := req.From().Address.User; from.pbx != nil && !slices.Contains(nameless, strings.ToLower(caller)) { // a browser does not repeat itself, and its requests are limited
		alike = visit(from, req, "from "+strings.ToLower(caller))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.under[same] > 0 || l.under[alike] >= maxAlike {
		return nil, false
	}
	if l.under == nil {
		l.under = make(map[string]int)
	}
	l.count(same, 1)
	l.count(alike, 1)
	return sync.OnceFunc(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.count(same, -1)
		l.count(alike, -1)
	}), true
}

// count adds to a visit; the caller holds l.mu.
func (l *loops) count(visit string, n int) {
	if visit == "" {
		return
	}
	if l.under[visit] += n; l.under[visit] == 0 {
		delete(l.under, visit)
	}
}
