package signaling

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"

	"cordboard/gateway/auth"
)

// answerTime is how long we wait for the first sign of life of a request's peer.
const answerTime = 5 * time.Second

// Errors of a request that got no final response.
var (
	errNoAnswer  = errors.New("no answer in 5 s")
	errAbandoned = errors.New("given up")
)

func itoa(n int) string { return strconv.Itoa(n) }

// do sends a request that is not an INVITE and gives its final response, having answered a challenge with creds;
// seq is the CSeq number that was used last. The request that answers a challenge has the next number, or what renumber gives it;
// sent is called, maybe more than once, when the request has been sent.
func (s *Server) do(ctx context.Context, req *sip.Request, creds auth.Credentials, renumber func(*sip.Request), sent func()) (res *sip.Response, seq uint32, err error) {
	var tried []*target
	given := req.MessageData.Destination()
	for try := 0; ; try++ {
		seq = req.CSeq().SeqNo
		res, err = s.onceThen(ctx, req, sent)
		again := s.elsewhere(req, &tried, res, err)
		if again == nil {
			again = s.detour(ctx, req, res, err)
		}
		if again == nil {
			again = s.back(ctx, req, given, res)
		}
		if again != nil {
			req, try = again, -1
			continue
		}
		if err != nil {
			return nil, seq, err
		}
		again, err = answerChallenge(req, res, creds, try)
		if err != nil || again == nil {
			return res, seq, err
		}
		if renumber != nil {
			renumber(again)
		}
		req = again
	}
}

// limitOf is how long we wait for the answer to a request that is not an INVITE. A transfer may take the other side a while, and can't
// be asked for twice.
func limitOf(req *sip.Request) time.Duration {
	if req.Method == sip.REFER {
		return 64 * sip.T1
	}
	return answerTime
}

func (s *Server) once(ctx context.Context, req *sip.Request) (*sip.Response, error) {
	return s.onceThen(ctx, req, func() {})
}

