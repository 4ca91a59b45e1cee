package sdp

import "testing"

func TestMostBits(t *testing.T) {
	for fmtp, want := range map[string]int{
		"": 0, "minptime=10;useinbandfec=1": 0, "maxaveragebitrate=20000": 20000, "useinbandfec=1; MaxAverageBitrate=64000;stereo=1": 64000,
		"maxaveragebitrate=5999": 0, "maxaveragebitrate=510001": 0, "maxaveragebitrate=-1": 0, "maxaveragebitrate=": 0,
	} {
		if got := (Codec{Name: "OPUS", Fmtp: fmtp}).MostBits(); got != want {
			t.Errorf("%q: %d bits, want %d", fmtp, got, want)
		}
	}
	for fmtp, want := range map[string]bool{"": false, "usedtx=0": false, "minptime=10;usedtx=1": true, "stereo=1; UseDTX=1": true} {
		if got := (Codec{Name: "opus", Fmtp: fmtp}).OmitsSilence(); got != want {
			t.Errorf("%q: silence omitted %v, want %v", fmtp, got, want)
		}
	}
	if got := (Codec{Name: "G722", Fmtp: "maxaveragebitrate=20000"}).MostBits(); got != 0 {
		t.Errorf("%d bits of G.722", got)
	}
}
