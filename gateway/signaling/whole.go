package signaling

import (
	"bytes"
	"io"
	"strconv"
	"strings"
)

// filler is what may stand between messages: CRLF (RFC 3261 §7.5), and the zeros by which some phones keep a connection.
const filler = "\r\n\x00"

// whole takes messages off a connection one at a time, each to its end (RFC 3261 §18.3). sipgo would take them in pieces too, but not a header that
// goes on in the next piece, and who sent what can't be read is answered better when it is seen as a whole. The zero whole is ready.
type whole struct {
	rest []byte // was read beyond the last message
	torn bool   // nobody can say where a message ends; everything goes on as it comes
}

// read gives the next message, or CRLF CRLF, which asks for an answer (RFC 5626 §3.5.1). p is as long as the longest message, each time.
func (w *whole) read(from io.Reader, p []byte) (int, error) {
	if w.torn {
		return from.Read(p)
	}
	n := copy(p, w.rest)
	for {
		text := bytes.TrimLeft(p[:n], filler)
		if bytes.Contains(p[:n-len(text)], blankLine) {
			w.rest = bytes.Clone(text)
			return copy(p, blankLine), nil
		}
		n = copy(p, text)
		size, ok := messageSize(p[:n])
		switch {
		case !ok, size > len(p), size == 0 && n == len(p):
			w.rest, w.torn = nil, true
			return n, nil
		case 0 < size && size <= n:
			w.rest = bytes.Clone(p[size:n])
			return size, nil
		}
		for more := true; more; {
			m, err := from.Read(p[n:])
			if m == 0 && err != nil {
				return 0, err
			}
			n += m
			more = n < size || size == 0 && n < len(p) && bytes.IndexByte(p[n-m:n], '\n') < 0 // then its head has not ended either
		}
	}
}

// messageSize is how long the message is that begins with text, 0 as long as its head has not ended; false when it can't be told.
func messageSize(text []byte) (size int, ok bool) {
	start, _, all := bytes.Cut(text, crlf)
	if all && !bytes.Contains(bytes.ToUpper(start), []byte("SIP")) {
		return 0, false
	}
	end := bytes.Index(text, blankLine)
	if end < 0 {
		return 0, true
	}
	end += len(blankLine)
	for head := text[len(start)+len(crlf) : end]; len(head) > 0; {
		n := lineEnd(head)
		name, value, _ := strings.Cut(string(head[:n]), ":")
		if name = strings.TrimSpace(name); strings.EqualFold(name, "Content-Length") || strings.EqualFold(name, "l") {
			body, err := strconv.ParseUint(strings.TrimSpace(value), 10, 31)
			if err != nil {
				return 0, false
			}
			size, ok = end+int(body), true
		}
		head = head[n:]
	}
	return size, ok
}
