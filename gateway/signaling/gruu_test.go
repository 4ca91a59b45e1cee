package signaling

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
)

// gruus are the addresses of the browser's device in the answer to its REGISTER.
func (b *browser) gruus(res *sip.Response) (public, temporary string) {
	_, public, _ = strings.Cut(b.contactOf(res).Value(), `;pub-gruu="`)
	_, temporary, _ = strings.Cut(public, `";temp-gruu="`)
	public, _, _ = strings.Cut(public, `"`)
	temporary, _, _ = strings.Cut(temporary, `"`)
	return public, temporary
}

func TestGRUUReachesOneDevice(t *testing.T) {
	t.Parallel()                    // it waits for seconds
	w := newWorld(t, ModeExtension) // numbers go to the PBX, GRUUs do not
	desk, phone, bob := w.dial("alice", true), w.dial("alice", true), w.dial("bob", true)
	public, first := desk.gruus(desk.registerAs(200, fmt.Sprintf(deskDevice, 1)))
	phone.registerAs(200, fmt.Sprintf(phoneDevice, 1))
	_, second := desk.gruus(desk.registerAs(200, fmt.Sprintf(deskDevice, 1)))
	if first == second || len(first) != len(second) || strings.Contains(first, "alice") {
		t.Errorf("temporary addresses %q and %q", first, second)
	}
	call := func(uri string) {
		bob.send(bob.build("INVITE", uri, "<"+uri+">", token(), token(), "v=0 of bob"))
	}
	for _, uri := range []string{public, first, second} {
		call(uri)
		invite := desk.request(sip.INVITE)
		if invite.Recipient.Host != desk.host {
			t.Errorf("Request-URI %s, want the contact", invite.Recipient.String())
		}
		desk.answer(invite, 486, "Busy Here", "b", "", "")
		bob.response(486, sip.INVITE)
	}
	phone.quiet(sip.INVITE)

	call(strings.Replace(public, "0a1ff31dd2c6", "000000000000", 1))
	bob.response(480, sip.INVITE)
	call(strings.Replace(public, "alice", "nobody", 1))
	bob.response(404, sip.INVITE)
	call(strings.Replace(first, "tgruu.", "tgruu.A", 1))
	bob.response(404, sip.INVITE)

	// A registration with another Call-ID is another one (RFC 5627 §5.4).
	desk.registerAs(200, strings.Replace(fmt.Sprintf(deskDevice, 1), "600", "0", 1))
	call(second)
	bob.response(404, sip.INVITE)
	call(public)
	bob.response(480, sip.INVITE)
	public2, third := desk.gruus(desk.registerAs(200, fmt.Sprintf(deskDevice, 1)))
	if public2 != public {
		t.Errorf("public address %s, was %s", public2, public)
	}
	call(first)
	bob.response(404, sip.INVITE)
	call(third)
	desk.request(sip.INVITE)

	_ = desk.conn.CloseNow()
	bob.response(480, sip.INVITE)
	eventually(t, "unregistered", func() bool { return flowsOf(w.srv) == 2 })
	call(third)
	bob.response(404, sip.INVITE)
	phone.quiet(sip.INVITE)
}

// FuzzToken: what was put in comes out, and nothing that we have not made is taken.
func FuzzToken(f *testing.F) {
	mine, err := newSealer()
	if err != nil {
		f.Fatal(err)
	}
	other, _ := newSealer()
	f.Add([]byte("12345678192.0.2.1:5"), "flow-AAAA", uint16(3))
	f.Add([]byte{}, "", uint16(0))
	f.Add([]byte("x"), strings.Repeat("A", 60), uint16(500))
	f.Fuzz(func(t *testing.T, payload []byte, forged string, at uint16) {
		if _, ok := mine.open(flowKind, forged); ok {
			t.Fatalf("%q is taken", forged)
		}
		token := mine.seal(flowKind, payload)
		if strings.ContainsAny(token, "@;<>\"\r\n ") {
			t.Fatalf("%q can't stand in an address", token)
		}
		got, ok := mine.open(flowKind, token)
		if short := len(payload) < 100; ok != short && short || ok && !bytes.Equal(got, payload) {
			t.Fatalf("put in %q, got %q, %v", payload, got, ok)
		}
		if _, ok := mine.open(gruuKind, gruuKind+token[len(flowKind):]); ok {
			t.Fatal("a token of one kind is taken as another")
		}
		if _, ok := other.open(flowKind, token); ok {
			t.Fatal("a token of another key is taken")
		}
		wrong := []byte(token)
		wrong[int(at)%len(wrong)] ^= 1
		if _, ok := mine.open(flowKind, string(wrong)); ok {
			t.Fatalf("%q is taken in place of %q", wrong, token)
		}
	})
}
