package signaling

import (
	"slices"
	"strings"

	"github.com/emiago/sipgo/sip"
)

const (
	sipVersion = "SIP/2.0"

	statusUnsupportedURIScheme = 416 // RFC 3261 §21.4.14
)

// wellFormed answers a request that is wrong in form and gives false.
func (s *Server) wellFormed(req *sip.Request, tx sip.ServerTransaction) bool {
	f, ok := examine(req)
	if !ok && !req.IsAck() {
		s.reply(req, tx, f.status, f.reason, f.headers...)
	}
	return ok
}

// understood answers a request that needs an extension we have not and gives false.
func (s *Server) understood(req *sip.Request, tx sip.ServerTransaction) bool {
	missing := unsupported(req)
	if len(missing) > 0 {
		s.reply(req, tx, sip.StatusBadExtension, "Bad Extension", sip.NewHeader("Unsupported", strings.Join(missing, ", ")))
	}
	return len(missing) == 0
}

// counted are the headers that a request must have one time, and those that it may have one time (RFC 3261 §8.1.1, §20).
type counted struct{ from, to, callID, cseq, hops, length, kind int }

func count(req *sip.Request) (n counted) {
	for _, h := range req.Headers() {
		switch h.(type) {
		case *sip.FromHeader:
			n.from++
		case *sip.ToHeader:
			n.to++
		case *sip.CallIDHeader:
			n.callID++
		case *sip.CSeqHeader:
			n.cseq++
		case *sip.MaxForwardsHeader:
			n.hops++
		case *sip.ContentLengthHeader:
			n.length++
		case *sip.ContentTypeHeader:
			n.kind++
		}
	}
	return n
}

// examine finds what is wrong with the form of a request, whoever sent it (RFC 3261 §8.2.2.1, §16.3, RFC 4475); ok when nothing is.
func examine(req *sip.Request) (f failure, ok bool) {
	bad := func(reason string) (failure, bool) {
		return failure{status: sip.StatusBadRequest, reason: reason}, false
	}
	if req.SipVersion != sipVersion {
		return failure{status: sip.StatusVersionNotSupported, reason: "Version Not Supported"}, false
	}
	switch n := count(req); {
	case n.from == 0, n.to == 0, n.callID == 0, n.cseq == 0:
		return bad("Header Missing")
	case n.from > 1:
		return bad("From Repeated")
	case n.to > 1:
		return bad("To Repeated")
	case n.callID > 1:
		return bad("Call-ID Repeated")
	case n.cseq > 1:
		return bad("CSeq Repeated")
	case n.hops > 1:
		return bad("Max-Forwards Repeated")
	case n.length > 1:
		return bad("Content-Length Repeated")
	case n.kind > 1:
		return bad("Content-Type Repeated")
	}
	if !strings.EqualFold(strings.TrimSpace(string(req.CSeq().MethodName)), string(req.Method)) { // sipgo has made Method upper case
		return bad("CSeq of Another Method")
	}
	switch {
	case !isSIP(req.Recipient):
		return failure{status: statusUnsupportedURIScheme, reason: "Unsupported URI Scheme"}, false
	case len(req.Recipient.Headers) > 0: // RFC 3261 §19.1.1
		return bad("Headers in Request-URI")
	}
	switch req.Method {
	case sip.REGISTER:
		if !isSIP(req.To().Address) {
			return bad("To Is No SIP Address")
		}
		return examineContacts(req)
	case sip.INVITE, sip.UPDATE, sip.SUBSCRIBE:
		return examineContacts(req)
	}
	return failure{}, true
}

// examineContacts looks at the addresses to which we shall send (RFC 3261 §8.1.1.8, §10.2.1).
func examineContacts(req *sip.Request) (f failure, ok bool) {
	contacts := req.GetHeaders("Contact")
	if len(contacts) > 1 && req.Method != sip.REGISTER {
		return failure{status: sip.StatusBadRequest, reason: "Contact Repeated"}, false
	}
	for _, h := range contacts {
		c, ok := h.(*sip.ContactHeader)
		switch {
		case !ok:
			return failure{status: sip.StatusBadRequest, reason: "Malformed Contact"}, false
		case c.Address.Wildcard && req.Method == sip.REGISTER:
		case c.Address.Wildcard, !isSIP(c.Address):
			return failure{status: sip.StatusBadRequest, reason: "Contact Is No SIP Address"}, false
		}
	}
	return failure{}, true
}

func isSIP(uri sip.Uri) bool { return (uri.Scheme == "sip" || uri.Scheme == "sips") && uri.Host != "" }

// supported are the extensions that a request may require.
var supported = map[sip.RequestMethod][]string{
	sip.INVITE:   {"replaces"},
	sip.REGISTER: {"outbound", "path", "gruu"},
}

// unsupported lists the extensions that a request requires and we have not (RFC 3261 §8.2.2.3). Between browser and PBX we
// stand where a proxy would, so Proxy-Require is ours to answer too.
func unsupported(req *sip.Request) []string {
	if req.IsAck() || req.IsCancel() {
		return nil
	}
	var missing []string
	for _, name := range []string{"Require", "Proxy-Require"} {
		for _, tag := range listOf(req, name) {
			low := strings.ToLower(tag)
			if low == "privacy" && name == "Proxy-Require" { // RFC 3323 §4.3
				continue
			}
			if low != reliable && low != timed && !slices.Contains(endToEnd, low) && !slices.Contains(supported[req.Method], low) {
				missing = append(missing, tag)
			}
		}
	}
	return missing
}

// takesSDP says whether the sender of an INVITE wants a session description (RFC 3261 §20.1).
func takesSDP(req *sip.Request) bool {
	if req.GetHeader("Accept") == nil {
		return true
	}
	for _, kind := range listOf(req, "Accept") {
		kind, _, _ = strings.Cut(kind, ";")
		switch strings.ToLower(strings.TrimSpace(kind)) {
		case sdpType, "application/*", "*/*":
			return true
		}
	}
	return false
}

// listOf are the values of a header that holds a list, in however many lines.
func listOf(msg interface{ Headers() []sip.Header }, name string) []string {
	var list []string
	for _, h := range msg.Headers() {
		if n := h.Name(); len(n) != len(name) || !strings.EqualFold(n, name) {
			continue
		}
		for v := range strings.SplitSeq(h.Value(), ",") {
			if v = strings.TrimSpace(v); v != "" {
				list = append(list, v)
			}
		}
	}
	return list
}
