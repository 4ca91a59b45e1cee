package signaling

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/auth"
	"cordboard/gateway/call"
	"cordboard/gateway/sdp"
)

// lostTime is how long a leg waits for its browser to come back on another flow before the call ends.
const lostTime = 30 * time.Second

// address is a party as From and To name it.
type address struct {
	display string
	uri     sip.Uri
	tag     string
}

// leg is one side of a call: a dialog (RFC 3261 §12), or the beginning of one, with one peer.
type leg struct {
	srv    *Server
	call   *bridge
	token  string     // the user part of our Contact; a request inside the dialog finds its leg by it
	party  call.Party // its media
	user   string     // whose browser it is; empty toward the PBX
	device string     // which of the user's browsers, its +sip.instance; empty: it has no name, or came back after a restart
	payer  string     // toward the PBX: the user on whose account we call
	pbx    *pbx       // nil toward a browser
	guest  *guest     // whose browser it is at a PBX in mode passthrough
	hop    *target    // the PBX's server that made or took the call; nil: the one in use
	tried  []*target  // servers that failed to take this call before

	breadth int // over how many branches the call may fork behind this leg

	refused []sdp.Profile // in which the PBX did not take this call before

	creds auth.Credentials

	mu            sync.Mutex
	flow          *flow       // the browser's WebSocket of the moment; nil toward the PBX
	lost          *time.Timer // runs while the browser's flow is gone
	callID        string
	local, remote address
	target        sip.Uri   // remote target
	routes        []sip.Uri // route set, first hop first
	backups       []binding // other flows of the browser's device, for an INVITE that does not reach it
	localSeq      uint32
	remoteSeq     uint32
	ack           *sip.Request // the last ACK we sent, to repeat for a repeated 2xx
	acks          map[uint32]chan *sip.Request
	inviting      bool              // an INVITE of either direction, or an UPDATE with an offer, is under way
	ending        bool              // and for the other leg's peer it is over already
	theirs        bool              // and the peer has asked for it
	crossed       bool              // a change by the peer was on its way when one of ours was
	exchange      uint              // counts those
	confirmed     bool              // the dialog is established by a 2xx
	taken         string            // the peer's tag in the first 2xx to an INVITE of ours
	host          netip.Addr        // of the remote target, toward the PBX
	there         bool              // the leg can be found by its token
	placed        netip.Addr        // where it is counted; see farHosts
	cause         []sip.Header      // why the leg ends
	referrals     []referral        // the REFERs that went to the peer
	referring     []<-chan struct{} // closed when those have been answered that are not yet
	informing     []info            // what waits to be told by INFO, the first one under way

	owner        bool              // the dialog's INVITE was ours, and so is its Call-ID (RFC 3261 §14.1)
	hides        bool              // its party has asked not to be known (RFC 3323)
	early        map[string]*early // by the callee's tag
	idle         chan struct{}     // closed when no exchange is under way any more; nil: nobody waits for it
	orderly      order             // of the peer's requests
	parked       int               // changes by the peer that wait for that
	passing      int               // other requests of the peer that wait for an answer of the other leg's
	allowsUpdate int               // 1: the peer takes UPDATE; -1: it does not; 0: it did not say
	timer        sessionTimer

	cold    bool // restored after a restart: the browser needs new ICE and DTLS
	warming bool // and is being offered them
}

// join makes l a leg of the call b, found by its peer's requests from now on.
func (s *Server) join(b *bridge, l *leg) {
	l.srv, l.call, l.token = s, b, token()
	l.party.Leg, l.party.Keys = l.token, l.keysOf()
	l.acks = make(map[uint32]chan *sip.Request)
	s.mu.Lock()
	s.legs[l.token] = l
	s.mu.Unlock()
	l.mu.Lock()
	l.place(true)
	l.mu.Unlock()
	s.around.moved(l.user)
}

