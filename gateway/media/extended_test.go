package media

import (
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"cordboard/gateway/sdp"
)

func TestLossRuns(t *testing.T) {
	for _, tt := range []struct {
		name                 string
		lost                 []uint32 // extended sequence numbers
		count, packets, much uint32
	}{
		{"none", nil, 0, 0, 0},
		{"one", []uint32{5}, 0, 0, 0},
		{"singles far apart", []uint32{5, 22, 39}, 0, 0, 0},
		{"two in a row", []uint32{5, 6}, 1, 2, 2},
		{"two that 15 stand between", []uint32{5, 21}, 1, 17, 2},
		{"two bursts and a single one", []uint32{5, 7, 40, 80, 81, 90}, 2, 3 + 11, 2 + 3},
	} {
		var r lossRuns
		for _, seq := range tt.lost {
			r.lose(seq, 1)
		}
		if count, packets, lost := r.sums(); count != tt.count || packets != tt.packets || lost != tt.much {
			t.Errorf("%s: %d bursts of %d packets with %d lost, want %d, %d, %d", tt.name, count, packets, lost, tt.count, tt.packets, tt.much)
		}
	}
}

// FuzzLossRuns: bursts are what RFC 3611 §4.7.2 calls so, found out anew from the whole.
func FuzzLossRuns(f *testing.F) {
	f.Add([]byte{1, 1, 1, 20, 16, 17, 1})
	f.Fuzz(func(t *testing.T, steps []byte) {
		var r lossRuns
		var lost []uint32
		at := uint32(1000)
		for _, step := range steps[:min(len(steps), 200)] {
			at += uint32(step&0x3F) + 1 // a gap of some that came
			count := uint32(step>>6) + 1
			r.lose(at, count)
			for range count {
				lost = append(lost, at)
				at++
			}
		}
		var count, packets, much uint32
		for i := 0; i < len(lost); {
			j := i
			for j+1 < len(lost) && lost[j+1]-lost[j]-1 < burstLeast {
				j++
			}
			if j > i {
				count, packets, much = count+1, packets+lost[j]-lost[i]+1, much+uint32(j-i+1)
			}
			i = j + 1
		}
		if c, p, l := r.sums(); c != count || p != packets || l != much {
			t.Fatalf("%v: %d bursts of %d packets with %d lost, want %d, %d, %d", lost, c, p, l, count, packets, much)
		}
	})
}

// A party that asked for it is told how its sound arrives, with the E-model's marks.
func TestMetrics(t *testing.T) {
	p := newCouple()
	p.near.talk.agreed = &sdp.Remote{Extended: sdp.Extended{Metrics: true}, Codecs: []sdp.Codec{pcmuCodec}}
	seq := uint16(0)
	for range 400 {
		if seq++; seq != 50 && seq/10 != 20 { // one alone, and ten in a row
			p.say(7, seq)
		} else {
			p.now += packetTime
		}
	}
	all := p.report(t, p.near)
	x, ok := all[len(all)-1].(*rtcp.ExtendedReport)
	if !ok || len(x.Reports) != 1 || x.SenderSSRC != p.near.streams.out.ssrc {
		t.Fatalf("reported: %v", all)
	}
	got := *x.Reports[0].(*rtcp.VoIPMetricsReportBlock)
	got.XRHeader = rtcp.XRHeader{}
	quality := rating("PCMU", 11.0/400, ownDelay)
	want := rtcp.VoIPMetricsReportBlock{SSRC: 7, LossRate: 11 * 256 / 400, BurstDensity: 255, GapDensity: 0, BurstDuration: 200, GapDuration: got.GapDuration,
		SignalLevel: 127, NoiseLevel: 127, RERL: 127, Gmin: 16, RFactor: uint8(quality), ExtRFactor: 127,
		MOSLQ: uint8(10*opinion(rating("PCMU", 11.0/400, 0)) + 0.5), MOSCQ: uint8(10*opinion(quality) + 0.5)}
	if got != want || got.GapDuration < 3800 || got.GapDuration > 4000 || got.MOSLQ < 35 || got.MOSLQ > 45 {
		t.Errorf("told %+v, want %+v", got, want)
	}
	if again := p.report(t, p.near); len(again) != 2 {
		t.Errorf("told again, though nothing came: %v", again)
	}
}

