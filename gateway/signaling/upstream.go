package signaling

import (
	"context"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/presence"
)

// spread is how far apart subscriptions at the PBX start, on average, when many do at once.
const (
	spread    = 20 * time.Millisecond
	maxSpread = 10 * time.Second
)

// farewellTime is how long we wait for the answer when we end a subscription; it runs out by itself anyway.
const farewellTime = time.Second

// Event packages (RFC 6665 §4.4.4).
const (
	eventDialog   = "dialog"
	eventPresence = "presence"
	eventSummary  = "message-summary"
	eventReg      = "reg"
)

// upstream is a subscription at a PBX (RFC 6665 §4.1), shared by all who watch the same. Its goroutine keeps it alive.
type upstream struct {
	source
	around *around
	key    topicKey
	stop   context.CancelFunc
	ended  chan time.Duration // the PBX has ended the subscription; when to try again
	stale  chan struct{}      // a change was missed

	refusedWith int // status that the log knows of; owned by run

	mu      sync.Mutex
	dialog  *leg // nil: none yet
	known   bool // the PBX has told
	dialogs []presence.Dialog
	version uint32 // of the last document
}

// subscribe begins a subscription for a topic; the caller holds a.mu.
func (a *around) subscribe(key topicKey, t *topic, src source) {
	if len(a.ups) >= maxUpstream {
		a.log.Warn("too many numbers are watched", "at most", maxUpstream)
		return
	}
	delay := a.jitterOf(len(a.ups))
	ctx, stop := context.WithCancel(a.life)
	u := &upstream{source: src, around: a, key: key, stop: stop, ended: make(chan time.Duration, 1), stale: make(chan struct{}, 1)}
	t.up = u
	token := token()
	a.ups[token] = u
	a.work.Go(func() {
		defer stop()
		u.run(ctx, token, delay)
		a.mu.Lock()
		delete(a.ups, token)
		a.mu.Unlock()
	})
}

// jitter is how long one of all the subscriptions waits before it asks the PBX, so that not all do at once.
func (a *around) jitter() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.jitterOf(len(a.ups) - 1)
}

// jitterOf is the same beside so many others.
func (a *around) jitterOf(others int) time.Duration {
	return time.Duration(rand.Int64N(int64(min(time.Duration(others)*2*spread, maxSpread)) + 1))
}

func (u *upstream) is(src source, wanted bool) bool {
	if u == nil {
		return !wanted
	}
	return wanted && u.source == src
}

// dialogsOf gives what the PBX told; known is false when it did not. A nil upstream knows nothing.
func (u *upstream) dialogsOf() (list []presence.Dialog, known bool) {
	if u == nil {
		return nil, false
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return append(list, u.dialogs...), u.known
}

// run subscribes after delay, refreshes and tries again until ctx ends.
func (u *upstream) run(ctx context.Context, token string, delay time.Duration) {
	select {
	case <-ctx.Done():
		return
	case <-u.around.ready:
	}
	next := time.NewTimer(delay)
	defer next.Stop()
	retry := firstRetry
	var since time.Time // the subscription at hand
	changed := u.pbx.change()
	for {
		select {
		case <-ctx.Done():
			u.unsubscribe(ctx, token)
			return
		case <-changed: // it may have forgotten us, but not all need to ask in the same moment
			changed = u.pbx.change()
			if !u.pbx.answers() {
				u.lose()
			}
			next.Reset(u.around.jitter())
			continue
		case <-u.stale:
		case after := <-u.ended:
			u.lose()
			if time.Since(since) > lastRetry {
				retry = firstRetry
			}
			next.Reset(max(after, retry) + u.around.jitter()) // a PBX that stops ends all in one moment
			retry = min(2*retry, lastRetry)
			continue
		case <-next.C:
		}
		fresh := !u.subscribed()
		lifetime, wait := u.attempt(ctx, token)
		switch {
		case lifetime > 0:
			if fresh {
				since = time.Now()
			}
			wait = lifetime / 2
			wait += time.Duration(rand.Int64N(int64(wait)/10 + 1))
		case wait == 0:
			wait = retry + time.Duration(rand.Int64N(int64(retry)/4))
			retry = min(2*retry, lastRetry)
		}
		if lifetime > lastRetry {
			retry = firstRetry
		}
		next.Reset(wait)
	}
}

func (u *upstream) subscribed() bool {
	u.mu.Lock()
	d := u.dialog
	u.mu.Unlock()
	return d != nil && d.established()
}

// established says whether the dialog is made.
func (l *leg) established() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.confirmed
}

