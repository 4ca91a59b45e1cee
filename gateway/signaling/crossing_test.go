package signaling

import (
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
)

// What one side says of people, and what it wants phones to do, by the other side's trust.
func TestCross(t *testing.T) {
	w := buildWorld(t, ModePeer, func(*Config, *Deps) {})
	t.Cleanup(func() { _ = w.srv.closeSockets() })
	p := w.srv.pbxes()[0]
	pbx, alice, bob := &leg{pbx: p}, &leg{user: "alice"}, &leg{user: "bob"}
	at := p.uri.Host
	for _, tt := range []struct {
		header, value string
		fromPBX       string // as a browser gets it from the PBX
		toPBX         string // as the PBX gets it from a browser
		among         string // as a browser gets it from another
	}{
		{"P-Asserted-Identity", `"Doe, Joe" <sip:300@` + at + `>, <tel:+4930300>`, `"Doe, Joe" <sip:300@office.example>, <tel:+4930300>`, "", ""},
		{"P-Preferred-Identity", "<sip:900@x>", "", "", ""},
		{"Remote-Party-ID", "<sip:300@" + at + ">;party=calling", "<sip:300@office.example>;party=calling", "", ""},
		{"Diversion", "<sip:300@" + at + ">;reason=no-answer", "<sip:300@office.example>;reason=no-answer", "", ""},
		{"History-Info", "<sip:300@" + at + ">;index=1, <sip:1@elsewhere>;index=1.1", "<sip:300@office.example>;index=1, <sip:1@elsewhere>;index=1.1", "", ""},
		{"Answer-Mode", "Auto;require", "Auto;require", "", ""},
		{"Answer-Mode", "Manual", "Manual", "Manual", "Manual"},
		{"Priv-Answer-Mode", "Auto", "Auto", "", ""},
		{"Alert-Info", "<urn:alert:source:internal>", "<urn:alert:source:internal>", "<urn:alert:source:internal>", "<urn:alert:source:internal>"},
		{"Alert-Info", "<http://x>;info=alert-autoanswer", "<http://x>;info=alert-autoanswer", "", ""},
		{"Call-Info", "<http://x/icon>;purpose=icon", "<http://x/icon>;purpose=icon", "<http://x/icon>;purpose=icon", "<http://x/icon>;purpose=icon"},
		{"Call-Info", "<sip:x>;answer-after=0", "<sip:x>;answer-after=0", "", ""},
		{"User-to-User", "56a390f3;encoding=hex", "56a390f3;encoding=hex", "56a390f3;encoding=hex", "56a390f3;encoding=hex"},
		{"Reason", "Q.850;cause=16", "Q.850;cause=16", "Q.850;cause=16", "Q.850;cause=16"},
		{"Privacy", "none", "none", "none", "none"},
		{"Target-Dialog", "c;local-tag=1;remote-tag=2", "c;local-tag=1;remote-tag=2", "c;local-tag=1;remote-tag=2", "c;local-tag=1;remote-tag=2"},
		{"Target-Dialog", "c", "", "", ""},
		{"Refer-Sub", "false", "false", "false", "false"},
		{"Supported", "norefersub, gruu, tdialog", "norefersub, tdialog", "norefersub, tdialog", "norefersub, tdialog"},
		{"Require", "100rel", "", "", ""},
		{"X-Anything", "at all", "at all", "at all", "at all"},
	} {
		for _, way := range []struct {
			name     string
			from, to *leg
			want     string
		}{{"from the PBX", pbx, alice, tt.fromPBX}, {"to the PBX", alice, pbx, tt.toPBX}, {"among browsers", alice, bob, tt.among}} {
			in, out := sip.NewRequest(sip.INVITE, sip.Uri{}), sip.NewRequest(sip.INVITE, sip.Uri{})
			in.AppendHeader(sip.NewHeader(tt.header, tt.value))
			passHeaders(in, out)
			w.srv.cross(way.from, way.to, in, out)
			if got := values(out, tt.header); got != way.want {
				t.Errorf("%s: %s %s: %q, want %q", tt.header, tt.value, way.name, got, way.want)
			}
		}
	}
	for _, privacy := range []string{"id", "header;user", "id;critical"} {
		in, out := sip.NewRequest(sip.INVITE, sip.Uri{}), sip.NewRequest(sip.INVITE, sip.Uri{})
		in.AppendHeader(sip.NewHeader("Privacy", privacy))
		in.AppendHeader(sip.NewHeader("P-Asserted-Identity", "<sip:300@"+at+">"))
		in.AppendHeader(sip.NewHeader("History-Info", "<sip:300@"+at+">;index=1"))
		w.srv.cross(pbx, alice, in, out)
		if got := values(out, "P-Asserted-Identity") + values(out, "History-Info"); got != "" {
			t.Errorf("Privacy: %s shows the browser %s", privacy, got)
		}
		w.srv.cross(pbx, pbx, in, out)
		if values(out, "P-Asserted-Identity") == "" {
			t.Errorf("Privacy: %s hides the caller from the PBX, which is trusted", privacy)
		}
	}
}

