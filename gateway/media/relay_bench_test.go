package media

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"testing"

	"github.com/pion/dtls/v2"
	"github.com/pion/rtp"

	"cordboard/gateway/sdp"
)

// material is keying material that both ends of a benchmark know.
type material struct{}

func (material) ExportKeyingMaterial(_ string, _ []byte, n int) ([]byte, error) {
	return make([]byte, n), nil
}

// bench is one call whose packets are handled without a reader: a browser's line and a PBX's, both sending to a socket
// that nobody reads.
type bench struct {
	secure *secureLine
	plain  *plainLine
	far    *keys   // the browser's side
	near   *socket // sends as from, and is not read
	from   netip.AddrPort
}

func newBench(b testing.TB, profile dtls.SRTPProtectionProfile) bench {
	b.Helper()
	return newBenches(b, profile, 1)[0]
}

// newBenches are so many calls of one engine.
func newBenches(b testing.TB, profile dtls.SRTPProtectionProfile, calls int) (all []bench) {
	b.Helper()
	e, err := New(Config{Listen: "127.0.0.1:0", Ports: fmt.Sprintf("20600-%d", 20600+max(20, 3*calls)-1)}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { e.Close() })
	sink, err := listen("udp4", &net.UDPAddr{IP: loopback.AsSlice()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { sink.close() })
	for range calls {
		all = append(all, newCall(b, e, sink, profile))
	}
	return all
}

func newCall(b testing.TB, e *Engine, sink *socket, profile dtls.SRTPProtectionProfile) bench {
	b.Helper()
	addr := sink.addr()
	s := &session{engine: e, legs: map[string]*leg{}, log: e.log}
	browser, err := s.join(alice)
	if err != nil {
		b.Fatal(err)
	}
	phone, err := s.join(pbx)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.end)
	x := bench{secure: browser.line.(*secureLine), plain: phone.line.(*plainLine), from: addr, near: sink}
	ours, err := dtlsKeys(material{}, profile, false)
	if err != nil {
		b.Fatal(err)
	}
	if x.far, err = dtlsKeys(material{}, profile, true); err != nil {
		b.Fatal(err)
	}
	x.secure.remote.Store(&addr)
	x.secure.keys.Store(ours)
	e.table.bind(addr, x.secure, 0)
	remote := sdp.Remote{Audio: addr, RTCP: addr, Direction: "sendrecv"}
	browser.talk.agreed, phone.talk.agreed = &remote, &remote
	x.plain.apply(&remote, false)
	var set types
	set.add(0)
	s.link(browser, phone, set)
	return x
}

// voice is a packet of 20 ms of PCMU in a buffer with room for SRTP.
func voice(b testing.TB, seq uint16) []byte {
	p := packet(b, rtp.Header{SequenceNumber: seq, SSRC: 1}, string(make([]byte, 160)))
	buf := make([]byte, bufferSize)
	return buf[:copy(buf, p)]
}

// profiles are those that a benchmark is done with.
var profiles = map[string]dtls.SRTPProtectionProfile{"GCM": dtls.SRTP_AEAD_AES_128_GCM, "CM": dtls.SRTP_AES128_CM_HMAC_SHA1_80}

// One packet from a browser to the PBX: check, decrypt, strip, send.
func BenchmarkBrowserToRTP(b *testing.B) {
	for name, profile := range profiles {
		b.Run(name, func(b *testing.B) {
			x := newBench(b, profile)
			var batch [1000][]byte
			seq := uint16(0)
			next := len(batch)
			b.ReportAllocs()
			for b.Loop() {
				if next == len(batch) {
					b.StopTimer()
					for i := range batch {
						seq++
						p := voice(b, seq)
						h, _ := parseRTP(p)
						sealed, err := x.far.out.seal(p, h)
						if err != nil {
							b.Fatal(err)
						}
						batch[i] = sealed
					}
					next = 0
					b.StartTimer()
				}
				x.secure.receive(batch[next], kindRTP, x.from, 0)
				next++
			}
			if sent := x.plain.leg.count.packetsOut.Load(); sent < uint64(b.N) {
				b.Fatalf("%d of %d packets relayed", sent, b.N)
			}
		})
	}
}

// One packet from the PBX to a browser: check, encrypt, send.
func BenchmarkRTPToBrowser(b *testing.B) {
	for name, profile := range profiles {
		b.Run(name, func(b *testing.B) {
			x := newBench(b, profile)
			p := voice(b, 0)
			plain := append([]byte(nil), p...)
			seq := uint16(0)
			b.ReportAllocs()
			for b.Loop() {
				seq++
				copy(p, plain)
				p[2], p[3] = byte(seq>>8), byte(seq)
				x.plain.receive(p, x.from, 0)
			}
			if sent := x.secure.leg.count.packetsOut.Load(); sent < uint64(b.N) {
				b.Fatalf("%d of %d packets relayed", sent, b.N)
			}
		})
	}
}

// One packet from phone to phone: no SRTP at all.
func BenchmarkSendPlain(b *testing.B) {
	x := newBench(b, dtls.SRTP_AEAD_AES_128_GCM)
	p := voice(b, 0)
	h, _ := parseRTP(p)
	b.ReportAllocs()
	for b.Loop() {
		x.plain.leg.send(p, h, 0)
	}
}

// The stages of one packet's SRTP alone.
func BenchmarkSRTP(b *testing.B) {
	for id, s := range suites {
		for _, stage := range []string{"seal", "open"} {
			b.Run(s.name+"/"+stage, func(b *testing.B) {
				ours, _, _ := contexts(b, id)
				x, y := masters(s)
				far, err := newKeys(s, y, x)
				if err != nil {
					b.Fatal(err)
				}
				p := packet(b, rtp.Header{SSRC: 1}, string(make([]byte, 160)))
				h, _ := parseRTP(p)
				buf := make([]byte, bufferSize)
				sealed, err := far.out.seal(buf[:copy(buf, p)], h)
				if err != nil {
					b.Fatal(err)
				}
				work := make([]byte, bufferSize)
				b.ReportAllocs()
				for b.Loop() {
					if stage == "seal" {
						h.seq++
						n := copy(work, p)
						work[2], work[3] = byte(h.seq>>8), byte(h.seq)
						_, err = ours.out.seal(work[:n], h)
					} else {
						n := copy(work, sealed)
						_, err = ours.in.open(work[:n], h)
						ours.in.media = sources{most: maxHeard, all: ours.in.media.all}
						*ours.in.media.all[1] = window{}
					}
					if err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
