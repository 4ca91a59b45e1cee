package signaling

import (
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// timed is the option tag of session timers (RFC 4028). Each leg has its own, since the gateway ends a dialog of either side: refreshes
// never cross.
const timed = "timer"

// Session intervals: what we ask for, and the least that others may (RFC 4028 §4, §5).
const (
	sessionInterval = 1800 * time.Second
	leastInterval   = 90 * time.Second
)

// statusIntervalTooSmall refuses a session interval (RFC 4028 §6).
const statusIntervalTooSmall = 422

// longestMargin is how long before the interval's end a session that was not refreshed is given up: this, or a third of the interval
// (RFC 4028 §10).
const longestMargin = 32 * time.Second

// sessionTimer is the session timer of a leg, guarded by the leg's mutex.
type sessionTimer struct {
	interval time.Duration // 0: the session has none
	least    time.Duration // that the peer takes; 0: it did not say
	ours     bool          // we refresh
	expires  time.Time     // when the session is over, unless it is refreshed
	clock    *time.Timer
}

func (t *sessionTimer) stop() {
	if t.clock != nil {
		t.clock.Stop()
		t.clock = nil
	}
	t.interval = 0
}

// sessionExpires reads Session-Expires (RFC 4028 §4) in its long or short form; ok is false when there is none, or it is malformed.
// refresher is "uac", "uas" or empty.
func sessionExpires(msg interface{ GetHeader(string) sip.Header }) (interval time.Duration, refresher string, ok bool) {
	value := valueOf(msg, "Session-Expires")
	if value == "" {
		value = valueOf(msg, "x")
	}
	interval, params, ok := interval32(value)
	for p := range strings.SplitSeq(params, ";") {
		key, who, _ := strings.Cut(p, "=")
		if who = strings.ToLower(strings.TrimSpace(who)); strings.EqualFold(strings.TrimSpace(key), "refresher") && (who == "uac" || who == "uas") {
			refresher = who
		}
	}
	return interval, refresher, ok
}

// interval32 reads delta-seconds with parameters.
func interval32(value string) (interval time.Duration, params string, ok bool) {
	number, params, _ := strings.Cut(value, ";")
	seconds, err := strconv.ParseUint(strings.TrimSpace(number), 10, 32)
	return time.Duration(seconds) * time.Second, params, err == nil && seconds > 0
}

func minSE(interval time.Duration) sip.Header {
	return sip.NewHeader("Min-SE", itoa(int(interval/time.Second)))
}

// expiry writes Session-Expires.
func expiry(interval time.Duration, refresher string) sip.Header {
	value := itoa(int(interval / time.Second))
	if refresher != "" {
		value += ";refresher=" + refresher
	}
	return sip.NewHeader("Session-Expires", value)
}

// tooShort answers a request whose session interval is too small for us (RFC 4028 §9).
func (s *Server) tooShort(req *sip.Request, tx sip.ServerTransaction) bool {
	interval, _, ok := sessionExpires(req)
	if !ok || interval >= leastInterval || !hasOption(req, "Supported", timed) {
		return false
	}
	s.reply(req, tx, statusIntervalTooSmall, "Session Interval Too Small", minSE(leastInterval))
	return true
}

// startTimer asks the PBX for a session timer in the INVITE that makes the dialog. Browsers have theirs if they want one.
func (l *leg) startTimer(req *sip.Request) {
	if l.pbx != nil {
		req.AppendHeader(expiry(sessionInterval, ""))
		req.AppendHeader(minSE(leastInterval))
	}
}

// keepTimer asks for the session timer to go on as it is, in a request inside the dialog that refreshes the session.
func (l *leg) keepTimer(req *sip.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer.interval == 0 {
		return
	}
	refresher := "uas"
	if l.timer.ours {
		refresher = "uac"
	}
	req.AppendHeader(expiry(l.timer.interval, refresher))
	req.AppendHeader(minSE(max(leastInterval, l.timer.least)))
}

// raise gives the INVITE once more with a longer session interval, when the peer wants that (RFC 4028 §7.4); nil when res stands.
func (l *leg) raise(req *sip.Request, res *sip.Response) *sip.Request {
	least, _, ok := interval32(valueOf(res, "Min-SE"))
	if res.StatusCode != statusIntervalTooSmall || !ok {
		return nil
	}
	was, refresher, _ := sessionExpires(req)
	if was >= least { // it would be refused again
		return nil
	}
	l.mu.Lock()
	l.timer.least = least
	seq := max(l.localSeq, req.CSeq().SeqNo) + 1
	l.mu.Unlock()
	again := req.Clone()
	again.RemoveHeader("Session-Expires")
	again.RemoveHeader("Min-SE")
	again.AppendHeader(expiry(least, refresher))
	again.AppendHeader(minSE(least))
	again.CSeq().SeqNo = seq
	again.Via().Params.Add("branch", sip.GenerateBranchN(16))
	return again
}

// timedBy takes the session timer that a 2xx of the peer agrees to (RFC 4028 §7.2).
func (l *leg) timedBy(res *sip.Response) {
	interval, refresher, ok := sessionExpires(res)
	l.mu.Lock()
	defer l.mu.Unlock()
	if !ok {
		l.timer.stop()
		return
	}
	l.runTimer(interval, refresher != "uas")
}

// answerTimer puts into our 2xx what session timer we agree to (RFC 4028 §9), and starts it.
func (l *leg) answerTimer(req *sip.Request, res *sip.Response) {
	l.mu.Lock()
	defer l.mu.Unlock()
	interval, refresher, ok := sessionExpires(req)
	knows := hasOption(req, "Supported", timed)
	switch {
	case ok:
		interval = max(interval, leastInterval) // a proxy's, below the least, of a peer that has no timers
	case knows && l.timer.interval > 0: // it goes on
		if interval, refresher = l.timer.interval, "uac"; l.timer.ours {
			refresher = "uas"
		}
	default:
		l.timer.stop()
		return
	}
	if refresher == "" {
		refresher = "uac"
	}
	if !knows {
		refresher = "uas"
	}
	res.AppendHeader(expiry(interval, refresher))
	if refresher == "uac" {
		res.AppendHeader(sip.NewHeader("Require", timed))
	}
	l.runTimer(interval, refresher == "uas")
}

// runTimer starts the session timer anew. The caller holds l.mu.
func (l *leg) runTimer(interval time.Duration, ours bool) {
	l.timer.stop()
	l.timer.interval, l.timer.ours, l.timer.expires = interval, ours, time.Now().Add(interval)
	wait := interval - min(longestMargin, interval/3)
	if ours {
		wait = interval / 2
	}
	var clock *time.Timer
	clock = time.AfterFunc(wait, func() {
		l.mu.Lock()
		stale := l.timer.clock != clock
		l.mu.Unlock()
		switch {
		case stale:
		case ours:
			l.srv.routed.Go(func() { l.srv.refreshSession(l) })
		default:
			l.expire("The session was not refreshed")
		}
	})
	l.timer.clock = clock
}
