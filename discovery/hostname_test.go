package discovery

import (
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func TestHostName(t *testing.T) {
	self := netip.MustParseAddr("10.0.0.1")
	at := []link{lan("10.0.0.1/24", "fd00::1/64")}
	other := netip.MustParseAddr("10.0.0.5")
	question := func(kind uint16) *dns.Msg {
		return &dns.Msg{Question: []dns.Question{{Name: "Box.local.", Qtype: kind, Qclass: dns.ClassINET}}}
	}
	answer := func(records ...dns.RR) *dns.Msg {
		return &dns.Msg{MsgHdr: dns.MsgHdr{Response: true}, Answer: records}
	}
	start := func() (*hostname, *[]*dns.Msg, func(time.Duration), *time.Time) {
		now := time.Unix(1e9, 0)
		h := &hostname{name: "box.local.", log: slog.New(slog.DiscardHandler)}
		var sent []*dns.Msg
		h.restart(now)
		return h, &sent, func(d time.Duration) {
			for end := now.Add(d); !end.Before(h.at); {
				now = later(now, h.at)
				h.tick(now, at, func(m *dns.Msg, _ link, _ bool) { sent = append(sent, m) })
			}
			now = now.Add(d)
		}, &now
	}
	t.Run("nobody else", func(t *testing.T) {
		h, sent, pass, _ := start()
		if m, _ := h.reply(question(dns.TypeA), netip.AddrPortFrom(other, port), at[0]); m != nil {
			t.Error("answered before asking around")
		}
		pass(5 * time.Second)
		if len(*sent) != 5 || (*sent)[0].Response || !(*sent)[3].Response {
			t.Fatalf("sent %v, want 3 questions and 2 announcements", *sent)
		}
		for _, tt := range []struct {
			name         string
			q            *dns.Msg
			from         netip.AddrPort
			answer, more int
			alone        bool
			ttl          uint32
		}{
			{"A", question(dns.TypeA), netip.AddrPortFrom(other, port), 1, 2, false, 120},
			{"any", question(dns.TypeANY), netip.AddrPortFrom(other, port), 2, 1, false, 120},
			{"legacy", question(dns.TypeAAAA), netip.AddrPortFrom(other, 4000), 1, 2, true, 10},
			{"legacy from elsewhere", question(dns.TypeA), netip.MustParseAddrPort("192.0.2.1:4000"), 0, 0, false, 0},
			{"TXT", question(dns.TypeTXT), netip.AddrPortFrom(other, port), 0, 0, false, 0},
			{"known", &dns.Msg{Question: question(dns.TypeA).Question, Answer: []dns.RR{rr("box.local. 100 IN A 10.0.0.1")}}, netip.AddrPortFrom(other, port), 0, 0, false, 0},
			{"known for a short time", &dns.Msg{Question: question(dns.TypeA).Question, Answer: []dns.RR{rr("box.local. 20 IN A 10.0.0.1")}}, netip.AddrPortFrom(other, port), 1, 2, false, 120},
		} {
			m, alone := h.reply(tt.q, tt.from, at[0])
			if m == nil {
				m = &dns.Msg{}
			}
			if len(m.Answer) != tt.answer || len(m.Extra) != tt.more || alone != tt.alone || tt.answer > 0 && m.Answer[0].Header().Ttl != tt.ttl {
				t.Errorf("%s: answered %v, alone %v", tt.name, m, alone)
			}
		}
		if m, _ := h.reply(question(dns.TypeAAAA), netip.AddrPortFrom(other, port), lan("10.0.0.1/24")); m == nil || m.Answer[0].Header().Rrtype != dns.TypeNSEC {
			t.Errorf("asked for IPv6 where there is none: %v", m)
		}
	})
	t.Run("the system's responder", func(t *testing.T) {
		h, sent, pass, now := start()
		pass(100 * time.Millisecond)
		h.hear(answer(rr("BOX.local. 120 IN A 10.0.0.1")), self, at, *now)
		pass(30 * time.Second)
		if h.mine || len(*sent) != 1 {
			t.Errorf("answers beside the system's responder; sent %v", *sent)
		}
		pass(40 * time.Second)
		if !h.mine {
			t.Error("does not answer a minute after the responder ended")
		}
		probe := question(dns.TypeANY)
		probe.Ns = []dns.RR{rr("box.local. 120 IN A 10.0.0.1")}
		h.hear(probe, self, at, *now)
		if m, _ := h.reply(probe, netip.AddrPortFrom(self, port), at[0]); m != nil || h.mine {
			t.Error("defends the name against the system's responder")
		}
	})
	t.Run("zeroconf's own words", func(t *testing.T) {
		h, _, pass, now := start()
		pass(100 * time.Millisecond)
		h.hear(answer(rr("X._https._tcp.local. 120 IN SRV 0 0 8443 box.local."), rr("box.local. 120 IN A 10.0.0.1")), self, at, *now)
		pass(5 * time.Second)
		if !h.mine {
			t.Error("our services were taken for a responder")
		}
	})
	t.Run("another machine", func(t *testing.T) {
		h, _, pass, now := start()
		var log strings.Builder
		h.log = slog.New(slog.NewTextHandler(&log, nil))
		for range 3 {
			h.hear(answer(rr("box.local. 120 IN A 10.0.0.5")), other, at, *now)
			pass(time.Second)
		}
		if h.mine || strings.Count(log.String(), "another machine") != 1 {
			t.Errorf("answers for another machine's name, or said: %s", &log)
		}
	})
	t.Run("our own words passed on", func(t *testing.T) {
		h, _, pass, now := start()
		pass(5 * time.Second)
		if h.hear(answer(rr("box.local. 120 IN A 10.0.0.1")), other, at, *now); !h.mine {
			t.Error("yields to its own address")
		}
	})
}
