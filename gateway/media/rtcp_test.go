package media

import (
	"bytes"
	"testing"

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

func TestFilterRTCP(t *testing.T) {
	for _, tt := range []struct {
		name      string
		packet    []byte
		avp, avpf []byte
	}{
		{"report, name, goodbye", compound(t, report, name, goodbye), compound(t, report, name, goodbye), compound(t, report, name, goodbye)},
		{"feedback", compound(t, empty, name, nack, pli), compound(t, empty, name), compound(t, empty, name, nack, pli)},
		{"application data", append(compound(t, empty), 0x80, 204, 0, 2, 0, 0, 0, 1, 'a', 'b', 'c', 'd'), compound(t, empty), compound(t, empty)},
		{"feedback alone", compound(t, nack), nil, nil},
		{"name first", compound(t, name, empty), nil, nil},
		{"cut off", compound(t, report, name)[:30], nil, nil},
		{"longer than it says", append(compound(t, empty), 0, 0, 0, 0), nil, nil},
		{"padding in the middle", append([]byte{0xA0, 201, 0, 2, 0, 0, 0, 1, 0, 0, 0, 4}, compound(t, name)...), nil, nil},
		{"empty", nil, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := filterRTCP(bytes.Clone(tt.packet), false); !bytes.Equal(got, tt.avp) {
				t.Errorf("toward AVP %x, want %x", got, tt.avp)
			}
			if got := filterRTCP(bytes.Clone(tt.packet), true); !bytes.Equal(got, tt.avpf) {
				t.Errorf("toward AVPF %x, want %x", got, tt.avpf)
			}
		})
	}
}

// What filterRTCP lets through is a compound packet of whole packets that pion reads, of allowed types only, and not
// longer than before.
func FuzzFilterRTCP(f *testing.F) {
	f.Add(compound(f, report, name, goodbye), false)
	f.Add(compound(f, empty, name, nack, pli), true)
	f.Fuzz(func(t *testing.T, p []byte, feedback bool) {
		size := len(p)
		got := filterRTCP(p, feedback)
		if len(got) == 0 {
			return
		}
		if len(got) > size {
			t.Fatalf("%d octets out of %d", len(got), size)
		}
		parts, err := rtcp.Unmarshal(got)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range parts {
			switch part.(type) {
			case *rtcp.SenderReport, *rtcp.ReceiverReport, *rtcp.SourceDescription, *rtcp.Goodbye:
			default:
				if !feedback {
					t.Errorf("%T toward RTP/AVP", part)
				}
			}
		}
	})
}
