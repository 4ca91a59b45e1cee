package signaling

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/call"
)

// fakeKnowledge is a store of facts.
type fakeKnowledge struct {
	mu    sync.Mutex
	facts map[string][]call.Fact
}

func (k *fakeKnowledge) Facts(_ context.Context, pbx string) ([]call.Fact, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.facts[pbx]), nil
}

func (k *fakeKnowledge) Learn(_ context.Context, pbx string, f call.Fact) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.facts[pbx] = append(slices.DeleteFunc(k.facts[pbx], func(o call.Fact) bool { return o.Name == f.Name }), f)
	return nil
}

func (k *fakeKnowledge) of(pbx, name string) string {
	facts, _ := k.Facts(context.Background(), pbx)
	for _, f := range facts {
		if f.Name == name {
			return strings.Join(f.Values, " ")
		}
	}
	return ""
}

func TestLearn(t *testing.T) {
	answer := func(method, status, headers string) *sip.Response {
		t.Helper()
		msg, err := sip.ParseMessage([]byte("SIP/2.0 " + status + "\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\n" +
			"Call-ID: x\r\nCSeq: 1 " + method + "\r\n" + headers + "Content-Length: 0\r\n\r\n"))
		if err != nil {
			t.Fatal(err)
		}
		msg.SetTransport("UDP")
		return msg.(*sip.Response)
	}
	p := &pbx{srv: &Server{learned: make(chan struct{}, 1)}}
	for _, tt := range []struct{ method, status, headers, fact, want string }{
		{"OPTIONS", "200 OK", "Allow: INVITE, ACK\r\nSupported: replaces\r\n", call.FactAllow, "INVITE ACK"},
		{"OPTIONS", "200 OK", "Supported: timer, 100rel\r\n", call.FactSupported, "replaces timer 100rel"},
		{"OPTIONS", "200 OK", "Server: \x01Best PBX\r\n", call.FactServer, "Best PBX"},
		{"REGISTER", "401 Unauthorized", "WWW-Authenticate: Digest realm=\"x\", algorithm=sha-256, nonce=\"n\"\r\nWWW-Authenticate: Digest realm=\"x\", nonce=\"n\"\r\n",
			call.FactAuthentication, "SHA-256 MD5"},
		{"REGISTER", "423 Too Brief", "Min-Expires: 90\r\n", call.FactMinExpires, "90"},
		{"REGISTER", "200 OK", "Expires: 300\r\n", call.FactExpires, "300"},
		{"REGISTER", "200 OK", "Expires: 0\r\n", call.FactExpires, "300"},
		{"REGISTER", "420 Bad Extension", "Unsupported: path\r\n", call.FactUnsupported, "path"},
		{"SUBSCRIBE", "489 Bad Event", "Allow-Events: dialog, presence\r\n", call.FactEvents, "dialog presence"},
		{"INVITE", "200 OK", "Session-Expires: 1800;refresher=uas\r\nAllow: FOO\r\nSupported: phone\r\n", call.FactSessionExpires, "1800"},
		{"INVITE", "200 OK", "Session-Expires: soon\r\n", call.FactSessionExpires, "1800"},
		{"INVITE", "200 OK", "", call.FactAllow, "INVITE ACK"}, // those of a phone behind the PBX
		{"BYE", "200 OK", "", call.FactTransports, "UDP"},
	} {
		p.learn(answer(tt.method, tt.status, tt.headers))
		if got := strings.Join(p.facts.get(tt.fact), " "); got != tt.want {
			t.Errorf("after %s to %s with %q: %s is %q, want %q", tt.status, tt.method, tt.headers, tt.fact, got, tt.want)
		}
	}
	if !p.facts.supports("timer") || p.facts.supports("path") || !p.facts.refuses("path") {
		t.Error("supports or refuses says otherwise")
	}
	p.accepted("path")
	if !p.facts.supports("path") || p.facts.refuses("path") {
		t.Error("the PBX takes Path now, but is still said to refuse it")
	}
	for i := range 2 * maxFact {
		p.facts.add(call.FactEvents, strings.Repeat("x", 2*maxValue)+itoa(i), itoa(i))
	}
	if events := p.facts.get(call.FactEvents); len(events) > maxFact || slices.ContainsFunc(events, func(e string) bool { return len(e) > maxValue }) {
		t.Errorf("%d values are kept, want at most %d of %d bytes", len(events), maxFact, maxValue)
	}
}

func TestRefusalIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pbx{srv: &Server{learned: make(chan struct{}, 1)}}
		for range 2 { // a PBX asked again may refuse again
			p.refused("path")
			time.Sleep(forgetNo - time.Second)
			if !p.facts.refuses("path") {
				t.Error("forgotten too early")
			}
			time.Sleep(2 * time.Second)
			if p.facts.refuses("path") {
				t.Error("believed for ever")
			}
		}
	})
}

func TestFactsSurvive(t *testing.T) {
	book := &fakeKnowledge{facts: map[string][]call.Fact{}}
	var uri string
	w := buildWorld(t, ModeExtension, func(cfg *Config, d *Deps) {
		uri = cfg.PBX[0].URI
		book.facts[uri] = []call.Fact{{Name: call.FactSupported, Values: []string{"timer"}, Learned: time.Unix(1, 0)}}
		d.Knowledge = book
	})
	w.start()
	eventually(t, "facts of an earlier run", func() bool { return w.srv.pbxes()[0].facts.supports("timer") })
	alice := w.dial("alice", true)
	alice.register()
	alice.invite("200")
	invite := w.pbx.request(sip.INVITE)
	w.pbx.answer(invite, 200, "OK", "phone", "<sip:phone@"+w.pbx.addr()+">",
		"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 9 0 101\r\na=rtpmap:101 telephone-event/8000\r\n")
	ok := alice.response(200, sip.INVITE)
	alice.send(alice.within("ACK", ok, int(ok.CSeq().SeqNo), ""))
	w.pbx.request(sip.ACK)
	for fact, want := range map[string]string{call.FactAnswered: "G722/8000 PCMU/8000", call.FactDTMF: "telephone-event",
		call.FactTransports: "UDP", call.FactAuthentication: "MD5"} {
		eventually(t, fact+" is kept", func() bool { return book.of(uri, fact) == want })
	}
	known := w.srv.PBXs()
	if len(known) != 1 || known[0].Name != "office" || len(known[0].State) == 0 || len(known[0].Facts) < 5 {
		t.Errorf("PBXs = %+v", known)
	}
}
