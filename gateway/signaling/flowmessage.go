package signaling

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// Limits of a SIP message from a browser. They keep one message from costing much more than its length.
const (
	flowMaxLines  = 200
	flowMaxHeader = 8 << 10 // bytes, continuation lines included
	flowMaxParts  = 200     // values and parameters of one header; looking for each among the others takes sipgo's parser long
)

// Why a message from a browser is not handed up.
var (
	errNotSIP    = errors.New("not a SIP message")
	errNoEnd     = errors.New("no blank line after the headers")
	errControl   = errors.New("control character in a header")
	errHeader    = errors.New("header too long")
	errLines     = errors.New("too many header lines")
	errMandatory = errors.New("without Via, From, To, Call-ID or CSeq")
	errLength    = errors.New("wrong Content-Length")
	errTooLong   = errors.New("message too long")
)

var (
	crlf      = []byte("\r\n")
	blankLine = []byte("\r\n\r\n")
)

// screenMessage parses a browser's message, after limits that a flood would feel. The result shares no memory with msg, which is
// changed. RFC 7118 does not demand Content-Length, which TCP toward the PBX does; where missing it is put in. A message that is
// wrong may be given too, with the error, if it is known what it was meant to be.
func screenMessage(msg []byte) (sip.Message, error) {
	for bytes.HasPrefix(msg, crlf) { // RFC 3261 §7.5
		msg = msg[len(crlf):]
	}
	end := bytes.Index(msg, blankLine)
	if end < 0 {
		return nil, errNoEnd
	}
	end += len(blankLine)
	if err := screenLines(msg[:end]); err != nil {
		return nil, err
	}
	if n := len(msg); needsSqueeze(msg[:end]) {
		msg = squeeze(msg, end)
		end -= n - len(msg)
	}
	parsed, err := parseHead(msg[:end])
	if err != nil {
		return nil, err
	}
	if parsed.Via() == nil || parsed.From() == nil || parsed.To() == nil || parsed.CallID() == nil || parsed.CSeq() == nil {
		return parsed, errMandatory
	}
	body, size := msg[end:], len(msg)
	switch lengths := parsed.GetHeaders("Content-Length"); {
	case len(lengths) == 0:
		size += len("Content-Length: \r\n") + len(strconv.Itoa(len(body)))
	case len(lengths) > 1, int(*parsed.ContentLength()) > len(body):
		return parsed, errLength
	default: // what follows the body is none of it (RFC 3261 §18.3)
		body = body[:*parsed.ContentLength()]
		size = end + len(body)
	}
	if size > maxMessage {
		return parsed, errTooLong
	}
	parsed.SetBody(bytes.Clone(body))
	return parsed, nil
}

// screenLines checks the start line and the header lines, blank line included, without their meaning.
func screenLines(head []byte) error {
	if !isStartLine(head[:bytes.Index(head, crlf)]) {
		return errNotSIP
	}
	size, parts := 0, 0 // of the header at hand
	for lines := 0; len(head) > 0; lines++ {
		n := bytes.Index(head, crlf)
		line := head[:n]
		if n == 0 || line[0] != ' ' && line[0] != '\t' { // no continuation (RFC 3261 §7.3.1)
			size, parts = 0, 0
		}
		size += n
		for _, c := range line {
			switch {
			case isControl(c):
				return errControl
			case c == ',', c == ';', c == '&':
				parts++
			}
		}
		switch {
		case lines > flowMaxLines+1: // with start line and blank line
			return errLines
		case size > flowMaxHeader, parts > flowMaxParts:
			return errHeader
		}
		head = head[n+len(crlf):]
	}
	return nil
}

func isControl(c byte) bool { return c < ' ' && c != '\t' || c == 0x7f }

// isStartLine takes "METHOD uri SIP/2.0" and "SIP/2.0 ddd reason" (RFC 3261 §7.1, §7.2).
func isStartLine(line []byte) bool {
	first, rest, _ := bytes.Cut(line, []byte{' '})
	second, third, _ := bytes.Cut(rest, []byte{' '})
	if string(first) == sipVersion {
		return len(second) == 3 && '1' <= second[0] && second[0] <= '6' && isDigit(second[1]) && isDigit(second[2])
	}
	return len(first) > 0 && !slices.ContainsFunc(first, notToken) && len(second) > 0 && string(third) == sipVersion
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// notToken tells what may not stand in a method (RFC 3261 §25.1, token).
func notToken(c byte) bool {
	return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || isDigit(c) || strings.IndexByte("-.!%*_+`'~", c) >= 0)
}

// flowParser parses a browser's messages.
var flowParser = sip.NewParser()

// parseHead parses a message's headers. A panic of the parser, which would end the process, becomes an error.
func parseHead(head []byte) (msg sip.Message, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("parse SIP message: %v", p)
		}
	}()
	msg, n, err := flowParser.ParseHeaders(head, false)
	switch {
	case err != nil:
		return nil, fmt.Errorf("parse SIP message: %w", err)
	case n != len(head):
		return nil, errNoEnd
	}
	return msg, nil
}