// drop forgets the leg and ends its media.
func (l *leg) drop() {
	l.srv.mu.Lock()
	delete(l.srv.legs, l.token)
	l.srv.mu.Unlock()
	l.mu.Lock()
	if l.lost != nil {
		l.lost.Stop() // the media's waiting ends with the media
	}
	l.timer.stop()
	l.place(false)
	l.mu.Unlock()
	l.srv.deps.Media.Delete(l.call.id, l.token)
	l.srv.around.moved(l.user)
}

// contact is our Contact toward the leg's peer.
func (l *leg) contact() *sip.ContactHeader {
	uri := sip.Uri{Scheme: "sip", User: l.token, Host: l.srv.cfg.Domain}
	if l.pbx != nil {
		uri = l.pbx.contactAt(l.server())
		uri.User = l.token
		if l.pbx.web() { // requests inside the dialog shall come down the flow that this one goes by (RFC 5626 §4.3)
			uri.UriParams = append(uri.UriParams, sip.HeaderKV{K: "ob"})
		}
	} else if l.guest != nil {
		uri.Host = l.guest.aor.Host // no transport: what the browser writes here stands in its credentials, and those go to the PBX
	} else {
		uri.UriParams = sip.HeaderParams{{K: "transport", V: "ws"}}
	}
	return &sip.ContactHeader{Address: uri}
}

// request begins a request inside the leg's dialog, or the INVITE that makes it.
func (l *leg) request(method sip.RequestMethod) *sip.Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	if method != sip.ACK && method != sip.CANCEL {
		l.localSeq++
	}
	return l.build(method, l.localSeq)
}

// build writes the headers of a request; the caller holds l.mu.
func (l *leg) build(method sip.RequestMethod, seq uint32) *sip.Request {
	req := sip.NewRequest(method, *l.target.Clone())
	req.AppendHeader(&sip.FromHeader{DisplayName: l.local.display, Address: l.local.uri, Params: tagParam(l.local.tag)})
	req.AppendHeader(&sip.ToHeader{DisplayName: l.remote.display, Address: l.remote.uri, Params: tagParam(l.remote.tag)})
	id := sip.CallIDHeader(l.callID)
	req.AppendHeader(&id)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: seq, MethodName: method})
	hops := sip.MaxForwardsHeader(70)
	req.AppendHeader(&hops)
	for _, r := range l.routes {
		req.AppendHeader(&sip.RouteHeader{Address: *r.Clone()})
	}
	req.AppendHeader(l.contact())
	req.AppendHeader(sip.NewHeader("User-Agent", l.srv.ua.Name()))
	if method == sip.INVITE || method == sip.UPDATE {
		req.AppendHeader(sip.NewHeader("Allow", allow))
		req.AppendHeader(sip.NewHeader("Supported", timed))
	}
	if method == sip.INVITE {
		req.AppendHeader(sip.NewHeader("Supported", "replaces"))
		l.takesTrickle(req)
	}
	if l.pbx != nil && l.pbx.web() {
		l.pbx.addressUplink(req, l.creds.Username)
	} else if l.pbx != nil {
		l.pbx.addressAt(req, l.server())
	} else {
		l.flow.address(req, l.srv.cfg.Domain)
	}
	return req
}

// server is the PBX's server that the leg's dialog is with.
func (l *leg) server() *target {
	if l.hop != nil {
		return l.hop
	}
	return l.pbx.server()
}

// address sends req down the flow (RFC 5626 §5.3): to the connection the browser made, never to a host name.
func (f *flow) address(req *sip.Request, host string) {
	req.SetTransport(f.Transport())
	req.SetDestination(f.Source())
	via := &sip.ViaHeader{ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: f.Transport(), Host: host, Port: int(f.Local().Port())}
	via.Params.Add("branch", sip.GenerateBranchN(16))
	req.PrependHeader(via)
}

func tagParam(tag string) sip.HeaderParams {
	if tag == "" {
		return nil
	}
	return sip.HeaderParams{{K: "tag", V: tag}}
}

