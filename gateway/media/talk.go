package media

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"cordboard/gateway/sdp"
)

// talk is what one leg's party and we said in SDP.
type talk struct {
	id, version uint64      // of our description (RFC 8866 §5.2)
	sent        []byte      // our last description
	read        *sdp.Remote // what sent says; nil: it was not asked for since the last exchange
	local       credentials // our ICE credentials
	fresh       credentials // for the answer to an offer that restarts ICE; empty for others
	mid         string      // of the audio stream
	setup       string      // our side of DTLS in an answer: "passive", or "active" when the party said "passive"

	offer    []byte           // the party's last offer
	heard    *sdp.Description // what offer says; nil once it was answered
	proposed *sdp.Remote      // of that offer; in force when it is answered
	agreed   *sdp.Remote      // what is in force
	said     []byte           // the party's description that is in force
	wish     string           // the direction that the party would have, whatever the other side lets it
	held     bool             // the other side did not listen when the party made its last offer
	final    []sdp.Codec      // those in use
}

// actpass is what our offers say of DTLS: the browser chooses (RFC 8842 §5.2).
const actpass = "actpass"

// hear takes a description from the leg's party. The caller holds the session's mutex.
func (l *leg) hear(text []byte) (*sdp.Description, *sdp.Remote, error) {
	said, err := sdp.Read(text)
	if err != nil {
		return nil, nil, err
	}
	remote := said.Remote()
	if !l.overWebRTC() {
		if remote.Profile == sdp.WebRTC { // the ICE of a phone may be passed over
			remote.Profile = sdp.DTLS
		}
		if err := l.suits(&remote); err != nil {
			return nil, nil, err
		}
	} else if !remote.Rejected {
		if remote.ICEUfrag == "" || remote.ICEPwd == "" || remote.Fingerprint == "" {
			return nil, nil, fmt.Errorf("read a WebRTC description without ICE or fingerprint: %w", sdp.ErrMalformed)
		}
	}
	if remote.MID != "" {
		l.talk.mid = remote.MID
	}
	return said, &remote, nil
}

// propose takes an offer from the leg's party. The caller holds the session's mutex.
func (l *leg) propose(text []byte) (*sdp.Remote, error) {
	said, remote, err := l.hear(text)
	if err != nil {
		return nil, err
	}
	t := &l.talk
	before := t.proposed
	t.held = false
	if t.sent != nil {
		told, err := t.told()
		t.held = err == nil && !sdp.Hears(told.Direction)
	}
	t.offer, t.heard, t.proposed = text, said, remote
	l.overICE(remote)
	if line, ok := l.line.(*secureLine); ok {
		if before == nil || before.ICEUfrag != remote.ICEUfrag { // else the same offer, for another branch of a fork
			l.forgo()
			if t.agreed != nil && t.agreed.ICEUfrag != remote.ICEUfrag {
				t.fresh = l.engine.table.enroll(line) // ICE restarts; the old ones are good until the new ones are used (RFC 8445 §9)
			}
		}
	}
	anew := t.agreed == nil || t.agreed.Fingerprint != remote.Fingerprint
	line, client := l.line.(*clientLine)
	if client {
		if err := line.proposed(t.agreed != nil && t.agreed.ICEUfrag != remote.ICEUfrag); err != nil {
			return nil, err
		}
	}
	if remote.Setup == "passive" || client && anew && remote.Setup != "active" { // a client begins at once (RFC 8842 §5.3)
		t.setup = "active"
	} else if remote.Setup == "active" || anew {
		t.setup = "passive" // else the association goes on in the roles it has (RFC 8842 §5.5)
	}
	return remote, nil
}

// forgo drops credentials for a restart of ICE that was never answered. The caller holds the session's mutex.
func (l *leg) forgo() {
	if line, ok := l.line.(*secureLine); ok && l.talk.fresh != (credentials{}) {
		l.engine.table.dismiss(line, l.talk.fresh.ufrag)
		l.talk.fresh = credentials{}
	}
}

// accept puts the party's answer in force. The caller holds the session's mutex.
func (l *leg) accept(text []byte, answer *sdp.Remote) {
	l.forgo()
	l.talk.said = text
	l.wishes(answer.Direction)
	if l.talk.setup = "passive"; answer.Setup == "passive" {
		l.talk.setup = "active"
	}
	l.agree(answer)
}

// wishes takes the direction of the party's answer as its wish, as far as our offer left it the choice.
func (l *leg) wishes(direction string) {
	t := &l.talk
	if t.wish == "" {
		t.wish = "sendrecv"
	}
	sends, hears := sdp.Sends(t.wish), sdp.Hears(t.wish)
	offered, err := t.told()
	if err != nil || sdp.Hears(offered.Direction) {
		sends = sdp.Sends(direction)
	}
	if err != nil || sdp.Sends(offered.Direction) {
		hears = sdp.Hears(direction)
	}
	t.wish = sdp.Direction(sends, hears)
}

