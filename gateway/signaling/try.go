package signaling

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/auth"
	"cordboard/gateway/call"
	"cordboard/gateway/locate"
)

// TryTime is how long Try takes at most.
const TryTime = 5 * time.Second

// tryExpires is for how long a trial registers in case that it can't end its registration, in seconds.
const tryExpires = 60

// trial tries one account at one server, by a connection of its own.
type trial struct {
	pbx    *pbx // its address and certificates; of no Server
	creds  auth.Credentials
	at     locate.Target
	wire   tryWire
	callID string
	tag    string
	seq    uint32
	asked  bool // the PBX wanted to see the password
	date   time.Time
	dateAt time.Time
}

// Try finds out whether an account works at a PBX by registering with it. A device that is registered with the account stays so, alone: only
// where there is none a binding is added, and taken away again. Without a user name it asks for a sign of life. Nothing of a
// gateway that runs is used. resolver nil is the system's DNS.
func Try(ctx context.Context, cfg PBX, creds auth.Credentials, resolver locate.Resolver) call.Trial {
	ctx, stop := context.WithTimeoutCause(ctx, TryTime, errNoAnswer)
	defer stop()
	uri, err := cfg.uri()
	if err != nil {
		return call.Trial{Code: call.TrialFailed, Text: "The PBX's address can't be used: " + err.Error() + "."}
	}
	if resolver == nil {
		resolver = locate.System()
	}
	p := &pbx{cfg: cfg, uri: uri}
	servers, err := locate.New(resolver).Locate(ctx, queryOf(uri))
	if err != nil {
		return call.Trial{Code: call.TrialUnknownName, Text: "The name " + uri.Host + " is not known. Is it written right?"}
	}
	var result call.Trial
	for i, at := range servers {
		share := time.Until(deadline(ctx)) / time.Duration(len(servers)-i)
		each, stop := context.WithTimeoutCause(ctx, share, errNoAnswer)
		t := &trial{pbx: p, creds: creds, at: at, callID: token(), tag: token()}
		result = t.run(each)
		stop()
		if c := result.Code; c != call.TrialNoAnswer && c != call.TrialNoService && c != call.TrialNoWay {
			break
		}
	}
	return result
}

func deadline(ctx context.Context) time.Time {
	d, _ := ctx.Deadline()
	return d
}

func (t *trial) run(ctx context.Context) call.Trial {
	var err error
	if t.wire, err = t.dial(ctx); err != nil {
		return t.failed(ctx, err)
	}
	defer t.wire.close()
	if t.creds.Username == "" {
		res, err := t.ask(ctx, sip.OPTIONS, -1)
		if err != nil {
			return t.failed(ctx, err)
		}
		if res.StatusCode == sip.StatusServiceUnavailable {
			return t.verdict(res)
		}
		return t.works(t.where() + " answers.")
	}
	res, err := t.ask(ctx, sip.REGISTER, -1) // without a Contact it tells of the bindings and changes none (RFC 3261 §10.2.3)
	if err != nil {
		return t.failed(ctx, err)
	}
	if !res.IsSuccess() {
		return t.verdict(res)
	}
	if res.GetHeader("Contact") == nil {
		if res, err = t.ask(ctx, sip.REGISTER, tryExpires); err != nil {
			return t.failed(ctx, err)
		}
		if !res.IsSuccess() {
			return t.verdict(res)
		}
		ending, stop := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		_, _ = t.ask(ending, sip.REGISTER, 0) // if that fails it ends by itself
		stop()
	}
	if !t.asked {
		return t.works("It works. " + t.where() + " did not ask for a password.")
	}
	return t.works("It works: " + t.where() + " takes " + t.creds.Username + " with this password.")
}

func (t *trial) works(text string) call.Trial {
	return call.Trial{Works: true, Code: call.TrialWorks, Text: text, Date: t.date, At: t.dateAt}
}

// where names the PBX as the person did, and its address.
func (t *trial) where() string {
	host, addr := strings.Trim(t.pbx.uri.Host, "[]"), t.at.Addr.Addr().String()
	if host == addr {
		return host
	}
	return host + " (" + addr + ")"
}

