package media

import (
	"encoding/binary"
	"testing"
	"time"
)

func TestEventReader(t *testing.T) {
	const ssrc = 7
	type packet struct {
		code  uint8
		end   bool
		stamp uint32
		ticks uint16
		want  string // "begins", "goes on", "ends", "begins and ends", "nothing"
		ms    int
	}
	for name, packets := range map[string][]packet{
		"a key": {
			{5, false, 1000, 160, "begins", 20}, {5, false, 1000, 320, "goes on", 40}, {5, true, 1000, 480, "ends", 60},
			{5, true, 1000, 480, "nothing", 0}, {5, true, 1000, 480, "nothing", 0},
		},
		"the same key twice": {
			{5, false, 1000, 160, "begins", 20}, {5, true, 1000, 320, "ends", 40},
			{5, false, 2000, 160, "begins", 20}, {5, true, 2000, 800, "ends", 100},
		},
		"only an end arrives":   {{11, true, 1000, 800, "begins and ends", 100}, {11, true, 1000, 800, "nothing", 0}},
		"overtaken":             {{1, false, 1000, 320, "begins", 40}, {1, false, 1000, 160, "nothing", 0}, {1, true, 1000, 480, "ends", 60}, {1, false, 1000, 320, "nothing", 0}},
		"an old key comes late": {{1, true, 9000, 320, "begins and ends", 40}, {2, true, 8000, 320, "nothing", 0}},
		"the end is lost":       {{1, false, 1000, 320, "begins", 40}, {2, false, 3000, 160, "begins", 20}, {2, true, 3000, 160, "ends", 20}},
		"segments":              {{1, false, 1000, 65520, "begins", 8190}, {1, false, 66520, 160, "goes on", 8210}, {1, true, 66520, 320, "ends", 8230}},
		"timestamps turn over":  {{1, true, 0xFFFFFFF0, 160, "begins and ends", 20}, {2, true, 0x300, 160, "begins and ends", 20}},
		"the party began anew":  {{1, true, 0x70000000, 160, "begins and ends", 20}, {2, true, 0x10000000, 160, "begins and ends", 20}},
		"no key":                {{16, false, 1000, 160, "nothing", 0}, {255, true, 1000, 160, "nothing", 0}},
		"another in its place":  {{1, false, 1000, 160, "begins", 20}, {2, false, 1000, 320, "nothing", 0}},
	} {
		t.Run(name, func(t *testing.T) {
			var r eventReader
			for i, p := range packets {
				k, ok := r.read(appendEvent(nil, p.code, p.end, p.ticks), ssrc, p.stamp, 8000)
				got := "nothing"
				switch {
				case ok && k.begins && k.ends:
					got = "begins and ends"
				case ok && k.begins:
					got = "begins"
				case ok && k.ends:
					got = "ends"
				case ok:
					got = "goes on"
				}
				if got != p.want || k.length != time.Duration(p.ms)*time.Millisecond || ok && k.code != p.code {
					t.Errorf("packet %d: %s, %+v, want %s", i, got, k, p.want)
				}
			}
		})
	}
	var r eventReader
	for n := range eventSize {
		if _, ok := r.read(make([]byte, n), 1, 1, 8000); ok {
			t.Errorf("%d octets are read", n)
		}
	}
	if k, ok := r.read([]byte{0, 0, 0x12, 0xC0, 9, 9}, 1, 1, 48000); !ok || k.length != 100*time.Millisecond {
		t.Errorf("at 48 kHz, with more behind it: %+v, %v", k, ok)
	}
	if k := r.lose(48000); !k.ends || k.length != 100*time.Millisecond || r.open() {
		t.Errorf("lost: %+v", k)
	}
}

func TestKeyCodes(t *testing.T) {
	for i, key := range keyNames {
		if code, ok := keyCode(key); !ok || int(code) != i {
			t.Errorf("%c is %d", key, code)
		}
	}
	for _, key := range "E a\x00" {
		if _, ok := keyCode(key); ok {
			t.Errorf("%q is a key", key)
		}
	}
}

// Whatever a party sends, a key begins before it goes on or ends, ends once, never gets shorter, and is a key.
func FuzzEvent(f *testing.F) {
	f.Add([]byte{5, 0, 0, 160, 0, 0, 0, 1, 5, 0x80, 1, 64, 0, 0, 0, 1, 5, 0x80, 1, 64, 0, 0, 0, 1}, uint32(8000))
	f.Add([]byte{5, 0, 255, 255, 0, 0, 0, 1, 5, 0x80, 1, 64, 0, 1, 0, 0}, uint32(48000))
	f.Add([]byte{16, 0}, uint32(0))
	f.Fuzz(func(t *testing.T, data []byte, clock uint32) {
		clock %= 1_000_000
		var r eventReader
		held, length := false, time.Duration(0)
		for len(data) >= eventSize+4 {
			k, ok := r.read(data[:eventSize], 1, binary.BigEndian.Uint32(data[eventSize:]), clock)
			data = data[eventSize+4:]
			switch {
			case !ok:
				continue
			case int(k.code) >= len(keyNames):
				t.Fatalf("%+v is no key", k)
			case k.begins:
				held, length = true, 0
			case !held:
				t.Fatalf("%+v of a key that is not held", k)
			case k.length < length:
				t.Fatalf("%+v after %v", k, length)
			}
			length = k.length
			if k.ends {
				held = false
			}
			if r.open() != held {
				t.Fatalf("open is %v after %+v", r.open(), k)
			}
		}
		r.read(data, 1, 1, clock)
	})
}
