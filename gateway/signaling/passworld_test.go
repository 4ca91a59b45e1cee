package signaling

import (
	"fmt"
	"testing"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
)

// guestPassword is that of user 100 at the PBX. It never goes over any wire.
const guestPassword = "only-the-pbx-knows"

// authority is a PBX that asks for passwords and checks them. It takes Path or not.
type authority struct {
	pbx  *fakePBX
	path bool
	min  int               // seconds of a registration at least
	open bool              // asks for no password
	came chan *sip.Request // every REGISTER
}

func newAuthority(w *world, change func(*authority)) *authority {
	a := &authority{pbx: w.pbx, came: make(chan *sip.Request, 100), path: true}
	change(a)
	w.pbx.mu.Lock()
	defer w.pbx.mu.Unlock()
	w.pbx.registrar = a.register
	return a
}

func (a *authority) register(req *sip.Request) {
	a.came <- req
	answer := func(status int, reason string, more ...sip.Header) {
		res := sip.NewResponseFromRequest(req, status, reason, nil)
		for _, h := range more {
			res.AppendHeader(h)
		}
		a.pbx.send(res.String())
	}
	var seconds int
	fmt.Sscan(valueOf(req, "Expires"), &seconds)
	switch {
	case !a.open && !proves(req, "Authorization"):
		answer(401, "Unauthorized", sip.NewHeader("WWW-Authenticate", challenge))
	case !a.path && req.GetHeader("Path") != nil:
		answer(420, "Bad Extension", sip.NewHeader("Unsupported", "path"))
	case seconds > 0 && seconds < a.min:
		answer(423, "Interval Too Brief", sip.NewHeader("Min-Expires", itoa(a.min)))
	default:
		more := []sip.Header{sip.NewHeader("Contact", "<sip:100@192.0.2.77:5060>;expires=3000")}
		if seconds > 0 {
			more = append(more, sip.HeaderClone(req.Contact()))
		}
		if h := req.GetHeader("Path"); h != nil && seconds > 0 {
			more = append(more, sip.HeaderClone(h))
		}
		answer(200, "OK", more...)
	}
}

const challenge = `Digest realm="pbx.example", nonce="n0nce", algorithm=MD5, qop="auth"`

// prove answers the challenge as user 100's device does.
func prove(method, uri, password string) string {
	chal, err := digest.ParseChallenge(challenge)
	if err != nil {
		panic(err)
	}
	cred, err := digest.Digest(chal, digest.Options{Method: method, URI: uri, Username: "100", Password: password, Count: 1, Cnonce: "c"})
	if err != nil {
		panic(err)
	}
	return cred.String()
}

// proves checks the credentials in a request that came over the wire, made for the Request-URI that it has.
func proves(req *sip.Request, header string) bool {
	h := req.GetHeader(header)
	if h == nil {
		return false
	}
	given, err := digest.ParseCredentials(h.Value())
	if err != nil {
		return false
	}
	right, _ := digest.ParseCredentials(prove(string(req.Method), given.URI, guestPassword))
	return given.Response == right.Response && (req.To().Params.Has("tag") || given.URI == req.Recipient.String())
}

func passWorld(t *testing.T, change func(*authority)) (*world, *authority) {
	t.Helper()
	w := buildWorld(t, ModePassthrough, func(cfg *Config, _ *Deps) {
		cfg.PBX[0].Domains = []string{"pbx.example"}
		cfg.PBX[0].Username, cfg.PBX[0].Password = "", ""
	})
	a := newAuthority(w, change)
	w.start()
	return w, a
}

// guest is a browser with an account of the PBX.
func (w *world) guest() *browser {
	b := w.dial("100", false)
	b.domain = "pbx.example"
	return b
}

// signIn registers at the PBX, answering its challenge, and gives the 200.
func (b *browser) signIn(expires string) *sip.Response {
	b.t.Helper()
	b.ask(expires, "")
	b.response(401, sip.REGISTER)
	b.ask(expires, guestPassword)
	return b.response(200, sip.REGISTER)
}

func (b *browser) ask(expires, password string) {
	more := []string{"Expires: " + expires, "Supported: path, outbound"}
	if password != "" {
		more = append(more, "Authorization: "+prove("REGISTER", "sip:pbx.example", password))
	}
	b.send(b.build("REGISTER", "sip:pbx.example", "<sip:100@pbx.example>", "c-"+b.host, "t", "", more...))
}

// callAs calls a number of the PBX; with a password if there is one.
func (b *browser) callAs(target, callID, password string) {
	var more []string
	if password != "" {
		more = append(more, "Proxy-Authorization: "+prove("INVITE", "sip:"+target+"@pbx.example", password))
	}
	b.send(b.build("INVITE", "sip:"+target+"@pbx.example", "<sip:"+target+"@pbx.example>", callID, "from", "v=0 of browser", more...))
}

// challenged answers a request with a challenge.
func (p *fakePBX) challenged(req *sip.Request) {
	res := sip.NewResponseFromRequest(req, 407, "Proxy Authentication Required", nil)
	res.AppendHeader(sip.NewHeader("Proxy-Authenticate", challenge))
	p.send(res.String())
}
