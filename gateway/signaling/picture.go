package signaling

import (
	"context"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// pictureType is the body of an INFO that asks for a whole picture (RFC 5168 §7).
const pictureType = "application/media_control+xml"

// pictureBody is one of ours.
const pictureBody = `<?xml version="1.0" encoding="utf-8"?><media_control><vc_primitive><to_encoder><picture_fast_update/></to_encoder></vc_primitive></media_control>`

// maxPictureBody bounds what is looked at of another's, in bytes.
const maxPictureBody = 4096

// Picture asks a leg's peer for a whole picture by INFO: the other side lost one, and the media can't ask.
func (s *Server) Picture(id, leg string) {
	s.mu.Lock()
	l := s.legs[leg]
	s.mu.Unlock()
	if l != nil && l.call.id == id {
		l.inform(pictureType, pictureBody)
	}
}

// pictured takes an INFO that asks the peer of its leg for a whole picture, and says whether it did: a browser is asked in its media. Who
// speaks no feedback there gets the INFO as it came.
func (s *Server) pictured(l, peer *leg, req *sip.Request, tx sip.ServerTransaction) bool {
	if contentKind(req) != pictureType || len(req.Body()) > maxPictureBody || !strings.Contains(string(req.Body()), "picture_fast_update") {
		return false
	}
	if err := s.deps.Media.Picture(context.Background(), l.call.id, peer.token); err != nil {
		return false
	}
	s.reply(req, tx, sip.StatusOK, "OK")
	return true
}
