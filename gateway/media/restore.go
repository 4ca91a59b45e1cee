package media

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"cordboard/gateway/call"
	"cordboard/gateway/sdp"
)

// savedLeg is a leg as it is written down: where it is and what was said of it, but no key and no ICE password. A browser
// gets new ones after Restore.
type savedLeg struct {
	Name     string      `json:"name"`
	Profile  sdp.Profile `json:"profile"`
	Host     netip.Addr  `json:"host,omitzero"`
	Least    sdp.Profile `json:"least,omitzero"`
	Agreed   sdp.Profile `json:"agreed,omitzero"` // the profile of Said, which can't be read off it without its keys
	Port     uint16      `json:"port,omitzero"`   // toward the PBX; 0 there: it has ICE
	Session  uint64      `json:"session"`
	Version  uint64      `json:"version"`
	MID      string      `json:"mid"`
	Sent     string      `json:"sent"`
	Said     string      `json:"said"`
	Types    types       `json:"types"`
	Peer     string      `json:"peer,omitzero"`
	Keys     call.Keys   `json:"keys,omitzero"`
	Echo     bool        `json:"echo,omitzero"`
	Tone     bool        `json:"tone,omitzero"`
	ToneType uint8       `json:"tone_type,omitzero"`
	Client   bool        `json:"client,omitzero"` // the party is a server; Introduce tells by which others it is reached
	Video    *savedVideo `json:"video,omitzero"`  // nil: nobody is seen
}

// Save gives the state of a call's media for Restore. There is no key in it and no ICE password, so that it may be kept
// on a disk. It changes only with Answer, Local, Replace and Reanswer.
func (e *Engine) Save(id string) ([]byte, error) {
	s, err := e.lock(id, false)
	if err != nil {
		return nil, fmt.Errorf("save media: %w", err)
	}
	defer s.mu.Unlock()
	var legs []savedLeg
	for _, l := range s.legs {
		if w := l.way.Load(); w != nil && l.talk.agreed != nil && (w.peer != nil || w.echo || l.tone != nil) {
			legs = append(legs, l.save(w))
		}
	}
	slices.SortFunc(legs, func(a, b savedLeg) int { return strings.Compare(a.Name, b.Name) })
	return json.Marshal(legs)
}

// save writes a leg down. The caller holds the call's mutex.
func (l *leg) save(w *way) savedLeg {
	saved := savedLeg{Name: l.name, Profile: l.party.Profile, Host: l.party.Host, Session: l.talk.id, Version: l.talk.version, MID: l.talk.mid,
		Sent: withoutKeys(l.talk.sent), Said: withoutKeys(l.talk.said), Types: w.types, Keys: l.party.Keys, Echo: w.echo, Tone: l.tone != nil, ToneType: l.playing}
	if w.peer != nil {
		saved.Peer = w.peer.name
	}
	if line, ok := l.line.(*plainLine); ok {
		saved.Port = line.port
	}
	saved.Client, saved.Video = l.party.Client != nil, l.video.Load().saveVideo()
	saved.Least, saved.Agreed = l.party.Least, l.talk.agreed.Profile
	return saved
}

// harmless are the attributes of a description that may be written down.
var harmless = map[string]bool{
	"rtpmap": true, "fmtp": true, "ptime": true, "maxptime": true, "sendrecv": true, "sendonly": true, "recvonly": true, "inactive": true,
	"mid": true, "group": true, "bundle-only": true, "rtcp": true, "rtcp-mux": true, "rtcp-rsize": true, "rtcp-fb": true, "extmap": true, "msid": true,
	"fingerprint": true, "setup": true, "ice-lite": true,
}

// withoutKeys leaves out of a description what is secret (ICE passwords, keys of RFC 4568 and RFC 8866 §5.12), and whatever else
// is not known to be harmless.
func withoutKeys(text []byte) string {
	kept := make([]byte, 0, len(text))
	for line := range bytes.Lines(text) {
		kind, rest, _ := bytes.Cut(line, []byte("="))
		key, _, _ := bytes.Cut(bytes.TrimSpace(rest), []byte(":"))
		if len(kind) == 1 && strings.Contains("voscbtm", string(kind)) || string(kind) == "a" && harmless[string(key)] {
			kept = append(kept, line...)
		}
	}
	return string(kept)
}

// Restore makes the media of a call as Save wrote it, in an engine that does not have that call. Toward the PBX all is as
// it was, with the same ports, where it is not encrypted. Other legs are silent until Reoffer and Reanswer, or Replace, give them new
// ICE and new keys; Wait says that they are waited for.
func (e *Engine) Restore(id string, state []byte) error {
	var legs []savedLeg
	if err := json.Unmarshal(state, &legs); err != nil {
		return fmt.Errorf("restore media: %w", err)
	}
	s, err := e.lock(id, true)
	if err != nil {
		return fmt.Errorf("restore media: %w", err)
	}
	defer s.mu.Unlock()
	defer s.forget()
	if len(s.legs) > 0 {
		return fmt.Errorf("restore media: call %q is there already", id)
	}
	if err := s.restore(legs); err != nil {
		for name := range s.legs {
			s.remove(name)
		}
		return fmt.Errorf("restore media: %w", err)
	}
	return nil
}

