package media

import (
	"testing"
	"unsafe"

	"cordboard/gateway/call"
)

func TestKeptSample(t *testing.T) {
	s := call.Sample{At: 1772366400123, Delay: 31.4, In: call.Path{Packets: 250, Lost: 12, Late: 3, Loss: 0.0458, Jitter: 7.9, MOS: 3.87}, Out: call.Path{Packets: 249, MOS: 4.41}}
	if got := keep(s).sample(); got != s {
		t.Errorf("%+v became %+v", s, got)
	}
	huge := keep(call.Sample{Delay: 1e9, In: call.Path{Packets: 1 << 40, Jitter: 1e9}}).sample()
	if huge.Delay != 6553.5 || huge.In.Packets != 65535 || huge.In.Jitter != 6553.5 {
		t.Errorf("what is too large became %+v", huge)
	}
	if size := unsafe.Sizeof(keptSample{}); size > 40 {
		t.Errorf("a sample takes %d octets", size)
	}
}