// reachable says whether a request can go to the leg's peer now.
func (l *leg) reachable() error {
	l.mu.Lock()
	f := l.flow
	l.mu.Unlock()
	if l.pbx != nil {
		return nil
	}
	if f.gone() {
		return fmt.Errorf("the browser of %s is gone", l.user)
	}
	return nil
}

// answered takes the peer's address from a response that makes or confirms the dialog (RFC 3261 §12.1.2).
func (l *leg) answered(res *sip.Response) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if tag, ok := res.To().Params.Get("tag"); ok {
		l.remote.tag = tag
	}
	if c := res.Contact(); c != nil {
		l.retarget(c.Address)
	}
	l.learn(res)
	if l.confirmed { // the route set stays (RFC 3261 §12.2)
		return
	}
	l.routes = routesOf(res)
	if res.IsSuccess() {
		l.settle(l.remote.tag)
		l.confirmed = true
	}
	l.srv.around.moved(l.user)
}

// asked takes the peer's address from the INVITE that makes the dialog (RFC 3261 §12.1.1).
func (l *leg) asked(req *sip.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	from, to := req.From(), req.To()
	tag, _ := from.Params.Get("tag")
	l.callID = req.CallID().Value()
	l.remote = address{from.DisplayName, from.Address, tag}
	l.local = address{to.DisplayName, to.Address, ""}
	l.remoteSeq = req.CSeq().SeqNo
	l.hides = wantsPrivacy(req) || anonymous(from)
	l.learn(req)
	if c := req.Contact(); c != nil {
		l.retarget(c.Address)
	}
	for _, h := range req.GetHeaders("Record-Route") {
		if uri, ok := routeURI(h); ok {
			l.routes = append(l.routes, uri)
		}
	}
}

// retarget sets the remote target; toward the PBX its host may then send to us. The caller holds l.mu.
func (l *leg) retarget(uri sip.Uri) {
	l.target = *uri.Clone()
	l.target.Headers = nil
	if l.pbx != nil {
		l.host, _ = netip.ParseAddr(strings.Trim(uri.Host, "[]"))
		if l.there {
			l.place(true)
		}
	}
}

func routeURI(h sip.Header) (sip.Uri, bool) {
	switch h := h.(type) {
	case *sip.RecordRouteHeader:
		return h.Address, true
	default:
		var uri sip.Uri
		_, err := sip.ParseAddressValue(h.Value(), &uri, &sip.HeaderParams{})
		return uri, err == nil
	}
}

// sendAck acknowledges the 2xx to the INVITE with number seq (RFC 3261 §13.2.2.4) and keeps the ACK for repeats of that 2xx.
func (l *leg) sendAck(seq uint32, body []byte, credentials []sip.Header) {
	l.call.keep()
	l.sendKeptAck(seq, body, credentials)
}

// sendKeptAck is sendAck for a call that was written down as it is.
func (l *leg) sendKeptAck(seq uint32, body []byte, credentials []sip.Header) {
	l.mu.Lock()
	req := l.build(sip.ACK, seq)
	for _, h := range credentials {
		req.AppendHeader(h)
	}
	setSDP(req, body)
	l.mu.Unlock()
	if err := l.srv.prepare(context.Background(), req); err != nil {
		l.call.log.Debug("ACK not sent", "error", err)
		return
	}
	l.mu.Lock()
	l.ack = req
	l.mu.Unlock()
	l.repeatAck()
}

func (l *leg) repeatAck() {
	l.mu.Lock()
	ack := l.ack
	l.mu.Unlock()
	if ack == nil || l.reachable() != nil {
		return
	}
	req := ack.Clone() // the library writes into what it sends, and the 2xx may come again meanwhile
	if err := l.srv.write(req); err != nil {
		l.call.log.Debug("ACK not sent", "error", err)
	}
}

