package signaling

import (
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
)

// What a browser tells of its addresses ends here; the PBX hears nothing of it.
func TestTrickle(t *testing.T) {
	w := newWorld(t, ModeExtension)
	alice := w.dial("alice", true)
	ok, invite := w.up(alice)
	seq := int(ok.CSeq().SeqNo)
	if h := ok.GetHeader("Recv-Info"); h == nil || h.Value() != "trickle-ice" || !hasOption(ok, "Supported", "trickle-ice") {
		t.Errorf("the browser is told %v, want that it may trickle", h)
	}
	if h := invite.GetHeader("Recv-Info"); h != nil || hasOption(invite, "Supported", "trickle-ice") {
		t.Errorf("the PBX is told %v, want nothing of ICE", h)
	}
	fragment := "a=ice-ufrag:them\r\na=candidate:1 1 UDP 2130706431 192.0.2.1 5010 typ host\r\na=end-of-candidates\r\n"
	for i, head := range []string{
		"Info-Package: trickle-ice\r\nContent-Type: application/trickle-ice-sdpfrag\r\nContent-Disposition: Info-Package\r\n",
		"Info-Package: Trickle-ICE;foo=bar\r\nContent-Type: application/sdp\r\n",
		"Content-Type: application/trickle-ice-sdpfrag; charset=utf-8\r\n",
	} {
		info := alice.within("INFO", ok, seq+1+i, "")
		alice.send(strings.Replace(info, "Content-Length: 0\r\n\r\n", head+"Content-Length: "+itoa(len(fragment))+"\r\n\r\n"+fragment, 1))
		alice.response(200, sip.INFO)
	}
	// The next thing that the PBX gets is another INFO.
	info := alice.within("INFO", ok, seq+4, "")
	alice.send(strings.Replace(info, "Content-Length: 0\r\n\r\n",
		"Recv-Info: foo, trickle-ice\r\nContent-Type: application/dtmf-relay\r\nContent-Length: 9\r\n\r\nSignal=5\n", 1))
	got := w.pbx.request(sip.INFO)
	if string(got.Body()) != "Signal=5\n" {
		t.Errorf("the PBX gets INFO with %q", got.Body())
	}
	if h := got.GetHeader("Recv-Info"); h == nil || h.Value() != "foo" {
		t.Errorf("the PBX is told of Recv-Info %v, want foo", h)
	}
	w.pbx.answer(got, 200, "OK", "", "", "")
	alice.response(200, sip.INFO)
	theirs := w.within("INFO", invite, 5, "")
	w.pbx.send(strings.Replace(theirs, "Max-Forwards: 70\r\n", "Max-Forwards: 70\r\nInfo-Package: trickle-ice\r\n", 1))
	w.pbx.response(469, sip.INFO)
}

func TestWithoutTrickle(t *testing.T) {
	for value, want := range map[string]string{
		"": "", "trickle-ice": "", "Trickle-ICE": "", "foo": "foo", "foo, trickle-ice": "foo", " trickle-ice ,foo,bar": "foo, bar",
	} {
		if got := withoutTrickle(value); got != want {
			t.Errorf("withoutTrickle(%q) = %q, want %q", value, got, want)
		}
	}
}
