package media

import (
	"fmt"
	"time"

	"cordboard/gateway/call"
	"cordboard/gateway/sdp"
)

// When something counts as trouble. What must be known within two seconds waits for the quietTime and the next look.
const (
	quietTime = 1400 * time.Millisecond // nothing comes
	dtlsTime  = 5 * time.Second         // the handshake goes on, step by step
	pauseTime = 10 * time.Second        // nothing comes from a party that is known to pause
	flowTime  = time.Second             // packets come, if the last one is no older
	reportAge = 10 * time.Second        // a party's report is of the moment

	muchLossSoon  = 0.10 // lost in two seconds
	muchLoss      = 0.05 // lost in the time of a sample
	littleLoss    = 0.02 // no more trouble
	soonLooks     = int(2 * time.Second / lookTime)
	soonPackets   = 40  // that two seconds must hold to be judged
	samplePackets = 100 // that the time of a sample must hold
	pausesKnown   = 2   // silences that make a party known to pause
	maxTroubles   = 40  // of a call that are remembered
)

// trouble is one of a leg, until it ends and after.
type trouble struct {
	call.Trouble
	leg          *leg
	began        time.Duration
	in, expected uint32 // packets of the party until then, without and with those that were lost
}

// sides of a call, as they are named to people.
const (
	sideBrowser = "browser"
	sidePBX     = "pbx"
	sideDesk    = "desk" // the machine's own phone
)

// side names what the leg's party is.
func (l *leg) side() string {
	switch {
	case l.party.Profile == sdp.WebRTC && l.party.Client == nil:
		return sideBrowser
	case l.party.Profile == sdp.PCM:
		return sideDesk
	}
	return sidePBX
}

// awaited says whether the leg's party should be sending, and since when. It should not before the call is answered, while one of the
// two sides holds, or while signaling waits for the party. The caller holds the session's mutex.
func (s *session) awaited(l *leg) (since time.Duration, ok bool) {
	w := l.way.Load()
	if w == nil || !w.talks || s.answered == 0 || l.comfort != nil {
		return 0, false
	}
	switch {
	case w.peer != nil:
		if there := w.peer.way.Load(); there == nil || !there.hears {
			return 0, false
		}
	case !w.echo && l.tone == nil:
		return 0, false
	}
	return max(w.since, s.answered), true
}

// mute is why nothing is heard of a party that should be sending, empty when it is heard or it is too early to tell.
func (l *leg) mute(since, now time.Duration) call.TroubleKind {
	c, before := &l.count, l.judge.find(causes)
	switch l.line.state(now) {
	case "failed":
		return call.TroubleDTLS
	case "ice":
		if now-since >= quietTime {
			return call.TroubleICE
		}
		return ""
	case "dtls":
		// In quietTime a flight that was lost is there again, on all but the slowest networks.
		began := max(since, time.Duration(c.checked.Load()))
		if now-max(began, time.Duration(c.shaken.Load())) >= quietTime || now-began >= dtlsTime {
			return call.TroubleDTLS
		}
		return ""
	}
	last := time.Duration(c.last.Load())
	quiet := now - max(since, last, time.Duration(c.keyed.Load()))
	goesOn := before != nil && last < before.began // a session refresh ends no silence
	enough := quietTime
	if l.judge.pauses >= pausesKnown {
		enough = pauseTime
	}
	if quiet < enough && !goesOn || formatKind(c.source.kind.Load()) == formatNoise && last > 0 {
		return "" // after comfort noise there may be silence for long (RFC 3389 §4)
	}
	here, soon := l.judge.back(0), l.judge.back(soonLooks)
	switch {
	case here.unopened > soon.unopened:
		return call.TroubleKeys
	case here.unagreed > soon.unagreed:
		return call.TroubleCodec
	case here.foreign > soon.foreign:
		return call.TroubleAddress
	case goesOn && before.Kind != call.TroubleICE && before.Kind != call.TroubleDTLS:
		return before.Kind
	}
	return call.TroubleSilent
}

// hollow says whether a browser sends nothing but digital silence.
func (l *leg) hollow(since, now time.Duration) bool {
	c := &l.count
	last, first := time.Duration(c.last.Load()), time.Duration(c.first.Load())
	return l.side() == sideBrowser && first > 0 && now-last < flowTime && now-max(since, first, time.Duration(c.sound.Load())) >= quietTime
}

