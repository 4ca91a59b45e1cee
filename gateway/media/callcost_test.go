package media

import (
	"fmt"
	"log/slog"
	"runtime"
	"testing"

	"github.com/pion/dtls/v2"
)

// chromeOffer is what a page in Chrome offers by JsSIP, and phoneAnswer what a plain PBX says to what it is made.
const (
	chromeOffer = "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS stream\r\n" +
		"m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:EsAw\r\na=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y\r\n" +
		"a=ice-options:trickle\r\na=fingerprint:sha-256 DA:7B:57:DC:28:CE:04:4F:31:79:85:C4:31:67:EB:27:58:29:ED:77:2A:0D:24:AE:ED:AD:30:BC:BD:F1:9C:02\r\na=setup:actpass\r\na=mid:0\r\n" +
		"a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n" +
		"a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\na=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=sendrecv\r\na=msid:stream track\r\na=rtcp-mux\r\na=rtcp-rsize\r\n" +
		"a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=rtpmap:9 G722/8000\r\n" +
		"a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:13 CN/8000\r\na=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\n" +
		"a=ssrc:3735928559 cname:o/i14u9pJrxRKAsu\r\na=ssrc:3735928559 msid:stream track\r\na=candidate:1 1 udp 2122260223 192.0.2.7 51234 typ host generation 0\r\n"
	phoneAnswer = "v=0\r\no=pbx 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 101\r\n" +
		"a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=sendrecv\r\n"
)

// agree lets a browser and the PBX agree on a call.
func (e *Engine) agree(t testing.TB, id string) {
	must(t)(e.Offer(t.Context(), id, alice, pbx, []byte(chromeOffer)))
	must(t)(e.Answer(t.Context(), id, pbx, alice, []byte(phoneAnswer)))
	e.Answered(id)
	must(t)(e.Save(id))
}

func newCostEngine(t testing.TB) *Engine {
	e := startEngine(t, "22000-22999")
	e.log = slog.New(slog.DiscardHandler)
	return e
}

// BenchmarkAgree is what descriptions cost from a browser's offer to the end of the call: no packet flows.
func BenchmarkAgree(b *testing.B) {
	e := newCostEngine(b)
	b.ReportAllocs()
	for b.Loop() {
		e.agree(b, "call")
		e.Delete("call", "")
	}
}

// held agrees on calls between browsers and the PBX, whose keys are there, and says what each takes: what lives on the heap, and the
// stacks of its goroutines.
func (e *Engine) held(t testing.TB, calls int) (heap, stacks int64) {
	before, shallow := inUse()
	for i := range calls {
		id := fmt.Sprint("call", i)
		e.agree(t, id)
		k, err := dtlsKeys(material{}, dtls.SRTP_AEAD_AES_128_GCM, false)
		if err != nil {
			t.Fatal(err)
		}
		s, err := e.lock(id, false)
		if err != nil {
			t.Fatal(err)
		}
		s.legs[alice.Leg].line.(*secureLine).install(k)
		s.mu.Unlock()
	}
	after, deep := inUse()
	return (after - before) / int64(calls), (deep - shallow) / int64(calls)
}

// heapLimit is how much of the heap a call may take while it lasts, in octets. BenchmarkHold has how much it does.
const heapLimit = 32 << 10

func TestMemoryOfACall(t *testing.T) {
	const calls = 200
	e := newCostEngine(t)
	heap, stacks := e.held(t, calls)
	t.Logf("each of %d calls takes %d octets of the heap and %d of stacks", calls, heap, stacks)
	if heap > heapLimit {
		t.Errorf("a call takes %d octets of the heap, want no more than %d", heap, heapLimit)
	}
	for i := range calls {
		e.Delete(fmt.Sprint("call", i), "")
	}
	before, _ := inUse()
	e.held(t, calls)
	for i := range calls {
		e.Delete(fmt.Sprint("call", i), "")
	}
	waitFor(t, "what the calls took to be free again", func() bool { // once the goroutines that they had have gone
		after, _ := inUse()
		return after-before < calls*heapLimit/100
	})
}

// BenchmarkHold is the memory that a call takes while it lasts.
func BenchmarkHold(b *testing.B) {
	const calls = 400
	e := newCostEngine(b)
	for b.Loop() {
		heap, stacks := e.held(b, calls)
		b.ReportMetric(float64(heap), "heap-B/call")
		b.ReportMetric(float64(stacks), "stack-B/call")
		for i := range calls {
			e.Delete(fmt.Sprint("call", i), "")
		}
	}
}

// inUse is how much lives on the heap, and how much stacks take.
func inUse() (heap, stacks int64) {
	runtime.GC()
	runtime.GC() // what finalizers left
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc), int64(m.StackInuse)
}