// acknowledgeAgain acknowledges a repeated 2xx to an INVITE of ours: by the ACK that was sent for it, or, where later changes have ACKs of their own, by
// one like it. The first one is still to come when what it acknowledges is not dealt with yet.
func (l *leg) acknowledgeAgain(invite *sip.Request) {
	seq := invite.CSeq().SeqNo
	l.mu.Lock()
	if l.ack == nil || l.ack.CSeq().SeqNo < seq {
		l.mu.Unlock()
		return
	}
	if l.ack.CSeq().SeqNo == seq {
		l.mu.Unlock()
		l.repeatAck()
		return
	}
	req := l.build(sip.ACK, seq)
	l.mu.Unlock()
	appendAll(req, credentialsOf(invite))
	req.SetBody(nil)
	if err := l.srv.prepare(context.Background(), req); err != nil || l.reachable() != nil || len(invite.Body()) == 0 { // with an answer of ours it can't be made again
		return
	}
	if err := l.srv.write(req); err != nil {
		l.call.log.Debug("ACK not sent", "error", err)
	}
}

// bye ends the leg's dialog. more are headers that say why.
func (l *leg) bye(ctx context.Context, more []sip.Header) {
	if l.reachable() != nil {
		return
	}
	req := l.request(sip.BYE)
	req.RemoveHeader("Contact")
	for _, h := range more {
		req.AppendHeader(h)
	}
	req.SetBody(nil)
	if _, err := l.do(ctx, req); err != nil {
		l.call.log.Info("BYE not answered", "error", err)
	}
}

// do sends a request inside the dialog and gives its final response.
func (l *leg) do(ctx context.Context, req *sip.Request) (*sip.Response, error) {
	return l.doThen(ctx, req, func() {})
}

// doThen is do that tells when the request has been sent.
func (l *leg) doThen(ctx context.Context, req *sip.Request, sent func()) (*sip.Response, error) {
	if err := l.reachable(); err != nil {
		return nil, err
	}
	res, seq, err := l.srv.do(ctx, req, l.creds, l.renumber, sent)
	l.mu.Lock()
	l.localSeq = max(l.localSeq, seq)
	l.mu.Unlock()
	return res, err
}

// renumber gives a request that goes out once more, under a number after its first one, one that no other request of the dialog has had meanwhile (RFC
// 3261 §12.2.1.1).
func (l *leg) renumber(again *sip.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.localSeq = max(l.localSeq+1, again.CSeq().SeqNo)
	again.CSeq().SeqNo = l.localSeq
}

// awaitAck gives the ACK of the 2xx we send for INVITE number seq.
func (l *leg) awaitAck(seq uint32) <-chan *sip.Request {
	ch := make(chan *sip.Request, 1)
	l.mu.Lock()
	l.acks[seq] = ch
	l.mu.Unlock()
	return ch
}

func (l *leg) acknowledged(req *sip.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	seq := req.CSeq().SeqNo
	if ch, ok := l.acks[seq]; ok {
		delete(l.acks, seq)
		l.free()
		ch <- req
	}
}

// blame notes why the leg ends, for its CANCEL.
func (l *leg) blame(cause ...sip.Header) {
	l.mu.Lock()
	l.cause = cause
	l.mu.Unlock()
}

func (l *leg) why() []sip.Header {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cause
}

// begin marks an exchange of offer and answer as under way until finish; ok is false when one is already (RFC 3261 §14.1, glare).
// The peer may start the next one as soon as it has our ACK, and a moment before we have seen its own, so finish comes before
// the first and the ACK itself counts as the second. More calls of finish do nothing.
func (l *leg) begin() (finish func(), ok bool) { return l.beginOf(false) }

// beginOf is begin for an exchange that the peer or, unless theirs, we ask for.
func (l *leg) beginOf(theirs bool) (finish func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inviting {
		return nil, false
	}
	l.inviting, l.theirs = true, theirs
	l.exchange++
	this := l.exchange
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.exchange == this {
			l.free()
		}
	}, true
}