// A phone gets what it asked for in its description, and how long packets take is learned of its answer.
func TestExtendedReportsOfAPhone(t *testing.T) {
	e := startEngine(t, "23210-23219")
	p := newPhone(t)
	p.hear(must(t)(e.Local(t.Context(), "call", pbx, Echo, append(p.description("sendrecv"), "a=rtcp-xr:rcvr-rtt=all:10000 voip-metrics\r\n"...))))
	if s := p.remote.Extended; !s.Metrics || !s.Reference {
		t.Errorf("it is answered %+v", s)
	}
	reaches(t, p.mouth, p, "there and back")
	for end := time.Now().Add(patience); stats(t, e, "call", pbx.Leg).Remote.RoundTrip == 0; {
		if time.Now().After(end) {
			t.Fatal("nothing is learned")
		}
		p.mouth("more")
		e.hurry("call")
		for _, part := range p.controlled(50 * time.Millisecond) {
			x, ok := part.(*rtcp.ExtendedReport)
			if !ok {
				continue
			}
			var kinds []string
			var reference uint64
			for _, block := range x.Reports {
				switch b := block.(type) {
				case *rtcp.ReceiverReferenceTimeReportBlock:
					kinds, reference = append(kinds, "reference"), b.NTPTimestamp
				case *rtcp.VoIPMetricsReportBlock:
					kinds = append(kinds, "metrics")
					if b.SSRC != p.ssrc {
						t.Errorf("metrics of %d, want %d", b.SSRC, p.ssrc)
					}
				}
			}
			if got := strings.Join(kinds, " "); got != "reference metrics" {
				continue // of a time when nothing came
			}
			answer := rtcp.DLRRReport{SSRC: x.SenderSSRC, LastRR: middle(reference), DLRR: 0}
			p.control.WriteToUDPAddrPort(compound(t, &rtcp.ReceiverReport{SSRC: p.ssrc}, &rtcp.ExtendedReport{SenderSSRC: p.ssrc,
				Reports: []rtcp.ReportBlock{&rtcp.DLRRReportBlock{Reports: []rtcp.DLRRReport{answer}}}}), p.remote.RTCP)
		}
	}
}

// What a phone throws away because it came too late counts as lost on the way to it, and is asked for.
func TestMetricsOfAPhone(t *testing.T) {
	e := startEngine(t, "23220-23229")
	a, b := newPhone(t), newPhone(t)
	offer := must(t)(e.Offer(t.Context(), "call", desk, pbx, a.description("sendrecv")))
	if !strings.Contains(string(offer), "a=rtcp-xr:voip-metrics\r\n") {
		t.Errorf("it is not asked for:\n%s", offer)
	}
	b.hear(offer)
	a.hear(must(t)(e.Answer(t.Context(), "call", pbx, desk, b.description("sendrecv"))))
	ours := reaches(t, a.mouth, b, "voice").SSRC
	reaches(t, b.mouth, a, "voice")
	b.control.WriteToUDPAddrPort(compound(t, &rtcp.ReceiverReport{SSRC: b.ssrc, Reports: []rtcp.ReceptionReport{{SSRC: ours, FractionLost: 64}}},
		&rtcp.ExtendedReport{SenderSSRC: b.ssrc, Reports: []rtcp.ReportBlock{&rtcp.VoIPMetricsReportBlock{SSRC: ours, DiscardRate: 32, RoundTripDelay: 80, MOSLQ: 35}}}), b.remote.RTCP)
	waitFor(t, "the phone's report", func() bool { return stats(t, e, "call", pbx.Leg).Reports > 0 })
	if r := stats(t, e, "call", pbx.Leg).Remote; r.Discarded != 0.125 || r.MOS != 3.5 || r.RoundTrip != 80*time.Millisecond || r.Share != 0.25 {
		t.Errorf("told %+v", r)
	}
}
