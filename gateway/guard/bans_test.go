package guard

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

var (
	now      = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	stranger = netip.MustParseAddr("192.0.2.7")
)

// offend makes an address misbehave until it is banned and gives for how long.
func offend(t *testing.T, b *Bans, addr netip.Addr, at time.Time) time.Duration {
	t.Helper()
	for range 100 {
		if ban, fresh := b.BlameAddress(addr, WrongPassword, "wrong password", at); fresh {
			return ban.Until.Sub(at)
		}
	}
	t.Fatalf("a hundred wrong passwords of %v are no ban", addr)
	return 0
}

func TestBansGrowAndEnd(t *testing.T) {
	b := NewBans(nil)
	at := now
	for i, want := range []time.Duration{1, 4, 16, 64, 256, 1024, 1440, 1440} {
		want *= time.Minute
		if got := offend(t, b, stranger, at); got != want {
			t.Fatalf("ban %d lasts %v, want %v", i+1, got, want)
		}
		if !b.Address(stranger, at.Add(want-time.Second)) {
			t.Errorf("ban %d has ended early", i+1)
		}
		if at = at.Add(want); b.Address(stranger, at) {
			t.Errorf("ban %d does not end", i+1)
		}
	}
	if got := offend(t, b, stranger, at.Add(recallTime+time.Second)); got != firstBan {
		t.Errorf("a day later a ban lasts %v, want %v", got, firstBan)
	}
}

func TestPointsAreForgiven(t *testing.T) {
	b := NewBans(nil)
	for i := range 1000 { // a phone with a wrong password
		if _, fresh := b.BlameAddress(stranger, WrongPassword, "", now.Add(time.Duration(i)*time.Minute)); fresh {
			t.Fatalf("banned after %d tries, one a minute", i+1)
		}
	}
	if _, fresh := b.BlameAddress(stranger, WrongPassword, "", now.Add(-time.Hour)); fresh {
		t.Error("a clock that was set back bans")
	}
}

func TestNetworksShareABan(t *testing.T) {
	for _, tt := range []struct {
		offender, other string
		want            bool
	}{
		{"192.0.2.7", "192.0.2.7", true},
		{"192.0.2.7", "::ffff:192.0.2.7", true},
		{"192.0.2.7", "192.0.2.8", false},
		{"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true},
		{"2001:db8:1:2::1", "2001:db8:1:3::1", false},
		{"fe80::1%eth0", "fe80::2", true},
	} {
		b := NewBans(nil)
		offend(t, b, netip.MustParseAddr(tt.offender), now)
		if got := b.Address(netip.MustParseAddr(tt.other), now); got != tt.want {
			t.Errorf("%s misbehaves, %s is banned: %v, want %v", tt.offender, tt.other, got, tt.want)
		}
	}
}

func TestNeverBanned(t *testing.T) {
	b := NewBans(nil)
	pbx := netip.MustParseAddr("198.51.100.1")
	b.Exempt(func(a netip.Addr) bool { return a == pbx })
	b.Never(append([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, loopback...))
	for _, text := range []string{"127.0.0.1", "::1", "::ffff:127.0.0.1", "10.1.2.3", "198.51.100.1"} {
		addr := netip.MustParseAddr(text)
		for range 100 {
			b.BlameAddress(addr, Breach, "", now)
		}
		if _, err := b.Add(AddressSubject(addr), "", time.Hour, now); !errors.Is(err, ErrSpared) || b.Address(addr, now) {
			t.Errorf("%s: Add = %v, banned %v, want it spared", text, err, b.Address(addr, now))
		}
	}
	offend(t, b, stranger, now)
	b.Never([]netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")})
	if b.Address(stranger, now) {
		t.Error("an address that is never banned any more still is")
	}
	offend(t, b, netip.MustParseAddr("127.0.0.1"), now)
}

func TestByHand(t *testing.T) {
	b := NewBans(nil)
	if ban, err := b.Add(AddressSubject(stranger), "by hand", time.Hour, now); err != nil || ban.Until != now.Add(time.Hour) {
		t.Fatalf("Add = %v, %v", ban, err)
	}
	if !b.Address(stranger, now) || len(b.List(now)) != 1 {
		t.Error("who was added is not banned")
	}
	<-b.Changed()
	if !b.Remove(AddressSubject(stranger), now) || b.Address(stranger, now) || b.Remove(AddressSubject(stranger), now) {
		t.Error("Remove does not free once")
	}
	<-b.Changed()
	b.BlameUser("alice", limit, "breach", now)
	if !b.User("alice", now) || b.User("bob", now) {
		t.Error("a user's ban is not that user's")
	}
}

func TestRestore(t *testing.T) {
	b := NewBans(nil)
	offend(t, b, stranger, now)
	b.BlameUser("alice", limit, "breach", now)
	again := NewBans(nil)
	again.Restore(b.List(now), now.Add(30*time.Second))
	if !again.Address(stranger, now.Add(30*time.Second)) || !again.User("alice", now.Add(30*time.Second)) {
		t.Error("a ban is forgotten")
	}
	if got := offend(t, again, stranger, now.Add(2*time.Minute)); got != banGrowth*firstBan {
		t.Errorf("after a restart the second ban lasts %v", got)
	}
	if late := NewBans(nil); true {
		late.Restore(b.List(now), now.Add(time.Hour))
		if len(late.List(now.Add(time.Hour))) > 0 {
			t.Error("a ban that has ended comes back")
		}
	}
}

func TestBansAreBounded(t *testing.T) {
	b := NewBans(nil)
	b.max = 64
	offend(t, b, stranger, now)
	for i := range 10_000 {
		b.BlameAddress(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), Stray, "", now.Add(time.Duration(i)*time.Millisecond))
		if len(b.suspects) > b.max {
			t.Fatalf("%d remembered, want at most %d", len(b.suspects), b.max)
		}
	}
	if !b.Address(stranger, now.Add(10*time.Second)) {
		t.Error("a flood of others frees who is banned")
	}
}

func FuzzParseSubject(f *testing.F) {
	for _, seed := range []string{"192.0.2.7", "192.0.2.7/32", "2001:db8::1", "2001:db8::/64", "::ffff:192.0.2.7", "user:alice", "user:", "fe80::1%lo", "0.0.0.0", "10.0.0.0/8"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		subject, err := ParseSubject(text)
		if err != nil {
			return
		}
		if again, err := ParseSubject(subject); err != nil || again != subject {
			t.Errorf("%q is %q, which is %q, %v", text, subject, again, err)
		}
		b := NewBans(nil)
		b.Never(nil)
		if _, err := b.Add(subject, "", time.Minute, now); err != nil {
			t.Fatalf("Add(%q) = %v", subject, err)
		}
		if name, ok := strings.CutPrefix(subject, "user:"); ok {
			if !b.User(name, now) {
				t.Errorf("user %q is not banned by %q", name, text)
			}
		} else if p, err := netip.ParsePrefix(subject + map[bool]string{false: "/32"}[strings.Contains(subject, ":")]); err == nil && !b.Address(p.Addr(), now) {
			t.Errorf("%v is not banned by %q", p.Addr(), text)
		}
	})
}

func BenchmarkAddress(b *testing.B) {
	bans := NewBans(nil)
	for i := range maxSubjects {
		bans.BlameAddress(netip.MustParseAddr(fmt.Sprintf("10.%d.%d.1", i>>8, i&255)), Stray, "", now)
	}
	b.ReportAllocs()
	for b.Loop() {
		bans.Address(stranger, now)
	}
}
