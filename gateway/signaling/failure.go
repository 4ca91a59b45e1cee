package signaling

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/call"
	"cordboard/gateway/guard"
	"cordboard/gateway/sdp"
)

// Errors that end the set-up of a call.
var (
	errNotFound      = errors.New("nobody by that name or number")
	errNotRegistered = errors.New("no device is signed in")
	errNotOurs       = errors.New("not a number or name of this gateway")
	errNoDescription = errors.New("no session description")
	errNoDialog      = errors.New("no such dialog")
	errBadReplaces   = errors.New("malformed Replaces in Refer-To")
	errBusyExchange  = errors.New("another change of the call is under way")
)

// refusedError is the final response to a request of our own that changes a call.
type refusedError struct{ status int }

func (e *refusedError) Error() string { return "refused with " + itoa(e.status) }

// failure is the final answer to a call that nobody took.
type failure struct {
	status  int
	reason  string
	headers []sip.Header
	why     string // for the history; empty: what the status says
	by      *leg   // whose failure it is; nil: ours
}

// statusOf is the one place where errors become SIP statuses.
func statusOf(err error) failure {
	var down *downError
	var refusal *guard.Refusal
	var absent *noDeskError
	switch {
	case errors.As(err, &refusal):
		return failure{status: sip.StatusForbidden, reason: "Not Allowed", headers: warning(refusal.Text), why: refusal.Text}
	case errors.As(err, &down):
		return failure{status: sip.StatusServiceUnavailable, reason: "PBX Unreachable", headers: warning(down.Error()), why: call.ReasonUnreachable(down.name)}
	case errors.Is(err, errReferTo):
		return failure{status: sip.StatusBadRequest, reason: "Refer-To Missing or Repeated"}
	case errors.Is(err, errForgedToken):
		return failure{status: sip.StatusForbidden, reason: "Forbidden"}
	case errors.Is(err, errFlowFailed):
		return failure{status: statusFlowFailed, reason: "Flow Failed", why: call.ReasonLost}
	case errors.As(err, &absent):
		return failure{status: sip.StatusTemporarilyUnavailable, reason: "No Sound Here", headers: warning(absent.why), why: absent.why}
	case errors.Is(err, errNotFound), errors.Is(err, errNotOurs):
		return failure{status: sip.StatusNotFound, reason: "Not Found"}
	case errors.Is(err, errLoop):
		return failure{status: sip.StatusLoopDetected, reason: "Loop Detected"}
	case errors.Is(err, errTooBroad):
		return failure{status: statusMaxBreadthExceeded, reason: "Max-Breadth Exceeded"}
	case errors.Is(err, errNoDialog):
		return failure{status: sip.StatusCallTransactionDoesNotExists, reason: "Call/Transaction Does Not Exist"}
	case errors.Is(err, errNotRegistered):
		return failure{status: sip.StatusTemporarilyUnavailable, reason: "Not Signed In", why: call.ReasonNoDevice}
	case errors.Is(err, errTooManyTries):
		return failure{status: sip.StatusServiceUnavailable, reason: "Too Many Tries", headers: []sip.Header{sip.NewHeader("Retry-After", "60")}}
	case errors.Is(err, errNoAnswer):
		return failure{status: sip.StatusRequestTimeout, reason: "Request Timeout", why: call.ReasonUnavailable}
	case errors.Is(err, errUnacknowledged): // RFC 3262 §3
		return failure{status: sip.StatusGatewayTimeout, reason: "Server Time-out", headers: warning(err.Error()), why: call.ReasonLost}
	case errors.Is(err, sdp.ErrNoAudio), errors.Is(err, sdp.ErrNoCodec), errors.Is(err, sdp.ErrNoKeys), errors.Is(err, errNoDescription):
		return failure{status: sip.StatusNotAcceptableHere, reason: "Not Acceptable Here", headers: warning(err.Error())}
	case errors.Is(err, sdp.ErrMalformed):
		return failure{status: sip.StatusBadRequest, reason: "Bad Session Description", headers: warning(err.Error()), why: call.ReasonNoSound}
	case err == nil, errors.Is(err, errAbandoned), errors.Is(err, context.Canceled):
		return failure{status: sip.StatusRequestTerminated, reason: "Request Terminated", why: call.ReasonHungUp}
	case errors.Is(err, sip.ErrTransactionTransport), errors.Is(err, sip.ErrTransactionTerminated):
		return failure{status: sip.StatusTemporarilyUnavailable, reason: "Connection Lost", why: call.ReasonLost}
	default:
		return failure{status: sip.StatusInternalServerError, reason: "Server Internal Error", headers: warning(err.Error()), why: call.ReasonOwnFault}
	}
}

// silent is what a party hears of a request inside a dialog that the other side did not answer. A 408 would be the end of the dialog (RFC 5057 §5.1, and
// JsSIP hangs up), which is for the party itself to decide.
var silent = failure{status: sip.StatusGatewayTimeout, reason: "Server Time-out"}

// failureOn is what the caller hears of a branch that ended without a final response.
func failureOn(l *leg, err error) failure {
	f := statusOf(err)
	f.by = l
	switch {
	case f.status == sip.StatusRequestTerminated:
	case l.pbx != nil:
		f.why = call.ReasonUnreachable(l.pbx.cfg.Name)
	case f.status == sip.StatusInternalServerError: // its browser is gone
		f.why = call.ReasonUnavailable
	}
	return f
}

// failureOf is what the caller hears of a branch's final response. A challenge that our credentials did not satisfy is the
// gateway's affair, not the caller's.
func failureOf(res *sip.Response, l *leg) failure {
	f := failure{status: res.StatusCode, reason: res.Reason, headers: reasons(res), by: l}
	switch res.StatusCode {
	case sip.StatusUnauthorized, sip.StatusProxyAuthRequired:
		if l.pbx == nil {
			return failure{status: sip.StatusTemporarilyUnavailable, reason: "Temporarily Unavailable", by: l}
		}
		if l.pbx.passes() { // but here they are the caller's
			f.headers = challengesOf(res)
			return f
		}
		why := l.pbx.cfg.Name + " refuses the password of " + l.creds.Username
		if l.creds.Password == "" {
			why = l.pbx.cfg.Name + " asks for a password, and none is set for " + l.local.uri.User
		}
		return failure{status: sip.StatusForbidden, reason: "PBX Refuses Password", headers: warning(why), why: "The PBX " + why, by: l}
	}
	if res.StatusCode < 400 { // a redirection leads nowhere from here
		f.status, f.reason = sip.StatusTemporarilyUnavailable, "Moved"
	}
	return f
}

// warning is a Warning header (RFC 3261 §20.43) with a text for people.
func warning(text string) []sip.Header {
	clean := slices.DeleteFunc([]byte(text), func(c byte) bool { return c < ' ' || c == '"' || c == '\\' || c == 0x7f })
	return []sip.Header{sip.NewHeader("Warning", `399 cordboard "`+string(clean)+`"`)}
}

// best chooses among the failures of all branches (RFC 3261 §16.7 step 6): a 6xx, else the lowest class, busy before absent.
func best(all []failure) failure {
	if len(all) == 0 {
		return statusOf(errNotRegistered)
	}
	rank := func(f failure) int {
		switch {
		case f.status >= 600:
			return 0
		case f.status == sip.StatusBusyHere:
			return 1
		default:
			return f.status / 100
		}
	}
	return slices.MinFunc(all, func(x, y failure) int { return cmp.Compare(rank(x), rank(y)) })
}