// onceThen sends a request and gives its final response; sent is called in between.
func (s *Server) onceThen(ctx context.Context, req *sip.Request, sent func()) (*sip.Response, error) {
	limit := limitOf(req)
	if limit == answerTime && s.severalHops(ctx, req) { // the next one shall have its time too
		limit /= 2
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errNoAnswer)
	defer cancel()
	tx, err := s.transaction(ctx, req)
	if err != nil {
		return nil, plain(err)
	}
	defer tx.Terminate()
	sent()
	for {
		select {
		case res := <-tx.Responses():
			if !res.IsProvisional() {
				s.learn(req, res)
				if p := s.pbxOf(req); p != nil {
					p.learn(res)
				}
				return res, nil
			}
		case <-tx.Done():
			return nil, endOf(tx)
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// endOf is why a transaction ended without a final response. sipgo gives no error, or a moment later that of a CANCEL, when it
// was told to end it, as a flow does that closes.
func endOf(tx sip.ClientTransaction) error {
	if err := tx.Err(); err != nil && !errors.Is(err, sip.ErrTransactionCanceled) {
		return plain(err)
	}
	return sip.ErrTransactionTerminated
}

// plain shortens a transport's error to its end, which says what happened.
func plain(err error) error {
	if errors.Is(err, sip.ErrTransactionTimeout) {
		return errNoAnswer
	}
	text := err.Error()
	for _, known := range []string{"connection refused", "no such host", "network is unreachable", "no route to host", "i/o timeout"} {
		if strings.Contains(text, known) {
			return errors.New(known)
		}
	}
	return err
}

// invite sends an INVITE of leg l and gives its final response with the request that got it (a challenge makes a
// second one); a 2xx is for the caller to acknowledge. When ctx ends first, or the peer shows no sign of life, the
// INVITE is given up: cancelled (RFC 3261 §9.1) or, if it is answered all the same, acknowledged and ended by BYE.
func (s *Server) invite(ctx context.Context, l *leg, req *sip.Request, provisional func(*sip.Response)) (*sip.Response, *sip.Request, error) {
	given := req.MessageData.Destination()
	joinSupported(req)
	for try := 0; ; try++ {
		if err := l.reachable(); err != nil {
			return nil, req, err
		}
		res, err := s.inviteOnce(ctx, l, req, provisional)
		next := s.detour(ctx, req, res, err)
		if next == nil {
			next = s.back(ctx, req, given, res)
		}
		if next != nil {
			req, try = next, -1
			continue
		}
		if err != nil {
			return nil, req, err
		}
		again, err := answerChallenge(req, res, l.creds, try)
		if err == nil && again == nil {
			again = l.raise(req, res)
		}
		if err != nil || again == nil {
			return res, req, err
		}
		l.renumber(again)
		req = again
	}
}

func (s *Server) inviteOnce(ctx context.Context, l *leg, req *sip.Request, provisional func(*sip.Response)) (*sip.Response, error) {
	tx, err := s.transaction(context.WithoutCancel(ctx), req)
	if err != nil {
		return nil, plain(err)
	}
	tx.OnRetransmission(func(res *sip.Response) { s.repeated(l, req, res) })
	silence := time.NewTimer(answerTime)
	defer silence.Stop()
	alive := false              // the peer has answered provisionally
	var changed <-chan struct{} // closed when a server of the PBX comes or goes, for a call that has got no further than its server
	giveUp := func(why error) (*sip.Response, error) {
		s.routed.Go(func() { s.abandon(l, req, tx, alive) })
		return nil, why
	}
	for {
		select {
		case res := <-tx.Responses():
			if l.pbx != nil {
				l.pbx.learnCall(req, res)
			}
			if !res.IsProvisional() {
				l.took(res)
				return res, nil
			}
			alive = true
			if l.pbx == nil || res.StatusCode > sip.StatusTrying {
				silence.Stop()
				changed = nil
			}
			if s.provisional(l, res) {
				provisional(res)
			}
		case <-tx.Done():
			return nil, endOf(tx)
		case <-silence.C:
			if alive {
				changed = l.doubt()
				continue
			}
			if s.detour(ctx, req, nil, errNoAnswer) != nil { // invite will take it; what still answers here answers the same request
				tx.Terminate()
				return nil, errNoAnswer
			}
			return giveUp(errNoAnswer)
		case <-changed:
			changed = l.pbx.change()
			if l.forsaken() {
				return giveUp(errNoAnswer)
			}
		case <-ctx.Done():
			var c canceled
			if errors.As(context.Cause(ctx), &c) { // which we know before the set-up blames its legs
				l.blame(c.why()...)
			}
			return giveUp(errAbandoned)
		}
	}
}

// abandon sees an INVITE that nobody wants any more to its end.
func (s *Server) abandon(l *leg, req *sip.Request, tx sip.ClientTransaction, alive bool) {
	defer tx.Terminate()
	if alive {
		s.cancel(l, req)
	}
	over := time.NewTimer(64 * sip.T1)
	defer over.Stop()
	for {
		select {
		case res := <-tx.Responses():
			switch {
			case !res.IsProvisional():
				if res.IsSuccess() {
					s.refuse(l, req, res)
				}
				return
			case !alive: // only now may it be cancelled (RFC 3261 §9.1)
				alive = true
				s.cancel(l, req)
			}
		case <-tx.Done():
			return
		case <-over.C:
			return
		}
	}
}

// refuse acknowledges a 2xx that nobody wants and ends its dialog at once.
func (s *Server) refuse(l *leg, req *sip.Request, res *sip.Response) {
	l.answered(res)
	l.sendAck(req.CSeq().SeqNo, nil, credentialsOf(req))
	ctx, stop := context.WithTimeout(context.Background(), answerTime)
	defer stop()
	l.bye(ctx, nil)
}

// took notes in which dialog an INVITE of ours was answered first.
func (l *leg) took(res *sip.Response) {
	if !res.IsSuccess() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken, _ = res.To().Params.Get("tag")
}

// repeated takes a 2xx that comes again: our ACK was lost, or a proxy's second branch answered too (RFC 3261 §13.2.2.4). Before the first one is
// noted it waits for its next repeat.
func (s *Server) repeated(l *leg, req *sip.Request, res *sip.Response) {
	tag, _ := res.To().Params.Get("tag")
	l.mu.Lock()
	same := tag == l.taken || l.taken == ""
	var stray *leg
	if !same {
		stray = &leg{srv: s, call: l.call, token: l.token, pbx: l.pbx, hop: l.hop, flow: l.flow, creds: l.creds,
			callID: l.callID, local: l.local, remote: l.remote, localSeq: l.localSeq}
	}
	l.mu.Unlock()
	if same {
		l.acknowledgeAgain(req)
		return
	}
	s.routed.Go(func() { s.refuse(stray, req, res) })
}

// cancel sends CANCEL for an INVITE (RFC 3261 §9.1).
func (s *Server) cancel(l *leg, invite *sip.Request) {
	if l.reachable() != nil {
		return
	}
	req := sip.NewRequest(sip.CANCEL, *invite.Recipient.Clone())
	req.AppendHeader(sip.HeaderClone(invite.Via()))
	for _, h := range invite.GetHeaders("Route") {
		req.AppendHeader(sip.HeaderClone(h))
	}
	req.AppendHeader(sip.HeaderClone(invite.From()))
	req.AppendHeader(sip.HeaderClone(invite.To()))
	req.AppendHeader(sip.HeaderClone(invite.CallID()))
	req.AppendHeader(&sip.CSeqHeader{SeqNo: invite.CSeq().SeqNo, MethodName: sip.CANCEL})
	hops := sip.MaxForwardsHeader(70)
	req.AppendHeader(&hops)
	for _, h := range l.why() {
		req.AppendHeader(h)
	}
	req.SetBody(nil)
	req.SetTransport(invite.Transport())
	req.SetDestination(invite.Destination())
	req.Laddr = invite.Laddr
	s.routed.Go(func() {
		ctx, stop := context.WithTimeout(context.Background(), answerTime)
		defer stop()
		if _, err := s.once(ctx, req); err != nil {
			l.call.log.Debug("CANCEL not answered", "error", err)
		}
	})
}

// answerChallenge gives the request to send again when res asks for credentials and we have some that were not
// refused yet (RFC 3261 §22.2); nil when res stands.
func answerChallenge(req *sip.Request, res *sip.Response, creds auth.Credentials, try int) (*sip.Request, error) {
	ask, give := "WWW-Authenticate", "Authorization"
	switch res.StatusCode {
	case sip.StatusUnauthorized:
	case sip.StatusProxyAuthRequired:
		ask, give = "Proxy-Authenticate", "Proxy-Authorization"
	default:
		return nil, nil
	}
	if creds.Password == "" || try > 1 {
		return nil, nil
	}
	for _, h := range res.GetHeaders(ask) {
		chal, err := digest.ParseChallenge(h.Value())
		if err != nil {
			continue
		}
		chal.Algorithm = strings.ToUpper(chal.Algorithm)
		if !digest.CanDigest(chal) || (req.GetHeader(give) != nil && !chal.Stale) {
			continue
		}
		body := string(req.Body())
		cred, err := digest.Digest(chal, digest.Options{
			Method: req.Method.String(), URI: req.Recipient.String(), Username: creds.Username, Password: creds.Password, Count: 1,
			GetBody: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(body)), nil },
		})
		if err != nil {
			return nil, fmt.Errorf("answer the PBX's challenge: %w", err)
		}
		again := req.Clone()
		again.RemoveHeader(give)
		again.AppendHeader(sip.NewHeader(give, cred.String()))
		again.CSeq().SeqNo++
		again.Via().Params.Add("branch", sip.GenerateBranchN(16))
		return again, nil
	}
	return nil, nil
}

// credentialsOf are the credentials an INVITE carried; its ACK repeats them (RFC 3261 §22.1).
func credentialsOf(req *sip.Request) []sip.Header {
	var list []sip.Header
	for _, name := range []string{"Authorization", "Proxy-Authorization"} {
		for _, h := range req.GetHeaders(name) {
			list = append(list, sip.HeaderClone(h))
		}
	}
	return list
}
