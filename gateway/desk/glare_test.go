package desk

import (
	"testing"

	"github.com/emiago/sipgo/sip"
)

func TestPostponed(t *testing.T) {
	for _, c := range []struct {
		status  int
		headers []sip.Header
		want    bool
	}{
		{491, nil, true},
		{500, []sip.Header{sip.NewHeader("Retry-After", "3")}, true},
		{500, nil, false},
		{488, nil, false},
		{503, []sip.Header{sip.NewHeader("Retry-After", "3")}, false},
		{200, nil, false},
	} {
		res := sip.NewResponse(c.status, "")
		for _, h := range c.headers {
			res.AppendHeader(h)
		}
		if got := postponed(res); got != c.want {
			t.Errorf("%d with %v: %v, want %v", c.status, c.headers, got, c.want)
		}
	}
}
