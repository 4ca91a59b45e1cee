package media

import (
	"bytes"
	"context"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v3"
)

var (
	browserAddr  = netip.MustParseAddrPort("192.0.2.1:1000")
	strangerAddr = netip.MustParseAddrPort("192.0.2.2:2000")
)

// lineOnly is a browser's line without an engine's sockets, enrolled in a table.
func lineOnly(table *table) (*secureLine, credentials) {
	e := &Engine{table: table, ctx: context.Background(), start: time.Now()}
	line := newSecureLine(e, &leg{engine: e})
	return line, table.enroll(line)
}

// request builds a Binding request; the order of its parts matters.
func request(t testing.TB, parts ...stun.Setter) []byte {
	t.Helper()
	m, err := stun.Build(append([]stun.Setter{stun.TransactionID, stun.BindingRequest}, parts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return m.Raw
}

// attribute is one of any type, without or with a value.
func attribute(kind stun.AttrType, value ...byte) stun.RawAttribute {
	return stun.RawAttribute{Type: kind, Value: value}
}

func TestAgent(t *testing.T) {
	table := newTable()
	line, own := lineOnly(table)
	user := stun.NewUsername(own.ufrag + ":them")
	proof := stun.NewShortTermIntegrity(own.pwd)
	long := attribute(stun.AttrSoftware, make([]byte, 60)...)
	controlling := attribute(stun.AttrICEControlling, make([]byte, 8)...)
	for _, tt := range []struct {
		name  string
		parts []stun.Setter
		reply stun.MessageType // zero: none
		code  stun.ErrorCode
		bound bool
	}{
		{"good", []stun.Setter{user, controlling, proof, stun.Fingerprint}, stun.BindingSuccess, 0, true},
		{"nominating", []stun.Setter{user, controlling, attribute(stun.AttrUseCandidate), proof, stun.Fingerprint}, stun.BindingSuccess, 0, true},
		{"wrong password", []stun.Setter{user, long, stun.NewShortTermIntegrity("wrong"), stun.Fingerprint}, stun.BindingError, stun.CodeUnauthorized, false},
		{"unknown user", []stun.Setter{stun.NewUsername("nobody:them"), long, proof, stun.Fingerprint}, stun.BindingError, stun.CodeUnauthorized, false},
		{"no user", []stun.Setter{long, proof, stun.Fingerprint}, stun.BindingError, stun.CodeBadRequest, false},
		{"no integrity", []stun.Setter{user, long, stun.Fingerprint}, stun.BindingError, stun.CodeBadRequest, false},
		{"too short for a reply", []stun.Setter{stun.Fingerprint}, stun.MessageType{}, 0, false},
		{"no fingerprint", []stun.Setter{user, proof}, stun.MessageType{}, 0, false},
		{"controlled as we are", []stun.Setter{user, attribute(stun.AttrICEControlled, make([]byte, 8)...), proof, stun.Fingerprint}, stun.BindingError, stun.CodeRoleConflict, false},
		{"must be understood", []stun.Setter{user, attribute(0x7001, 1), proof, stun.Fingerprint}, stun.BindingError, stun.CodeUnknownAttribute, false},
		{"need not be understood", []stun.Setter{user, attribute(0xC057, 1, 2, 3, 4), proof, stun.Fingerprint}, stun.BindingSuccess, 0, true},
		{"unprotected attribute", []stun.Setter{user, proof, attribute(stun.AttrUseCandidate), stun.Fingerprint}, stun.MessageType{}, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			table.remove(line)
			line.gone = false
			line.remote.Store(nil)
			table.names[own.ufrag] = named{line, own.pwd}
			p := request(t, tt.parts...)
			id := p[8:20]
			a := agent{table: table}
			reply := a.answer(bytes.Clone(p), browserAddr, nil, time.Second)
			if got := table.lookup(browserAddr) == line; got != tt.bound {
				t.Errorf("address bound: %v", got)
			}
			if (line.remote.Load() != nil) != tt.bound {
				t.Errorf("address known: %v", line.remote.Load())
			}
			if tt.reply == (stun.MessageType{}) {
				if reply != nil {
					t.Errorf("a reply: %x", reply)
				}
				return
			}
			var m stun.Message
			if _, err := m.Write(reply); err != nil {
				t.Fatal(err)
			}
			if m.Type != tt.reply || !bytes.Equal(m.TransactionID[:], id) || stun.Fingerprint.Check(&m) != nil {
				t.Errorf("reply %v", &m)
			}
			var code stun.ErrorCodeAttribute
			if code.GetFrom(&m); code.Code != tt.code {
				t.Errorf("error %d, want %d", code.Code, tt.code)
			}
			if proved := proof.Check(&m) == nil; proved != (tt.code != stun.CodeUnauthorized && tt.code != stun.CodeBadRequest) {
				t.Errorf("reply has integrity: %v", proved)
			}
			var mapped stun.XORMappedAddress
			if err := mapped.GetFrom(&m); tt.bound && (err != nil || mapped.String() != browserAddr.String()) {
				t.Errorf("mapped address %v, %v", mapped, err)
			}
		})
	}
}

func TestNomination(t *testing.T) {
	table := newTable()
	line, own := lineOnly(table)
	a := agent{table: table}
	check := func(c credentials, src netip.AddrPort, nominate bool) {
		t.Helper()
		parts := []stun.Setter{stun.NewUsername(c.ufrag + ":them")}
		if nominate {
			parts = append(parts, attribute(stun.AttrUseCandidate))
		}
		p := request(t, append(parts, stun.NewShortTermIntegrity(c.pwd), stun.Fingerprint)...)
		if a.answer(p, src, nil, time.Second) == nil {
			t.Fatal("no reply")
		}
	}
	second := netip.MustParseAddrPort("[2001:db8::1]:5")
	for _, step := range []struct {
		src      netip.AddrPort
		nominate bool
		want     netip.AddrPort
	}{
		{browserAddr, false, browserAddr}, // the first address has to do
		{second, false, browserAddr},
		{second, true, second},
		{browserAddr, false, second},
		{browserAddr, true, browserAddr}, // the last nomination wins
	} {
		check(own, step.src, step.nominate)
		if got := *line.remote.Load(); got != step.want {
			t.Errorf("after a check from %v, nominating %v: sending to %v", step.src, step.nominate, got)
		}
	}
	again := table.enroll(line) // ICE restarts
	check(own, browserAddr, true)
	check(again, second, false)
	if line, _ := table.credentials([]byte(own.ufrag)); line == nil {
		t.Error("the old credentials ended before the new ones were nominated with")
	}
	check(again, second, true)
	if line, _ := table.credentials([]byte(own.ufrag)); line != nil {
		t.Error("the old credentials are good for ever")
	}
}

func TestTable(t *testing.T) {
	table := newTable()
	mine, _ := lineOnly(table)
	other, _ := lineOnly(table)
	if !table.bind(browserAddr, mine, time.Second) {
		t.Fatal("not bound")
	}
	if table.bind(browserAddr, other, 2*time.Second) {
		t.Error("a live address was taken away")
	}
	if !table.bind(browserAddr, other, time.Second+consent) || table.lookup(browserAddr) != other || len(mine.addrs) != 0 {
		t.Error("a dead address was not given up")
	}
	for i := range 3 * maxBound {
		table.bind(netip.AddrPortFrom(strangerAddr.Addr(), uint16(i+1)), mine, time.Duration(i+2)*time.Second)
	}
	if len(mine.addrs) != maxBound || len(table.bound) != maxBound+1 {
		t.Errorf("%d addresses of one browser, %d in all", len(mine.addrs), len(table.bound))
	}
	if table.lookup(netip.AddrPortFrom(strangerAddr.Addr(), 3*maxBound)) != mine {
		t.Error("the newest address was dropped")
	}
	table.remove(mine)
	table.remove(other)
	if len(table.bound) != 0 || len(table.names) != 0 {
		t.Errorf("left: %v, %v", table.bound, table.names)
	}
	if table.bind(browserAddr, mine, time.Hour) {
		t.Error("a closed line was bound")
	}
}

// Whatever passes the form check is parsed by pion and re-encodes to the same attributes; a success response or a
// binding is had only by a request with integrity; no reply to another is longer than it.
func FuzzAgent(f *testing.F) {
	table := newTable()
	line, own := lineOnly(table)
	own = credentials{"abcdefgh", "secretsecretsecretsecret"}
	table.names[own.ufrag] = named{line, own.pwd}
	user, proof := stun.NewUsername(own.ufrag+":them"), stun.NewShortTermIntegrity(own.pwd)
	f.Add(request(f, user, attribute(stun.AttrUseCandidate), proof, stun.Fingerprint))
	f.Add(request(f, user, proof, stun.Fingerprint))
	f.Add(request(f, user, attribute(stun.AttrXORMappedAddress), attribute(stun.AttrErrorCode), stun.Fingerprint))
	f.Add([]byte{0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
	f.Fuzz(func(t *testing.T, p []byte) {
		sort(p)
		try := func(p []byte) {
			if !wellFormed(p) {
				return
			}
			var m, again stun.Message
			if _, err := m.Write(p); err != nil {
				t.Fatalf("passed the form check, but: %v", err)
			}
			_ = m.String()
			attributes := len(m.Attributes)
			m.Encode()
			if err := stun.Decode(m.Raw, &again); err != nil || len(again.Attributes) != attributes {
				t.Fatalf("re-encoded to %d of %d attributes: %v", len(again.Attributes), attributes, err)
			}
			line.remote.Store(nil)
			a := agent{table: table}
			reply := a.answer(bytes.Clone(p), browserAddr, nil, time.Second)
			if err := stun.Decode(bytes.Clone(p), &m); err != nil {
				t.Fatal(err)
			}
			if proof.Check(&m) == nil {
				return
			}
			if line.remote.Load() != nil || len(reply) > len(p) || (len(reply) > 0 && reply[0] == 1 && reply[1] == 1) {
				t.Fatalf("without integrity: bound to %v, reply %x", line.remote.Load(), reply)
			}
		}
		try(p)
		try(closed(p))
	})
}

// closed gives random attributes a chance: a right header before them and a right FINGERPRINT behind.
func closed(p []byte) []byte {
	p = bytes.Clone(p[:len(p)&^3])
	if len(p) < stunHeaderSize || len(p) > 1000 {
		return nil
	}
	p[0], p[1] = 0, 1
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)-stunHeaderSize+8))
	binary.BigEndian.PutUint32(p[4:], stunCookie)
	value := stun.FingerprintValue(p)
	p = append(p, 0x80, 0x28, 0, 4)
	return binary.BigEndian.AppendUint32(p, value)
}
