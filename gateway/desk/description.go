package desk

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// known are the formats that the media engine takes samples for (RFC 8866 §6.6), in the order in which we offer them.
var known = []struct{ number, name, fmtp string }{
	{"96", "opus/48000/2", "useinbandfec=1"},
	{"9", "G722/8000", ""},
	{"8", "PCMA/8000", ""},
	{"0", "PCMU/8000", ""},
	{"101", "telephone-event/8000", "0-15"},
	{"102", "telephone-event/48000", "0-15"},
}

var (
	errNoAudio = errors.New("read description: no audio stream")
	errFormats = errors.New("read description: no format that we know")
)

// format is one of a stream's.
type format struct{ number, name string }

// stream is an m= line with what belongs to it.
type stream struct {
	kind, port, protocol string
	formats              []format
	label, direction     string
}

// description is what we need of the other side's (RFC 8866).
type description struct {
	streams []stream
	audio   int // which of them we take
}

// read takes a description apart.
func read(text []byte) (description, error) {
	d := description{audio: -1}
	direction := "sendrecv"
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), "=")
		switch key {
		case "m":
			fields := strings.Fields(value)
			if len(fields) < 4 {
				return d, fmt.Errorf("read description: malformed m= line %q", value)
			}
			s := stream{kind: fields[0], port: fields[1], protocol: fields[2], direction: direction}
			for _, number := range fields[3:] {
				f := format{number: number}
				for _, k := range known {
					if n, err := strconv.Atoi(number); err == nil && n < 35 && k.number == number {
						f.name = k.name // of the numbers that need no a=rtpmap (RFC 3551 §6)
					}
				}
				s.formats = append(s.formats, f)
			}
			d.streams = append(d.streams, s)
			if s.kind == "audio" && s.port != "0" && d.audio < 0 {
				d.audio = len(d.streams) - 1
			}
		case "a":
			name, rest, _ := strings.Cut(value, ":")
			if len(d.streams) == 0 {
				if isDirection(name) {
					direction = name
				}
				continue
			}
			s := &d.streams[len(d.streams)-1]
			switch {
			case isDirection(name):
				s.direction = name
			case name == "label":
				s.label = rest
			case name == "rtpmap":
				number, name, _ := strings.Cut(rest, " ")
				for i := range s.formats {
					if s.formats[i].number == number {
						s.formats[i].name = strings.TrimSpace(name)
					}
				}
			}
		}
	}
	if d.audio < 0 {
		return d, errNoAudio
	}
	return d, nil
}

func isDirection(name string) bool {
	return name == "sendrecv" || name == "sendonly" || name == "recvonly" || name == "inactive"
}

// sound is the stream that we take.
func (d description) sound() stream { return d.streams[d.audio] }

// waits says whether the other side does not want to hear us: it holds us.
func (d description) waits() bool {
	s := d.sound()
	return s.direction == "sendonly" || s.direction == "inactive"
}

// direction is what we say of a stream: held, nothing passes either way, so that nobody waits for sound of ours; offered is what the other
// side said, "" for an offer of ours.
func direction(held bool, offered string) string {
	switch {
	case held:
		return "inactive"
	case offered == "sendonly":
		return "recvonly"
	case offered == "recvonly":
		return "sendonly"
	case offered == "inactive":
		return "inactive"
	}
	return "sendrecv"
}

// head begins a description of ours: session and version are numbers of its own.
func head(b *strings.Builder, session uint64, version int) {
	fmt.Fprintf(b, "v=0\r\no=- %d %d IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n", session, version)
}

// offer describes all that we speak.
func offer(session uint64, version int, held bool) []byte {
	var b strings.Builder
	head(&b, session, version)
	b.WriteString("m=audio 9 RTP/AVP")
	for _, f := range known {
		b.WriteString(" " + f.number)
	}
	b.WriteString("\r\n")
	for _, f := range known {
		attributes(&b, f.number, f.name)
	}
	b.WriteString("a=" + direction(held, "") + "\r\n")
	return []byte(b.String())
}

// attributes describes a format.
func attributes(b *strings.Builder, number, name string) {
	fmt.Fprintf(b, "a=rtpmap:%s %s\r\n", number, name)
	for _, k := range known {
		if strings.EqualFold(k.name, name) && k.fmtp != "" {
			fmt.Fprintf(b, "a=fmtp:%s %s\r\n", number, k.fmtp)
		}
	}
}

// answer answers an offer (RFC 3264 §6): by the first format that we know, and keys.
func answer(offered description, session uint64, version int, held bool) ([]byte, error) {
	var chosen []format
	for _, f := range offered.sound().formats {
		keys := strings.HasPrefix(strings.ToLower(f.name), "telephone-event/")
		ours := slices.ContainsFunc(known, func(k struct{ number, name, fmtp string }) bool { return strings.EqualFold(k.name, f.name) })
		if ours && (keys || len(chosen) == 0 || strings.HasPrefix(strings.ToLower(chosen[0].name), "telephone-event/")) {
			if keys {
				chosen = append(chosen, f)
			} else {
				chosen = slices.Insert(chosen, 0, f)
			}
		}
	}
	if len(chosen) == 0 || strings.HasPrefix(strings.ToLower(chosen[0].name), "telephone-event/") {
		return nil, errFormats
	}
	var b strings.Builder
	head(&b, session, version)
	for i, s := range offered.streams {
		if i != offered.audio {
			fmt.Fprintf(&b, "m=%s 0 %s %s\r\n", s.kind, s.protocol, s.formats[0].number)
			continue
		}
		fmt.Fprintf(&b, "m=audio 9 %s", s.protocol)
		for _, f := range chosen {
			b.WriteString(" " + f.number)
		}
		b.WriteString("\r\n")
		for _, f := range chosen {
			attributes(&b, f.number, f.name)
		}
		b.WriteString("a=" + direction(held, s.direction) + "\r\n")
	}
	return []byte(b.String()), nil
}
