package media

import (
	"math"
	"slices"
	"sync"
	"time"

	"github.com/pion/dtls/v2"
)

// measuring is how long the machine is measured at the first start of an engine.
const measuring = 10 * time.Millisecond

// favourites are the SRTP profiles for browsers, the one first that this machine is faster with: AES-GCM where the
// processor has instructions for it, on others often AES-CM.
var favourites = sync.OnceValue(func() []dtls.SRTPProtectionProfile {
	list := []dtls.SRTPProtectionProfile{dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80}
	costs := make([]time.Duration, len(list))
	for i := range costs {
		costs[i] = math.MaxInt64
	}
	for end := time.Now().Add(measuring); time.Now().Before(end); {
		for i, profile := range list { // in turn, and the best of all rounds, since others use the processor too
			costs[i] = min(costs[i], sealing(dtlsSuites[profile]))
		}
	}
	if costs[1] < costs[0] {
		slices.Reverse(list)
	}
	return list
})

// sealing is how long a few packets of 20 ms of PCMU take to seal.
func sealing(s suite) time.Duration {
	t, err := newTransform(s, master{make([]byte, s.key), make([]byte, s.salt)})
	if err != nil {
		return math.MaxInt64
	}
	p := make([]byte, rtpHeaderSize+packetSamples, bufferSize)
	begun := time.Now()
	for i := range uint64(20) {
		t.seal(p, rtpHeaderSize, i)
	}
	return time.Since(begun)
}
