package desk

import (
	"log/slog"
	"testing"

	"github.com/emiago/sipgo/sip"
)

// Who calls from a neighbour is another than our user of that name; those at the PBX are known by number, whoever it says asserts it.
func TestPeer(t *testing.T) {
	for _, tt := range []struct{ from, asserted, want, name string }{
		{"sip:alice@office.example", "", "alice", ""},
		{"sip:alice@Office.Example", `"Alice Doe" <sip:alice@office.example>`, "alice", "Alice Doe"},
		{"sip:alice@front-office", "", "alice@front-office", ""},
		{"sip:alice@front-office", `"Alice Doe" <sip:alice@front-office>`, "alice@front-office", "Alice Doe"},
		{"sip:anonymous@anonymous.invalid", "", "anonymous", ""},
		{"sip:anonymous@office.example", `<sip:+49301234567@carrier.example>`, "+49301234567", ""},
	} {
		p := New(Config{Domain: "office.example"}, Deps{Card: &fakeCard{}}, slog.New(slog.DiscardHandler))
		req := sip.NewRequest(sip.INVITE, sip.Uri{Scheme: "sip", User: "bob", Host: "office.example"})
		var from sip.Uri
		if err := sip.ParseUri(tt.from, &from); err != nil {
			t.Fatal(err)
		}
		if tt.asserted != "" {
			req.AppendHeader(sip.NewHeader("P-Asserted-Identity", tt.asserted))
		}
		c := p.newConversation(false, p.peerOf(from), "")
		c.remote.uri = from
		c.learn(req)
		if c.peer != tt.want || c.name != tt.name {
			t.Errorf("%s, asserted %q: %q %q, want %q %q", tt.from, tt.asserted, c.peer, c.name, tt.want, tt.name)
		}
	}
}
