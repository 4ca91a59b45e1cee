package sdp

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Bounds of what we read. A browser with all its codecs and a video stream needs 8 KiB and 200 lines.
const (
	maxText    = 64 << 10 // bytes
	maxLines   = 2048
	maxStreams = 64
	maxFormats = 128
)

// stream is an m= line (RFC 8866 §5.14) with its limits of bandwidth. pion knows five media and refuses the rest, but a
// phone may well offer T.38 beside its audio (m=image 9 udptl t38), so these lines are read here.
type stream struct {
	media, protocol string
	port            uint16
	formats         []string
	bandwidth       []string // "AS:64" and "TIAS:64000"
	print           string   // its strongest fingerprint, empty for none
	profile         Profile  // 0: none of ours, or not audio
}

// prepare checks a description from the network and leaves in it what pion is to read: the attributes and addresses.
// What no honest party writes and parsers disagree about is refused; pion itself hands a bare CR through.
func prepare(text []byte) (string, []stream, error) {
	if len(text) > maxText {
		return "", nil, fmt.Errorf("%w: %d bytes", ErrMalformed, len(text))
	}
	var b strings.Builder
	b.Grow(len(text) + 2)
	var streams []stream
	n := 0
	for line := range bytes.SplitSeq(text, []byte("\n")) {
		if n++; n > maxLines {
			return "", nil, fmt.Errorf("%w: more than %d lines", ErrMalformed, maxLines)
		}
		line = bytes.TrimSuffix(line, []byte("\r"))
		if slices.ContainsFunc(line, isControl) {
			return "", nil, fmt.Errorf("%w: control character in line %d", ErrMalformed, n)
		}
		if len(line) == 0 {
			continue
		}
		if len(line) < 2 || line[1] != '=' {
			return "", nil, fmt.Errorf("%w: line %d", ErrMalformed, n)
		}
		switch line[0] {
		case 'm':
			s, err := readStream(string(line[2:]))
			if err != nil || len(streams) == maxStreams {
				return "", nil, fmt.Errorf("%w: m= line %d", ErrMalformed, len(streams)+1)
			}
			streams = append(streams, s)
			line = []byte("m=audio 0 RTP/AVP")
		case 'b':
			if limit := string(line[2:]); len(streams) > 0 && isBandwidth(limit) {
				last := &streams[len(streams)-1]
				last.bandwidth = append(last.bandwidth, limit)
			}
			continue
		case 'i', 'u', 'e', 'p', 'k', 'r', 'z':
			continue // for people, or of no use to a call
		}
		b.Write(line)
		b.WriteString("\r\n")
	}
	return b.String(), streams, nil
}

func readStream(line string) (stream, error) {
	f := strings.Fields(line)
	if len(f) < 4 || len(f) > 3+maxFormats || !isToken(f[0]) {
		return stream{}, ErrMalformed
	}
	for part := range strings.SplitSeq(f[2], "/") {
		if !isToken(part) {
			return stream{}, ErrMalformed
		}
	}
	for _, format := range f[3:] {
		if !isPrintable(format) {
			return stream{}, ErrMalformed
		}
	}
	text, _, _ := strings.Cut(f[1], "/") // a count of ports, for layered streams
	port, err := strconv.ParseUint(text, 10, 16)
	return stream{media: f[0], protocol: f[2], port: uint16(port), formats: f[3:]}, err
}

// isBandwidth takes the limits of media. Those of RTCP (RFC 3556) end at us, as RTCP does.
func isBandwidth(s string) bool {
	kind, number, _ := strings.Cut(s, ":")
	_, err := strconv.ParseUint(number, 10, 32)
	return err == nil && slices.Contains([]string{"AS", "TIAS"}, kind)
}

// isControl says whether an octet is a control character; those of longer characters in UTF-8 are none.
func isControl(c byte) bool { return c < ' ' && c != '\t' || c == 0x7f }

// isToken checks for a token of RFC 8866 §9 of at most 64 characters.
func isToken(s string) bool {
	return s != "" && len(s) <= 64 && strings.IndexFunc(s, func(c rune) bool {
		return c <= ' ' || c >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]`, c)
	}) < 0
}

func isPrintable(s string) bool {
	return len(s) <= 1024 && strings.IndexFunc(s, func(c rune) bool { return c < ' ' || c >= 0x7f }) < 0
}

// isICE checks for ice-chars (RFC 8839 §5.4) between least and 256 of them.
func isICE(s string, least int) bool {
	return len(s) >= least && len(s) <= 256 && strings.IndexFunc(s, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/')
	}) < 0
}
