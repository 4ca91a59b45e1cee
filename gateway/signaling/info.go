package signaling

import (
	"slices"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// statusBadInfoPackage refuses an INFO of a package that nobody asked for (RFC 6086 §4.2.2).
const statusBadInfoPackage = 469

// informing are the bodies of INFO that a built-in callee takes, to do nothing with them: keys, and requests for a whole picture.
var informing = []string{relayType, plainType, pictureType}

// informed answers an INFO that has no other leg to go to.
func (s *Server) informed(req *sip.Request, tx sip.ServerTransaction) {
	kind := contentKind(req)
	switch {
	case req.GetHeader("Info-Package") != nil:
		s.reply(req, tx, statusBadInfoPackage, "Bad Info Package", sip.NewHeader("Recv-Info", ""))
	case len(req.Body()) > 0 && !slices.Contains(informing, kind):
		s.reply(req, tx, sip.StatusUnsupportedMediaType, "Unsupported Media Type", sip.NewHeader("Accept", strings.Join(informing, ", ")))
	default:
		s.reply(req, tx, sip.StatusOK, "OK")
	}
}

// passContent copies the headers that tell how to read a body which passes as it is.
func passContent(from, to interface {
	Headers() []sip.Header
	AppendHeader(sip.Header)
}) {
	for _, h := range from.Headers() {
		switch strings.ToLower(h.Name()) {
		case "content-type", "c", "content-disposition", "content-encoding", "e":
			to.AppendHeader(sip.HeaderClone(h))
		}
	}
}
