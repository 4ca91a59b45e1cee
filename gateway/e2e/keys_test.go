//go:build e2e

package e2e

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cordboard/audio"
	"cordboard/audio/codec"
)

// keys are those that sound in what was heard.
func (s sound) keys() (digits string) {
	if s.rate == 0 {
		return ""
	}
	audio.NewKeyDetector(s.rate).Hear(s.samples, func(k audio.KeyPress) {
		if !k.Up {
			digits += string(k.Key)
		}
	})
	return digits
}

// wantKey waits until l hears the tones of a key.
func wantKey(t *testing.T, who string, l listener, key string) {
	t.Helper()
	var last sound
	if !within(12*time.Second, func() bool {
		last = l.heard(t)
		return strings.Contains(last.keys(), key)
	}) {
		t.Fatalf("%s doesn't hear the key %s but: %v, keys %q", who, key, last, last.keys())
	}
}

// A phone's keys reach the page as its browser plays them, and INFO of published clients reaches a phone that knows only events.
func TestKeysAsEvents(t *testing.T) {
	t.Parallel()
	program(t, "npm")
	folder, err := buildClients()
	if err != nil {
		missing(t, "the bundle of SIP.js and JsSIP: "+err.Error())
	}
	site := httptest.NewServer(http.FileServer(http.Dir(folder)))
	defer site.Close()
	o := openOffice(t, fmt.Sprintf("[auth]\nsecrets = [%q]\n[web]\norigins = [%q]\n", secret, site.URL))
	t.Run("phone to page", func(t *testing.T) {
		proves(t, "DTMF from the other side", page, desk)
		o.pageCallsPhone(t, o.alice, toneAlice)
		o.phone.command(t, "sndcode", "7")
		wantKey(t, "the page", o.alice, "7")
		o.alice.hangUp(t)
	})
	o.alice.close()
	b := startBrowser(t, toneAlice, o.gateway.ca())
	for kind, client := range published {
		t.Run(kind, func(t *testing.T) {
			proves(t, "DTMF by INFO, to events", client, desk)
			c := openClient(t, b, site.URL, kind, o.gateway.ws()+credentialQuery("alice", time.Now().Add(time.Hour)), "alice", "")
			o.phone.startOver()
			c.do(t, "await phone.call('201')")
			o.phone.wantEvent(t, "CALL_INCOMING")
			o.phone.answer(t)
			c.talksWith(t, o.phone)
			c.do(t, "await phone.key('9')")
			if e := o.phone.wantEvent(t, "CALL_DTMF_START"); e.Param != "9" {
				t.Errorf("the phone got the key %q, want 9", e.Param)
			}
			wantTone(t, "the phone", o.phone, toneAlice)

			proves(t, "DTMF (RFC 4733)", client)
			o.phone.forget()
			c.do(t, "await phone.tone('4')")
			if e := o.phone.wantEvent(t, "CALL_DTMF_START"); e.Param != "4" {
				t.Errorf("the phone got the key %q, want 4", e.Param)
			}
			c.do(t, "await phone.hangUp()")
			c.wantState(t, "ended")
			o.phone.wantEvent(t, "CALL_CLOSED") // else it would be taken for the next call's

			proves(t, "Hold and resume", client)
			proves(t, "Request too long for UDP goes by TCP", client, desk)
			before := len(o.pbx.output())
			o.phone.startOver()
			c.do(t, "await phone.call('201', ['X-Story: ' + 'long '.repeat(300)])")
			o.phone.wantEvent(t, "CALL_INCOMING")
			o.phone.answer(t)
			c.talksWith(t, o.phone)
			eventually(t, patience, "INVITE at the PBX by TCP", func() bool {
				return said(strings.Split(o.pbx.output()[before:], "\n"), "INVITE "+o.pbx.uri("201"), "by tcp call")
			})
			c.do(t, "await phone.hold(true)")
			wantNoTone(t, "the phone on hold", o.phone, toneAlice)
			wantNoTone(t, "the client that holds", c, tonePhone)
			c.do(t, "await phone.hold(false)")
			wantTone(t, "the client", c, tonePhone) // baresip 1.0 records nothing more of a call that was on hold
			o.phone.hangUp(t)
			c.wantState(t, "ended")
			o.phone.wantEvent(t, "CALL_CLOSED")

			proves(t, "Decline", client)
			o.phone.startOver()
			o.phone.dial(t, "101")
			c.wantState(t, "incoming")
			c.do(t, "await phone.decline()")
			if e := o.phone.wantEvent(t, "CALL_CLOSED"); !strings.HasPrefix(e.Param, "486") {
				t.Errorf("a declined call ends with %q, want 486", e.Param)
			}
			proves(t, "CANCEL", client)
			c.wantState(t, "ended")
			o.phone.startOver()
			o.phone.dial(t, "101")
			c.wantState(t, "incoming")
			o.phone.hangUp(t)
			c.wantState(t, "ended")
			o.phone.wantEvent(t, "CALL_CLOSED")
			c.do(t, "await phone.stop()")
		})
	}
}

