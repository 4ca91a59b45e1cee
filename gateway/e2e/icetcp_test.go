//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// onlyBy makes a page's browser know only those addresses of the gateway's whose candidate lines a regular expression finds.
func onlyBy(pattern string) string {
	return fmt.Sprintf(`(() => {
  const set = RTCPeerConnection.prototype.setRemoteDescription;
  RTCPeerConnection.prototype.setRemoteDescription = function (d, ...more) {
    const sdp = d.sdp.replace(/^a=candidate:.*\r\n/gim, (line) => (/%s/i.test(line) ? line : ""));
    return set.call(this, { type: d.type, sdp }, ...more);
  };
  return true;
})()`, pattern)
}

// withoutUDP makes a page's browser deaf for the addresses at which the gateway takes UDP, as a firewall would.
var withoutUDP = onlyBy(" tcp ")

// mediaPath is JavaScript for how a connection's media goes, as "udp 192.0.2.1": by what, and to which address of the gateway's.
const mediaPath = `(async () => {
  const stats = [...(await %s.getStats()).values()];
  const used = stats.find((s) => s.type === "transport")?.selectedCandidatePairId;
  const pair = stats.find((s) => s.type === "candidate-pair" && (used ? s.id === used : s.selected));
  const gateway = stats.find((s) => s.id === pair?.remoteCandidateId);
  return ` + "`${gateway?.protocol} ${gateway?.address}`" + `;
})()`

// wantPath fails the test when the media of a tab's call goes another way than one that begins so.
func (p *tab) wantPath(t *testing.T, want string) {
	t.Helper()
	if got := eval[string](t, p, fmt.Sprintf(mediaPath, p.connection)); !strings.HasPrefix(got, want) {
		t.Errorf("media goes by %q, want %q", got, want)
	}
}

// Where no UDP gets through, calls go by TCP on the HTTPS port, both ways; where it does, by UDP.
func TestMediaByTCP(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "")
	o.pageCallsPhone(t, o.alice, toneAlice)
	o.alice.wantPath(t, "udp")
	o.alice.hangUp(t)
	o.phone.wantEvent(t, "CALL_CLOSED")
	proves(t, "Media by TCP, for want of UDP", page, desk)
	eval[bool](t, o.alice, withoutUDP)
	o.pageCallsPhone(t, o.alice, toneAlice)
	o.alice.wantPath(t, "tcp")
	o.alice.hangUp(t)
	o.phone.wantEvent(t, "CALL_CLOSED")
	o.phoneCallsPage(t, o.alice, "101", toneAlice)
	o.alice.wantPath(t, "tcp")
	o.alice.hangUp(t)
	o.phone.wantEvent(t, "CALL_CLOSED")
}
