package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"cordboard/gateway/call"
)

// Traffic is what all legs of one side did.
type Traffic struct {
	PacketsIn, BytesIn, PacketsOut, BytesOut, Lost, Late, Dropped, Unopened, Held, Unsent uint64
}

// PBX is how it stands with a PBX, or with a user's registration there.
type PBX struct{ Name, State string }

// Sources tell how things stand at a scrape. None is nil.
type Sources struct {
	Version, GoVersion string
	Calls              func() []call.Info
	Legs               func() map[[2]string]int  // by side and state
	Media              func() map[string]Traffic // by side
	Stray              func() uint64
	Flows              func() int
	Registrations      func() int
	PBX                func() []PBX
	Bans               func() int
	Offences           func() map[string]uint64
}

// moment is the collector of what the sources say.
type moment struct{ Sources }

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
}

var (
	build         = describe("build_info", "1, with what this Cordboard was made of.", "version", "go")
	callsNow      = describe("calls", "Calls of the moment.", "state")
	legsNow       = describe("media_legs", "Legs of calls of the moment.", "side", "state")
	packets       = describe("media_packets_total", "RTP packets that came from a side (in) or were sent to it (out).", "side", "direction")
	octets        = describe("media_bytes_total", "Octets of RTP that came from a side (in) or were sent to it (out), in the clear.", "side", "direction")
	lost          = describe("media_lost_packets_total", "RTP packets of a side that never came.", "side")
	late          = describe("media_late_packets_total", "RTP packets of a side that came behind a newer one.", "side")
	dropped       = describe("media_dropped_packets_total", "Packets of a side that were not taken.", "side")
	unopened      = describe("media_undecryptable_packets_total", "Of the dropped packets, those that could not be decrypted.", "side")
	held          = describe("media_held_packets_total", "RTP packets not sent because the side didn't want to hear.", "side")
	unsent        = describe("media_unsent_packets_total", "RTP packets that could not be sent.", "side")
	stray         = describe("media_stray_datagrams_total", "Datagrams on the media port that belonged to no call.")
	flows         = describe("flows", "Connections of browsers (SIP over WebSocket) that are open.")
	registrations = describe("registrations", "Devices of users that are registered.")
	pbxState      = describe("pbx_registrations", "PBXs, or registrations of users at PBXs, by state.", "pbx", "state")
	bans          = describe("bans", "Addresses and users that are kept out.")
	offences      = describe("offences_total", "What addresses and users did wrong; wrong_password is each failed sign-in.", "offence")
)

// Describe implements prometheus.Collector.
func (m *moment) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{build, callsNow, legsNow, packets, octets, lost, late, dropped, unopened, held, unsent, stray, flows, registrations,
		pbxState, bans, offences} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (m *moment) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, n int, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n), labels...)
	}
	counter := func(d *prometheus.Desc, n uint64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	gauge(build, 1, m.Version, m.GoVersion)
	states := map[call.State]int{call.Calling: 0, call.Ringing: 0, call.Talking: 0}
	for _, c := range m.Calls() {
		states[c.State]++
	}
	for state, n := range states {
		gauge(callsNow, n, string(state))
	}
	for key, n := range m.Legs() {
		gauge(legsNow, n, key[0], key[1])
	}
	for side, t := range m.Media() {
		counter(packets, t.PacketsIn, side, "in")
		counter(packets, t.PacketsOut, side, "out")
		counter(octets, t.BytesIn, side, "in")
		counter(octets, t.BytesOut, side, "out")
		counter(lost, t.Lost, side)
		counter(late, t.Late, side)
		counter(dropped, t.Dropped, side)
		counter(unopened, t.Unopened, side)
		counter(held, t.Held, side)
		counter(unsent, t.Unsent, side)
	}
	counter(stray, m.Stray())
	gauge(flows, m.Flows())
	gauge(registrations, m.Registrations())
	pbxs := map[PBX]int{}
	for _, p := range m.PBX() {
		pbxs[p]++
	}
	for p, n := range pbxs {
		gauge(pbxState, n, p.Name, p.State)
	}
	gauge(bans, m.Bans())
	for name, n := range m.Offences() {
		counter(offences, n, name)
	}
}
