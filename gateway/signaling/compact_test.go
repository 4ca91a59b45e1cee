package signaling

import (
	"testing"

	"github.com/emiago/sipgo/sip"
)

func TestShortNamesOfHeaders(t *testing.T) {
	for short, long := range compactNames {
		value := "<sip:a@b.example>"
		msg, err := sip.ParseMessage([]byte("OPTIONS sip:a@b SIP/2.0\r\n" + short + ": " + value + "\r\nContent-Length: 0\r\n\r\n"))
		if err != nil {
			t.Fatal(err)
		}
		req := msg.(*sip.Request)
		if h := req.GetHeader(long); h == nil || h.Name() != long || h.Value() != value || req.GetHeader(short) != nil {
			t.Errorf("%s: %s is read as %v", short, value, req.Headers())
		}
	}
}
