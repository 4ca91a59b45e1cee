package signaling

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/call"
)

// How a PBX takes keys.
const (
	DTMFAuto   = "auto"   // as events (RFC 4733) if the phone agrees, else by INFO if the PBX has used that itself, else as tones
	DTMFRTP    = "rtp"    // as events if the phone agrees, else as tones
	DTMFInfo   = "info"   // by INFO
	DTMFInband = "inband" // as tones
)

// keysOf is how the leg's peer takes keys. A browser's SIP knows INFO.
func (l *leg) keysOf() call.Keys {
	if l.pbx == nil {
		return call.KeysInfo
	}
	switch l.pbx.cfg.DTMF {
	case DTMFRTP:
		return call.KeysAuto
	case DTMFInfo:
		return call.KeysInfoOnly
	case DTMFInband:
		return call.KeysTones
	}
	for _, way := range l.pbx.facts.get(call.FactDTMF) {
		if way == "info" {
			return call.KeysInfo
		}
	}
	return call.KeysAuto
}

// The bodies in which INFO carries keys.
const (
	relayType = "application/dtmf-relay" // "Signal=5\r\nDuration=160"
	plainType = "application/dtmf"       // "5"
)

// usualPress is how long a key is pressed when an INFO doesn't say.
const usualPress = 160 * time.Millisecond

// keyOf reads the key that an INFO carries; false for another one.
func keyOf(req *sip.Request) (digit rune, d time.Duration, ok bool) {
	ct := req.ContentType()
	if ct == nil || len(req.Body()) > 1024 || req.GetHeader("Info-Package") != nil {
		return 0, 0, false
	}
	kind, _, _ := strings.Cut(ct.Value(), ";")
	return readKey(strings.ToLower(strings.TrimSpace(kind)), string(req.Body()))
}

// readKey reads the body of such an INFO.
func readKey(kind, body string) (digit rune, d time.Duration, ok bool) {
	signal, d := "", usualPress
	switch kind {
	case relayType:
	case plainType:
		if !strings.Contains(body, "=") {
			signal = strings.TrimSpace(body)
		}
	default:
		return 0, 0, false
	}
	for line := range strings.Lines(body) {
		name, value, found := strings.Cut(line, "=")
		if !found {
			continue
		}
		switch value = strings.TrimSpace(value); strings.ToLower(strings.TrimSpace(name)) {
		case "signal":
			signal = value
		case "duration":
			if ms, err := strconv.ParseUint(value, 10, 16); err == nil {
				d = time.Duration(ms) * time.Millisecond
			}
		}
	}
	switch signal = strings.ToUpper(signal); {
	case signal == "10": // by the event's code, as some phones write it
		signal = "*"
	case signal == "11":
		signal = "#"
	case len(signal) != 1 || !strings.Contains("0123456789*#ABCD", signal):
		return 0, 0, false
	}
	return rune(signal[0]), d, true
}

// pressed takes an INFO that carries a key for the peer of its leg, and says whether it did: the peer is played the key, since a phone
// need not know INFO. One that does gets it as it came, and so does a browser, whose page may want to know.
func (s *Server) pressed(l, peer *leg, req *sip.Request, tx sip.ServerTransaction) bool {
	digit, d, ok := keyOf(req)
	if !ok || peer.pbx == nil {
		return false
	}
	if err := s.deps.Media.Digit(context.Background(), l.call.id, l.token, digit, d); err != nil {
		return false
	}
	s.reply(req, tx, sip.StatusOK, "OK")
	return true
}

// maxInforming is how much may wait for a leg's peer to answer INFO; more is dropped.
const maxInforming = 32

// info is the type and the body of an INFO.
type info struct{ kind, body string }

// Digit tells of a key that a leg's party pressed in its media. When the media has not passed it on, the other leg's peer takes it by
// INFO.
func (s *Server) Digit(id, leg string, digit rune, d time.Duration, passed bool) {
	s.mu.Lock()
	l := s.legs[leg]
	s.mu.Unlock()
	if passed || l == nil || l.call.id != id {
		return
	}
	if peer := l.call.peer(l); peer != nil {
		peer.inform(relayType, fmt.Sprintf("Signal=%c\r\nDuration=%d\r\n", digit, d.Milliseconds()))
	}
}

// inform sends something by INFO, after what waits.
func (l *leg) inform(kind, body string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.confirmed || len(l.informing) == maxInforming {
		return
	}
	l.informing = append(l.informing, info{kind, body})
	if len(l.informing) == 1 {
		l.srv.routed.Go(l.informAll)
	}
}

// informAll sends what waits, one after another.
func (l *leg) informAll() {
	for {
		l.mu.Lock()
		first := l.informing[0]
		l.mu.Unlock()
		l.informOne(first)
		l.mu.Lock()
		l.informing = l.informing[1:]
		done := len(l.informing) == 0
		if done {
			l.informing = nil
		}
		l.mu.Unlock()
		if done {
			return
		}
	}
}

func (l *leg) informOne(i info) {
	ctx, stop := context.WithTimeout(l.call.life, answerTime)
	defer stop()
	req := l.request(sip.INFO)
	req.RemoveHeader("Contact")
	ct := sip.ContentTypeHeader(i.kind)
	req.AppendHeader(&ct)
	req.SetBody([]byte(i.body))
	res, err := l.do(ctx, req)
	switch {
	case err != nil:
		l.call.log.Info("INFO not sent", "type", i.kind, "to", nameOf(l), "error", err)
	case !res.IsSuccess():
		l.call.log.Info("INFO not taken", "type", i.kind, "by", nameOf(l), "status", res.StatusCode)
	}
}
