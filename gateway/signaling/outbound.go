package signaling

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Statuses that sipgo has no name for.
const (
	statusFlowFailed        = 430 // RFC 5626 §11.5
	statusFirstHopLacksFlow = 439 // RFC 5626 §11.6
)

// flowTimer is how long a client may keep silent on a flow without a keep-alive, in seconds (RFC 5626 §5.4). Our own pings
// notice a dead flow sooner; it tells clients that have a timer of their own.
const flowTimer = 120

// maxPath is how many proxies may stand between a client and us.
const maxPath = 5

// asked reads what a REGISTER wants (RFC 3261 §10.3, RFC 5626 §6): bindings to set, and those without expiry to take away.
// Otherwise it says what is wrong.
func (s *Server) asked(f *flow, req *sip.Request, can options, now time.Time) ([]binding, *failure) {
	contacts := req.GetHeaders("Contact")
	if len(contacts) > maxBindings {
		return nil, &failure{status: sip.StatusBadRequest, reason: "Too Many Contacts"}
	}
	path, bad := pathOf(req, can)
	if bad != nil {
		return nil, bad
	}
	direct := len(req.GetHeaders("Via")) == 1
	var list []binding
	flows := 0
	for _, h := range contacts {
		c, ok := h.(*sip.ContactHeader)
		if !ok {
			return nil, &failure{status: sip.StatusBadRequest, reason: "Malformed Contact"}
		}
		b := binding{contact: *c.Address.Clone(), flow: f, path: path, callID: req.CallID().Value(), seq: req.CSeq().SeqNo}
		expires := expiresOf(req, c)
		switch {
		case c.Address.Wildcard && (len(contacts) > 1 || expires != 0):
			return nil, &failure{status: sip.StatusBadRequest, reason: "Contact * Needs Expires 0"}
		case expires > 0 && expires < minExpires:
			return nil, &failure{status: sip.StatusIntervalToBrief, reason: "Interval Too Brief",
				headers: []sip.Header{sip.NewHeader("Min-Expires", itoa(int(minExpires/time.Second)))}}
		case expires > 0:
			b.expires = now.Add(expires)
		}
		b.instance = instanceOf(c)
		if id, ok := param(c.Params, "reg-id"); ok && b.instance != "" && can.outbound {
			n, err := strconv.ParseUint(id, 10, 31)
			if err != nil || n == 0 {
				return nil, &failure{status: sip.StatusBadRequest, reason: "Malformed reg-id"}
			}
			if !direct && (len(path) == 0 || !path[len(path)-1].UriParams.Has("ob")) {
				return nil, &failure{status: statusFirstHopLacksFlow, reason: "First Hop Lacks Outbound Support"}
			}
			b.regID = uint32(n)
			if expires > 0 {
				flows++
			}
		}
		list = append(list, b)
	}
	if flows > 1 || flows == 1 && len(list) > 1 { // one flow can't carry more (RFC 5626 §4.2.1)
		return nil, &failure{status: sip.StatusBadRequest, reason: "Several Contacts With reg-id"}
	}
	return list, nil
}

// pathOf are the proxies between the client and us, the nearest to us first (RFC 3327 §5.3).
func pathOf(req *sip.Request, can options) ([]sip.Uri, *failure) {
	var path []sip.Uri
	for _, value := range listOf(req, "Path") {
		var uri sip.Uri
		if _, err := sip.ParseAddressValue(value, &uri, &sip.HeaderParams{}); err != nil || !isSIP(uri) || !uri.UriParams.Has("lr") || len(path) == maxPath {
			return nil, &failure{status: sip.StatusBadRequest, reason: "Malformed Path"}
		}
		path = append(path, uri)
	}
	if len(path) > 0 && !can.path {
		return nil, &failure{status: sip.StatusExtensionRequired, reason: "Extension Required", headers: []sip.Header{sip.NewHeader("Require", "path")}}
	}
	return path, nil
}

// instanceOf is the name of the device in a Contact, +sip.instance without quotes and brackets; empty when there is none that is usable.
func instanceOf(c *sip.ContactHeader) string {
	const longest = 200 // bytes
	value, _ := param(c.Params, "+sip.instance")
	value, ok := strings.CutPrefix(strings.Trim(value, `"`), "<")
	if value, ok2 := strings.CutSuffix(value, ">"); ok && ok2 && len(value) <= longest && !strings.ContainsAny(value, `"<>\ `) {
		return value
	}
	return ""
}

// param finds a parameter by its name in lower case.
func param(params sip.HeaderParams, name string) (string, bool) {
	for _, p := range params {
		if strings.EqualFold(p.K, name) {
			return p.V, true
		}
	}
	return "", false
}

// options are the extensions that the sender of a request supports, as far as they matter here.
type options struct{ outbound, path, gruu bool }

