package signaling

import (
	"testing"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/sdp"
)

// deskOf is the phone of this machine, signed in as a device of its owner.
func (w *world) deskOf(owner string) *browser {
	w.t.Helper()
	line, err := w.srv.Attach(owner)
	if err != nil {
		w.t.Fatal(err)
	}
	b := &browser{user: owner, domain: "office.example", host: "inside.invalid"}
	b.end = end{t: w.t, name: "desk", in: make(chan sip.Message, 100), send: func(text string) { _ = line.Send([]byte(text)) }}
	w.t.Cleanup(func() { _ = line.Close() })
	go func() { // ends with the line
		for {
			msg, err := line.Receive()
			if err != nil {
				return
			}
			b.parsed(msg)
		}
	}()
	b.register()
	return b
}

// desk@neighbour is that machine, the neighbour's plain name whoever owns it: the owner's page and desk both ring.
func TestNeighbourRingsTheDesk(t *testing.T) {
	w, n := nearWorld(t)
	alice := w.dial("alice", true)
	alice.send(alice.build("INVITE", "sip:desk@workshop", "<sip:desk@workshop>", token(), token(), "v=0 of alice"))
	invite := n.request(sip.INVITE)
	if to := invite.Recipient; to.User != deskName || to.Host != nearID {
		t.Errorf("desk@workshop goes to %s", to.String())
	}
	n.answer(invite, 486, "Busy Here", "x", "", "")
	alice.response(486, sip.INVITE)
	w.over()

	n = w.comes(nearID)
	n.send(n.build("INVITE", deskName, token(), "v=0 of bob"))
	n.response(480, sip.INVITE) // there is none
	w.over()
	page := w.dial("bob", true) // who owns this machine
	page.register()
	desk := w.deskOf("bob")
	n.send(n.build("INVITE", deskName, token(), "v=0 of bob"))
	invite = desk.request(sip.INVITE)
	if invite.To().Address.User != deskName || invite.From().Address.String() != "sip:bob@workshop" {
		t.Errorf("desk is rung with\n%s", invite)
	}
	w.srv.mu.Lock()
	for _, l := range w.srv.legs {
		if l.user == "bob" && l.party.Profile != sdp.PCM {
			t.Errorf("the desk's leg has profile %v", l.party.Profile)
		}
	}
	w.srv.mu.Unlock()
	desk.answer(invite, 486, "Busy Here", "x", "", "")
	n.response(486, sip.INVITE)
	w.over()

	n.send(n.build("INVITE", ownerName, token(), "v=0 of bob"))
	for _, device := range []*browser{desk, page} {
		device.answer(device.request(sip.INVITE), 486, "Busy Here", "x", "", "")
	}
	n.response(486, sip.INVITE)
	w.over()
}
