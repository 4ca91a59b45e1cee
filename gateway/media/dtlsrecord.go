package media

import (
	"bytes"
	"encoding/binary"
	"iter"
)

// Numbers of DTLS 1.2 (RFC 6347 §4.1, RFC 5246 §6.2.1).
const (
	recordHeader    = 13
	recordChange    = 20
	recordAlert     = 21
	recordHandshake = 22
	messageHeader   = 12
	versionDTLS12   = 0xFEFD
)

// maxMessage bounds a handshake message in octets, such as a ClientHello with post-quantum key shares or a certificate.
const maxMessage = 8192

// handshakeMTU is how large our datagrams of a handshake are at most, in octets; more may be too much for a tunnel.
const handshakeMTU = 1200

// record is a record in a datagram (RFC 6347 §4.1).
type record struct {
	kind  byte
	epoch uint16
	whole []byte // with its header
}

func (r record) body() []byte { return r.whole[recordHeader:] }

// records are those of a datagram, up to the first that is cut off.
func records(p []byte) iter.Seq[record] {
	return func(yield func(record) bool) {
		for len(p) >= recordHeader {
			size := recordHeader + int(binary.BigEndian.Uint16(p[11:]))
			if len(p) < size || !yield(record{p[0], binary.BigEndian.Uint16(p[3:]), p[:size]}) {
				return
			}
			p = p[size:]
		}
	}
}

// fragment is a handshake message, or a part of it (RFC 6347 §4.2.2).
type fragment struct {
	kind         byte
	seq          uint16
	total, start int // octets of the message
	data         []byte
}

// fragments are those of a record of the handshake, up to the first that can't be.
func fragments(p []byte) iter.Seq[fragment] {
	return func(yield func(fragment) bool) {
		for len(p) >= messageHeader {
			f := fragment{kind: p[0], seq: binary.BigEndian.Uint16(p[4:]), total: uint24(p[1:]), start: uint24(p[6:])}
			size := uint24(p[9:])
			p = p[messageHeader:]
			if f.total > maxMessage || f.start+size > f.total || len(p) < size {
				return
			}
			if f.data, p = p[:size], p[size:]; !yield(f) {
				return
			}
		}
	}
}

func uint24(p []byte) int { return int(p[0])<<16 | int(p[1])<<8 | int(p[2]) }

// handshakeMessage is a handshake message that comes in fragments, in any order and repeated (RFC 6347 §4.2.3). Its zero value is ready.
type handshakeMessage struct {
	kind    byte
	seq     uint16
	body    []byte
	have    []bool // which octets of body came
	missing int
}

// add takes a fragment. It says false when that belongs to another message.
func (m *handshakeMessage) add(f fragment) bool {
	if f.total == 0 || m.body != nil && (f.kind != m.kind || f.seq != m.seq || f.total != len(m.body)) {
		return false
	}
	if m.body == nil {
		*m = handshakeMessage{f.kind, f.seq, make([]byte, f.total), make([]bool, f.total), f.total}
	}
	for i, octet := range f.data { // what came stays as it came
		if at := f.start + i; !m.have[at] {
			m.body[at], m.have[at] = octet, true
			m.missing--
		}
	}
	return true
}

// complete says whether all of it came.
func (m *handshakeMessage) complete() bool { return m.body != nil && m.missing == 0 }

// appendHeader appends the header of a fragment of a message.
func appendHeader(p []byte, kind byte, seq uint16, total, start, size int) []byte {
	return append(p, kind, byte(total>>16), byte(total>>8), byte(total), byte(seq>>8), byte(seq),
		byte(start>>16), byte(start>>8), byte(start), byte(size>>16), byte(size>>8), byte(size))
}

// appendRecord appends the header of a record of the first epoch, without its number.
func appendRecord(p []byte, kind byte, size int) []byte {
	return append(p, kind, versionDTLS12>>8, versionDTLS12&0xFF, 0, 0, 0, 0, 0, 0, 0, 0, byte(size>>8), byte(size))
}

// flight is what one side says before it waits for the other one: datagrams.
type flight struct {
	mtu       int
	datagrams [][]byte
}

// add appends a message, in as many fragments as it takes.
func (f *flight) add(kind byte, seq uint16, body []byte) {
	const head = recordHeader + messageHeader
	for start := 0; ; {
		if n := len(f.datagrams); n == 0 || f.mtu-len(f.datagrams[n-1]) <= head {
			f.datagrams = append(f.datagrams, make([]byte, 0, f.mtu))
		}
		last := &f.datagrams[len(f.datagrams)-1]
		size := min(len(body)-start, f.mtu-len(*last)-head)
		*last = appendRecord(*last, recordHandshake, messageHeader+size)
		*last = appendHeader(*last, kind, seq, len(body), start, size)
		*last = append(*last, body[start:start+size]...)
		if start += size; start == len(body) {
			return
		}
	}
}

// number gives the flight's records of the first epoch their numbers, from n on, and says which comes next. What is sent again has new
// ones (RFC 6347 §4.2.4).
func (f *flight) number(n uint64) uint64 {
	for _, p := range f.datagrams {
		for r := range records(p) {
			if r.epoch == 0 {
				binary.BigEndian.PutUint32(r.whole[7:], uint32(n)) // 32 of 48 bits are more than a handshake has
				n++
			}
		}
	}
	return n
}

// finishing says whether a datagram has the end of a flight that ends a handshake: ChangeCipherSpec and, encrypted,
// Finished (RFC 6347 §4.2.4).
func finishing(p []byte) bool {
	for r := range records(p) {
		if r.kind == recordChange || r.kind == recordHandshake && r.epoch > 0 {
			return true
		}
	}
	return false
}

// repeats says whether a datagram ends as m does.
func (m *handshakeMessage) repeats(p []byte) bool {
	for r := range records(p) {
		if r.kind == recordHandshake && r.epoch == 0 {
			for f := range fragments(r.body()) {
				if f.kind == m.kind && f.seq == m.seq && len(f.data) > 0 && f.start+len(f.data) == len(m.body) && bytes.Equal(f.data, m.body[f.start:]) {
					return true
				}
			}
		}
	}
	return false
}
