package media

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtcp"
)

var (
	report  = &rtcp.SenderReport{SSRC: 1, NTPTime: 2, RTPTime: 3, PacketCount: 4, OctetCount: 5}
	empty   = &rtcp.ReceiverReport{SSRC: 1}
	name    = &rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{Source: 1, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: "a"}}}}}
	goodbye = &rtcp.Goodbye{Sources: []uint32{1}}
	nack    = &rtcp.TransportLayerNack{SenderSSRC: 1, MediaSSRC: 2, Nacks: []rtcp.NackPair{{PacketID: 3}}}
	pli     = &rtcp.PictureLossIndication{SenderSSRC: 1, MediaSSRC: 2}
)

// compound joins RTCP packets.
func compound(t testing.TB, parts ...rtcp.Packet) []byte {
	t.Helper()
	p, err := rtcp.Marshal(parts)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestReadControl(t *testing.T) {
	application := []byte{0x80, 204, 0, 2, 0, 0, 0, 1, 'a', 'b', 'c', 'd'}
	for _, tt := range []struct {
		name          string
		packet        []byte
		whole, either int // packets read of a compound packet, and where one may be of reduced size
	}{
		{"report, name, goodbye", compound(t, report, name, goodbye), 3, 3},
		{"feedback", compound(t, empty, name, nack, pli), 4, 4},
		{"application data", append(compound(t, empty), application...), 2, 2},
		{"feedback alone", compound(t, nack), 0, 1},
		{"goodbye alone", compound(t, goodbye), 0, 1},
		{"name first", compound(t, name, empty), 0, 2},
		{"cut off", compound(t, report, name)[:30], 0, 0},
		{"longer than it says", append(compound(t, empty), 0, 0, 0, 0), 0, 0},
		{"padding in the middle", append([]byte{0xA0, 201, 0, 2, 0, 0, 0, 1, 0, 0, 0, 4}, compound(t, name)...), 0, 0},
		{"empty", nil, 0, 0},
		{"too many", bytes.Repeat(compound(t, empty), maxReports+1), 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := readControl(bytes.Clone(tt.packet), false); len(got) != tt.whole {
				t.Errorf("compound: %+v, want %d", got, tt.whole)
			}
			if got := readControl(bytes.Clone(tt.packet), true); len(got) != tt.either {
				t.Errorf("reduced: %+v, want %d", got, tt.either)
			}
		})
	}
}

// couple is a call of two legs without a network. What is said to far is spoken by near's party.
type couple struct {
	near, far       *leg
	nearPen, farPen *pen
	now             time.Duration
}

