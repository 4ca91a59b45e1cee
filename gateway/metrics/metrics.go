// Package metrics counts what the gateway does, for Prometheus. No label names a call or a user, so that their number stays small.
package metrics

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"cordboard/gateway/call"
)

// The names of all of ours begin so.
const namespace = "cordboard"

// Metrics gathers what happens over time. Make it with New.
type Metrics struct {
	ended    *prometheus.CounterVec
	answer   prometheus.Histogram
	talk     prometheus.Histogram
	steps    *prometheus.HistogramVec
	loss     *prometheus.HistogramVec
	jitter   *prometheus.HistogramVec
	mos      *prometheus.HistogramVec
	delay    *prometheus.HistogramVec
	troubles *prometheus.CounterVec
}

// New makes metrics that have seen nothing yet.
func New() *Metrics {
	histogram := func(name, help string, buckets []float64) prometheus.HistogramOpts {
		return prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}
	}
	paths := []string{"side", "direction"}
	return &Metrics{
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: "calls_total", Help: "Calls that have ended."},
			[]string{"direction", "result"}),
		answer: prometheus.NewHistogram(histogram("call_answer_seconds", "From the INVITE to the answer, with the ringing.", []float64{.01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 20, 40, 80, 160})),
		talk:   prometheus.NewHistogram(histogram("call_talk_seconds", "From the answer to the end.", []float64{1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200})),
		steps: prometheus.NewHistogramVec(histogram("media_setup_seconds", "How long the media of a leg took from one step to the next: ice from the descriptions to the first connectivity check, "+
			"dtls from there to the keys, first_in and first_out from the answer to the first packet of each way.",
			[]float64{.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5}), []string{"side", "step"}),
		loss:   prometheus.NewHistogramVec(histogram("media_loss_ratio", "Share of packets lost in five seconds of a leg.", []float64{0, .001, .005, .01, .02, .05, .1, .2, .5}), paths),
		jitter: prometheus.NewHistogramVec(histogram("media_jitter_seconds", "Interarrival jitter of a leg, every five seconds.", []float64{.001, .002, .005, .01, .02, .03, .05, .1, .2}), paths),
		mos:    prometheus.NewHistogramVec(histogram("media_mos", "Estimated opinion (ITU-T G.107) of five seconds of a leg.", []float64{1.5, 2, 2.5, 3, 3.3, 3.6, 3.8, 4, 4.2, 4.3, 4.4}), paths),
		delay:  prometheus.NewHistogramVec(histogram("media_round_trip_seconds", "There and back between us and a party, every five seconds.", []float64{.005, .01, .02, .05, .1, .15, .2, .3, .5, 1}), []string{"side"}),
		troubles: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: "media_troubles_total", Help: "Troubles with the media of a leg, by kind."},
			[]string{"side", "kind"}),
	}
}

// Trouble counts one that begins.
func (m *Metrics) Trouble(t call.Trouble) { m.troubles.WithLabelValues(t.Side, string(t.Kind)).Inc() }

// Sample takes five seconds of a leg.
func (m *Metrics) Sample(side string, s call.Sample) {
	for direction, p := range map[string]call.Path{"in": s.In, "out": s.Out} {
		if p.MOS > 0 {
			m.loss.WithLabelValues(side, direction).Observe(p.Loss)
			m.jitter.WithLabelValues(side, direction).Observe(p.Jitter / 1000)
			m.mos.WithLabelValues(side, direction).Observe(p.MOS)
		}
	}
	if s.Delay > 0 {
		m.delay.WithLabelValues(side).Observe(s.Delay / 1000)
	}
}

// Steps takes how the media of a leg came up. What came before the answer, as early media does, took no time.
func (m *Metrics) Steps(side string, s call.Steps, answered int64) {
	took := func(step string, from, to int64) {
		if from > 0 && to > 0 {
			m.steps.WithLabelValues(side, step).Observe(float64(max(0, to-from)) / 1000)
		}
	}
	took("ice", s.Agreed, s.Checked)
	took("dtls", max(s.Agreed, s.Checked), s.Keyed)
	took("first_in", answered, s.FirstIn)
	took("first_out", answered, s.FirstOut)
}

// Counted is a history that also counts what is added to it.
func (m *Metrics) Counted(history call.History) call.History { return counted{history, m} }

type counted struct {
	call.History
	metrics *Metrics
}

func (c counted) Add(ctx context.Context, records ...call.Record) error {
	err := c.History.Add(ctx, records...)
	if err != nil && len(records) > 1 {
		return err // each comes again alone
	}
	for _, r := range records {
		c.metrics.ended.WithLabelValues(string(r.Direction), result(r)).Inc()
		if !r.Answered.IsZero() {
			c.metrics.answer.Observe(r.Answered.Sub(r.Began).Seconds())
			c.metrics.talk.Observe(max(0, r.Ended.Sub(r.Answered)).Seconds())
		}
	}
	return err
}

// results are the reasons of calls that were not answered, in one word each.
var results = map[string]string{
	call.ReasonBusy: "busy", call.ReasonDeclined: "declined", call.ReasonNotAnswered: "no_answer", call.ReasonHungUp: "cancelled",
	call.ReasonUnavailable: "unavailable", call.ReasonNoDevice: "unavailable", call.ReasonNobody: "not_found", call.ReasonIncomplete: "not_found",
	call.ReasonForbidden: "forbidden", call.ReasonNoSound: "no_common_codec",
}

func result(r call.Record) string {
	if !r.Answered.IsZero() {
		return "answered"
	}
	if word := results[r.Reason]; word != "" {
		return word
	}
	return "failed"
}

// Handler answers a scrape with what was gathered and what the sources say.
func (m *Metrics) Handler(of Sources) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(m.ended, m.answer, m.talk, m.steps, m.loss, m.jitter, m.mos, m.delay, m.troubles, &moment{of},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
}
