//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// opusOnly makes a page that allows the browser no codec but Opus: it leaves nothing else in what is offered and answered, nor in what
// it is offered, since a browser may send what it does not want to hear.
const opusOnly = `(() => {
  const wanted = /^(opus\/48000\/2|telephone-event\/48000)$/i;
  const codecs = RTCRtpReceiver.getCapabilities("audio").codecs.filter((c) =>
    c.mimeType === "audio/opus" || c.mimeType === "audio/telephone-event" && c.clockRate === 48000);
  const proto = RTCPeerConnection.prototype;
  for (const name of ["createOffer", "createAnswer"]) {
    const make = proto[name];
    proto[name] = function (...args) {
      for (const t of this.getTransceivers()) if (t.receiver.track.kind === "audio") t.setCodecPreferences(codecs);
      return make.apply(this, args);
    };
  }
  const set = proto.setRemoteDescription;
  proto.setRemoteDescription = function ({ type, sdp }, ...rest) {
    const maps = [...sdp.matchAll(/^a=rtpmap:(\d+) (\S+)/gm)].filter((m) => wanted.test(m[2])).map((m) => m[1]);
    const lines = sdp.split("\r\n").filter((l) => !/^a=(rtpmap|fmtp):/.test(l) || maps.includes(l.split(/[: ]/)[1]));
    const kept = lines.map((l) => l.startsWith("m=audio") ? l.split(" ").filter((w, i) => i < 3 || maps.includes(w)).join(" ") : l);
    return set.call(this, { type, sdp: kept.join("\r\n") }, ...rest);
  };
})()`

// asksForPauses makes a page ask not to be sent silence (RFC 7587 §6.1).
const asksForPauses = `(() => {
  const proto = RTCPeerConnection.prototype;
  for (const name of ["createOffer", "createAnswer"]) {
    const make = proto[name];
    proto[name] = async function (...args) {
      const { type, sdp } = await make.apply(this, args);
      return { type, sdp: sdp.replace(/useinbandfec=1/g, "useinbandfec=1;usedtx=1") };
    };
  }
})()`

// received is what came to the browser: packets, and those that it counts as lost.
const received = `(async () => {
  for (const s of (await window.pc.getStats()).values()) if (s.type === "inbound-rtp" && s.kind === "audio") return [s.packetsReceived, s.packetsLost];
  return [0, 0];
})()`

// A page that allows Opus alone, and a phone that knows nothing of it, hear one another, whoever calls. The phone wants
// packets of twice the usual length.
func TestOpusOnly(t *testing.T) {
	t.Parallel()
	program(t, "npm")
	folder, err := buildClients()
	if err != nil {
		missing(t, "the bundle of SIP.js and JsSIP: "+err.Error())
	}
	site := httptest.NewServer(http.FileServer(http.Dir(folder)))
	defer site.Close()
	k := startPBX(t, pbxOptions{})
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, PBX: extensionPBX(k),
		Extra: fmt.Sprintf("[auth]\nsecrets = [%q]\n[web]\norigins = [%q]\n", secret, site.URL)})
	a := startBrowser(t, toneAlice, g.ca())
	phone := startPhone(t, k, "201", phoneOptions{Codecs: []string{"pcma"}, Packets: 40 * time.Millisecond})
	api := signIn(t, g, alice)
	wantLong := func() {
		t.Helper()
		x := leg(t, api.media(t), "pbx")
		if in, out := x.BytesIn/max(x.PacketsIn, 1), x.BytesOut/max(x.PacketsOut, 1); in < 300 || out < 300 { // 40 ms are 320
			t.Errorf("of a phone with packets of 40 ms come %d bytes in each, and it gets %d", in, out)
		}
	}
	wantOpus := func(c *plainClient) {
		if codec := eval[string](t, c.tab, sentCodec); codec != "audio/opus" {
			t.Errorf("the browser sends %q", codec)
		}
	}
	for _, kind := range []string{"sipjs", "jssip"} {
		t.Run(kind, func(t *testing.T) {
			proves(t, "Opus to G.711", published[kind], desk)
			proves(t, "Packets of another length (ptime)", published[kind], desk)
			c := openClient(t, a, site.URL, kind, g.ws()+credentialQuery("alice", time.Now().Add(time.Hour)), "alice", "")
			c.do(t, opusOnly)
			c.do(t, asksForPauses)
			phone.startOver()
			c.do(t, "await phone.call('201')")
			phone.wantEvent(t, "CALL_INCOMING")
			phone.answer(t)
			c.talksWith(t, phone)
			wantOpus(c)
			wantLong()
			proves(t, "DTMF with a clock of 48 kHz", published[kind], desk)
			c.do(t, `window.pc.getSenders().find((s) => s.dtmf).dtmf.insertDTMF("4")`)
			if e := phone.wantEvent(t, "CALL_DTMF_START"); e.Param != "4" {
				t.Errorf("the phone got the key %q, want 4", e.Param)
			}
			phone.command(t, "sndcode", "7")
			wantKey(t, kind, c, "7")
			wantTone(t, "the phone", phone, toneAlice)
			c.do(t, "await phone.hangUp()")
			phone.wantEvent(t, "CALL_CLOSED")

			phone.startOver()
			phone.dial(t, "101")
			c.wantState(t, "incoming")
			c.do(t, "await phone.answer()")
			c.talksWith(t, phone)
			wantOpus(c)
			wantLong()
			proves(t, "Silence left out of Opus (DTX)", published[kind], desk)
			phone.command(t, "mute", "")
			eventually(t, patience, "a few packets of silence in a second, and none lost", func() bool {
				before := eval[[2]int](t, c.tab, received)
				time.Sleep(time.Second) // what is measured
				after := eval[[2]int](t, c.tab, received)
				n := after[0] - before[0]
				return n > 0 && n < 15 && after[1] == before[1]
			})
			phone.command(t, "mute", "")
			wantTone(t, "the page, after it", c, tonePhone)
			phone.hangUp(t)
			c.wantState(t, "ended")
			c.do(t, "await phone.stop()")
		})
	}
}

