package signaling

import "bytes"

// squeezed are the headers with addresses, which sipgo's parser takes apart without minding white space around
// separators: of "<sip:a@b> ; tag = x" it makes a parameter " tag ", and so a request without tag.
var squeezed = [...]string{"from", "f", "to", "t", "contact", "m", "via", "v", "route", "record-route"}

// needsSqueeze tells quickly whether a message's head has white space where squeeze might take it away.
func needsSqueeze(head []byte) bool {
	for i := 1; i < len(head)-1; i++ {
		switch head[i] {
		case ';', '=', '/':
			if isBlank(head[i-1]) || isBlank(head[i+1]) || head[i+1] == '\r' {
				return true
			}
		case ',', ':': // blanks after them are usual and do no harm
			if isBlank(head[i-1]) {
				return true
			}
		}
	}
	return false
}

// squeezeMessage squeezes a message that is all there is.
func squeezeMessage(msg []byte) []byte {
	end := bytes.Index(msg, blankLine)
	if end < 0 || !needsSqueeze(msg[:end+len(blankLine)]) {
		return msg
	}
	return squeeze(msg, end+len(blankLine))
}

// squeeze takes the white space around separators out of the address headers of msg, whose body begins at end
// (RFC 3261 §25.1: SEMI, EQUAL, SLASH, COMMA and COLON may have some on both sides, folded lines too). It works in place.
func squeeze(msg []byte, end int) []byte {
	out := msg[:0]
	for head := msg[:end]; len(head) > 0; {
		n := lineEnd(head)
		name, value, ok := bytes.Cut(head[:n], []byte{':'})
		if ok && isSqueezed(name) {
			via := name[0] == 'v' || name[0] == 'V'
			out = append(append(out, name...), ':')
			out = squeezeValue(out, value, via)
		} else {
			out = append(out, head[:n]...)
		}
		head = head[n:]
	}
	return append(out, msg[end:]...)
}

func isSqueezed(name []byte) bool {
	name = bytes.TrimRight(name, " \t")
	for _, s := range squeezed {
		if len(name) == len(s) && bytes.EqualFold(name, []byte(s)) {
			return true
		}
	}
	return false
}

// lineEnd is where the first line of head ends, with its continuation lines and CRLF (RFC 3261 §7.3.1).
func lineEnd(head []byte) int {
	for n := 0; ; {
		i := bytes.Index(head[n:], crlf)
		if i < 0 {
			return len(head)
		}
		if n += i + len(crlf); n == len(head) || !isBlank(head[n]) || i == 0 {
			return n
		}
	}
}

// squeezeValue appends value to out without white space beside separators, except in quotes and angle brackets.
func squeezeValue(out, value []byte, via bool) []byte {
	separates := func(c byte) bool { return c == ';' || c == '=' || c == ',' || via && (c == '/' || c == ':') }
	value = bytes.TrimSuffix(value, crlf)
	begin := len(out)
	quoted, bracketed := false, false
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch {
		case quoted && c == '\\' && i+1 < len(value):
			out = append(out, c)
			i++
			c = value[i]
		case c == '"' && !bracketed:
			quoted = !quoted
		case quoted:
		case c == '<':
			bracketed = true
		case c == '>':
			bracketed = false
		case bracketed:
		case isBlank(c) || c == '\r':
			j := i
			for j < len(value) && (isBlank(value[j]) || value[j] == '\r' || value[j] == '\n') {
				j++
			}
			if j == len(value) || separates(value[j]) || len(out) > begin && separates(out[len(out)-1]) {
				i = j - 1
				continue
			}
			out = append(out, value[i:j]...)
			i = j - 1
			continue
		}
		out = append(out, c)
	}
	return append(out, crlf...)
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }
