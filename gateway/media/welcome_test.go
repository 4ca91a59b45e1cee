package media

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/pion/ice/v2"
	old "github.com/pion/stun"
	"github.com/pion/stun/v3"
	"github.com/pion/turn/v2"

	"cordboard/gateway/call"
)

// stunOf is a STUN message with attributes of any form.
func stunOf(kind uint16, attributes ...[]byte) []byte {
	p := binary.BigEndian.AppendUint16(nil, kind)
	p = append(p, 0, 0, 0x21, 0x12, 0xA4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
	for _, a := range attributes {
		p = append(p, a...)
		p = append(p, make([]byte, -len(a)&3)...)
	}
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)-stunHeaderSize))
	return p
}

// valued is an attribute.
func valued(kind uint16, value ...byte) []byte {
	return append(binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, kind), uint16(len(value))), value...)
}

func TestWelcome(t *testing.T) {
	mapped := valued(attrXORMapped, 0, 1, 0x12, 0x34, 1, 2, 3, 4)
	for _, tt := range []struct {
		name string
		p    []byte
		want bool
	}{
		{"RTP", []byte{0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9}, true},
		{"RTP that looks like STUN", append([]byte{0x80, 0, 0, 1, 0x21, 0x12, 0xA4, 0x42}, make([]byte, 20)...), false},
		{"DTLS", []byte{22, 254, 253, 0, 0}, true},
		{"nothing", nil, true},
		{"a response", stunOf(0x0101, mapped), true},
		{"IPv6", stunOf(0x0101, valued(attrXORMapped, append([]byte{0, 2, 1, 2}, make([]byte, 16)...)...)), true},
		{"an empty address", stunOf(0x0101, valued(attrXORMapped)), false},
		{"a short address", stunOf(0x0101, valued(attrXORMapped, 0, 1, 0x12, 0x34)), false},
		{"IPv4 as IPv6", stunOf(0x0101, valued(attrXORMapped, 0, 2, 0x12, 0x34, 1, 2, 3, 4)), false},
		{"an empty relayed address", stunOf(0x0103, valued(attrRelayed)), false},
		{"an empty peer", stunOf(0x0017, valued(attrPeer), valued(attrData, 1)), false},
		{"data", stunOf(0x0017, valued(attrPeer, 0, 1, 1, 2, 3, 4, 5, 6), valued(attrData, stunOf(0x0101, mapped)...)), true},
		{"bad data", stunOf(0x0017, valued(attrPeer, 0, 1, 1, 2, 3, 4, 5, 6), valued(attrData, stunOf(0x0101, valued(attrXORMapped))...)), false},
		{"data in data", stunOf(0x0017, valued(attrData, stunOf(0x0017, valued(attrData, 1))...)), false},
		{"bad data of a channel", append([]byte{0x40, 0, 0, 24}, stunOf(0x0101, valued(attrXORMapped))...), false},
		{"a channel", append([]byte{0x40, 0, 0, 32}, stunOf(0x0101, mapped)...), true},
		{"a short channel", []byte{0x40, 0, 0, 32, 1}, false},
		{"a short error", stunOf(0x0113, valued(attrErrorCode, 0, 0, 4)), false},
		{"a longer message than there is", stunOf(0x0101, mapped)[:24], false},
		{"a long attribute", stunOf(0x0101, []byte{0, 0x20, 0xFF, 0xFF}), false},
		{"an end in mid-attribute", stunOf(0x0101, []byte{0, 0x20}), false},
		{"many attributes", stunOf(0x0101, bytes.Repeat(valued(0x7777), stunMaxAttribute+1)), false},
	} {
		if got := welcome(tt.p); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	if got := refusal(stunOf(0x0113, valued(attrErrorCode, 0, 0, 4, 41))); got != 441 {
		t.Errorf("refused by %d, want 441", got)
	}
}

// What is welcome goes through pion's parsers without a panic.
func FuzzWelcome(f *testing.F) {
	mapped := valued(attrXORMapped, 0, 1, 0x12, 0x34, 1, 2, 3, 4)
	for _, p := range [][]byte{
		stunOf(0x0101, mapped), stunOf(0x0101, valued(attrXORMapped)), stunOf(0x0113, valued(attrErrorCode, 0, 0, 4, 1)),
		stunOf(0x0017, valued(attrPeer, 0, 1, 1, 2, 3, 4, 5, 6), valued(attrData, stunOf(0x0101, mapped)...)),
		append([]byte{0x40, 0, 0, 32}, stunOf(0x0101, mapped)...),
		stunOf(0x0001, valued(attrPriority, 1, 2, 3, 4), valued(attrControlled, 1, 2, 3, 4, 5, 6, 7, 8), valued(attrIntegrity, make([]byte, 20)...), valued(attrFingerprint, 1, 2, 3, 4)),
	} {
		f.Add(p)
	}
	here, err := net.ListenUDP("udp4", &net.UDPAddr{IP: loopback.AsSlice()})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { here.Close() })
	client, err := turn.NewClient(&turn.ClientConfig{TURNServerAddr: here.LocalAddr().String(), Conn: here, Username: "user", Password: "password"})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(client.Close)
	f.Fuzz(func(t *testing.T, p []byte) {
		refusal(p)
		if !welcome(p) {
			return
		}
		client.HandleInbound(bytes.Clone(p), here.LocalAddr())
		m := &old.Message{Raw: bytes.Clone(p)}
		if !old.IsMessage(p) || m.Decode() != nil {
			return
		}
		for _, address := range []old.AttrType{old.AttrXORMappedAddress, old.AttrXORPeerAddress, old.AttrXORRelayedAddress} {
			new(old.XORMappedAddress).GetFromAs(m, address)
		}
		new(old.MappedAddress).GetFrom(m)
		new(old.AlternateServer).GetFrom(m)
		new(old.ResponseOrigin).GetFrom(m)
		new(old.OtherAddress).GetFrom(m)
		new(old.ErrorCodeAttribute).GetFrom(m)
		new(old.UnknownAttributes).GetFrom(m)
		new(old.Username).GetFrom(m)
		new(ice.AttrControl).GetFrom(m)
		new(ice.PriorityAttr).GetFrom(m)
		old.Fingerprint.Check(m)
		old.NewShortTermIntegrity("password").Check(m)
	})
}