// verdict is what a final response means that is no success.
func (t *trial) verdict(res *sip.Response) call.Trial {
	v := call.Trial{Date: t.date, At: t.dateAt}
	said := strings.TrimSpace(itoa(res.StatusCode) + " " + printable(res.Reason))
	switch code := res.StatusCode; {
	case (code == sip.StatusUnauthorized || code == sip.StatusProxyAuthRequired) && t.creds.Password == "":
		v.Code, v.Text = call.TrialNoPassword, t.where()+" asks for a password."
	case code == sip.StatusUnauthorized || code == sip.StatusProxyAuthRequired:
		v.Code, v.Text = call.TrialWrongPassword, "Wrong password: "+t.where()+" refuses that of "+t.creds.Username+"."
	case code == sip.StatusForbidden && t.asked:
		v.Code, v.Text = call.TrialRefused, t.where()+" refuses extension "+t.creds.Username+" or its password ("+said+")."
	case code == sip.StatusNotFound:
		v.Code, v.Text = call.TrialRefused, t.where()+" does not know the extension "+t.creds.Username+" ("+said+")."
	case code >= 500 && code < 600, code == sip.StatusRequestTimeout, code == sip.StatusTemporarilyUnavailable:
		v.Code, v.Text = call.TrialBusy, t.where()+" can't do it at the moment ("+said+"). Try again later."
	default:
		v.Code, v.Text = call.TrialRefused, t.where()+" refuses extension "+t.creds.Username+" ("+said+")."
	}
	return v
}

// printable takes from a text of the network what is no text.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return -1
		}
		return r
	}, text[:min(len(text), 80)])
}

// failed is why there is no final response.
func (t *trial) failed(ctx context.Context, err error) call.Trial {
	port := strconv.Itoa(int(t.at.Addr.Port()))
	var mistrust *mistrustError
	switch text := plain(err).Error(); {
	case errors.As(err, &mistrust):
		return call.Trial{Code: call.TrialCertificate, Text: "Its certificate is not trusted: " + mistrust.Error() + "."}
	case text == "connection refused":
		return call.Trial{Code: call.TrialNoService, Text: t.where() + " is on, but nothing answers at its port " + port + ". Is the port right?"}
	case text == "network is unreachable", text == "no route to host":
		return call.Trial{Code: call.TrialNoWay, Text: "No network leads to " + t.where() + ". Is this machine in the right network?"}
	case ctx.Err() != nil, text == "i/o timeout", errors.Is(err, context.DeadlineExceeded), errors.Is(err, errNoAnswer):
		return call.Trial{Code: call.TrialNoAnswer, Text: "No answer from " + t.where() + ": is it on?"}
	default:
		return call.Trial{Code: call.TrialFailed, Text: "It did not work at " + t.where() + ", port " + port + ": " + printable(text) + "."}
	}
}

// mistrustError is a certificate that is not trusted, in words.
type mistrustError struct{ error }

// secure makes a connection one of TLS.
func (t *trial) secure(ctx context.Context, conn net.Conn, protocols ...string) (net.Conn, error) {
	name := strings.Trim(t.pbx.uri.Host, "[]")
	cfg, err := t.pbx.clientTLS(name)
	if err == nil {
		cfg.NextProtos = protocols
		secure := tls.Client(conn, cfg)
		if err = secure.HandshakeContext(ctx); err == nil {
			return secure, nil
		}
		var mistrust *tls.CertificateVerificationError
		if told := tlsError(err, name); errors.As(err, &mistrust) {
			err = &mistrustError{told}
		} else {
			err = told
		}
	}
	conn.Close()
	return nil, err
}