// restore makes the legs of a call. The caller holds mu.
func (s *session) restore(legs []savedLeg) error {
	for _, saved := range legs {
		agreed, err := sdp.Parse([]byte(saved.Said))
		if err != nil {
			return err
		}
		if saved.Agreed != 0 {
			agreed.Profile = saved.Agreed
		}
		party := call.Party{Leg: saved.Name, Profile: saved.Profile, Least: saved.Least, Host: saved.Host, Keys: saved.Keys}
		if saved.Client {
			party.Client = new(call.Client)
		}
		l, err := s.begin(party, saved.Port)
		if err != nil {
			return err
		}
		t := &l.talk
		t.id, t.version, t.mid, t.sent, t.said, t.agreed = saved.Session, saved.Version, saved.MID, []byte(saved.Sent), []byte(saved.Said), &agreed
		if line, ok := l.line.(*plainLine); ok && saved.Port == 0 {
			line.close()
			l.secure()
		} else if ok {
			line.await(&agreed)
		}
		l.restoreVideo(saved.Video)
	}
	s.answered = max(s.engine.now(), 1) // only calls that are up are saved
	ways := make(map[*leg]*way)
	for _, saved := range legs {
		l := s.legs[saved.Name]
		ways[l] = l.leads(&way{peer: s.legs[saved.Peer], types: saved.Types, echo: saved.Echo})
	}
	for _, saved := range legs {
		l := s.legs[saved.Name]
		switch w := ways[l]; {
		case w.peer == nil || ways[w.peer].peer != l:
			l.way.Store(w)
		case saved.Name < saved.Peer: // once for the two
			join(l, w.peer, w, ways[w.peer])
			l.restoreSight(w.peer, saved.Video)
		}
		i := slices.IndexFunc(l.talk.agreed.Codecs, func(c sdp.Codec) bool { return c.PT == saved.ToneType && converts(c) })
		if saved.Tone && i >= 0 {
			l.play(Tone, l.talk.agreed.Codecs[i])
		}
	}
	return nil
}

// Introduce tells of a restored leg's party what was not written down: the STUN and TURN servers by which it is reached. Before
// Reoffer.
func (e *Engine) Introduce(id string, party call.Party) error {
	s, err := e.lock(id, false)
	if err != nil {
		return fmt.Errorf("introduce a party: %w", err)
	}
	defer s.mu.Unlock()
	l := s.legs[party.Leg]
	if l == nil || (l.party.Client == nil) != (party.Client == nil) {
		return fmt.Errorf("introduce a party: %w %q: no such leg %q", ErrUnknownCall, id, party.Leg)
	}
	l.party.Client = party.Client
	return nil
}

// Reoffer gives the offer that brings a restored leg back: what it was told last, with new ICE credentials and our new
// certificate, which make a browser begin anew with both (RFC 8445 §9, RFC 8842 §4), with new keys of SDES, or with the label of a new
// Voice; or that restarts the ICE of a leg that Restarts was told of. It is empty when the leg has what it needs already.
func (e *Engine) Reoffer(ctx context.Context, id, leg string) ([]byte, error) {
	s, l, err := e.restored(ctx, id, leg)
	if err != nil {
		return nil, fmt.Errorf("offer media again: %w", err)
	}
	defer s.mu.Unlock()
	if l.complete() {
		return nil, nil
	}
	before := l.talk.sent
	text, err := l.tell(actpass, func(local sdp.Local) ([]byte, error) { return sdp.Translate(before, nil, local) })
	if err != nil {
		return nil, fmt.Errorf("offer media again: %w", err)
	}
	return text, nil
}

// complete says whether a leg has ICE and keys, or is about to have them.
func (l *leg) complete() bool {
	switch line := l.line.(type) {
	case *secureLine:
		return line.security.isSettled()
	case *clientLine:
		return !line.wants()
	case *plainLine:
		return line.secret.Load().up() || line.dtls.begun()
	case *pcmLine:
		return line.agreed
	}
	return true
}

// Reanswer takes a party's answer to the offer of Reoffer. The other side of the call is told nothing.
func (e *Engine) Reanswer(ctx context.Context, id, leg string, answer []byte) error {
	s, l, err := e.restored(ctx, id, leg)
	if err != nil {
		return fmt.Errorf("answer media again: %w", err)
	}
	defer s.mu.Unlock()
	_, remote, err := l.hear(answer)
	if err == nil {
		err = l.answers(remote)
	}
	if err != nil {
		return fmt.Errorf("answer media again: %w", err)
	}
	l.accept(answer, remote)
	l.seen()
	before := l.way.Load()
	if before.peer != nil {
		s.link(l, before.peer, before.types)
		return nil
	}
	l.way.Store(l.leads(&way{types: before.types, echo: before.echo}))
	return nil
}

// restored finds a leg that has a way, and locks its call. The caller unlocks it.
func (e *Engine) restored(ctx context.Context, id, leg string) (*session, *leg, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	s, err := e.lock(id, false)
	if err != nil {
		return nil, nil, err
	}
	l := s.legs[leg]
	if l == nil || l.way.Load() == nil {
		s.mu.Unlock()
		return nil, nil, fmt.Errorf("%w %q: no leg %q that was up", ErrUnknownCall, id, leg)
	}
	return s, l, nil
}

// isSettled says whether role and fingerprint are known.
func (s *security) isSettled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.settled
}