// What a browser's agent proves itself by passes too: what we let in is not less than what we need.
func TestWelcomeChecks(t *testing.T) {
	check := request(t, stun.NewUsername("a:b"), attribute(stun.AttrUseCandidate), stun.NewShortTermIntegrity("password"), stun.Fingerprint)
	if !welcome(check) {
		t.Errorf("%x is not let in", check)
	}
}

// hostile answers STUN requests by what an old parser panics at, and then as it should.
func hostile(t testing.TB) string {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: loopback.AsSlice()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, bufferSize)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			for _, value := range [][]byte{{}, {0}, {0, 1, 2}, {0, 1, 0x12, 0x34, 192, 0, 2, 1}} {
				reply := stunOf(0x0101, valued(attrXORMapped, value...))
				if n >= stunHeaderSize {
					copy(reply[8:stunHeaderSize], buf[8:])
				}
				conn.WriteToUDPAddrPort(reply, from)
			}
		}
	}()
	return conn.LocalAddr().String()
}

// A STUN server that sends malformed addresses takes no program down.
func TestHostileSTUN(t *testing.T) {
	o := newOffice(t, "21920-21939", call.ICEServer{URL: "stun:" + hostile(t)})
	offer := must(t)(o.client.Offer(t.Context(), "call", pbx, o.server, o.near.description("sendrecv")))
	if !strings.Contains(string(offer), " typ srflx ") {
		t.Errorf("the good response is lost:\n%s", offer)
	}
}

// Nor does a TURN server by TCP: what is malformed is passed over, and what is no message ends the connection.
func TestHostileTURN(t *testing.T) {
	good := stunOf(0x0101, valued(attrXORMapped, 0, 1, 0x12, 0x34, 1, 2, 3, 4))
	channel := []byte{0x40, 1, 0, 5, 1, 2, 3, 4, 5, 0, 0, 0}
	for _, tt := range []struct {
		name string
		sent [][]byte
		want []byte
		end  error
	}{
		{"good", [][]byte{good, channel, good}, bytes.Join([][]byte{good, channel, good}, nil), io.EOF},
		{"malformed", [][]byte{stunOf(0x0101, valued(attrXORMapped)), good, stunOf(0x0017, valued(attrPeer))}, good, io.EOF},
		{"no cookie", [][]byte{good, make([]byte, 20), good}, good, errNoMessage},
		{"too long", [][]byte{good, {0, 1, 0xFF, 0xEC, 0x21, 0x12, 0xA4, 0x42}}, good, errNoMessage},
		{"noise", [][]byte{good, {0xFF, 1, 0, 1}}, good, errNoMessage},
		{"cut short", [][]byte{good, good[:10]}, good, io.ErrUnexpectedEOF},
	} {
		t.Run(tt.name, func(t *testing.T) {
			here, there := net.Pipe()
			defer here.Close()
			go func() {
				there.Write(bytes.Join(tt.sent, nil))
				there.Close()
			}()
			s := &frameSieve{Conn: here, outside: &outside{}, stop: func() bool { return true }}
			got, err := io.ReadAll(s)
			if !bytes.Equal(got, tt.want) || err != nil && err != tt.end || err == nil && tt.end != io.EOF {
				t.Errorf("passes %x, %v; want %x, %v", got, err, tt.want, tt.end)
			}
		})
	}
}
