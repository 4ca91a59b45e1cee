package gateway

import (
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"cordboard/gateway/metrics"
)

// minMetricsToken is the shortest token that opens /metrics, in bytes.
const minMetricsToken = 16

// check finds networks that are none, and a token that could be guessed.
func (m *Metrics) check(check *checker) {
	for i, text := range m.Allow {
		if _, err := parsePrefix(text); err != nil {
			check.add("metrics.allow"+index0(i), "%q is not a range of addresses like 10.0.0.0/8", text)
		}
	}
	if m.Token != "" && (len(m.Token) < minMetricsToken || strings.ContainsAny(m.Token, " \t\r\n")) {
		check.add("metrics.token", "want at least %d characters, none of them a space", minMetricsToken)
	}
}

// from are the networks of a valid table.
func (m *Metrics) from() []netip.Prefix {
	var all []netip.Prefix
	for _, text := range m.Allow {
		if p, err := parsePrefix(text); err == nil {
			all = append(all, p)
		}
	}
	return all
}

// measured is what the metrics ask at each scrape.
func (g *Gateway) measured(version string) metrics.Sources {
	return metrics.Sources{
		Version: version, GoVersion: goVersion(),
		Calls: g.signaling.Calls,
		Legs:  g.media.Legs,
		Stray: g.media.Stray,
		Media: func() map[string]metrics.Traffic {
			browsers, others := g.media.Totals()
			return map[string]metrics.Traffic{"browser": metrics.Traffic(browsers), "pbx": metrics.Traffic(others)}
		},
		Flows:         func() int { return g.signaling.Size().Flows },
		Registrations: func() int { return g.signaling.Size().Registrations },
		PBX: func() []metrics.PBX {
			var list []metrics.PBX
			for _, p := range g.signaling.PBXStatus() {
				list = append(list, metrics.PBX{Name: p.Name, State: p.State})
			}
			return list
		},
		Bans:     func() int { return len(g.bans.List(time.Now())) },
		Offences: g.bans.Offences,
	}
}

// goVersion is that of the compiler.
func goVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.GoVersion
	}
	return "unknown"
}
