package signaling

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/auth"
)

// paperServer is a Server without sockets, and a PBX of it.
func paperServer(f *testing.F) (*Server, *pbx) {
	f.Helper()
	srv, err := New(Config{Domain: "office.example"}, Deps{Users: auth.Static([]auth.User{{Name: "alice", Extension: "101"}})}, slog.New(slog.DiscardHandler))
	if err != nil {
		f.Fatal(err)
	}
	office := &pbx{srv: srv, cfg: PBX{Name: "office", Mode: ModeTrunk, Username: "trunk"}}
	if err := sip.ParseUri("sip:192.0.2.10", &office.uri); err != nil {
		f.Fatal(err)
	}
	return srv, office
}

// onePer checks that a header says of one party each, and can be read again.
func onePer(t *testing.T, name, value string) party {
	t.Helper()
	list := splitList(value)
	if len(list) != 1 {
		t.Fatalf("%s: %q is %d parties", name, value, len(list))
	}
	p, ok := parseParty(list[0])
	if !ok || strings.ContainsAny(value, "\r\n\x00") {
		t.Fatalf("%s: %q can't be read", name, value)
	}
	return p
}

// Wherever a 3xx leads, it leads to few, the best first, whom somebody might dial; what the next callee is told of it can be read; and nobody makes us
// wait for longer than we would.
func FuzzRedirect(f *testing.F) {
	f.Add(302, "<sip:301@192.0.2.10>;q=0.2\r\nContact: <sip:302@192.0.2.7:5070>;q=0.9, <tel:+4930-303;ext=1>", `"A, B" <sip:200@x>;reason=user-busy;counter=2`, "<sip:a@b?Reason=SIP>;index=1.2", "120 (in a meeting);duration=5")
	f.Add(300, "*", "<sip:200@x>;reason=\"do not\"", "<sip:a@b>;index=1, <sip:c@d>;index=1.1;mp=1", "99999999999")
	f.Add(301, "<sips:alice@office.example>;q=NaN, <mailto:x@y>, <sip:1>, <sip:2>;q=1.0, <sip:3>;q=-1, <sip:4>, <sip:5>, <sip:6>", "x", "", "-1")
	f.Add(500, "sip:x", "", "", " 7 ")
	srv, office := paperServer(f)
	f.Fuzz(func(t *testing.T, status int, contact, diverted, history, after string) {
		text := "SIP/2.0 " + itoa(300+max(0, status)%400) + " Moved\r\nVia: SIP/2.0/UDP x\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:200@b>;tag=2\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nContact: " + contact +
			"\r\nDiversion: " + diverted + "\r\nRetry-After: " + after + "\r\nContent-Length: 0\r\n\r\n"
		msg, err := screenMessage([]byte(text))
		res, ok := msg.(*sip.Response)
		if err != nil || !ok {
			return
		}
		list := contacts(res)
		if len(list) > maxRedirects {
			t.Fatalf("%d contacts", len(list))
		}
		best := 2.0
		for _, uri := range list {
			q := 0.0
			for _, h := range res.GetHeaders("Contact") {
				if c := h.(*sip.ContactHeader); c.Address.String() == uri.String() {
					one := 1.0
					if text, ok := c.Params.Get("q"); ok {
						one = 0
						if n, err := fmt.Sscanf(text, "%g", &one); n != 1 || err != nil || !(one >= 0 && one <= 1) {
							one = 0
						}
					}
					q = max(q, one)
				}
			}
			if q > best && len(res.GetHeaders("Contact")) == len(list) {
				t.Fatalf("%s, whose q is %v, is tried after one of %v", uri.String(), q, best)
			}
			best = min(best, q)
			for _, by := range []*leg{{pbx: office}, {user: "alice"}} {
				to, ok := srv.redirectTarget(by, uri)
				if !ok {
					continue
				}
				if to.User == "" || to.Scheme != "sip" || to.Host == "" || to.Port != 0 || len(to.Headers)+len(to.UriParams) > 0 || uri.Scheme == "tel" && !IsNumber(to.User) {
					t.Fatalf("%s leads to %s", uri.String(), to.String())
				}
			}
		}
		if d := retryAfter(res); d < 0 || d > maxBusy {
			t.Fatalf("%q keeps us away for %v", after, d)
		}
		if d, ok := (&leg{}).putOff(res, 0.5); ok && (d < 0 || d > max(longestRetry, 4100*1e6)) {
			t.Fatalf("%q puts off for %v", after, d)
		}

		req := sip.NewRequest(sip.INVITE, sip.Uri{Scheme: "sip", User: "200", Host: "office.example"})
		req.AppendHeader(sip.NewHeader("History-Info", history))
		from := &leg{srv: srv, pbx: office}
		from.remote.uri = sip.Uri{Scheme: "sip", User: "200", Host: "192.0.2.10"}
		u := &setup{bridge: &bridge{srv: srv, a: &leg{pbx: office}}, req: req}
		to := &leg{srv: srv, user: "alice"}
		to.remote.uri = sip.Uri{Scheme: "sip", User: "alice", Host: "office.example"}
		d := u.diversion(event{leg: from, res: res})
		if !isToken(d.reason) {
			t.Fatalf("reason %q", d.reason)
		}
		u.trail.past = map[*leg][]diversion{to: {d, d}}
		diversions, entries := u.trail.headers(u, to)
		if len(diversions) != 2 || len(entries) != 3 {
			t.Fatalf("%v, %v", diversions, entries)
		}
		index := ""
		for _, h := range slices.Concat(diversions, entries) {
			p := onePer(t, h.Name(), h.Value())
			if h.Name() == "Diversion" {
				continue
			}
			next, _ := p.params.Get("index")
			if before, _ := p.params.Get("mp"); before != index || !isToken(next) || index != "" && next != index+".1" {
				t.Fatalf("after index %q comes %s", index, h.Value())
			}
			index = next
		}
	})
}