// Who calls whom, as each side is told.
func TestIdentityOfCaller(t *testing.T) {
	w := newWorld(t, ModeExtension)
	alice, bob := w.dial("alice", true), w.dial("bob", true)
	bob.register()
	host := w.srv.pbxes()[0].uri.Host
	const hidden = "From: \"Anonymous\" <sip:anonymous@anonymous.invalid>"
	for _, tt := range []struct {
		name, target      string
		change            func(text string) string
		from, pai, secret string
	}{
		{"to the PBX", "200", func(s string) string { return s }, `"Alice Doe" <sip:101@` + host + `>`, `"Alice Doe" <sip:101@` + host + `>`, ""},
		{"to the PBX, claiming to be another", "200", func(s string) string {
			return strings.Replace(s, "Max-Forwards", "P-Asserted-Identity: <sip:999@"+host+">\r\nP-Preferred-Identity: <sip:999@"+host+">\r\nRemote-Party-ID: <sip:999@"+host+">\r\nMax-Forwards", 1)
		}, `"Alice Doe" <sip:101@` + host + `>`, `"Alice Doe" <sip:101@` + host + `>`, ""},
		{"to the PBX, hidden", "200", func(s string) string { return strings.Replace(s, "Max-Forwards", "Privacy: id\r\nMax-Forwards", 1) },
			`"Anonymous" <sip:anonymous@` + host + `>`, `"Alice Doe" <sip:101@` + host + `>`, "id"},
		{"to the PBX, hidden as JsSIP and SIP.js do", "200", func(s string) string {
			return strings.Replace(s, "From: <sip:alice@office.example>", hidden, 1)
		}, `"Anonymous" <sip:anonymous@` + host + `>`, `"Alice Doe" <sip:101@` + host + `>`, "id"},
		{"to a browser", "bob", func(s string) string { return s }, `"Alice Doe" <sip:alice@office.example>`, `"Alice Doe" <sip:alice@office.example>`, ""},
		{"to a browser, hidden", "bob", func(s string) string { return strings.Replace(s, "Max-Forwards", "Privacy: user\r\nMax-Forwards", 1) },
			`"Anonymous" <sip:anonymous@anonymous.invalid>`, "", "user"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			alice.send(tt.change(alice.build("INVITE", "sip:"+tt.target+"@office.example", "<sip:"+tt.target+"@office.example>", token(), token(), "v=0")))
			at := &w.pbx.end
			if tt.target == "bob" {
				at = &bob.end
			}
			got := at.request(sip.INVITE)
			from, _, _ := strings.Cut(got.From().Value(), ";tag=")
			if from != tt.from || values(got, "P-Asserted-Identity") != tt.pai || values(got, "Privacy") != tt.secret || values(got, "P-Preferred-Identity")+values(got, "Remote-Party-ID") != "" {
				t.Errorf("the callee is told\n%s\nwant From %s, P-Asserted-Identity %s, Privacy %s", got, tt.from, tt.pai, tt.secret)
			}
			at.answer(got, 486, "Busy Here", "x", "", "")
			at.request(sip.ACK)
			alice.response(486, sip.INVITE)
			w.over()
		})
	}
	t.Run("who answers", func(t *testing.T) {
		alice.invite("200")
		invite := w.pbx.request(sip.INVITE)
		res := sip.NewResponseFromRequest(invite, 180, "Ringing", nil)
		res.To().Params.Add("tag", "phone")
		res.AppendHeader(sip.NewHeader("P-Asserted-Identity", `"Front Desk" <sip:201@`+host+`>`))
		w.pbx.send(res.String())
		if got := values(alice.response(180, sip.INVITE), "P-Asserted-Identity"); got != `"Front Desk" <sip:201@office.example>` {
			t.Errorf("alice learns that it rings at %s", got)
		}
		w.pbx.answer(invite, 486, "Busy Here", "phone", "", "")
		w.pbx.request(sip.ACK)
		alice.response(486, sip.INVITE)
		w.over()
	})
	t.Run("whose browser answers", func(t *testing.T) {
		w.pbx.send(w.fromPhone(w.pbx.contact("102"), "c-first", "first", "v=0 of first"))
		invite := bob.request(sip.INVITE)
		bob.answer(invite, 486, "Busy Here", "b", "", "")
		bob.request(sip.ACK)
		if got := values(w.pbx.response(486, sip.INVITE), "P-Asserted-Identity"); got != "" {
			t.Errorf("a refusal names %s", got)
		}
		w.pbx.send(w.fromPhone(w.pbx.contact("102"), "c-second", "second", "v=0 of second"))
		invite = bob.request(sip.INVITE)
		bob.answer(invite, 180, "Ringing", "b", "<sip:bob@"+bob.host+">", "")
		if got := values(w.pbx.response(180, sip.INVITE), "P-Asserted-Identity"); got != `"Bob Roe" <sip:102@`+host+`>` {
			t.Errorf("the PBX learns that it rings at %s", got)
		}
		bob.answer(invite, 486, "Busy Here", "b", "", "")
		bob.request(sip.ACK)
		w.pbx.response(486, sip.INVITE)
		w.over()
	})
	t.Run("nobody registers as anonymous", func(t *testing.T) {
		alice.send(strings.Replace(alice.build("REGISTER", "sip:office.example", "<sip:alice@office.example>", token(), token(), ""), "From: <sip:alice@office.example>", hidden, 1))
		alice.response(403, sip.REGISTER)
	})
}