// sentCodec is the codec that the browser sends.
const sentCodec = `(async () => {
  const stats = await window.pc.getStats();
  for (const s of stats.values()) if (s.type === "outbound-rtp" && s.kind === "audio") return stats.get(s.codecId)?.mimeType ?? "";
  return "";
})()`

// A gateway that prefers Opus speaks it with the browser whatever the phone speaks, and over a bad network repairs with it: what the
// browser loses it takes from the packets after, which get longer the more is lost.
func TestOpusPreferred(t *testing.T) {
	t.Parallel()
	k := startPBX(t, pbxOptions{})
	phones := map[string]*phone{
		"PCMA": startPhone(t, k, "201", phoneOptions{Codecs: []string{"pcma"}, Buffer: airBuffer}),
		"G722": startPhone(t, k, "202", phoneOptions{Codecs: []string{"g722"}, Buffer: airBuffer}),
	}
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, PBX: extensionPBX(k), Extra: "[media]\nopus = \"prefer\"\n"})
	p := openPage(t, startBrowser(t, toneAlice, g.ca()), g, alice)
	k.wantRegistered(t, "101")
	api, a := signIn(t, g, alice), openAir(t, g)
	a.through(t, p)
	// long is how many bytes a packet to the browser has of late.
	long := func() float64 {
		t.Helper()
		before := leg(t, api.media(t), "browser")
		time.Sleep(2 * time.Second) // what is measured
		after := leg(t, api.media(t), "browser")
		return float64(after.BytesOut-before.BytesOut) / float64(max(after.PacketsOut-before.PacketsOut, 1))
	}
	for codec, phone := range phones {
		t.Run(codec, func(t *testing.T) {
			proves(t, "Opus preferred, over a bad network", page, desk)
			a.bad(false)
			phone.startOver()
			p.dial(t, phone.number)
			phone.wantEvent(t, "CALL_INCOMING")
			phone.answer(t)
			p.wantState(t, "talking")
			phone.wantEvent(t, "CALL_ESTABLISHED")
			wantTone(t, "the phone", phone, toneAlice)
			wantTone(t, "the page", p, tonePhone)
			for _, way := range []string{"inbound-rtp", "outbound-rtp"} {
				if s := eval[rtpStats](t, p, fmt.Sprintf(pageRTP, way)); s.Codec != "audio/opus" {
					t.Errorf("%s of the browser is %+v", way, s)
				}
			}
			if x := leg(t, api.media(t), "pbx"); !strings.HasPrefix(x.Codec, codec) {
				t.Errorf("the phone speaks %q, want %s", x.Codec, codec)
			}
			// The encoder begins with some loss expected, and learns by the browser's reports that there is none.
			var calm float64
			received := func() rtpStats { return eval[rtpStats](t, p, fmt.Sprintf(pageRTP, "inbound-rtp")) }
			before := received()
			eventually(t, 2*patience, "packets that repeat nothing", func() bool {
				last := before
				calm, before = long(), received()
				return before.Repairs == last.Repairs
			})
			a.bad(true)
			wantSteady(t, "the phone", phone, toneAlice)
			wantSteady(t, "the page", p, tonePhone)
			a.wantBad(t, api)
			var after rtpStats
			var rough float64
			eventually(t, 2*patience, "longer packets, which repair those that the browser lost", func() bool {
				rough, after = long(), received()
				return after.Lost > before.Lost && after.Repairs > before.Repairs && rough > calm
			})
			t.Logf("%+v, then %+v; packets have %.1f bytes, then %.1f", before, after, calm, rough)
			p.hangUp(t)
			phone.wantEvent(t, "CALL_CLOSED")
		})
	}
}

// rtpStats is what the browser says of one direction.
type rtpStats struct {
	Codec   string
	Lost    int
	Repairs int // packets that came with a repetition of another one
}

// pageRTP reads them of the page's call.
const pageRTP = `(async () => {
  const stats = await window.cordboard.peerConnection.getStats();
  for (const s of stats.values()) if (s.type === %q && s.kind === "audio") return { Codec: stats.get(s.codecId)?.mimeType ?? "",
    Lost: s.packetsLost ?? 0, Repairs: s.fecPacketsReceived ?? 0 };
  return {};
})()`
