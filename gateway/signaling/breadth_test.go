package signaling

import (
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
)

func TestBreadthIsShared(t *testing.T) {
	for _, tt := range []struct {
		header string
		left   int
	}{{"", 60}, {"60", 60}, {"61", 60}, {" 7 ", 7}, {"0", 0}, {"-1", 60}, {"99999999999", 60}, {"x", 60}} {
		req := sip.NewRequest(sip.INVITE, sip.Uri{Scheme: "sip", Host: "x"})
		if tt.header != "" {
			req.AppendHeader(sip.NewHeader("Max-Breadth", tt.header))
		}
		if got := breadthOf(req).left; got != tt.left {
			t.Errorf("%q leaves %d, want %d", tt.header, got, tt.left)
		}
	}
	b := breadth{left: 7}
	if err := b.split(8); err == nil {
		t.Error("7 are enough for 8")
	}
	if err := b.split(3); err != nil || b.take() != 2 || b.take() != 2 || b.take() != 2 || b.left != 1 {
		t.Errorf("7 among 3: %v, %+v", err, b)
	}
	b.left += 2 // a branch has ended
	if err := b.split(1); err != nil || b.take() != 3 || b.take() != 0 {
		t.Errorf("one more: %v, %+v", err, b)
	}
}

// What a request may fork is shared among its branches, comes back with each that ends, and goes on in what the next one gets.
func TestBreadthOfForks(t *testing.T) {
	w := newWorld(t, ModeExtension)
	alice := w.dial("alice", true)
	w.pbx.contact("101")
	first, second := w.dial("bob", true), w.dial("bob", true)
	first.register()
	second.register()
	call := func(target, limit string) {
		text := alice.build("INVITE", "sip:"+target+"@office.example", "<sip:"+target+"@office.example>", token(), token(), "v=0 of alice")
		if limit != "" {
			text = strings.Replace(text, "Max-Forwards", "Max-Breadth: "+limit+"\r\nMax-Forwards", 1)
		}
		alice.send(text)
	}
	for _, tt := range []struct{ given, want string }{{"", "30"}, {"9", "4"}, {"2", "1"}} {
		call("bob", tt.given)
		for _, b := range []*browser{first, second} {
			invite := b.request(sip.INVITE)
			if got := values(invite, "Max-Breadth"); got != tt.want {
				t.Errorf("of %q each of two gets %q, want %q", tt.given, got, tt.want)
			}
			b.answer(invite, 486, "Busy Here", "b", "", "")
		}
		alice.response(486, sip.INVITE)
	}
	call("bob", "1")
	alice.response(440, sip.INVITE)

	call("200", "5")
	invite := w.pbx.request(sip.INVITE)
	if got := values(invite, "Max-Breadth"); got != "5" {
		t.Errorf("a single branch gets %q, want 5", got)
	}
	res := sip.NewResponseFromRequest(invite, 302, "Moved", nil)
	res.To().Params.Add("tag", "t")
	res.AppendHeader(sip.NewHeader("Contact", "<sip:300@pbx>"))
	w.pbx.send(res.String())
	next := w.pbx.request(sip.INVITE)
	if got := values(next, "Max-Breadth"); got != "5" {
		t.Errorf("after a redirection the branch gets %q, want 5", got)
	}
	w.pbx.answer(next, 486, "Busy Here", "b", "", "")
	alice.response(486, sip.INVITE)

	message := func(limit string) string {
		return strings.Replace(alice.build("MESSAGE", "sip:bob@office.example", "<sip:bob@office.example>", token(), "m", ""), "Max-Forwards", "Max-Breadth: "+limit+"\r\nMax-Forwards", 1)
	}
	alice.send(message("1"))
	alice.response(440, sip.MESSAGE)
	alice.send(message("3"))
	for _, b := range []*browser{first, second} {
		text := b.request(sip.MESSAGE)
		if got := values(text, "Max-Breadth"); got != "1" {
			t.Errorf("each device's MESSAGE has %q, want 1", got)
		}
		b.answer(text, 200, "OK", "b", "", "")
	}
	alice.response(200, sip.MESSAGE)
	w.over()
}