func newCouple() *couple {
	p := &couple{nearPen: &pen{}, farPen: &pen{}, now: time.Hour}
	e := &Engine{start: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	p.near, p.far = &leg{engine: e, line: p.nearPen}, &leg{engine: e, line: p.farPen}
	for _, l := range []*leg{p.near, p.far} {
		l.streams.begin(p.now)
	}
	w := way{types: types{1, 0}, talks: true, hears: true, feedback: true}
	there, back := w, w
	there.peer, back.peer = p.far, p.near
	p.near.way.Store(&there)
	p.far.way.Store(&back)
	return p
}

// say lets near's party send packets, one each 20 ms.
func (p *couple) say(ssrc uint32, seqs ...uint16) {
	for _, seq := range seqs {
		raw, h := raw(numbers{ssrc, seq, 160 * uint32(seq)}, 0)
		p.near.receive(raw, h, p.now)
		p.now += packetTime
	}
}

// report gives what a leg reports to its party at the moment.
func (p *couple) report(t *testing.T, l *leg) []rtcp.Packet {
	t.Helper()
	out := l.line.(*pen)
	before := len(out.control)
	l.streams.due = p.now
	l.report(nil, p.now)
	if len(out.control) != before+1 {
		t.Fatalf("%d reports", len(out.control)-before)
	}
	all, err := rtcp.Unmarshal(out.control[before])
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestReports(t *testing.T) {
	p := newCouple()
	p.say(7, 10, 11, 12, 14, 13, 16) // one is lost
	p.near.receiveControl(compound(t, &rtcp.SenderReport{SSRC: 7, NTPTime: 0x1234_5678_9ABC_DEF0, RTPTime: 160 * 16}, name), p.now)
	p.now += time.Second

	all := p.report(t, p.near)
	rr, ok := all[0].(*rtcp.ReceiverReport)
	if !ok || rr.SSRC != p.near.streams.out.ssrc || len(rr.Reports) != 1 {
		t.Fatalf("to who spoke: %v", all)
	}
	want := rtcp.ReceptionReport{SSRC: 7, FractionLost: 256 / 7, TotalLost: 1, LastSequenceNumber: 16, Jitter: rr.Reports[0].Jitter, LastSenderReport: 0x5678_9ABC, Delay: 1 << 16}
	if rr.Reports[0] != want {
		t.Errorf("it hears of itself %+v, want %+v", rr.Reports[0], want)
	}
	if sdes, ok := all[1].(*rtcp.SourceDescription); !ok || sdes.Chunks[0].Source != rr.SSRC || len(sdes.Chunks[0].Items[0].Text) != 20 {
		t.Errorf("names itself %v", all[1])
	}
	if all := p.report(t, p.near); len(all[0].(*rtcp.ReceiverReport).Reports) != 0 {
		t.Errorf("reports again, though nothing came: %v", all)
	}

	o := &p.far.streams.out
	sr, ok := p.report(t, p.far)[0].(*rtcp.SenderReport)
	if !ok || sr.SSRC != o.ssrc || sr.PacketCount != 6 || sr.OctetCount != 6*160 || len(sr.Reports) != 0 {
		t.Fatalf("to who hears: %+v", sr)
	}
	if wall := p.far.engine.start.Add(p.now); sr.NTPTime != ntpTime(wall) {
		t.Errorf("NTP time %x at %v", sr.NTPTime, wall)
	}
	// The source's report said that its timestamp 160·16 was a second ago.
	if got := sr.RTPTime - o.source.stampBy; got != 160*16+8000 {
		t.Errorf("timestamp %d of the source, want %d", got, 160*16+8000)
	}
	// What the party says of us.
	p.now += 500 * time.Millisecond
	p.far.receiveControl(compound(t, &rtcp.ReceiverReport{SSRC: 9, Reports: []rtcp.ReceptionReport{
		{SSRC: 7, FractionLost: 255}, // which it never heard of
		{SSRC: o.ssrc, FractionLost: 64, TotalLost: 0xFFFFFE, Jitter: 80, LastSenderReport: middle(sr.NTPTime), Delay: 1 << 16 / 4},
	}}), p.now)
	said := p.far.streams.remoteReport()
	if said.Share != 0.25 || said.Lost != -2 || said.Jitter != 10*time.Millisecond || said.At.IsZero() {
		t.Errorf("the party says %+v", said)
	}
	if d := said.RoundTrip - 250*time.Millisecond; d < -time.Millisecond || d > time.Millisecond {
		t.Errorf("round trip %v, want 250 ms", said.RoundTrip)
	}
	if len(p.nearPen.control) != 2 {
		t.Error("a report was passed on")
	}
	// A source that ended is not reported on; a stream that ended is not sent reports of.
	p.say(7, 17)
	p.near.receiveControl(compound(t, empty, &rtcp.Goodbye{Sources: []uint32{7}}), p.now)
	if rr := p.report(t, p.near)[0].(*rtcp.ReceiverReport); len(rr.Reports) != 0 {
		t.Errorf("after a goodbye: %+v", rr)
	}
	p.now += time.Minute
	if _, ok := p.report(t, p.far)[0].(*rtcp.ReceiverReport); !ok {
		t.Error("a sender report without a stream")
	}
	p.far.farewell(p.now)
	all, _ = rtcp.Unmarshal(p.farPen.control[len(p.farPen.control)-1])
	if bye, ok := all[len(all)-1].(*rtcp.Goodbye); !ok || !slices.Equal(bye.Sources, []uint32{o.ssrc}) {
		t.Errorf("farewell %v", all)
	}
}

// A source without a clock, or with one that makes no sense, doesn't spoil the timestamps of reports.
func TestReportTimestamps(t *testing.T) {
	for _, tt := range []struct {
		name string
		sr   rtcp.SenderReport
	}{
		{"no report", rtcp.SenderReport{}},
		{"no clock", rtcp.SenderReport{SSRC: 7, RTPTime: 160 * 3}},
		{"another source", rtcp.SenderReport{SSRC: 8, NTPTime: 1 << 40, RTPTime: 160*3 + 4000}},
		{"nonsense", rtcp.SenderReport{SSRC: 7, NTPTime: 1 << 40, RTPTime: 1 << 31}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newCouple()
			p.say(7, 1, 2, 3)
			p.now -= packetTime
			if tt.sr.SSRC != 0 {
				p.near.receiveControl(compound(t, &tt.sr), p.now)
			}
			p.now += time.Second
			sr := p.report(t, p.far)[0].(*rtcp.SenderReport)
			if got := sr.RTPTime - p.far.streams.out.source.stampBy; got != 160*3+8000 {
				t.Errorf("timestamp %d, want %d", got, 160*3+8000)
			}
		})
	}
}

func TestReportsWait(t *testing.T) {
	p := newCouple()
	p.say(7, 1, 2)
	p.near.streams.due = p.now + 1
	if p.near.report(nil, p.now); len(p.nearPen.control) != 0 {
		t.Error("sent before its time")
	}
	p.now++
	p.nearPen.refusing = true
	p.near.report(nil, p.now)
	p.nearPen.refusing = false
	p.near.report(nil, p.now)
	p.near.report(nil, p.now)
	if len(p.nearPen.control) != 1 {
		t.Errorf("%d reports, want the one that could not be sent", len(p.nearPen.control))
	}
	for range 1000 {
		if d := interval(); d < 2*time.Second || d > 6200*time.Millisecond {
			t.Errorf("interval %v", d)
		}
	}
	nobody := newCouple()
	if nobody.near.farewell(nobody.now); len(nobody.nearPen.control) != 0 {
		t.Error("farewell to one who never heard of us")
	}
}

// Who speaks is told what its hearer loses, beside what is lost on the way to us, as long as the hearer says so and gets what was said.
func TestLossBeyond(t *testing.T) {
	p := newCouple()
	seq := uint16(0)
	lose := func(percent int) rtcp.ReceptionReport {
		t.Helper()
		for range 100 {
			seq++
			p.say(7, seq)
		}
		p.far.receiveControl(compound(t, &rtcp.ReceiverReport{SSRC: 9, Reports: []rtcp.ReceptionReport{
			{SSRC: p.far.streams.out.ssrc, FractionLost: uint8(256 * percent / 100)}}}), p.now)
		return p.report(t, p.near)[0].(*rtcp.ReceiverReport).Reports[0]
	}
	for _, tt := range []struct {
		percent  int
		fraction uint8
		total    uint32
	}{{0, 0, 0}, {25, 64, 25}, {50, 128, 75}, {0, 0, 75}} {
		if r := lose(tt.percent); r.FractionLost != tt.fraction || r.TotalLost != tt.total {
			t.Errorf("of %d %% the speaker is told %d/256, %d packets in all; want %d/256, %d", tt.percent, r.FractionLost, r.TotalLost, tt.fraction, tt.total)
		}
	}
	seq += 100 // as many are lost on the way to us
	if r := lose(75); r.FractionLost != 192 || r.TotalLost != 75+150 {
		t.Errorf("of both the speaker is told %d/256, %d packets in all", r.FractionLost, r.TotalLost)
	}
	p.now += reportAge + time.Second // the hearer reports no more
	seq++
	p.say(7, seq)
	if r := p.report(t, p.near)[0].(*rtcp.ReceiverReport).Reports[0]; r.FractionLost != 0 || r.TotalLost != 225 {
		t.Errorf("of an old report the speaker is told %d/256, %d packets in all", r.FractionLost, r.TotalLost)
	}
	w := *p.near.way.Load()
	w.via = &gate{turn: new(transcoder)}
	p.near.way.Store(&w)
	if r := lose(50); r.FractionLost != 0 {
		t.Errorf("of sound that is converted the speaker is told %d/256", r.FractionLost)
	}
}

func TestExtendedReports(t *testing.T) {
	p := newCouple()
	p.say(7, 1, 2, 3)
	at := uint64(0xAAAA_1234_5678_BBBB)
	p.far.receiveControl(compound(t, empty, &rtcp.ExtendedReport{SenderSSRC: 9, Reports: []rtcp.ReportBlock{
		&rtcp.ReceiverReferenceTimeReportBlock{NTPTimestamp: at},
		&rtcp.VoIPMetricsReportBlock{SSRC: p.far.streams.out.ssrc, DiscardRate: 128, MOSLQ: 41, RoundTripDelay: 30},
		&rtcp.VoIPMetricsReportBlock{SSRC: 1, DiscardRate: 1, MOSLQ: 10},
	}}), p.now)
	if said := p.far.streams.remoteReport(); said.Discarded != 0.5 || said.MOS != 4.1 || said.RoundTrip != 30*time.Millisecond {
		t.Errorf("the party says %+v", said)
	}
	p.now += 250 * time.Millisecond
	all := p.report(t, p.far)
	xr, ok := all[len(all)-1].(*rtcp.ExtendedReport)
	if !ok || len(xr.Reports) != 1 {
		t.Fatalf("answered by %v", all)
	}
	if got := xr.Reports[0].(*rtcp.DLRRReportBlock).Reports; len(got) != 1 || got[0] != (rtcp.DLRRReport{SSRC: 9, LastRR: 0x1234_5678, DLRR: 1 << 14}) {
		t.Errorf("answered by %+v", got)
	}
	if again := p.report(t, p.far); len(again) != 2 {
		t.Errorf("answered twice: %v", again)
	}
}

func TestFeedback(t *testing.T) {
	p := newCouple()
	p.say(7, 100, 101, 102, 103)
	ours, asks := p.far.streams.out.ssrc, p.near.streams.out.ssrc // what the hearer knows; whom the speaker knows
	top := p.far.streams.out.top
	tmmbr := func(sender, media uint32) *rtcp.RawPacket {
		raw := rtcp.RawPacket(append([]byte{0x83, 205, 0, 4}, make([]byte, 16)...))
		binary.BigEndian.PutUint32(raw[4:], sender)
		binary.BigEndian.PutUint32(raw[12:], media)
		raw[19] = 40
		return &raw
	}
	for _, tt := range []struct {
		name string
		in   rtcp.Packet
		out  rtcp.Packet // nil: ends here
	}{
		{"picture lost", &rtcp.PictureLossIndication{SenderSSRC: 9, MediaSSRC: ours}, &rtcp.PictureLossIndication{SenderSSRC: asks, MediaSSRC: 7}},
		{"of another source", &rtcp.PictureLossIndication{SenderSSRC: 9, MediaSSRC: 7}, nil},
		{"whole picture", &rtcp.FullIntraRequest{SenderSSRC: 9, FIR: []rtcp.FIREntry{{SSRC: ours, SequenceNumber: 3}}},
			&rtcp.FullIntraRequest{SenderSSRC: asks, FIR: []rtcp.FIREntry{{SSRC: 7, SequenceNumber: 3}}}},
		{"packets lost", &rtcp.TransportLayerNack{SenderSSRC: 9, MediaSSRC: ours, Nacks: []rtcp.NackPair{{PacketID: top - 2, LostPackets: 1}}},
			&rtcp.TransportLayerNack{SenderSSRC: asks, MediaSSRC: 7, Nacks: []rtcp.NackPair{{PacketID: 101, LostPackets: 1}}}},
		{"packets of someone before", &rtcp.TransportLayerNack{SenderSSRC: 9, MediaSSRC: ours, Nacks: []rtcp.NackPair{{PacketID: top - 4}}}, nil},
		{"packets to come", &rtcp.TransportLayerNack{SenderSSRC: 9, MediaSSRC: ours, Nacks: []rtcp.NackPair{{PacketID: top + 1}}}, nil},
		{"bit rate estimated", &rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: 9, Bitrate: 64000, SSRCs: []uint32{ours}},
			&rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: asks, Bitrate: 64000, SSRCs: []uint32{7}}},
		{"bit rate wanted", tmmbr(9, ours), tmmbr(asks, 7)},
		{"bit rate wanted of another", tmmbr(9, 5), nil},
		{"between neighbours", &rtcp.TransportLayerCC{SenderSSRC: 9, MediaSSRC: ours, Header: rtcp.Header{Count: rtcp.FormatTCC, Type: rtcp.TypeTransportSpecificFeedback, Length: 5},
			PacketStatusCount: 1, PacketChunks: []rtcp.PacketStatusChunk{&rtcp.RunLengthChunk{PacketStatusSymbol: 0, RunLength: 1}}}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := len(p.nearPen.control)
			p.far.receiveControl(compound(t, empty, tt.in), p.now)
			sent := p.nearPen.control[before:]
			if tt.out == nil {
				if len(sent) > 0 {
					t.Errorf("passed on: %x", sent)
				}
				return
			}
			own := &p.near.streams
			want := compound(t, &rtcp.ReceiverReport{SSRC: asks}, rtcp.NewCNAMESourceDescription(asks, own.name), tt.out)
			if len(sent) != 1 || !bytes.Equal(sent[0], want) {
				t.Errorf("sent %x, want %x", sent, want)
			}
		})
	}
	t.Run("not to one that speaks no AVPF", func(t *testing.T) {
		w := *p.near.way.Load()
		w.feedback = false
		p.near.way.Store(&w)
		before := len(p.nearPen.control)
		p.far.receiveControl(compound(t, empty, &rtcp.PictureLossIndication{SenderSSRC: 9, MediaSSRC: ours}), p.now)
		if len(p.nearPen.control) != before {
			t.Error("sent")
		}
	})
}

