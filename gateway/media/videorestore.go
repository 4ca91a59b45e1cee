package media

import (
	"log/slog"

	"cordboard/gateway/sdp"
)

// savedVideo is what is written down of a leg's video; what was said of it stands in the descriptions.
type savedVideo struct {
	Port  uint16 `json:"port,omitzero"` // toward a phone
	Types types  `json:"types"`
}

// saveVideo writes a video leg down, if it is seen by another. The caller holds the call's mutex.
func (v *leg) saveVideo() *savedVideo {
	if v == nil {
		return nil
	}
	w := v.way.Load()
	if w == nil || w.peer == nil {
		return nil
	}
	saved := &savedVideo{Types: w.types}
	if line, ok := v.line.(*plainLine); ok {
		saved.Port = line.port
	}
	return saved
}

// await is apply for a description without its keys: what is to be encrypted waits for new ones.
func (s *plainLine) await(agreed *sdp.Remote) {
	s.aim(agreed)
	if agreed.Profile != sdp.RTP {
		s.secret.Store(new(secret))
	}
}

// restoreVideo makes the video of a restored leg. Without a port for it the call goes on without. The caller holds the call's mutex.
func (l *leg) restoreVideo(saved *savedVideo) {
	v := l.talk.agreed.Video
	if saved == nil || v == nil {
		return
	}
	if err := l.watch(saved.Port); err != nil {
		l.log.Warn("call goes on without video", slog.Any("error", err))
		return
	}
	r := &sdp.Remote{Profile: l.talk.agreed.Profile, Audio: v.RTP, RTCP: v.RTCP, Feedback: v.Feedback, Direction: v.Direction, Codecs: v.Codecs, Mux: v.Mux}
	own := l.video.Load()
	own.talk.agreed = r
	if line, ok := own.line.(*plainLine); ok {
		line.await(r)
	}
}

// restoreSight lets two restored legs see one another, if they did. The caller holds the call's mutex.
func (l *leg) restoreSight(peer *leg, saved *savedVideo) {
	from, to := l.video.Load(), peer.video.Load()
	if saved == nil || from == nil || to == nil {
		return
	}
	from.way.Store(from.sees(to, saved.Types))
	to.way.Store(to.sees(from, saved.Types))
}

// seen takes what a restored leg's party says of its video in its answer. The caller holds the call's mutex.
func (l *leg) seen() {
	own := l.video.Load()
	if own == nil {
		return
	}
	w := own.way.Load()
	if w == nil || w.peer == nil {
		return
	}
	v := l.pictures()
	if v == nil {
		w.peer.detach(own)
		own.way.Store(nil)
		return
	}
	own.looks(v, l)
	own.way.Store(own.sees(w.peer, w.types))
}