func optionsOf(req *sip.Request) (o options) {
	for _, name := range []string{"Supported", "K"} {
		for _, tag := range listOf(req, name) {
			switch strings.ToLower(tag) {
			case "outbound":
				o.outbound = true
			case "path":
				o.path = true
			case "gruu":
				o.gruu = true
			}
		}
	}
	return o
}

// registered is the answer to a REGISTER that changed what it asked for; list is what is now known of its user.
func (s *Server) registered(f *flow, req *sip.Request, can options, asked, list []binding, now time.Time) *sip.Response {
	user := req.To().Address.User
	res := sip.NewResponseFromRequest(req, sip.StatusOK, "OK", nil)
	for _, b := range list {
		res.AppendHeader(sip.NewHeader("Contact", s.contactOf(user, b, can, now)))
	}
	res.AppendHeader(sip.NewHeader("Supported", "path, outbound, gruu"))
	if !slices.ContainsFunc(asked, func(b binding) bool { return b.regID != 0 }) {
		return res
	}
	res.AppendHeader(sip.NewHeader("Require", "outbound"))
	res.AppendHeader(sip.NewHeader("Flow-Timer", itoa(flowTimer)))
	if can.path {
		path := asked[0].path
		if len(path) == 0 { // we are the edge too
			path = []sip.Uri{s.path(f)}
		}
		for _, uri := range path {
			res.AppendHeader(sip.NewHeader("Path", "<"+uri.String()+">"))
		}
	}
	return res
}

// contactOf is a binding as the answer to a REGISTER tells of it.
func (s *Server) contactOf(user string, b binding, can options, now time.Time) string {
	var text strings.Builder
	text.Grow(512)
	text.WriteByte('<')
	b.contact.StringWrite(&text)
	text.WriteString(">;expires=")
	text.WriteString(itoa(int(b.expires.Sub(now) / time.Second)))
	if b.instance != "" {
		text.WriteString(`;+sip.instance="<` + b.instance + `>"`)
		if can.gruu {
			public, temporary := s.publicGRUU(user, b.instance), s.temporaryGRUU(b.epoch)
			text.WriteString(`;pub-gruu="`)
			public.StringWrite(&text)
			text.WriteString(`";temp-gruu="`)
			temporary.StringWrite(&text)
			text.WriteByte('"')
		}
	}
	if b.regID != 0 {
		text.WriteString(";reg-id=" + strconv.FormatUint(uint64(b.regID), 10))
	}
	return text.String()
}

// byDevice puts the flows of each device together: a request goes down the first and, should that fail, down its backups (RFC 5626 §7).
// A client that names no device is told by its flow.
func byDevice(flows []binding) []binding {
	var devices []binding
	for _, b := range flows {
		i := slices.IndexFunc(devices, func(d binding) bool {
			return d.flow == b.flow || b.instance != "" && d.instance == b.instance
		})
		switch {
		case i < 0:
			devices = append(devices, b)
		case devices[i].flow != b.flow:
			devices[i].backups = append(devices[i].backups, b)
		}
	}
	return devices
}

// inviteDevice sends an INVITE to a device by invite, and again down another of its flows when one fails.
func (s *Server) inviteDevice(ctx context.Context, l *leg, req *sip.Request, provisional func(*sip.Response)) (*sip.Response, *sip.Request, error) {
	for {
		alive := false
		res, sent, err := s.invite(ctx, l, req, func(res *sip.Response) {
			alive = true
			provisional(res)
		})
		if alive || ctx.Err() != nil || !l.flowFailed(res, err) || !l.nextFlow() {
			return res, sent, err
		}
		req = l.again(req)
	}
}

// flowFailed says whether an INVITE did not reach the device.
func (l *leg) flowFailed(res *sip.Response, err error) bool {
	if err == nil {
		return res.StatusCode == statusFlowFailed
	}
	return l.pbx == nil && (l.reachable() != nil || errors.Is(err, errNoAnswer) || errors.Is(err, sip.ErrTransactionTransport) || errors.Is(err, sip.ErrTransactionTerminated))
}

// nextFlow lets the leg go on down another flow of its device; false when there is none.
func (l *leg) nextFlow() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.backups) > 0 {
		b := l.backups[0]
		l.backups = l.backups[1:]
		if !b.flow.gone() {
			l.flow, l.routes = b.flow, slices.Clone(b.path)
			l.retarget(b.contact)
			return true
		}
	}
	return false
}

// again is req as it goes down the leg's present flow.
func (l *leg) again(req *sip.Request) *sip.Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := req.Clone()
	next.Recipient = *l.target.Clone()
	for next.RemoveHeader("Via") {
	}
	for next.RemoveHeader("Route") {
	}
	for _, r := range l.routes {
		next.AppendHeader(&sip.RouteHeader{Address: *r.Clone()})
	}
	l.flow.address(next, l.srv.cfg.Domain)
	return next
}
