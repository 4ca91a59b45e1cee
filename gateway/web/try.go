package web

import (
	"math"
	"net/http"
	"sync"
	"time"
)

// Trials of an account: one at a time, and so many in trialTime. PBXs ban who guesses, and nobody needs more.
const (
	maxTrials = 12
	trialTime = time.Minute
)

// pace counts what may be done only so often.
type pace struct {
	mu     sync.Mutex
	busy   bool
	recent []time.Time
}

// begin tells whether another may begin, or after how long; then end must follow.
func (p *pace) begin(now time.Time) (after time.Duration, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.recent) > 0 && now.Sub(p.recent[0]) >= trialTime {
		p.recent = p.recent[1:]
	}
	switch {
	case p.busy:
		return time.Second, false
	case len(p.recent) >= maxTrials:
		return trialTime - now.Sub(p.recent[0]), false
	}
	p.busy, p.recent = true, append(p.recent, now)
	return 0, true
}

func (p *pace) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy = false
}

// tryPBX tries an account at a PBX and answers with a call.Trial. It is for administrators, so nobody else can look about in the network.
func (s *Server) tryPBX(w http.ResponseWriter, r *http.Request) error {
	u, err := s.admin(r)
	if err != nil {
		return err
	}
	if s.deps.TryPBX == nil {
		return errNotFound
	}
	var in struct{ URI, Username, Password string }
	if err := read(r, &in); err != nil {
		return err
	}
	after, ok := s.trials.begin(s.deps.Now())
	if !ok {
		return &fault{Status: http.StatusTooManyRequests, Code: "too_many", Message: "That was tried too often. Wait a moment, then try again.",
			RetryAfter: int(math.Ceil(after.Seconds()))}
	}
	defer s.trials.end()
	result, err := s.deps.TryPBX(r.Context(), in.URI, in.Username, in.Password)
	if err != nil {
		return &fault{Status: http.StatusBadRequest, Code: "malformed", Message: err.Error()}
	}
	s.log.Info("PBX tried", "by", u.Name, "uri", in.URI, "username", in.Username, "result", result.Code)
	return write(w, http.StatusOK, result)
}