// wished is what the party's offer says of its wish. A party that is held may leave out that it would speak, and may say once more what the other side had
// it agree to.
func (t *talk) wished() string {
	offered := t.proposed.Direction
	switch {
	case !t.held || t.wish == "":
		return offered
	case offered == "inactive" && t.agreed != nil && t.agreed.Direction == offered:
		return t.wish
	default:
		return sdp.Direction(sdp.Sends(offered) || sdp.Sends(t.wish), sdp.Hears(offered))
	}
}

// allows is as much of a direction, as the other side sees it, as a browser may be offered: what its user wishes. JsSIP (3.13) takes whatever it is offered, even
// while it holds.
func (l *leg) allows(direction string) string {
	if _, browser := l.line.(*secureLine); !browser || l.talk.wish == "" {
		return direction
	}
	return sdp.Direction(sdp.Sends(direction) && sdp.Hears(l.talk.wish), sdp.Hears(direction) && sdp.Sends(l.talk.wish))
}

// answered puts the party's offer in force. The caller holds the session's mutex.
func (l *leg) answered() {
	l.talk.said, l.talk.heard = l.talk.offer, nil
	l.talk.wish = l.talk.wished()
	if l.talk.fresh != (credentials{}) {
		l.talk.local, l.talk.fresh = l.talk.fresh, credentials{}
	}
	l.agree(l.talk.proposed)
}

// agree puts a description of the party in force.
func (l *leg) agree(remote *sdp.Remote) {
	l.talk.agreed = remote
	l.line.apply(remote, l.talk.setup == "active")
}

// tell writes what the party is told, by way of write. The version in it goes up only when something else changes (RFC
// 3264 §8). The caller holds the session's mutex.
func (l *leg) tell(setup string, write func(sdp.Local) ([]byte, error)) ([]byte, error) {
	local, err := l.local(setup)
	if err != nil {
		return nil, err
	}
	text, err := write(local)
	if err != nil || bytes.Equal(text, l.talk.sent) {
		return text, err
	}
	if l.talk.sent != nil {
		l.talk.version++
		local.Version = l.talk.version
		if text, err = write(local); err != nil {
			return nil, err
		}
	}
	l.talk.sent, l.talk.read = text, nil
	return text, nil
}

// asked is the party's last offer.
func (t *talk) asked() (*sdp.Description, error) {
	if t.heard != nil {
		return t.heard, nil
	}
	said, err := sdp.Read(t.offer)
	if err != nil {
		return nil, fmt.Errorf("party's own offer: %w", err)
	}
	return said, nil
}

// told is our last description as its reader finds it. While one is agreed on much asks for it, so it is read once. Nobody changes it.
func (t *talk) told() (*sdp.Remote, error) {
	if t.read == nil {
		r, err := sdp.Parse(t.sent)
		if err != nil {
			return nil, err
		}
		t.read = &r
	}
	return t.read, nil
}

// local is our side of the leg.
func (l *leg) local(setup string) (sdp.Local, error) {
	t, e := &l.talk, l.engine
	local := sdp.Local{Profile: sdp.WebRTC, Session: t.id, Version: t.version, Previous: t.sent, Events: sdp.EventsAlways}
	if e.opus != OpusNever {
		local.Convert, local.Prefer = convertible, e.opus == OpusPrefer
	}
	if !l.party.Keys.Events() {
		local.Events = sdp.EventsNever
	}
	if line, ok := l.line.(*plainLine); ok {
		host := e.addresses.toward(l.party.Host)
		local.Audio = netip.AddrPortFrom(host, line.port)
		local.RTCP = netip.AddrPortFrom(host, line.port+1)
		l.place(&local)
		l.protect(line, &local, setup)
		return local, nil
	}
	if line, ok := l.line.(*pcmLine); ok {
		line.describe(&local)
		return local, nil
	}
	local.Setup, local.Fingerprint, local.MID, local.ReducedSize = setup, e.fingerprint, t.mid, true
	local.SSRC, local.CNAME = l.streams.identity()
	if line, ok := l.line.(*clientLine); ok {
		if err := line.describe(&local, setup == actpass); err != nil {
			return local, fmt.Errorf("gather ICE candidates: %w", err)
		}
		l.place(&local)
		return local, nil
	}
	for _, addr := range e.addresses.candidates(l.party.Host) {
		local.Candidates = append(local.Candidates, netip.AddrPortFrom(addr, e.port))
	}
	local.TCP = e.tcpCandidates(local.Candidates)
	local.Audio = local.Candidates[0]
	local.RTCP = local.Audio
	l.place(&local)
	own := t.local
	if setup != actpass && t.fresh != (credentials{}) {
		own = t.fresh
	}
	local.ICEUfrag, local.ICEPwd = own.ufrag, own.pwd
	return local, nil
}

// common is the set of payload types that an answer leaves: those it names, and those that the offer has for the same
// codecs (RFC 3264 §6.1 lets the two differ).
func common(answer, offer []sdp.Codec) (set types) {
	for _, a := range answer {
		set.add(a.PT)
	}
	for _, o := range offer {
		if slices.ContainsFunc(answer, func(a sdp.Codec) bool {
			return strings.EqualFold(a.Name, o.Name) && a.ClockRate == o.ClockRate && max(a.Channels, 1) == max(o.Channels, 1)
		}) {
			set.add(o.PT)
		}
	}
	return set
}
