package signaling

import (
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

// once are the headers that a request must have one time, and atMostOnce those that it may (RFC 3261 §8.1.1, §20).
var (
	once       = []string{"From", "To", "Call-ID", "CSeq"}
	atMostOnce = []string{"Max-Forwards", "Content-Length", "Content-Type"}
)

// examine finds what is wrong with the form of a request, whoever sent it (RFC 3261 §8.2.2.1, §16.3, RFC 4475); ok when nothing is.
func examine(req *sip.Request) (f failure, ok bool) {
	bad := func(reason string) (failure, bool) {
		return failure{status: sip.StatusBadRequest, reason: reason}, false
	}
	if req.SipVersion != sipVersion {
		return failure{status: sip.StatusVersionNotSupported, reason: "Version Not Supported"}, false
	}
	for _, name := range once {
		switch n := len(req.GetHeaders(name)); {
		case n == 0:
			return bad("Header Missing")
		case n > 1:
			return bad(name + " Repeated")
		}
	}
	for _, name := range atMostOnce {
		if len(req.GetHeaders(name)) > 1 {
			return bad(name + " Repeated")
		}
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
	case sip.INVITE, sip.UPDATE:
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

// unsupported lists the extensions that a request requires and we have not (RFC 3261 §8.2.2.3). Between browser and PBX we
// stand where a proxy would, so Proxy-Require is ours to answer too.
func unsupported(req *sip.Request) []string {
	if req.IsAck() || req.IsCancel() {
		return nil
	}
	var missing []string
	for _, name := range []string{"Require", "Proxy-Require"} {
		for _, tag := range listOf(req, name) {
			if req.Method != sip.INVITE || !strings.EqualFold(tag, "replaces") {
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
func listOf(req *sip.Request, name string) []string {
	var list []string
	for _, h := range req.GetHeaders(name) {
		for v := range strings.SplitSeq(h.Value(), ",") {
			if v = strings.TrimSpace(v); v != "" {
				list = append(list, v)
			}
		}
	}
	return list
}
