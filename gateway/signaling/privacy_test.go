package signaling

import (
	"slices"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
)

func withPrivacy(text string) *sip.Request {
	req := sip.NewRequest(sip.INVITE, sip.Uri{Scheme: "sip", Host: "x"})
	if text != "" {
		req.AppendHeader(sip.NewHeader("Privacy", text))
	}
	return req
}

func TestPrivacyIsRead(t *testing.T) {
	for _, tt := range []struct {
		text    string
		asked   privacy
		unknown []string
		hides   bool
	}{
		{"", 0, nil, false},
		{"id", privateID, nil, true},
		{"Header;SESSION ; user", privateHeader | privateSession | privateUser, nil, true},
		{"header;session;critical", privateHeader | privateSession | privateCritical, nil, false},
		{"history", privateHistory, nil, false},
		{"none", privateNone, nil, false},
		{"id;none", privateNone, nil, false}, // none may not stand with others; it is what somebody has decided on purpose
		{"id,token;critical", privateID | privateCritical | privateUnknown, []string{"token"}, true},
	} {
		asked, unknown := privacyOf(withPrivacy(tt.text))
		if asked != tt.asked || !slices.Equal(unknown, tt.unknown) || wantsPrivacy(withPrivacy(tt.text)) != tt.hides {
			t.Errorf("%q: %b %q", tt.text, asked, unknown)
		}
	}
}

// What each kind of privacy keeps from a browser that is called from the PBX.
func TestPrivacyTowardABrowser(t *testing.T) {
	w := newWorld(t, ModeExtension)
	bob := w.dial("bob", true)
	bob.register()
	host := w.srv.pbxes()[0].uri.Host
	more := []string{"P-Asserted-Identity: <sip:300@" + host + ">", "History-Info: <sip:300@" + host + ">;index=1", "Subject: holidays",
		"Organization: ACME", "Call-Info: <http://acme.example/icon>;purpose=icon", "X-Anything: at all"}
	for _, tt := range []struct {
		privacy               string
		from                  string // user
		asserted, past, words bool
	}{
		{"", "carol", true, true, true},
		{"none", "carol", true, true, true},
		{"header", "carol", true, false, true},
		{"session", "carol", true, false, true},
		{"history", "carol", true, false, true},
		{"id", "carol", false, false, true},
		{"user", "anonymous", false, false, false},
		{"user;critical", "anonymous", false, false, false},
	} {
		t.Run("Privacy "+tt.privacy, func(t *testing.T) {
			with := more
			if tt.privacy != "" {
				with = append([]string{"Privacy: " + tt.privacy, "Proxy-Require: privacy"}, more...)
			}
			w.pbx.send(w.fromPhone(w.pbx.contact("102"), token(), "carol", "v=0", with...))
			invite := bob.request(sip.INVITE)
			if got := invite.From().Address.User; got != tt.from {
				t.Errorf("From %s", invite.From().Value())
			}
			for header, want := range map[string]bool{"P-Asserted-Identity": tt.asserted, "History-Info": tt.past,
				"Subject": tt.words, "Organization": tt.words, "Call-Info": tt.words, "X-Anything": true} {
				if got := values(invite, header) != ""; got != want {
					t.Errorf("%s is there: %v, want %v", header, got, want)
				}
			}
			if calls := w.srv.Calls(); len(calls) != 1 || calls[0].From != tt.from {
				t.Errorf("shown: %+v", calls)
			}
			text := invite.String()
			if strings.Contains(text, w.pbx.addr()) || len(invite.GetHeaders("Via")) != 1 || invite.GetHeader("Record-Route") != nil {
				t.Errorf("the way is told:\n%s", text)
			}
			bob.answer(invite, 486, "Busy Here", "b", "", "")
			w.pbx.response(486, sip.INVITE)
			w.over()
		})
	}
}

// Who would rather not call than be known is not called for, if we can't do what is asked.
func TestCriticalPrivacy(t *testing.T) {
	w := newWorld(t, ModeExtension)
	alice := w.dial("alice", true)
	w.pbx.contact("101")
	for _, tt := range []struct {
		privacy string
		status  int
	}{{"veil;critical", 500}, {"veil", 486}, {"id;critical", 486}} {
		text := alice.build("INVITE", "sip:200@office.example", "<sip:200@office.example>", token(), token(), "v=0")
		alice.send(strings.Replace(text, "Max-Forwards", "Privacy: "+tt.privacy+"\r\nSubject: holidays\r\nMax-Forwards", 1))
		if tt.status == 486 {
			invite := w.pbx.request(sip.INVITE)
			if values(invite, "Subject") == "" {
				t.Errorf("Privacy: %s hides what only user does", tt.privacy)
			}
			w.pbx.answer(invite, 486, "Busy Here", "b", "", "")
		}
		res := alice.response(tt.status, sip.INVITE)
		if tt.status == 500 && !strings.Contains(valueOf(res, "Warning"), "veil") {
			t.Errorf("%s does not say what is missing", res)
		}
	}
	w.over()
}