// attempt subscribes or refreshes. lifetime is what the PBX grants; 0: it failed, and the next try is due after wait, which is 0 when
// a fault may pass soon.
func (u *upstream) attempt(ctx context.Context, token string) (lifetime, wait time.Duration) {
	if !u.pbx.answers() {
		u.lose()
		return 0, noEvents // its return is told
	}
	if left := u.around.refuses(u.source); left > 0 {
		u.lose()
		return 0, left
	}
	expires := askExpires
	for try := 0; ; try++ {
		refresh := u.subscribed()
		res, err := u.send(ctx, token, expires)
		if ctx.Err() != nil {
			return 0, time.Hour
		}
		if err != nil {
			u.lose()
			return 0, 0
		}
		least, _ := strconv.Atoi(valueOf(res, "Min-Expires"))
		switch longer := time.Duration(least) * time.Second; {
		case res.IsSuccess():
			return u.grantedFor(res, expires), 0
		case res.StatusCode == sip.StatusIntervalToBrief && longer > expires && longer <= maxExpires && try < 2:
			expires = longer
			continue
		case refresh && try < 2: // the PBX has forgotten us (481), as after a restart
			u.lose()
			continue
		}
		u.lose()
		return 0, u.refusedBy(res)
	}
}

// refusedBy says when to try again after a final answer to a new subscription.
func (u *upstream) refusedBy(res *sip.Response) time.Duration {
	switch res.StatusCode {
	case statusBadEvent, sip.StatusMethodNotAllowed, sip.StatusNotImplemented:
		if u.around.refuse(u.source) {
			return noEvents
		}
	case sip.StatusRequestTimeout:
		return 0
	}
	if res.StatusCode >= 500 && res.StatusCode < 600 {
		return 0
	}
	if u.refusedWith != res.StatusCode {
		u.refusedWith = res.StatusCode
		u.around.log.Info("PBX refuses to tell", "pbx", u.pbx.cfg.Name, "event", u.event, "of", u.number, "status", res.StatusCode)
	}
	return refusedWait
}

// send sends SUBSCRIBE, in the dialog if there is one.
func (u *upstream) send(ctx context.Context, token string, expires time.Duration) (*sip.Response, error) {
	u.mu.Lock()
	if u.dialog == nil {
		u.dialog = u.newDialog(token)
		u.version = 0
	}
	d := u.dialog
	u.mu.Unlock()
	req := d.request(sip.SUBSCRIBE)
	req.AppendHeader(sip.NewHeader("Event", u.event))
	req.AppendHeader(sip.NewHeader("Accept", packages[u.event].content))
	seconds := sip.ExpiresHeader(expires / time.Second)
	req.AppendHeader(&seconds)
	req.SetBody(nil)
	res, err := d.do(ctx, req)
	if err != nil || !res.IsSuccess() {
		return res, err
	}
	if !d.established() {
		d.answered(res)
	} else if c := res.Contact(); c != nil { // a refresh leaves the route set as it is (RFC 3261 §12.2.1.2)
		d.mu.Lock()
		d.retarget(c.Address)
		d.mu.Unlock()
	}
	return res, nil
}

func (u *upstream) newDialog(contact string) *leg {
	p := u.pbx
	identity := u.creds.Username
	if identity == "" {
		identity = u.number
	}
	target := p.self()
	target.User = u.number
	return &leg{srv: p.srv, token: contact, pbx: p, creds: u.creds, callID: token(), target: target,
		local:  address{uri: sip.Uri{Scheme: "sip", User: identity, Host: p.domain()}, tag: token()},
		remote: address{uri: sip.Uri{Scheme: "sip", User: u.number, Host: p.domain()}}}
}

// grantedFor is for how long the PBX keeps the subscription.
func (u *upstream) grantedFor(res *sip.Response, asked time.Duration) time.Duration {
	seconds, err := strconv.ParseUint(valueOf(res, "Expires"), 10, 31)
	if err != nil || seconds == 0 {
		return asked
	}
	return min(max(time.Duration(seconds)*time.Second, 10*time.Second), maxExpires)
}

// lose forgets the subscription and what it told; the next one has a dialog of its own.
func (u *upstream) lose() {
	u.mu.Lock()
	had := u.known
	u.dialog, u.known, u.dialogs = nil, false, nil
	u.mu.Unlock()
	if had {
		u.around.touch(u.key)
	}
}

// unsubscribe ends the subscription at the PBX.
func (u *upstream) unsubscribe(ctx context.Context, token string) {
	if !u.subscribed() || !u.pbx.answers() {
		return
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), farewellTime)
	defer stop()
	if _, err := u.send(ctx, token, 0); err != nil {
		u.around.log.Debug("subscription not ended in words", "pbx", u.pbx.cfg.Name, "error", err)
	}
}

// eventOf takes an Event header apart (RFC 6665 §8.2.1, compact form "o").
func eventOf(req *sip.Request) (name, id string) {
	text := valueOf(req, "Event")
	if text == "" {
		text = valueOf(req, "o")
	}
	name, params, _ := strings.Cut(text, ";")
	for p := range strings.SplitSeq(params, ";") {
		if key, value, _ := strings.Cut(strings.TrimSpace(p), "="); strings.EqualFold(key, "id") {
			id = value
		}
	}
	return strings.ToLower(strings.TrimSpace(name)), id
}