// lossy says whether too many packets of the party are lost, and which share.
func (j *judge) lossy() (float64, bool) {
	here := j.back(0)
	sent, lost := here.lossSince(j.back(looksKept))
	all := share(lost, sent)
	if j.find([]call.TroubleKind{call.TroubleLossIn}) != nil {
		return all, all >= littleLoss
	}
	if sent >= samplePackets && all >= muchLoss {
		return all, true
	}
	sent, lost = here.lossSince(j.back(soonLooks))
	soon := share(lost, sent)
	return soon, sent >= soonPackets && soon >= muchLossSoon
}

// lossyOut says whether too many packets to the party are lost beyond those that were lost on the way to us, and which share.
func (l *leg) lossyOut(peer *leg, now time.Duration) (float64, bool) {
	report := l.streams.remoteReport()
	if report.At.IsZero() || now-report.At.Sub(l.engine.start) > reportAge {
		return 0, false
	}
	lost := report.Share
	if peer != nil {
		sent, gone := peer.judge.back(0).lossSince(peer.judge.back(looksKept))
		lost -= share(gone, sent)
	}
	if l.judge.find([]call.TroubleKind{call.TroubleLossOut}) != nil {
		return lost, lost >= littleLoss
	}
	return lost, lost >= muchLoss
}

// causes are the kinds of which a leg has one at most.
var causes = []call.TroubleKind{call.TroubleICE, call.TroubleDTLS, call.TroubleKeys, call.TroubleCodec, call.TroubleAddress, call.TroubleSilent}

// ranks orders the kinds, the worst first.
var ranks = append(causes[:len(causes):len(causes)], call.TroubleOneWay, call.TroubleMuted, call.TroubleLossIn, call.TroubleLossOut)

// find is the trouble of one of those kinds that goes on, nil for none.
func (j *judge) find(kinds []call.TroubleKind) *trouble {
	for _, t := range j.troubles {
		for _, kind := range kinds {
			if t.Kind == kind {
				return t
			}
		}
	}
	return nil
}

// words say what happens and what it comes of most likely.
func (l *leg) words(kind call.TroubleKind, loss float64) (text, cause string) {
	who, own := "the PBX", "the PBX's"
	switch l.side() {
	case sideBrowser:
		who, own = "the browser", "the browser's"
	case sideDesk:
		who, own = "this machine's phone", "this machine's"
	}
	switch kind {
	case call.TroubleICE:
		if line, ok := l.line.(*clientLine); ok {
			return "No sound gets through to " + who + ": ICE never connected", line.blocked()
		}
		return "No sound gets through to " + who + ": ICE never connected",
			fmt.Sprintf("UDP port %d is blocked on the way", l.engine.port)
	case call.TroubleDTLS:
		cause = "large UDP packets are lost on the way"
		if l.line.state(l.engine.now()) == "failed" {
			cause = "its certificate is not the one that its description announced"
		}
		return "The keys of the sound could not be agreed on with " + who + ": DTLS failed", cause
	case call.TroubleKeys:
		return "Packets come from " + who + " but can't be decrypted", "it uses other keys than those agreed on"
	case call.TroubleCodec:
		odd := l.count.oddType.Load()
		name := fmt.Sprint("payload type ", odd)
		if known := staticTypes[uint8(odd)]; known != "" {
			name += " (" + known + ")"
		}
		return upper(who) + " sends " + name + ", which was not agreed on", own + " codec settings"
	case call.TroubleAddress:
		return "Media comes from another address than " + who + " announced", "a NAT between, or a wrong address in its SDP"
	case call.TroubleSilent:
		switch l.side() {
		case sideBrowser:
			return "The browser sends nothing", "its microphone is muted or blocked, or its network is gone"
		case sideDesk:
			return "This machine's microphone gives nothing", "it is unplugged, not allowed, or another program has it"
		}
		return "Nothing comes from the PBX", "a firewall between, or a wrong address in its SDP"
	case call.TroubleMuted:
		return "The browser sends only silence", "its microphone is muted or blocked"
	case call.TroubleLossIn:
		return fmt.Sprintf("Heavy loss from %s: %.0f %% of the packets", who, 100*loss), own + " network"
	case call.TroubleLossOut:
		return fmt.Sprintf("Heavy loss to %s: %.0f %% of the packets", who, 100*loss), own + " network"
	}
	return "One-way audio: " + who + " is not heard, the other side is", "what keeps " + own + " sound away"
}

// upper begins a sentence.
func upper(text string) string { return "T" + text[1:] }

// staticTypes names the payload types that phones use without agreement (RFC 3551 §6).
var staticTypes = map[uint8]string{0: "PCMU", 3: "GSM", 4: "G723", 8: "PCMA", 9: "G722", 13: "CN", 15: "G728", 18: "G729"}
