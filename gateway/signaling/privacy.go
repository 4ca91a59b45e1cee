package signaling

import (
	"strings"

	"github.com/emiago/sipgo/sip"
)

// privacy is what the sender of a message wants to be kept from who is not trusted (RFC 3323 §4.2, RFC 3325 §9.3, RFC 7044 §10.1). A
// browser is not, and a PBX is. Two kinds need nothing of their own, since every call has them: header, as no Via, Contact, Record-Route or
// Route of one side reaches the other, and session, as the media of both sides end here.
type privacy uint8

const (
	privateHeader privacy = 1 << iota
	privateSession
	privateUser     // From and what else tells who it is
	privateID       // what a trusted party asserts
	privateHistory  // by which ways it came
	privateCritical // rather no call than one without what is asked for
	privateNone     // on no account more than the sender did itself
	privateUnknown
)

// privateNames are the priv-values and what they stand for.
var privateNames = map[string]privacy{"header": privateHeader, "session": privateSession, "user": privateUser, "id": privateID,
	"history": privateHistory, "critical": privateCritical, "none": privateNone}

// whoIsIt are the wishes not to be known by name.
const whoIsIt = privateUser | privateID

// privacyOf reads the Privacy headers of a message; unknown are the values that we can't read, for people.
func privacyOf(msg interface{ GetHeaders(string) []sip.Header }) (asked privacy, unknown []string) {
	for _, h := range msg.GetHeaders("Privacy") {
		for v := range strings.FieldsFuncSeq(strings.ToLower(h.Value()), func(r rune) bool { return r == ';' || r == ',' || r == ' ' || r == '\t' }) {
			p, known := privateNames[v]
			if !known {
				p, unknown = privateUnknown, append(unknown, v)
			}
			asked |= p
		}
	}
	if asked&privateNone != 0 {
		return privateNone, unknown
	}
	return asked, unknown
}

// wantsPrivacy says whether the sender of a message does not want to be known to who is not trusted.
func wantsPrivacy(msg interface{ GetHeaders(string) []sip.Header }) bool {
	asked, _ := privacyOf(msg)
	return asked&whoIsIt != 0
}

// tooPrivate answers a request that wants a kind of privacy which we don't know, and rather none of it without (RFC 3323 §5).
func (s *Server) tooPrivate(req *sip.Request, tx sip.ServerTransaction) bool {
	if req.Method == sip.REGISTER || req.IsAck() || req.IsCancel() {
		return false
	}
	asked, unknown := privacyOf(req)
	if asked&privateCritical == 0 || len(unknown) == 0 {
		return false
	}
	const most = 100 // bytes
	text := strings.Join(unknown, ", ")
	s.reply(req, tx, sip.StatusInternalServerError, "Privacy Not Supported", warning("privacy not supported: "+text[:min(len(text), most)])...)
	return true
}

// personal are the headers that may tell who has sent a request and are not needed (RFC 3323 §5.3).
var personal = []string{"Subject", "Call-Info", "Organization", "Reply-To", "In-Reply-To"}

// conceal takes out of a request what its sender, who sent it as in, wants to be kept from everybody.
func conceal(in, out *sip.Request) {
	if asked, _ := privacyOf(in); asked&privateUser == 0 {
		return
	}
	for _, name := range personal {
		for out.RemoveHeader(name) {
		}
	}
}