// What one side says of people, the other hears by its own names and in a form that can be read; a browser is not believed to be somebody, and nobody's
// phone answers by itself because a browser says so. No name of a browser's reaches a PBX.
func FuzzCross(f *testing.F) {
	for _, value := range []string{`"Bob, B" <sip:101@192.0.2.10>;party=calling`, "<sip:alice@office.example>, <tel:+49>", "<sip:x@y.invalid>", "<http://a/ring.wav>;info=alert-autoanswer", "<sip:a@b>;answer-after=0", "Auto;require", "MANUAL",
		"<sip:a@office.example;transport=ws?Reason=SIP%3Bcause%3D302>;index=1", "c@x;to-tag=a;from-tag=b"} {
		for name := range rules {
			f.Add(name, value, "id")
		}
		f.Add("Target-Dialog", strings.NewReplacer("to-tag", "local-tag", "from-tag", "remote-tag").Replace(value), "none")
	}
	srv, office := paperServer(f)
	believed := []string{"P-Asserted-Identity", "Remote-Party-ID", "Diversion", "History-Info", "Priv-Answer-Mode"}
	f.Fuzz(func(t *testing.T, name, value, asked string) {
		req := sip.NewRequest(sip.INVITE, sip.Uri{Scheme: "sip", User: "alice", Host: "office.example"})
		if strings.ContainsFunc(name+value+asked, func(r rune) bool { return r < ' ' || r == 0x7f }) || !isToken(name) {
			return
		}
		req.AppendHeader(sip.NewHeader(name, value))
		req.AppendHeader(sip.NewHeader("Privacy", asked))
		browser, phone := &leg{srv: srv, user: "alice"}, &leg{srv: srv, pbx: office}
		for _, way := range []struct{ from, to *leg }{{browser, phone}, {phone, browser}, {browser, browser}, {phone, phone}} {
			var out collected
			srv.cross(way.from, way.to, req, &out)
			for _, h := range out {
				got := h.Value()
				r, ruled := rules[h.Name()]
				if way.from == browser && (slices.Contains(believed, h.Name()) || r.browser != nil && !r.browser(got)) {
					t.Fatalf("%s: %q of a browser is believed", h.Name(), got)
				}
				if ruled && r.parties {
					for _, one := range splitList(got) {
						onePer(t, h.Name(), one)
					}
					if way.to == phone && strings.Contains(got, ".invalid") {
						t.Fatalf("%s: %q reaches the PBX", h.Name(), got)
					}
				}
				if got == "" || strings.ContainsFunc(got, func(r rune) bool { return r < ' ' }) || h.Name() != "Target-Dialog" && !ruled && !strings.EqualFold(h.Name(), "Supported") && !strings.EqualFold(h.Name(), "Require") {
					t.Fatalf("%s: %q of %s: %q", h.Name(), got, name, value)
				}
			}
		}
	})
}

// A PRACK acknowledges the response under way, by its numbers and once, and no other (RFC 3262 §7.2).
func FuzzRAck(f *testing.F) {
	f.Add("776656 1 INVITE", uint32(776655), uint32(1))
	f.Add("0776656  01\tinvite", uint32(776655), uint32(1))
	f.Add("776656 1 INVITE x", uint32(776655), uint32(1))
	f.Add("776656 2 INVITE", uint32(776655), uint32(1))
	f.Add("-1 4294967297 INVITE", uint32(4294967295), uint32(1))
	f.Fuzz(func(t *testing.T, text string, rseq, cseq uint32) {
		r := newRelay(context.Background(), cseq, func(*sip.Response) {}, func(func()) {}, func() {})
		r.rseq = rseq
		if r.acknowledge(text) {
			t.Fatal("acknowledged before anything was sent")
		}
		for range 2 {
			r.pass(sip.NewResponse(180, "Ringing"))
		}
		var got []string
		for part := range strings.FieldsSeq(text) {
			got = append(got, strings.TrimLeft(part, "0"))
		}
		want := strings.EqualFold(strings.Join(got, " "), strings.ReplaceAll(fmt.Sprintf(" %d %d INVITE", rseq+1, cseq), " 0 ", "  ")[1:])
		if got := r.acknowledge(text); got && !want {
			t.Fatalf("%q acknowledges %d %d", text, rseq+1, cseq)
		} else if got && r.acknowledge(text) {
			t.Fatalf("%q acknowledges twice", text)
		} else if !got && !r.acknowledge(fmt.Sprintf("%d %d INVITE", rseq+1, cseq)) {
			t.Fatalf("%d %d is not acknowledged", rseq+1, cseq)
		}
		if len(r.queue) != 1 || !r.acknowledge(fmt.Sprintf(" %d  %d invite ", rseq+2, cseq)) || len(r.queue) != 0 {
			t.Fatalf("%d wait after %q", len(r.queue), text)
		}
	})
}