// A phone without events hears keys as tones; this one sends back what it hears.
func TestKeysAsTones(t *testing.T) {
	t.Parallel()
	proves(t, "DTMF as tones", page, sipTest)
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, PBX: startScripted(t, "keys-tones")})
	p := openPage(t, startBrowser(t, toneAlice, g.ca()), g, alice)
	p.dial(t, "200")
	p.wantState(t, "talking")
	wantTone(t, "the page", p, toneAlice)
	proves(t, "Packets of another length (ptime)", page, sipTest)
	if x := leg(t, signIn(t, g, alice).media(t), "pbx"); x.BytesOut/max(x.PacketsOut, 1) < 230 { // 30 ms are 240
		t.Errorf("a phone that wants packets of 30 ms gets %d bytes in %d", x.BytesOut, x.PacketsOut)
	}
	for _, key := range []string{"1", "6", "#"} {
		p.press(t, key)
		wantKey(t, "the page", p, key)
	}
	wantTone(t, "the page", p, toneAlice)
	p.hangUp(t)
}

// A PBX that is set to take keys by INFO gets them so, and hangs up when they are right.
func TestKeysToInfo(t *testing.T) {
	t.Parallel()
	proves(t, "DTMF by INFO to the PBX", page, sipTest)
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, PBX: startScripted(t, "keys-info") + "dtmf = \"info\"\n"})
	p := openPage(t, startBrowser(t, toneAlice, g.ca()), g, alice)
	p.dial(t, "200")
	p.wantState(t, "talking")
	wantTone(t, "the page", p, toneAlice)
	p.press(t, "5")
	wantTone(t, "the page", p, toneAlice)
	p.wantState(t, "talking") // a wrong key would have ended the call
	p.press(t, "#")
	p.wantOver(t)
}

// A phone presses keys by INFO, which a page gets as it came, and as events, which its browser plays. Another one, whose numbers begin with
// 7, has no events: its tones become some.
func TestKeysPressedByPhone(t *testing.T) {
	t.Parallel()
	site := openSite(t)
	singer := strings.Replace(startSinger(t), "office", "organ", 1) + "prefixes = [\"7\"]\nstrip = true\n"
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, PBX: startScripted(t, "keys-pressed") + singer, Extra: forSite(site)})
	b := startBrowser(t, toneAlice, g.ca())
	for kind, client := range published {
		t.Run(kind, func(t *testing.T) {
			proves(t, "DTMF by INFO from the PBX", client, sipTest)
			proves(t, "DTMF from the other side", client, sipTest)
			c := openClient(t, b, site, kind, g.ws()+credentialQuery(alice.Name, time.Now().Add(time.Hour)), alice.Name, "")
			c.do(t, "await phone.call('200')")
			c.wantState(t, "talking")
			c.wantNote(t, "info Signal=5")
			c.wantNote(t, "info 8")
			wantKey(t, kind, c, "3")
			wantTone(t, kind, c, toneAlice)
			c.do(t, "await phone.hangUp()")
			c.wantState(t, "ended")

			proves(t, "DTMF as tones from the other side, to events", client, sipTest)
			c.do(t, "await phone.call('7200')")
			c.wantState(t, "talking")
			wantEvents(t, kind, c)
			c.do(t, "await phone.hangUp()")
			c.wantState(t, "ended")
			c.do(t, "await phone.stop()")
		})
	}
	t.Run("page", func(t *testing.T) {
		proves(t, "DTMF by INFO from the PBX", page, sipTest)
		proves(t, "DTMF from the other side", page, sipTest)
		proves(t, "DTMF as tones from the other side, to events", page, sipTest)
		p := openPage(t, b, g, alice)
		p.dial(t, "200")
		p.wantState(t, "talking")
		wantKey(t, "the page", p, "3") // and its INFO was answered, else there would be no event
		wantTone(t, "the page", p, toneAlice)
		p.hangUp(t)
		p.dial(t, "7200")
		p.wantState(t, "talking")
		wantEvents(t, "the page", p)
		p.hangUp(t)
	})
}