func TestControlFlood(t *testing.T) {
	p := newCouple()
	read := func(n int) int {
		before := p.near.count.reports.Load()
		for range n {
			p.near.receiveControl(compound(t, empty), p.now)
		}
		return int(p.near.count.reports.Load() - before)
	}
	if n := read(10 * maxControlBurst); n != maxControlBurst {
		t.Errorf("read %d of a flood", n)
	}
	p.now += time.Second / 2
	if n := read(10 * maxControlBurst); n != maxControlRate/2 {
		t.Errorf("read %d half a second later", n)
	}
}

// Whatever a party's RTCP says, what we send of it is a compound packet that pion reads and that begins with a report,
// its feedback is about the peer's source, and what is known of the party stays in its bounds.
func FuzzReceiveControl(f *testing.F) {
	f.Add(compound(f, report, name, goodbye), false)
	f.Add(compound(f, empty, name, nack, pli), true)
	f.Add(compound(f, empty, &rtcp.ExtendedReport{SenderSSRC: 9, Reports: []rtcp.ReportBlock{&rtcp.ReceiverReferenceTimeReportBlock{NTPTimestamp: 1}}}), false)
	f.Add(compound(f, empty, &rtcp.ExtendedReport{SenderSSRC: 9, Reports: []rtcp.ReportBlock{&rtcp.DLRRReportBlock{Reports: []rtcp.DLRRReport{{SSRC: 2, LastRR: 1, DLRR: 1 << 31}}},
		&rtcp.VoIPMetricsReportBlock{SSRC: 2, LossRate: 255, DiscardRate: 255, RoundTripDelay: 1<<16 - 1, MOSLQ: 127}}}), false)
	f.Add(compound(f, &rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: 1, SSRCs: []uint32{2}}), true)
	f.Fuzz(func(t *testing.T, p []byte, reduced bool) {
		x := newCouple()
		x.far.streams.out.ssrc = 2
		w := *x.far.way.Load()
		w.reduced = reduced
		x.far.way.Store(&w)
		x.say(7, 1, 2, 3)
		x.far.receiveControl(p, x.now)
		x.near.streams.due, x.far.streams.due = 0, 0
		x.near.report(nil, x.now)
		x.far.report(nil, x.now)
		for _, sent := range append(x.nearPen.control, x.farPen.control...) {
			if len(sent) > maxPacket {
				t.Errorf("%d octets", len(sent))
			}
			parts := readControl(sent, false)
			if parts == nil {
				t.Fatalf("sent %x", sent)
			}
			for _, part := range parts {
				kind := rtcp.PacketType(part.raw[1])
				if kind != rtcp.TypeTransportSpecificFeedback && kind != rtcp.TypePayloadSpecificFeedback {
					continue
				}
				if from := binary.BigEndian.Uint32(part.raw[4:]); from != x.near.streams.out.ssrc {
					t.Errorf("feedback of %d, not ours", from)
				}
				for _, about := range part.packet.DestinationSSRC() {
					if about != 7 {
						t.Errorf("feedback on %d, not on the source", about)
					}
				}
			}
		}
		said := x.far.streams.remoteReport()
		if said.RoundTrip < 0 || said.RoundTrip > time.Minute+6*time.Second || said.Share < 0 || said.Share > 1 || said.Jitter < 0 || said.MOS < 0 || said.MOS > 5 {
			t.Errorf("the party says %+v", said)
		}
	})
}