// ask sends a request and gives the final response, a challenge answered. expires is of the Contact; below 0 there is none.
func (t *trial) ask(ctx context.Context, method sip.RequestMethod, expires int) (*sip.Response, error) {
	req := t.request(method, expires)
	for try := 0; ; try++ {
		t.seq = req.CSeq().SeqNo
		res, err := t.exchange(ctx, req)
		if err != nil {
			return nil, err
		}
		if date, err := http.ParseTime(valueOf(res, "Date")); err == nil { // the form is that of HTTP (RFC 3261 §20.17)
			t.date, t.dateAt = date, time.Now()
		}
		again, err := answerChallenge(req, res, t.creds, try)
		if err != nil || again == nil {
			return res, err
		}
		t.asked, req = true, again
	}
}

// request makes a request, with the transport's Via and Contact.
func (t *trial) request(method sip.RequestMethod, expires int) *sip.Request {
	base := *t.pbx.uri.Clone()
	req := sip.NewRequest(method, base)
	local := t.wire.local()
	via := &sip.ViaHeader{ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: t.at.Transport, Host: local.Addr().String(), Port: int(local.Port())}
	via.Params.Add("branch", sip.GenerateBranchN(16))
	via.Params.Add("rport", "")
	req.AppendHeader(via)
	aor := sip.Uri{Scheme: t.pbx.uri.Scheme, User: t.creds.Username, Host: t.pbx.uri.Host}
	if method == sip.OPTIONS {
		aor = sip.Uri{Scheme: "sip", User: "cordboard", Host: local.Addr().String()}
	}
	req.AppendHeader(&sip.FromHeader{Address: aor, Params: tagParam(t.tag)})
	if method == sip.OPTIONS {
		aor = base
	}
	req.AppendHeader(&sip.ToHeader{Address: aor})
	id := sip.CallIDHeader(t.callID)
	req.AppendHeader(&id)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: t.seq + 1, MethodName: method})
	hops := sip.MaxForwardsHeader(70)
	req.AppendHeader(&hops)
	req.AppendHeader(sip.NewHeader("User-Agent", "Cordboard"))
	if expires >= 0 {
		contact := sip.Uri{Scheme: t.pbx.uri.Scheme, User: t.creds.Username, Host: local.Addr().String(), Port: int(local.Port()),
			UriParams: sip.HeaderParams{{K: "transport", V: strings.ToLower(t.at.Transport)}}}
		req.AppendHeader(&sip.ContactHeader{Address: contact})
		seconds := sip.ExpiresHeader(expires)
		req.AppendHeader(&seconds)
		req.AppendHeader(sip.NewHeader("Supported", "path"))
	}
	req.SetBody(nil)
	return req
}

// exchange sends a request, by UDP again and again (RFC 3261 §17.1.2.2), and gives its final response.
func (t *trial) exchange(ctx context.Context, req *sip.Request) (*sip.Response, error) {
	text := []byte(req.String())
	wait := sip.T1
	for {
		if err := t.wire.send(ctx, text); err != nil {
			return nil, err
		}
		turn, stop := context.WithCancel(ctx)
		if t.at.Transport == locate.UDP {
			turn, stop = context.WithTimeout(ctx, wait)
			wait = min(2*wait, sip.T2)
		}
		res, err := t.answer(turn, req)
		silent := turn.Err() != nil
		stop()
		if err == nil || ctx.Err() != nil || !silent {
			return res, err
		}
	}
}

// answer waits for the final response to req.
func (t *trial) answer(ctx context.Context, req *sip.Request) (*sip.Response, error) {
	for {
		data, err := t.wire.receive(ctx)
		if err != nil {
			return nil, err
		}
		msg, err := sip.ParseMessage(data)
		if err != nil {
			continue
		}
		res, ok := msg.(*sip.Response)
		if !ok || res.CSeq() == nil || res.CallID() == nil || *res.CSeq() != *req.CSeq() || *res.CallID() != *req.CallID() || res.IsProvisional() {
			continue
		}
		return res, nil
	}
}

// hostPort is where a connection begins.
func hostPort(addr net.Addr) netip.AddrPort {
	at, _ := netip.ParseAddrPort(addr.String())
	return netip.AddrPortFrom(at.Addr().Unmap().WithZone(""), at.Port())
}