// sung are the keys of startSinger's phone, and sharp is by how much all its tones are above their frequency: so much that a browser that
// plays a key is told from the phone, and not so much that the key can't be known (ITU-T Q.24).
const (
	sung  = "159#"
	sharp = 1.012
)

// startSinger starts sipp as a PBX that presses keys as tones in G.711, each for 300 ms with a pause of 200 ms.
func startSinger(t *testing.T) (table string) {
	t.Helper()
	const packet = 160
	var pcm []int16
	for len(pcm) < 30*codec.G711Rate {
		for _, key := range sung {
			tone := make([]int16, codec.G711Rate*3/10)
			k, ok := audio.NewKeyTone(key, codec.G711Rate, 7000, 7000)
			if !ok {
				t.Fatalf("no key %c", key)
			}
			k.Fill(tone)
			pcm = append(append(pcm, sharpened(tone)...), make([]int16, codec.G711Rate/5)...)
		}
	}
	le := binary.LittleEndian
	file := le.AppendUint32(nil, 0xA1B2C3D4) // pcap, of Ethernet
	file = append(file, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 1, 0, 0, 0)
	for i := range len(pcm) / packet {
		const udp = 8 + 12 + packet
		at := time.Duration(i) * 20 * time.Millisecond
		file = le.AppendUint32(le.AppendUint32(file, uint32(at/time.Second)), uint32(at%time.Second/time.Microsecond))
		file = le.AppendUint32(le.AppendUint32(file, 14+20+udp), 14+20+udp)
		file = append(file, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0x45, 0, 0, 20+udp, 0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1)
		file = append(file, 0x20, 0, 0x20, 0, 0, udp, 0, 0)
		file = append(file, 0x80, 0, byte(i>>8), byte(i))
		file = binary.BigEndian.AppendUint32(file, uint32(i*packet))
		file = append(file, 's', 'u', 'n', 'g')
		file = codec.PCMU.Encode(file, pcm[i*packet:(i+1)*packet])
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "keys.pcap"), file, 0o600); err != nil {
		t.Fatal(err)
	}
	return startSipp(t, "keys-sung", dir)
}

// sharpened plays a sound faster by sharp.
func sharpened(pcm []int16) []int16 {
	out := make([]int16, int(float64(len(pcm)-1)/sharp))
	for i := range out {
		at := float64(i) * sharp
		whole := int(at)
		part := at - float64(whole)
		out[i] = int16(float64(pcm[whole])*(1-part) + float64(pcm[whole+1])*part)
	}
	return out
}

// wantEvents waits until l hears the keys of startSinger's phone in the frequencies that keys have, and hardly in those that the phone
// sings.
func wantEvents(t *testing.T, who string, l listener) {
	t.Helper()
	var last sound
	var right, sharps float64
	if !within(12*time.Second, func() bool {
		last = l.heard(t)
		right, sharps = 0, 0
		for _, column := range []float64{1209, 1336, 1477} {
			right += last.share(column)
			sharps += last.share(column * sharp)
		}
		return strings.Contains(last.keys(), sung) && right > 3*sharps
	}) {
		t.Fatalf("%s hears the keys %q, want %q, %.2f of the sound in their frequencies, %.2f in the phone's: %v", who, last.keys(), sung, right, sharps, last)
	}
	t.Logf("%s hears the keys %q, %.2f of the sound in their frequencies, %.2f in the phone's", who, last.keys(), right, sharps)
}
