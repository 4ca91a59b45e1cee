package media

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v3"
)

// h264Parameters are those of a browser's H.264.
const h264Parameters = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"

// pictures are some in H.264 as units behind start codes: parameter sets, which are sent together (STAP-A), a large one in fragments (FU-A) and small ones.
func pictures() [][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	unit := func(head byte, size int) []byte {
		p := append([]byte{0, 0, 0, 1, head}, make([]byte, size)...)
		for i := range p[5:] {
			p[5+i] = byte(1 + r.IntN(255)) // no start code
		}
		return p
	}
	whole := bytes.Join([][]byte{unit(0x67, 20), unit(0x68, 4), unit(0x65, 9000)}, nil)
	return [][]byte{whole, unit(0x41, 300), unit(0x41, 2500), unit(0x41, 80)}
}

// Packets of H.264 pass as they are, one after the other, and pion makes of them the pictures that they were made of (RFC 6184).
func TestH264Passes(t *testing.T) {
	e := startEngine(t, "21700-21719")
	b, p := newBrowser(t), newPhone(t)
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264, ClockRate: 90000, SDPFmtpLine: h264Parameters}, "video", "face")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.pc.AddTrack(track); err != nil {
		t.Fatal(err)
	}
	s := newScreen(p)
	s.hear(must(t)(e.Offer(t.Context(), "call", alice, pbx, b.offer())))
	own := strings.NewReplacer("RTP/AVP 96\r\n", "RTP/AVP 97\r\n", "a=rtpmap:96 VP8/90000\r\n", "a=rtpmap:97 H264/90000\r\na=fmtp:97 "+h264Parameters+"\r\n").
		Replace(string(s.description("sendrecv")))
	b.accept(must(t)(e.Answer(t.Context(), "call", pbx, alice, []byte(own))))

	for _, way := range []struct {
		name string
		send func(*rtp.Packet)
		to   party
	}{
		{"to the phone", func(p *rtp.Packet) { track.WriteRTP(p) }, s},
		{"to the browser", func(p *rtp.Packet) {
			raw, err := p.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			s.media.WriteToUDPAddrPort(raw, s.remote.Audio)
		}, b},
	} {
		t.Run(way.name, func(t *testing.T) {
			ssrc, first := random32(), uint16(65500)
			waitFor(t, "a first packet", func() bool {
				first++
				way.send(&rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 97, SSRC: ssrc, SequenceNumber: first}, Payload: []byte{9, 0xF0}})
				return way.to.next(20*time.Millisecond) != nil
			})
			for way.to.next(calm) != nil {
			}
			// What follows has another clock, as of a camera that was changed.
			packets := rtp.NewPacketizer(1200, 97, ssrc, &codecs.H264Payloader{}, rtp.NewFixedSequencer(first+1), 90000)
			var sent []*rtp.Packet
			for _, picture := range pictures() {
				sent = append(sent, packets.Packetize(picture, 3000)...)
			}
			kinds := map[byte]int{}
			for _, p := range sent {
				kinds[p.Payload[0]&0x1F]++
			}
			if kinds[24] == 0 || kinds[28] < 8 || kinds[1] == 0 {
				t.Fatalf("units of these kinds are sent: %v", kinds)
			}
			for _, p := range sent {
				way.send(p)
				time.Sleep(time.Millisecond) // a buffer of the kernel's is small
			}
			var seen []*rtp.Packet
			for p := way.to.next(time.Second); p != nil && len(seen) < len(sent); p = way.to.next(calm) {
				seen = append(seen, p)
			}
			if len(seen) != len(sent) {
				t.Fatalf("%d packets arrive of %d", len(seen), len(sent))
			}
			var eye codecs.H264Packet
			var got []byte
			for i, p := range seen {
				if !bytes.Equal(p.Payload, sent[i].Payload) || p.Marker != sent[i].Marker || p.PayloadType != 97 || p.SSRC != seen[0].SSRC ||
					p.SequenceNumber != seen[0].SequenceNumber+uint16(i) || p.Timestamp-seen[0].Timestamp != sent[i].Timestamp-sent[0].Timestamp {
					t.Errorf("packet %d of %d octets arrives as %+v with %d", i, len(sent[i].Payload), p.Header, len(p.Payload))
				}
				part, err := eye.Unmarshal(p.Payload)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, part...)
			}
			if !bytes.Equal(got, bytes.Join(pictures(), nil)) {
				t.Errorf("%d octets of pictures come of %d", len(got), len(bytes.Join(pictures(), nil)))
			}
		})
	}
}
