package media

import "testing"

func TestSort(t *testing.T) {
	for _, tt := range []struct {
		name   string
		packet []byte
		want   kind
	}{
		{"empty", nil, kindOther},
		{"one octet", []byte{0x80}, kindOther},
		{"STUN request", []byte{0, 1}, kindSTUN},
		{"STUN error", []byte{1, 0x11}, kindSTUN},
		{"ZRTP", []byte{16, 0}, kindOther},
		{"DTLS handshake", []byte{22, 0xFE}, kindDTLS},
		{"last DTLS", []byte{63, 0}, kindDTLS},
		{"TURN channel", []byte{64, 0}, kindOther},
		{"RTP, PCMU", []byte{0x80, 0}, kindRTP},
		{"RTP with marker, opus", []byte{0x90, 0x80 | 111}, kindRTP},
		{"RTP, payload type 63", []byte{0x80, 63}, kindRTP},
		{"sender report", []byte{0x80, 200}, kindRTCP},
		{"goodbye", []byte{0x81, 203}, kindRTCP},
		{"payload feedback", []byte{0x81, 206}, kindRTCP},
		{"RTP, payload type 96", []byte{0x80, 96}, kindRTP},
		{"version 3", []byte{192, 0}, kindOther},
		{"too long", make([]byte, maxPacket+1), kindOther},
	} {
		if got := sort(tt.packet); got != tt.want {
			t.Errorf("%s: sort = %v, want %v", tt.name, got, tt.want)
		}
	}
}
