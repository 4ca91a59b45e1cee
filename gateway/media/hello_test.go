package media

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/pion/dtls/v2"
)

// cutUp cuts a ClientHello in one datagram into several.
func cutUp(whole []byte, size int) (parts [][]byte) {
	message := whole[recordHeader:]
	head, body := message[:messageHeader], message[messageHeader:]
	for start := 0; start < len(body); start += size {
		piece := body[start:min(start+size, len(body))]
		p := slices.Concat(whole[:recordHeader], head, piece)
		binary.BigEndian.PutUint16(p[11:], uint16(messageHeader+len(piece)))
		copy(p[recordHeader+6:], []byte{byte(start >> 16), byte(start >> 8), byte(start), 0, byte(len(piece) >> 8), byte(len(piece))})
		parts = append(parts, p)
	}
	return parts
}

func TestHello(t *testing.T) {
	type profiles = []dtls.SRTPProtectionProfile
	const gcm, cm = dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80
	for _, tt := range []struct {
		name    string
		offered []dtls.SRTPProtectionProfile
		ours    []dtls.SRTPProtectionProfile
		want    []dtls.SRTPProtectionProfile
	}{
		{"as Chromium", profiles{cm, dtls.SRTP_AES128_CM_HMAC_SHA1_32, gcm}, profiles{gcm, cm}, profiles{gcm}},
		{"on a machine that is slow with AES-GCM", profiles{gcm, cm}, profiles{cm, gcm}, profiles{cm}},
		{"without AES-GCM", profiles{cm}, profiles{gcm, cm}, profiles{cm}},
		{"others only", profiles{dtls.SRTP_NULL_HMAC_SHA1_80}, profiles{gcm, cm}, profiles{gcm, cm}}, // refused by pion
	} {
		whole := clientHello(t, tt.offered...)[0]
		for _, size := range []int{10000, 60, 25} {
			parts := cutUp(whole, size)
			slices.Reverse(parts) // datagrams may overtake one another
			var h hello
			for i, p := range parts {
				if done := h.add(p); done != (i == len(parts)-1 || i == maxHelloPart-1) {
					t.Fatalf("%s: after part %d of %d: %v", tt.name, i+1, len(parts), done)
				} else if done {
					break
				}
			}
			if len(parts) > maxHelloPart {
				continue
			}
			if got := h.profiles(tt.ours); !slices.Equal(got, tt.want) {
				t.Errorf("%s in %d parts: %v, want %v", tt.name, len(parts), got, tt.want)
			}
		}
	}
	var h hello
	if h.add([]byte{22, 0xFE, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}) || h.add([]byte{22}) || h.add(nil) {
		t.Error("no ClientHello was taken for one")
	}
}

// However a ClientHello is cut or broken, reading it stays within its bounds and ends in profiles of ours.
func FuzzHello(f *testing.F) {
	whole := clientHello(f, dtls.SRTP_AES128_CM_HMAC_SHA1_80, dtls.SRTP_AEAD_AES_128_GCM)[0]
	f.Add(whole, 100)
	f.Add(bytes.Join(cutUp(whole, 50), nil), 90)
	f.Fuzz(func(t *testing.T, p []byte, cut int) {
		var h hello
		cut = max(0, min(cut, len(p)))
		for _, part := range [][]byte{p[:cut], p[cut:], p} {
			h.add(part)
		}
		got := h.profiles(favourites())
		if len(h.body) > maxMessage || len(h.parts) > maxHelloPart || (len(got) != 1 && !slices.Equal(got, favourites())) {
			t.Errorf("%d octets in %d parts, %v", len(h.body), len(h.parts), got)
		}
		if finishing(p) && len(p) < recordHeader {
			t.Errorf("%x ends a handshake", p)
		}
	})
}

// The machine is measured once, and knows both profiles.
func TestFavourites(t *testing.T) {
	list := favourites()
	for _, profile := range []dtls.SRTPProtectionProfile{dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80} {
		if len(list) != 2 || !slices.Contains(list, profile) {
			t.Errorf("%v: %v is missing, or more are there", list, profile)
		}
	}
	if &favourites()[0] != &list[0] {
		t.Error("measured twice")
	}
}
