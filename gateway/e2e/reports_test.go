//go:build e2e

package e2e

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
)

// reported is what Chromium knows of a call's two streams, its own counts and what the gateway's reports say.
type reported struct {
	SSRCs []uint32 // of the streams that it hears, with a packet at least
	Far   struct { // by receiver reports, of what it sends
		There     bool
		RoundTrip float64 // s
		Share     float64
		Lost      int
		Jitter    float64 // s
	}
	Sender struct { // by sender reports, of what it hears
		There         bool
		SSRC          uint32
		Packets, Size int
	}
}

// reports reads Chromium's statistics.
func (p *tab) reports(t *testing.T) reported {
	t.Helper()
	return eval[reported](t, p, fmt.Sprintf(`(async () => {
		const seen = {SSRCs: [], Far: {There: false}, Sender: {There: false}};
		for (const r of (await %s.getStats()).values()) {
			if (r.type === "inbound-rtp" && r.packetsReceived > 0) {
				seen.SSRCs.push(r.ssrc);
			} else if (r.type === "remote-inbound-rtp" && r.roundTripTimeMeasurements > 0) {
				seen.Far = {There: true, RoundTrip: r.roundTripTime, Share: r.fractionLost, Lost: r.packetsLost, Jitter: r.jitter};
			} else if (r.type === "remote-outbound-rtp") {
				seen.Sender = {There: true, SSRC: r.ssrc, Packets: r.packetsSent, Size: r.bytesSent};
			}
		}
		return seen;
	})()`, p.connection))
}

// wantReports waits until Chromium knows the round trip and has heard of what it is sent.
func (p *tab) wantReports(t *testing.T) reported {
	t.Helper()
	var r reported
	eventually(t, patience, "reports of the gateway in Chromium", func() bool {
		r = p.reports(t)
		return r.Far.There && r.Sender.There && len(r.SSRCs) > 0
	})
	return r
}

// A browser is told how it is heard and what it is sent, and what it hears is one stream, over hold and a take-over.
func TestReports(t *testing.T) {
	t.Parallel()
	proves(t, "Reports (RTCP) and one stream", page, desk)
	o := openOffice(t, "")
	check := func(p *tab) (stream uint32) {
		t.Helper()
		r := p.wantReports(t)
		if f := r.Far; f.RoundTrip < 0 || f.RoundTrip > 10 || f.Share < 0 || f.Share > 1 || f.Lost < 0 || f.Jitter < 0 || f.Jitter > 10 {
			t.Errorf("the gateway reports %+v", f)
		}
		if s := r.Sender; len(r.SSRCs) != 1 || s.SSRC != r.SSRCs[0] || s.Packets <= 0 || s.Size < 100*s.Packets {
			t.Errorf("hears %v, and the gateway says that it sends %+v", r.SSRCs, s)
		}
		return r.SSRCs[0]
	}
	p := o.alice
	o.phoneCallsPage(t, p, "101", toneAlice)
	before := check(p)
	o.phone.command(t, "hold", "")
	p.wantHold(t, "remote")
	o.phone.command(t, "resume", "")
	p.wantHold(t, "")
	wantTone(t, "the page", p, tonePhone)
	if after := check(p); after != before {
		t.Errorf("after a hold the page hears %d, before %d", after, before)
	}
	p.hangUp(t)
	o.phone.wantEvent(t, "CALL_CLOSED")

	o.withBob(t)
	p.dial(t, "102")
	o.bob.wantState(t, "incoming")
	o.bob.click(t, "#answer")
	talk(t, p, o.bob)
	before = check(o.bob)
	p.run(t, "reload", chromedp.Reload())
	p.wantState(t, "talking")
	talk(t, p, o.bob)
	if after := check(o.bob); after != before {
		t.Errorf("after a take-over the other side hears %d, before %d", after, before)
	}
	check(p)
	p.hangUp(t)
	o.bob.wantOver(t)
}