func TestSplitList(t *testing.T) {
	for _, tt := range []struct {
		text string
		want []string
	}{
		{"", nil},
		{" , ,", nil},
		{"<sip:a@b>", []string{"<sip:a@b>"}},
		{`"A, \"B, <C" <sip:a@b?x=1,2>;p="q,r" , <sip:c@d>`, []string{`"A, \"B, <C" <sip:a@b?x=1,2>;p="q,r"`, "<sip:c@d>"}},
		{`"open, <a>`, []string{`"open, <a>`}},
	} {
		if got := splitList(tt.text); strings.Join(got, "|") != strings.Join(tt.want, "|") {
			t.Errorf("splitList(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
}

// Cutting loses nothing but commas and the space around them.
func FuzzSplitList(f *testing.F) {
	f.Add(`"A, B" <sip:a@b,c>;q=1, <tel:+49>`)
	f.Fuzz(func(t *testing.T, text string) {
		list := splitList(text)
		bare := func(s string) string {
			return strings.Map(func(r rune) rune {
				if r == ',' || strings.ContainsRune(" \t\r\n\v\f\u0085\u00a0", r) || r > 0x7f {
					return -1
				}
				return r
			}, s)
		}
		if bare(strings.Join(list, ",")) != bare(text) {
			t.Fatalf("%q was cut into %q", text, list)
		}
		for _, v := range list {
			if again := splitList(v); len(again) != 1 || again[0] != v {
				t.Fatalf("%q of %q is cut into %q", v, text, again)
			}
		}
	})
}
