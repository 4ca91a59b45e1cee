package media

import "cordboard/gateway/sdp"

// Toward a phone that encrypts, pictures have keys of their own: lines of SDES, or a handshake under the fingerprints of their stream.
// How is agreed with those of the sound; who would encrypt the one and not the other gets no pictures.

// protectVideo completes our description of a phone's pictures, as protect does that of its sound.
func (l *leg) protectVideo(local *sdp.Local, keying sdp.Profile, setup string) {
	v := l.video.Load()
	if v == nil {
		return
	}
	line, ok := v.line.(*plainLine)
	if !ok || keying == sdp.RTP {
		return
	}
	asked, before := l.talk.proposed, v.talk.agreed
	if setup == actpass {
		asked = nil
	}
	switch {
	case keying == sdp.DTLS && asked != nil:
		local.VideoMux = asked.Video != nil && asked.Video.Mux
	case keying == sdp.DTLS:
		local.VideoMux = before == nil || before.Mux
	case asked == nil:
		local.VideoCrypto = line.bargain.offer()
	case asked.Video != nil && len(asked.Video.Crypto) > 0:
		local.VideoCrypto = line.bargain.answer(asked.Video.Crypto[0])
	}
	if before == nil && line.secret.Load() == nil {
		line.secret.Store(new(secret)) // see protect
	}
}

// looks puts what the party of a sound said of its video in force, without its keys if the call was restored and new ones are to come.
func (l *leg) looks(v *sdp.Video, sound *leg) {
	r := sound.talk.agreed
	l.talk.agreed = &sdp.Remote{Profile: r.Profile, Audio: v.RTP, RTCP: v.RTCP, Feedback: v.Feedback, Direction: v.Direction, Codecs: v.Codecs,
		Mux: v.Mux, Fingerprint: v.Fingerprint}
	if r.Keying() == sdp.SDES {
		l.talk.agreed.Crypto = v.Crypto
	}
	if line, ok := l.line.(*plainLine); ok && !sound.complete() {
		line.aim(l.talk.agreed)
		return
	}
	l.line.apply(l.talk.agreed, sound.talk.setup == "active")
}

// pictures is what the leg's party said of its video; nil when it has none that we could carry.
func (l *leg) pictures() *sdp.Video {
	if v := l.talk.agreed.Video; v != nil && (v.Encrypts(l.talk.agreed.Keying()) || !l.complete()) {
		return v
	}
	return nil
}
