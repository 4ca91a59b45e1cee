package metrics

import (
	"bytes"
	"context"
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"cordboard/gateway/call"
)

// memory is a history that keeps nothing, and fails as it is told.
type memory struct {
	call.History
	fault error
}

func (m memory) Add(context.Context, ...call.Record) error { return m.fault }

// What can't be stored together comes again one by one, and is counted once, whatever becomes of it.
func TestCallsAreCountedOnce(t *testing.T) {
	m := New()
	history := m.Counted(memory{fault: errors.New("the disk is full")})
	two := []call.Record{{Direction: call.In, Reason: call.ReasonBusy}, {Direction: call.In, Reason: call.ReasonBusy}}
	for _, batch := range [][]call.Record{two, two[:1], two[1:]} {
		if history.Add(t.Context(), batch...) == nil {
			t.Error("the fault of the history is gone")
		}
	}
	if v := value(t, scrape(t, m, idle()), "cordboard_calls_total", "in", "busy"); v != 2 {
		t.Errorf("%v calls are counted, want 2", v)
	}
}

// idle are sources of a gateway that does nothing, but for what a test sets.
func idle() Sources {
	return Sources{Version: "1.2.3", GoVersion: "go1", Calls: func() []call.Info { return nil }, Legs: func() map[[2]string]int { return nil },
		Media: func() map[string]Traffic { return nil }, Stray: func() uint64 { return 0 }, Flows: func() int { return 0 }, Registrations: func() int { return 0 },
		PBX: func() []PBX { return nil }, Bans: func() int { return 0 }, Offences: func() map[string]uint64 { return nil }}
}

// scrape reads the metrics as Prometheus does.
func scrape(t *testing.T, m *Metrics, of Sources) map[string]*dto.MetricFamily {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler(of).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(w.Body.Bytes()))
	if err != nil {
		t.Fatalf("%v in\n%s", err, w.Body)
	}
	return families
}

// value finds a counter, gauge or the count of a histogram by its labels' values, in the order of their names.
func value(t *testing.T, families map[string]*dto.MetricFamily, name string, labels ...string) float64 {
	t.Helper()
	f := families[name]
	if f == nil {
		t.Fatalf("no %s", name)
	}
next:
	for _, m := range f.Metric {
		for i, l := range m.Label {
			if i >= len(labels) || l.GetValue() != labels[i] {
				continue next
			}
		}
		switch {
		case m.Histogram != nil:
			return float64(m.Histogram.GetSampleCount())
		case m.Counter != nil:
			return m.Counter.GetValue()
		}
		return m.Gauge.GetValue()
	}
	t.Fatalf("no %s with %v", name, labels)
	return 0
}

func TestScrape(t *testing.T) {
	m, of := New(), idle()
	of.Calls = func() []call.Info {
		return []call.Info{{State: call.Talking}, {State: call.Talking}, {State: call.Ringing}}
	}
	of.Legs = func() map[[2]string]int { return map[[2]string]int{{"browser", "up"}: 2, {"browser", "ice"}: 1} }
	of.Media = func() map[string]Traffic { return map[string]Traffic{"pbx": {PacketsIn: 50, Lost: 3, Unsent: 1}} }
	of.PBX = func() []PBX {
		return []PBX{{"office", "registered"}, {"office", "registered"}, {"office", "wrong password"}}
	}
	of.Offences = func() map[string]uint64 { return map[string]uint64{"wrong_password": 7} }
	of.Stray, of.Flows, of.Registrations, of.Bans = func() uint64 { return 9 }, func() int { return 4 }, func() int { return 5 }, func() int { return 6 }

	began := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	history := m.Counted(memory{})
	for _, r := range []call.Record{
		{Direction: call.Out, Began: began, Answered: began.Add(time.Second), Ended: began.Add(time.Minute), Reason: call.ReasonAnswered},
		{Direction: call.Out, Began: began, Ended: began, Reason: call.ReasonBusy},
		{Direction: call.In, Began: began, Ended: began, Reason: "The PBX office is unreachable"},
	} {
		if err := history.Add(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	m.Trouble(call.Trouble{Side: "browser", Kind: call.TroubleSilent})
	m.Sample("pbx", call.Sample{In: call.Path{Packets: 250, Loss: .02, Jitter: 5, MOS: 4}, Delay: 30})
	m.Steps("browser", call.Steps{Began: 900, Agreed: 1000, Checked: 1050, Keyed: 1080, FirstIn: 1100, FirstOut: 900}, 1090)

	got := scrape(t, m, of)
	for _, tt := range []struct {
		name   string
		labels []string
		want   float64
	}{
		{"cordboard_build_info", []string{"go1", "1.2.3"}, 1},
		{"cordboard_calls", []string{"talking"}, 2},
		{"cordboard_calls", []string{"ringing"}, 1},
		{"cordboard_calls", []string{"calling"}, 0},
		{"cordboard_calls_total", []string{"out", "answered"}, 1},
		{"cordboard_calls_total", []string{"out", "busy"}, 1},
		{"cordboard_calls_total", []string{"in", "failed"}, 1},
		{"cordboard_call_answer_seconds", nil, 1},
		{"cordboard_call_talk_seconds", nil, 1},
		{"cordboard_media_legs", []string{"browser", "up"}, 2},
		{"cordboard_media_packets_total", []string{"in", "pbx"}, 50},
		{"cordboard_media_lost_packets_total", []string{"pbx"}, 3},
		{"cordboard_media_unsent_packets_total", []string{"pbx"}, 1},
		{"cordboard_media_stray_datagrams_total", nil, 9},
		{"cordboard_media_troubles_total", []string{"silent", "browser"}, 1},
		{"cordboard_media_mos", []string{"in", "pbx"}, 1},
		{"cordboard_media_round_trip_seconds", []string{"pbx"}, 1},
		{"cordboard_media_setup_seconds", []string{"browser", "dtls"}, 1},
		{"cordboard_media_setup_seconds", []string{"browser", "first_out"}, 1},
		{"cordboard_flows", nil, 4},
		{"cordboard_registrations", nil, 5},
		{"cordboard_pbx_registrations", []string{"office", "registered"}, 2},
		{"cordboard_pbx_registrations", []string{"office", "wrong password"}, 1},
		{"cordboard_bans", nil, 6},
		{"cordboard_offences_total", []string{"wrong_password"}, 7},
	} {
		if v := value(t, got, tt.name, tt.labels...); v != tt.want {
			t.Errorf("%s%v = %v, want %v", tt.name, tt.labels, v, tt.want)
		}
	}
	for _, name := range []string{"go_goroutines", "process_cpu_seconds_total"} {
		if got[name] == nil {
			t.Errorf("no %s", name)
		}
	}
}

// A gateway that has just started has all that is not by label.
func TestScrapeOfNothing(t *testing.T) {
	got := scrape(t, New(), idle())
	if v := value(t, got, "cordboard_flows"); v != 0 {
		t.Errorf("flows %v", v)
	}
}
