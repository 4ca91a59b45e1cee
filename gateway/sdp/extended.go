package sdp

import (
	"strings"

	"github.com/pion/sdp/v3"
)

// extended reads which extended reports a stream asks for; those that we don't make are passed over.
func (s session) extended(m *sdp.MediaDescription) (x Extended) {
	for kind := range strings.FieldsSeq(s.attribute(m, "rtcp-xr")) {
		name, _, _ := strings.Cut(kind, "=")
		x.Metrics = x.Metrics || name == "voip-metrics"
		x.Reference = x.Reference || name == "rcvr-rtt"
	}
	return x
}

// wished is what we ask phones for: what was lost in their own buffers is in no other report. Who knows nothing of it passes it over, as it
// binds nobody to an answer (RFC 3611 §5.2).
var wished = Extended{Metrics: true}

// lines is what we answer to who asks for that: we read them too.
func (x Extended) lines() []string {
	var kinds []string
	if x.Metrics {
		kinds = append(kinds, "voip-metrics")
	}
	if x.Reference {
		kinds = append(kinds, "rcvr-rtt=all")
	}
	if kinds == nil {
		return nil
	}
	return []string{"a=rtcp-xr:" + strings.Join(kinds, " ")}
}
