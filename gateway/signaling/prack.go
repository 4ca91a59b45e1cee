package signaling

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// reliable is the option tag of provisional responses that are acknowledged (RFC 3262). Each leg has them for itself: the gateway
// acknowledges what the callee sends so, and sends so what the caller wants so.
const reliable = "100rel"

// provisional takes note of a provisional response to the INVITE that makes the leg's dialog, and acknowledges a reliable one by PRACK
// (RFC 3262 §4). It is false for one that came before, or too early.
func (s *Server) provisional(l *leg, res *sip.Response) bool {
	if res.StatusCode == sip.StatusTrying {
		return true
	}
	e := l.begun(res)
	if e == nil {
		return true
	}
	text, _ := sdpOf(res)
	number, err := strconv.ParseUint(valueOf(res, "RSeq"), 10, 32)
	if err != nil || number == 0 || !hasOption(res, "Require", reliable) {
		l.mu.Lock()
		if len(text) > 0 && !e.settled {
			e.answer = text
		}
		l.mu.Unlock()
		return true
	}
	l.mu.Lock()
	next := e.rseq == 0 || uint32(number) == e.rseq+1
	if next {
		e.rseq = uint32(number)
		if len(text) > 0 {
			e.answer, e.settled = text, true
		}
	}
	l.mu.Unlock()
	if !next {
		return false
	}
	tag, _ := res.To().Params.Get("tag")
	req := l.requestIn(sip.PRACK, tag)
	req.RemoveHeader("Contact")
	req.AppendHeader(sip.NewHeader("RAck", strings.Join([]string{strconv.FormatUint(number, 10), strconv.FormatUint(uint64(res.CSeq().SeqNo), 10),
		string(sip.INVITE)}, " ")))
	req.SetBody(nil)
	s.routed.Go(func() {
		ctx, stop := context.WithTimeout(l.call.life, 64*sip.T1)
		defer stop()
		if res, err := l.do(ctx, req); err != nil || !res.IsSuccess() {
			l.call.log.Info("PRACK not taken", "by", nameOf(l), "error", err) // the peer gives the call up, if it minds
		}
	})
	return true
}

// finalAnswer is the callee's description in a 2xx: that of an earlier response of the same dialog where it was the answer already,
// or where the 2xx has none.
func (l *leg) finalAnswer(res *sip.Response) []byte {
	text, _ := sdpOf(res)
	tag, _ := res.To().Params.Get("tag")
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.early[tag]; e != nil && (e.settled || len(text) == 0) && len(e.answer) > 0 {
		return e.answer
	}
	return text
}

// hasOption says whether a header of a message, such as Supported, lists an option tag.
func hasOption(msg interface{ Headers() []sip.Header }, header, tag string) bool {
	return slices.ContainsFunc(optionTags(msg, header), func(o string) bool { return strings.EqualFold(o, tag) })
}

// optionTags are the option tags that a header lists, Supported also in its short form.
func optionTags(msg interface{ Headers() []sip.Header }, header string) []string {
	list := listOf(msg, header)
	if header == "Supported" {
		list = append(list, listOf(msg, "k")...)
	}
	return list
}
