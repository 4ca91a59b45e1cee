package signaling

import (
	"strings"

	"github.com/emiago/sipgo/sip"
)

// ours are the headers that each leg writes for itself, or that pass by rules (see cross); all others pass from leg to leg untouched.
// Extensions that need our part (100rel, timer, replaces …) are not offered on either side.
var ours = func() map[string]bool {
	m := make(map[string]bool)
	for _, h := range strings.Fields(`via v route record-route path service-route contact m from f to t call-id i cseq max-forwards
		content-length l content-type c content-disposition content-encoding e authorization proxy-authorization www-authenticate
		proxy-authenticate authentication-info proxy-authentication-info supported k require proxy-require unsupported allow
		allow-events accept accept-encoding accept-language session-expires x min-se rseq rack user-agent server timestamp date
		expires min-expires replaces target-dialog flow-timer identity p-asserted-identity p-preferred-identity
		retry-after warning error-info remote-party-id diversion history-info answer-mode priv-answer-mode alert-info call-info`) {
		m[h] = true
	}
	return m
}()

// passHeaders copies the headers that belong to the call, not to a leg. A request on its second leg goes one hop less far.
func passHeaders(from, to interface {
	Headers() []sip.Header
	AppendHeader(sip.Header)
}) {
	if in, ok := from.(*sip.Request); ok {
		if out, ok := to.(*sip.Request); ok {
			passHops(in, out)
		}
	}
	for _, h := range from.Headers() {
		switch name := strings.ToLower(h.Name()); {
		case name == "recv-info":
			if value := withoutTrickle(h.Value()); value != "" || h.Value() == "" {
				to.AppendHeader(sip.NewHeader(h.Name(), value))
			}
		case !ours[name]:
			to.AppendHeader(sip.HeaderClone(h))
		}
	}
}

func appendAll(msg interface{ AppendHeader(sip.Header) }, list []sip.Header) {
	for _, h := range list {
		msg.AppendHeader(h)
	}
}

// reason is a Reason header (RFC 3326) that tells why a leg ends.
func reason(status int, text string) sip.Header {
	return sip.NewHeader("Reason", `SIP;cause=`+itoa(status)+`;text="`+text+`"`)
}

// reasons are the Reason headers of a message.
func reasons(msg interface{ GetHeaders(string) []sip.Header }) []sip.Header {
	var list []sip.Header
	for _, h := range msg.GetHeaders("Reason") {
		list = append(list, sip.HeaderClone(h))
	}
	return list
}

// passing are the headers of a request that go on to the other side with what comes of it.
func passing(req *sip.Request) []sip.Header {
	var list collected
	passHeaders(req, &list)
	return list
}

// collected are headers without a message.
type collected []sip.Header

func (c *collected) AppendHeader(h sip.Header) { *c = append(*c, h) }

// Headers implements what passHeaders takes.
func (c *collected) Headers() []sip.Header { return *c }

const sdpType = "application/sdp"

// sdpOf gives the session description in a message; ok is false when its body is something else.
func sdpOf(msg interface {
	Body() []byte
	ContentType() *sip.ContentTypeHeader
}) (text []byte, ok bool) {
	if len(msg.Body()) == 0 {
		return nil, true
	}
	ct := msg.ContentType()
	if ct == nil {
		return nil, false
	}
	kind, _, _ := strings.Cut(ct.Value(), ";")
	if !strings.EqualFold(strings.TrimSpace(kind), sdpType) {
		return nil, false
	}
	return msg.Body(), true
}

// setSDP gives a message a session description, or an empty body.
func setSDP(msg interface {
	SetBody([]byte)
	AppendHeader(sip.Header)
}, text []byte) {
	if len(text) > 0 {
		ct := sip.ContentTypeHeader(sdpType)
		msg.AppendHeader(&ct)
	}
	msg.SetBody(text)
}

// joinSupported writes what a request says it supports in one header: SIP.js reads the first one only.
func joinSupported(req *sip.Request) {
	if len(req.GetHeaders("Supported")) < 2 {
		return
	}
	tags := listOf(req, "Supported")
	for removed := true; removed; {
		removed = req.RemoveHeader("Supported")
	}
	req.AppendHeader(sip.NewHeader("Supported", strings.Join(tags, ", ")))
}
