package media

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"cordboard/gateway/call"
	"cordboard/gateway/sdp"
)

// diary is a party that writes down what it hears.
type diary struct {
	party
	heard []rtp.Header
}

func (d *diary) next(wait time.Duration) *rtp.Packet {
	p := d.party.next(wait)
	if p != nil {
		d.heard = append(d.heard, p.Header)
	}
	return p
}

// check fails the test if what was heard is not one stream that goes on.
func (d *diary) check(t *testing.T) {
	t.Helper()
	if len(d.heard) == 0 {
		t.Fatal("nothing was heard")
	}
	for i, h := range d.heard[1:] {
		last := d.heard[i]
		if by := int16(h.SequenceNumber - last.SequenceNumber); h.SSRC != last.SSRC || by <= 0 || by > maxMisorder || int32(h.Timestamp-last.Timestamp) <= 0 {
			t.Errorf("%+v follows %+v", h, last)
		}
	}
}

// A phone hears one stream, whatever becomes of the call.
func TestOneStream(t *testing.T) {
	e := startEngine(t, "21200-21219")
	before, after, p := newBrowser(t), newBrowser(t), newPhone(t)
	dial(t, e, before, p)
	ear := &diary{party: p}
	reaches(t, before.say, ear, "first")
	offered := before.pc.LocalDescription().SDP                              // pion answers wrong directions, so it is not asked
	for _, direction := range []string{"sendonly", "inactive", "sendrecv"} { // the phone holds
		must(t)(e.Offer(t.Context(), "call", pbx, alice, p.description(direction)))
		answer := strings.NewReplacer("a=sendrecv", "a="+sdp.Reverse(direction), "a=setup:actpass", "a=setup:active").Replace(offered)
		p.hear(must(t)(e.Answer(t.Context(), "call", alice, pbx, []byte(answer))))
		if direction != "sendrecv" {
			silent(t, before.say, ear, "held")
		}
	}
	reaches(t, before.say, ear, "resumed")
	e.Wait("call", alice.Leg, true)
	comforting(t, ear, pcmuCodec)
	reaches(t, before.say, ear, "back")
	resumed(t, ear)
	again := call.Party{Leg: "alice again", Profile: sdp.WebRTC, Host: alice.Host}
	after.accept(must(t)(e.Replace(t.Context(), "call", alice.Leg, again, after.offer())))
	e.Delete("call", alice.Leg)
	reaches(t, after.say, ear, "taken over")
	other := newPhone(t) // transferred to it
	other.hear(must(t)(e.Offer(t.Context(), "call", pbx, desk, p.description("sendrecv"))))
	p.hear(must(t)(e.Answer(t.Context(), "call", desk, pbx, other.description("sendrecv"))))
	reaches(t, other.mouth, ear, "transferred")
	other.ssrc, other.seq = random32(), 40000
	reaches(t, other.mouth, ear, "a new source")
	ear.check(t)
}

// A browser hears one stream too, which it was told of.
func TestOneStreamToABrowser(t *testing.T) {
	e := startEngine(t, "21220-21239")
	b, p := newBrowser(t), newPhone(t)
	dial(t, e, b, p)
	ear := &diary{party: b}
	reaches(t, p.mouth, ear, "first")
	for range 2 {
		p.ssrc, p.seq = random32(), uint16(random32())
		reaches(t, p.mouth, ear, "another source")
	}
	other := newPhone(t)
	other.hear(must(t)(e.Offer(t.Context(), "call", alice, desk, b.offer())))
	b.accept(must(t)(e.Answer(t.Context(), "call", desk, alice, other.description("sendrecv"))))
	reaches(t, other.mouth, ear, "transferred")
	ear.check(t)
}

// controlled gives the next RTCP packets that a phone hears, nil when none come in time.
func (p *phone) controlled(wait time.Duration) []rtcp.Packet {
	p.t.Helper()
	buf := make([]byte, 2000)
	p.control.SetReadDeadline(time.Now().Add(wait))
	n, _, err := p.control.ReadFromUDPAddrPort(buf)
	if err != nil {
		return nil
	}
	all, err := rtcp.Unmarshal(buf[:n])
	if err != nil {
		p.t.Errorf("the phone is told %x: %v", buf[:n], err)
	}
	return all
}

