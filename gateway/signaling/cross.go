package signaling

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/sdp"
)

// untangleTime is how long a browser may take to refuse what untangle asks for.
const untangleTime = 2 * time.Second

// meet notes that a change by the peer has come while one of ours is under way.
func (l *leg) meet() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.crossed = l.crossed || l.inviting && !l.theirs
}

// met is meet for what the peer answers to a change of ours: 491 when one of its own is on its way.
func (l *leg) met(res *sip.Response) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case res.StatusCode == sip.StatusRequestPending:
		l.crossed = true
	case res.IsSuccess() && l.parked == 0:
		l.crossed = false
	}
}

// untangle makes a browser able to take the answer to its offer, which has crossed one of ours; false when it has not. JsSIP (3.13) refuses ours with 491
// and goes by it all the same: by that its own offer is gone, and the answer would end its call. Asked for an offer it refuses again, as everybody does
// whose own change is under way (RFC 3261 §14.2), and makes its own once more.
func (c *change) untangle(ctx context.Context) bool {
	l := c.l
	l.mu.Lock()
	crossed := l.crossed && l.pbx == nil && len(c.offer) > 0
	l.crossed = false
	l.mu.Unlock()
	if !crossed {
		return false
	}
	ctx, stop := context.WithTimeout(ctx, untangleTime)
	defer stop()
	req := l.request(sip.INVITE)
	l.keepTimer(req)
	req.SetBody(nil)
	res, sent, err := c.srv.invite(ctx, l, req, func(*sip.Response) {})
	switch {
	case err != nil:
		l.call.log.Info("browser not untangled", "error", err)
	case res.IsSuccess(): // it takes more than one change at a time
		said, _ := sdpOf(res)
		answer, err := c.srv.deps.Media.Keep(ctx, l.call.id, l.party, c.peer.party, said)
		if err != nil {
			l.call.log.Info("browser not untangled", "error", err)
		}
		l.sendAck(sent.CSeq().SeqNo, answer, credentialsOf(sent))
	}
	return true
}

// widened says whether a browser that was held is heard by the other side now, and does not know: it has offered only to hear, we have offered more for it
// (see Media.Offer), and that was taken.
func widened(offered, told, answer []byte) bool {
	own, err := sdp.Parse(offered)
	more, err2 := sdp.Parse(told)
	taken, err3 := sdp.Parse(answer)
	return err == nil && err2 == nil && err3 == nil && own.Direction == "recvonly" && sdp.Sends(more.Direction) && sdp.Hears(taken.Direction)
}

// catchUp offers leg l what the other side said last, once nothing else is under way.
func (s *Server) catchUp(l, peer *leg) {
	s.routed.Go(func() {
		ctx, stop := context.WithTimeout(l.call.life, 64*sip.T1)
		defer stop()
		for range patience {
			res, err := s.reinvite(ctx, l, peer)
			if err != nil { // another change tells it
				l.call.log.Debug("browser not told what is in force", "error", err)
				return
			}
			l.met(res)
			wait, again := l.putOff(res, rand.Float64())
			if !again || !pause(ctx, wait) {
				return
			}
		}
	})
}
