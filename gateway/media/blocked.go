package media

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/pion/ice/v2"

	"cordboard/gateway/call"
)

// complain logs that a TURN server does not relay for us.
func (p *path) complain(candidates []ice.Candidate) {
	if fault := p.fault(candidates); fault != "" {
		p.line.leg.log.Warn("media can't be relayed", slog.String("what", fault))
	}
}

// fault says why there is no relayed candidate, if there should be one; empty when all is well.
func (p *path) fault(candidates []ice.Candidate) string {
	if !p.turns() || slices.ContainsFunc(candidates, func(c ice.Candidate) bool { return c.Type() == ice.CandidateTypeRelay }) {
		return ""
	}
	return words(p.outside.refused())
}

// words say why a TURN server does not relay: which one refused and by which code (RFC 8656 §7.4), or that none answers.
func words(server string, code int) string {
	switch code {
	case 0:
		return "no TURN server answers"
	case untrusted:
		return "the certificate of the TURN server " + server + " is not to be trusted"
	case 400, 401, 441: // some servers call a wrong password a bad request
		return "the TURN server " + server + " refuses our user name or password"
	case 486:
		return "the TURN server " + server + " relays nothing more for our user name"
	case 508:
		return "the TURN server " + server + " has no room left"
	}
	return fmt.Sprintf("the TURN server %s refuses to relay (error %d)", server, code)
}

// blocked is the likely reason why no path connects.
func (s *clientLine) blocked() string {
	s.mu.Lock()
	p := s.agreed
	s.mu.Unlock()
	if p == nil {
		return "it was not told how to reach us"
	}
	candidates, _ := p.agent.GetLocalCandidates() // none is as good as an error here
	switch fault := p.fault(candidates); {
	case fault != "":
		return "UDP is blocked on the way, and " + fault
	case !p.turns():
		return "UDP is blocked on the way; a TURN server in the PBX's ice setting would help"
	}
	return "it is reached neither directly nor by the TURN server"
}

// turns says whether a TURN server may relay.
func (p *path) turns() bool {
	return slices.ContainsFunc(p.client.Servers, func(s call.ICEServer) bool { return strings.HasPrefix(s.URL, "turn") })
}
