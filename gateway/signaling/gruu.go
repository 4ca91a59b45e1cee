package signaling

import (
	"context"
	"encoding/binary"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/auth"
)

// gruuKind begins a temporary GRUU's user part.
const gruuKind = "tgruu."

// publicGRUU is the address of one device of a user, for as long as the device lives (RFC 5627 §3.1.1).
func (s *Server) publicGRUU(user, instance string) sip.Uri {
	return sip.Uri{Scheme: "sip", User: user, Host: s.cfg.Domain, UriParams: sip.HeaderParams{{K: "gr", V: escapeInstance(instance)}}}
}

// temporaryGRUU is an address of the same that tells nobody whose it is, valid while the registration lasts (RFC 5627 §3.1.2).
// Each is a new one.
func (s *Server) temporaryGRUU(epoch uint64) sip.Uri {
	token := s.sealer.seal(gruuKind, binary.BigEndian.AppendUint64(nil, epoch))
	return sip.Uri{Scheme: "sip", User: token, Host: s.cfg.Domain, UriParams: sip.HeaderParams{{K: "gr"}}}
}

// escapeInstance writes an instance as a URI parameter's value (RFC 3261 §25.1, pvalue).
func escapeInstance(instance string) string {
	return strings.ReplaceAll(url.PathEscape(instance), "@", "%40")
}

// pin says which of a user's devices a request is for, when it names one.
type pin struct {
	user     string
	flow     *flow  // when by a flow token
	instance string // when by a public GRUU, escaped
	epoch    uint64 // when by a temporary one
}

// holds says whether b is what the request names.
func (p pin) holds(b binding) bool {
	switch {
	case p.flow != nil:
		return b.flow == p.flow
	case p.epoch != 0:
		return b.epoch == p.epoch
	default:
		return b.instance != "" && escapeInstance(b.instance) == p.instance
	}
}

// pinned finds out whether a request names a device: by the Route that we gave to it (RFC 5626 §5.3) or by a GRUU (RFC 5627 §5.3).
// Without either the pin has no user.
func (s *Server) pinned(req *sip.Request) (pin, error) {
	if h := req.Route(); h != nil && h.Address.UriParams.Has("ob") && strings.EqualFold(h.Address.Host, s.cfg.Domain) {
		f, err := s.flowOf(h.Address.User)
		if err != nil {
			return pin{}, err
		}
		who, _ := f.Identity()
		return pin{user: who.User, flow: f}, nil
	}
	value, named := req.Recipient.UriParams.Get("gr")
	switch {
	case !named || !strings.EqualFold(req.Recipient.Host, s.cfg.Domain):
		return pin{}, nil
	case value != "":
		return pin{user: strings.ToLower(req.Recipient.User), instance: value}, nil
	}
	payload, ok := s.sealer.open(gruuKind, req.Recipient.User)
	if !ok || len(payload) != 8 {
		return pin{}, errNotFound
	}
	epoch := binary.BigEndian.Uint64(payload)
	user, ok := s.reg.owner(epoch)
	if !ok { // the registration has ended
		return pin{}, errNotFound
	}
	return pin{user: user, epoch: epoch}, nil
}

// toPinned calls the one device that the request names; ok is false when it names none.
func (s *Server) toPinned(ctx context.Context, from caller, req *sip.Request) (p plan, ok bool, err error) {
	named, err := s.pinned(req)
	if err != nil || named.user == "" {
		return plan{}, err != nil, err
	}
	user, err := s.deps.Users.User(ctx, named.user)
	if err != nil {
		if errors.Is(err, auth.ErrNoUser) {
			err = errNotFound
		}
		return plan{}, true, err
	}
	p, err = s.toUsers(from, []auth.User{user}, req)
	return p, true, err
}

// devices are the user's devices that a request is for: the one it names, else all, newest first.
func (s *Server) devices(user string, req *sip.Request) []binding {
	named, err := s.pinned(req)
	switch {
	case err != nil:
		return nil
	case named.user == "":
		return s.reg.of(user, time.Now())
	}
	var flows []binding
	for _, b := range s.reg.all(named.user, time.Now()) {
		if named.holds(b) {
			flows = append(flows, b)
		}
	}
	return byDevice(flows)
}
