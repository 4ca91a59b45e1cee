package media

import (
	"log/slog"
	"net/netip"
	"time"

	"cordboard/gateway/sdp"
)

// A party's video is a leg beside that of its sound: with a way, a stream and counters of its own, but no conversation. Toward a
// phone it has a pair of ports, toward a browser the transport of the sound. It is relayed as it is (RFC 7667 §3.2).

// videoSuffix is what the name of a video leg has behind that of its sound.
const videoSuffix = " video"

// bundled is a line with ICE as its video sees it (RFC 9143).
type bundled struct{ line }

// apply implements line. The sound's description says it all.
func (bundled) apply(*sdp.Remote, bool) {}

// close implements line. The sound ends the transport.
func (bundled) close() {}

// see gives two legs video if both can have it; a lack of ports costs the pictures, not the call. The caller holds mu.
func (s *session) see(a, b *leg) {
	if a.party.Profile == sdp.PCM || b.party.Profile == sdp.PCM {
		return
	}
	for _, l := range []*leg{a, b} {
		if err := l.watch(0); err != nil {
			l.log.Warn("call goes on without video", slog.Any("error", err))
		}
	}
}

// watch makes the leg's video, if there is none: toward a phone at that port, or any for 0. The caller holds the session's mutex.
func (l *leg) watch(port uint16) error {
	if l.video.Load() != nil {
		return nil
	}
	v := &leg{engine: l.engine, call: l.call, name: l.name + videoSuffix, party: l.party, log: l.log.With("stream", "video")}
	if l.overWebRTC() {
		v.line = bundled{l.line}
	} else {
		line, err := l.engine.openPlainLine(v, port)
		if err != nil {
			return err
		}
		v.line = line
		line.listen()
	}
	v.streams.begin(l.engine.now())
	v.streams.out.video = true
	_, v.streams.name = l.streams.identity() // by which a browser knows that the two belong together (RFC 3550 §6.5.1)
	l.video.Store(v)
	return nil
}

// place fills in where a party is told to send its video. The caller holds the session's mutex.
func (l *leg) place(local *sdp.Local) {
	v := l.video.Load()
	if v == nil {
		return
	}
	local.Video, local.VideoRTCP = local.Audio, local.RTCP
	local.VideoSSRC, _ = v.streams.identity()
	if line, ok := v.line.(*plainLine); ok {
		host := local.Audio.Addr()
		local.Video, local.VideoRTCP = netip.AddrPortFrom(host, line.port), netip.AddrPortFrom(host, line.port+1)
	}
}

// show lets two legs see one another as far as b was told so, in its answer. The caller holds mu.
func (s *session) show(a, b *leg, told *sdp.Remote) {
	from, to := a.video.Load(), b.video.Load()
	if from == nil || to == nil {
		return
	}
	theirs, ours := a.pictures(), b.pictures()
	if told.Video == nil || theirs == nil || ours == nil {
		from.way.Store(nil)
		to.way.Store(nil)
		return
	}
	from.looks(theirs, a)
	to.looks(ours, b)
	for _, l := range []*leg{from, to} {
		if w := l.way.Load(); w != nil && w.peer != from && w.peer != to {
			l.streams.pause() // someone else is seen from now on
		}
	}
	agreed := common(told.Video.Codecs, ours.Codecs)
	from.way.Store(from.sees(to, agreed))
	to.way.Store(to.sees(from, agreed))
}

// sees is the way of a video leg whose peer is known.
func (l *leg) sees(peer *leg, agreed types) *way {
	r := l.talk.agreed
	w := &way{peer: peer, types: agreed, feedback: r.Feedback, since: l.engine.now()}
	w.talks = r.Direction == "sendrecv" || r.Direction == "sendonly"
	w.hears = r.Direction == "sendrecv" || r.Direction == "recvonly"
	w.rates.note(r.Codecs)
	w.rates.note(peer.talk.agreed.Codecs)
	return w
}

// stream is the leg that a packet of the browser belongs to: in a bundle no payload type means two things (RFC 9143 §9.1).
func (l *leg) stream(pt uint8) *leg {
	if v := l.video.Load(); v != nil {
		if w := v.way.Load(); w != nil && w.types.has(pt) {
			return v
		}
	}
	return l
}

// receiveBundled takes a compound RTCP packet for the sound and the video of a browser.
func (l *leg) receiveBundled(p []byte, now time.Duration) {
	if v := l.video.Load(); v != nil && v.way.Load() != nil {
		v.receiveControl(append([]byte(nil), p...), now) // reports are rare
	}
	l.receiveControl(p, now)
}