func TestReportsOfBothSides(t *testing.T) {
	e := startEngine(t, "21240-21259")
	b, p := newBrowser(t), newPhone(t)
	dial(t, e, b, p)
	toBrowser, toPhone := reaches(t, p.mouth, b, "sound"), reaches(t, b.say, p, "sound")
	var sent *rtcp.SenderReport
	for end := time.Now().Add(patience); ; {
		p.mouth("sound")
		b.say("sound")
		if all := p.controlled(20 * time.Millisecond); all != nil {
			sr, ok := all[0].(*rtcp.SenderReport)
			if ok && sr.SSRC == toPhone.SSRC && len(sr.Reports) == 1 && sr.Reports[0].SSRC == p.ssrc {
				sent = sr
				break
			}
		}
		if time.Now().After(end) {
			t.Fatal("no report to the phone")
		}
	}
	for told := false; !told; {
		select {
		case part := <-b.told:
			sr, ok := part.(*rtcp.SenderReport)
			told = ok && sr.SSRC == toBrowser.SSRC && sr.PacketCount > 0
		case <-time.After(patience):
			t.Fatal("no report to the browser")
		}
	}
	answer := compound(t, &rtcp.ReceiverReport{SSRC: p.ssrc, Reports: []rtcp.ReceptionReport{
		{SSRC: sent.SSRC, FractionLost: 128, TotalLost: 5, Jitter: 8, LastSenderReport: middle(sent.NTPTime)}}})
	waitFor(t, "what the phone says, on the port of RTP", func() bool {
		p.media.WriteToUDPAddrPort(answer, p.remote.Audio)
		said := stats(t, e, "call", "pbx").Remote
		return said.Share == 0.5 && said.Lost == 5 && said.Jitter == time.Millisecond && said.RoundTrip > 0
	})
	waitFor(t, "what the browser says", func() bool {
		if err := b.pc.WriteRTCP([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 5, Reports: []rtcp.ReceptionReport{{SSRC: toBrowser.SSRC, FractionLost: 64}}}}); err != nil {
			t.Fatal(err)
		}
		return stats(t, e, "call", "alice").Remote.Share == 0.25
	})
	e.Delete("call", "pbx")
	waitFor(t, "farewell", func() bool {
		all := p.controlled(20 * time.Millisecond)
		return slices.ContainsFunc(all, func(part rtcp.Packet) bool {
			bye, ok := part.(*rtcp.Goodbye)
			return ok && slices.Equal(bye.Sources, []uint32{toPhone.SSRC})
		})
	})
}

// A phone behind a NAT that binds another port in mid-call is heard again, without a word of SIP.
func TestPhoneMoves(t *testing.T) {
	e := startEngine(t, "21260-21279")
	b, p := newBrowser(t), newPhone(t)
	dial(t, e, b, p)
	reaches(t, p.mouth, b, "before")
	moved := stranger(t, "127.0.0.1")
	reaches(t, func(s string) { p.say(moved, s) }, b, "after")
	old := *p
	p.media, old.ssrc = moved, random32()
	reaches(t, b.say, p, "to the new port")
	silent(t, func(s string) {
		p.mouth("goes on")
		old.mouth(s)
	}, b, "from the old port")
}

// A phone that sends back what it hears, SSRC and all, is heard, and makes us change our SSRC no more than once.
func TestMirror(t *testing.T) {
	e := startEngine(t, "21280-21299")
	b, p := newBrowser(t), newPhone(t)
	dial(t, e, b, p)
	sources := make(map[uint32]bool)
	buf := make([]byte, 2000)
	for end, back := time.Now().Add(patience), 0; back < 10; {
		b.say("there and back")
		p.media.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		if n, _, err := p.media.ReadFromUDPAddrPort(buf); err == nil {
			sources[binary.BigEndian.Uint32(buf[8:])] = true
			p.media.WriteToUDPAddrPort(buf[:n], p.remote.Audio)
		}
		if heard := b.next(20 * time.Millisecond); heard != nil && string(heard.Payload) == "there and back" {
			back++
		}
		if time.Now().After(end) {
			t.Fatal("nothing comes back")
		}
	}
	if len(sources) != 2 {
		t.Errorf("heard from %d sources, want 2", len(sources))
	}
}
