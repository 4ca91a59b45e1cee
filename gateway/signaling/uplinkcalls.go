package signaling

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/call"
)

// announce tells the far ends of an account's calls and subscriptions that it is to be reached on another connection now.
func (s *Server) announce(u *uplink) {
	s.around.renew(u)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.legs {
		if l.pbx == u.pbx && l.creds.Username == u.user && l.established() {
			s.routed.Go(func() { s.comeBack(l) })
		}
	}
}

// renew has the subscriptions of an account refreshed, which ended with its connection or have to be told of the new one.
func (a *around) renew(link *uplink) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, u := range a.ups {
		if u.pbx == link.pbx && u.creds.Username == link.user {
			select {
			case u.stale <- struct{}{}:
			default:
			}
		}
	}
}

// comeBack goes on with the dialog of a leg whose connection broke: by a request inside of it, which comes by the new one. If the media needs
// another way too, as on another network, that is an offer. A PBX that has given the call up meanwhile says so.
func (s *Server) comeBack(l *leg) {
	ctx, stop := context.WithTimeout(l.call.life, lostTime)
	defer stop()
	for ctx.Err() == nil {
		done, wait := l.offerReturn(ctx)
		if done {
			l.call.log.Info("call goes on by another connection", "with", nameOf(l))
			return
		}
		if !pause(ctx, wait) {
			break
		}
	}
	if l.call.life.Err() == nil {
		l.failed(call.ReasonLost, reason(sip.StatusRequestTimeout, "Connection lost"))
	}
}

// offerReturn tries that once; if it is not done, it says how long to wait before the next try.
func (l *leg) offerReturn(ctx context.Context) (done bool, wait time.Duration) {
	if done, needed := l.offerAnew(ctx); needed {
		return done, glareTime + rand.N(glareTime)
	}
	return l.srv.refreshOnce(ctx, l)
}

// Restart is told that a leg's media wants another way to its PBX, as when we are on another network now: an offer gives it one. If that fails, it
// will be told again. It does not wait.
func (s *Server) Restart(id, leg string) {
	s.mu.Lock()
	l := s.legs[leg]
	s.mu.Unlock()
	if l == nil || l.call.id != id || l.pbx == nil || !l.established() {
		return
	}
	s.routed.Go(func() {
		ctx, stop := context.WithTimeout(l.call.life, answerTime)
		defer stop()
		l.offerAnew(ctx)
	})
}

// validateWeb names the faults of what is set for a WebSocket.
func (p PBX) validateWeb() []error {
	uri, err := p.uri()
	if err != nil {
		return nil // is a fault of its own
	}
	web := isFlowTransport(transportOf(uri))
	var faults []error
	switch mode := p.mode(); {
	case web && (mode == ModePeer || mode == ModePassthrough):
		faults = append(faults, fmt.Errorf("mode: %q is not for a PBX reached by WebSocket, want extension or trunk", mode))
	case !web && p.Path != "":
		faults = append(faults, errors.New("path: is for a PBX with transport=wss"))
	case !web && p.Origin != "":
		faults = append(faults, errors.New("origin: is for a PBX with transport=wss"))
	}
	if u, err := url.ParseRequestURI(p.Path); p.Path != "" && (err != nil || !strings.HasPrefix(p.Path, "/") || u.Host != "") {
		faults = append(faults, fmt.Errorf("path: %q, want a path like %q", p.Path, defaultPath))
	}
	if _, ok := normalOrigin(p.Origin); p.Origin != "" && !ok {
		faults = append(faults, fmt.Errorf("origin: %q, want one like \"https://www.example.com\"", p.Origin))
	}
	return faults
}
