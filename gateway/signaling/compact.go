package signaling

import (
	"strings"

	"github.com/emiago/sipgo/sip"
)

// compactNames are the short forms of header names (RFC 3261 §20, and the documents of each header) that sipgo leaves as they are.
// A header that goes by another name than the one we look for would get past us.
var compactNames = map[string]string{
	"a": "Accept-Contact", "b": "Referred-By", "d": "Request-Disposition", "e": "Content-Encoding", "j": "Reject-Contact", "k": "Supported",
	"n": "Identity-Info", "o": "Event", "r": "Refer-To", "s": "Subject", "u": "Allow-Events", "x": "Session-Expires", "y": "Identity",
}

// sipgo's parser gives each of these headers its long name, from before anybody uses it: its table is the whole process's.
func init() {
	parsers := sip.DefaultHeadersParser()
	for short, long := range compactNames {
		if _, known := parsers[short]; known {
			continue
		}
		parsers[short] = func(_ []byte, value string) (sip.Header, error) { return sip.NewHeader(long, value), nil }
		if same, known := parsers[strings.ToLower(long)]; known {
			parsers[short] = same
		}
	}
}
