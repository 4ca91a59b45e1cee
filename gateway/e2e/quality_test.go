//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"cordboard/gateway/call"
)

// media is what the API tells of the one call of the moment.
func (s *session) media(t *testing.T) call.Media {
	t.Helper()
	_, answer := s.get(t, "/api/v1/calls")
	list, _ := answer["calls"].([]any)
	if len(list) != 1 {
		t.Fatalf("calls of the moment: %v", answer)
	}
	id, _ := list[0].(map[string]any)["id"].(string)
	code, answer := s.get(t, "/api/v1/calls/"+id+"/media")
	if code != http.StatusOK {
		t.Fatalf("media of call %s: %d %v", id, code, answer)
	}
	text, _ := json.Marshal(answer)
	var m call.Media
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// leg is the media of one side, "browser" or "pbx".
func leg(t *testing.T, m call.Media, side string) call.MediaLeg {
	t.Helper()
	for _, l := range m.Legs {
		if l.Side == side {
			return l
		}
	}
	t.Fatalf("no %s in %+v", side, m)
	return call.MediaLeg{}
}

// wantTrouble waits until the API tells of a trouble that goes on, or is over, and gives it.
func (s *session) wantTrouble(t *testing.T, side string, kind call.TroubleKind, over bool) (found call.Trouble) {
	t.Helper()
	var all []call.Trouble
	if !within(patience, func() bool {
		all = s.media(t).Troubles
		for _, x := range all {
			if x.Side == side && x.Kind == kind && (x.Ended > 0) == over {
				found = x
				return true
			}
		}
		return false
	}) {
		t.Fatalf("no %s of the %s (over: %v) but %+v", kind, side, over, all)
	}
	return found
}

// wantQuality waits for what the page says of the sound.
func (p *tab) wantQuality(t *testing.T, words string) {
	t.Helper()
	var last string
	if !within(patience, func() bool {
		last = p.text(t, "#call-quality")
		return strings.Contains(last, words)
	}) {
		t.Fatalf("the page says %q of the sound, want %q", last, words)
	}
}

// wantMicrophone waits until the page has nothing to say against the microphone.
func (p *tab) wantMicrophone(t *testing.T) {
	t.Helper()
	eventually(t, patience, "the page to find the microphone good", func() bool {
		words := p.text(t, "#call-quality")
		return words != "" && !strings.Contains(words, "microphone")
	})
}

// Whoever is not heard learns it, with what it comes of; and when it is over.
func TestTroubleWithTheSound(t *testing.T) {
	proves(t, "Trouble with the sound in words", page, desk)
	o := openOffice(t, "")
	p, api := o.alice, signIn(t, o.gateway, alice)
	o.pageCallsPhone(t, p, toneAlice)
	const track = "cordboard.peerConnection.getSenders().find((s) => s.track?.kind === 'audio' || s.kept)"

	t.Run("the microphone is muted behind the page's back", func(t *testing.T) {
		p.run(t, "silence the track", chromedp.Evaluate[chromedp.Void]("("+track+").track.enabled = false"))
		p.wantQuality(t, "Your microphone is silent")
		if x := api.wantTrouble(t, "browser", call.TroubleMuted, false); !strings.Contains(x.Cause, "microphone is muted") {
			t.Errorf("cause %q", x.Cause)
		}
		p.looks(t, "microphone-muted")
		p.run(t, "let the track sound", chromedp.Evaluate[chromedp.Void]("("+track+").track.enabled = true"))
		api.wantTrouble(t, "browser", call.TroubleMuted, true)
		p.wantMicrophone(t)
	})
	t.Run("the microphone sends nothing", func(t *testing.T) {
		p.run(t, "take the track away", chromedp.Evaluate[chromedp.Void]("{ const s = "+track+"; s.kept = s.track; s.replaceTrack(null); }"))
		p.wantQuality(t, "Your microphone sends nothing")
		api.wantTrouble(t, "browser", call.TroubleSilent, false)
		api.wantTrouble(t, "browser", call.TroubleOneWay, false)
		p.run(t, "give it back", chromedp.Evaluate[chromedp.Void]("{ const s = "+track+"; s.replaceTrack(s.kept); }"))
		api.wantTrouble(t, "browser", call.TroubleSilent, true)
		api.wantTrouble(t, "browser", call.TroubleOneWay, true)
		p.wantMicrophone(t)
	})
	t.Run("the phone stops sending", func(t *testing.T) {
		o.phone.signal(syscall.SIGSTOP)
		defer o.phone.signal(syscall.SIGCONT)
		p.wantQuality(t, "No sound comes from 201")
		x := api.wantTrouble(t, "pbx", call.TroubleSilent, false)
		if x.Text != "Nothing comes from the PBX" || !strings.Contains(x.Cause, "firewall") {
			t.Errorf("trouble %+v", x)
		}
		o.phone.signal(syscall.SIGCONT)
		over := api.wantTrouble(t, "pbx", call.TroubleSilent, true)
		if over.Began != x.Began {
			t.Errorf("begun %+v, over %+v", x, over)
		}
		wantTone(t, "the page, after it", p, tonePhone)
	})
	if other := signIn(t, o.gateway, bob); true {
		if code, answer := other.get(t, "/api/v1/calls"); code != http.StatusOK || len(answer["calls"].([]any)) != 0 {
			t.Errorf("bob knows of alice's call: %d %v", code, answer)
		}
	}
	p.hangUp(t)
}

// scrape reads /metrics as Prometheus does, from this machine.
func (g *gateway) scrape(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	resp, err := g.client().Get(g.url("/metrics"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("scrape: %s %v", resp.Status, err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return families
}

// metric sums a metric over the label values that match, "name=value"; of a histogram it is the count.
func metric(families map[string]*dto.MetricFamily, name string, labels ...string) (sum float64) {
next:
	for _, m := range families[name].GetMetric() {
		for _, want := range labels {
			key, value, _ := strings.Cut(want, "=")
			has := false
			for _, l := range m.Label {
				has = has || l.GetName() == key && l.GetValue() == value
			}
			if !has {
				continue next
			}
		}
		sum += m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
	}
	return sum
}

// What is measured fits the call that was made: in the API while it is up, then in the history and in the metrics.
func TestQualityOfACall(t *testing.T) {
	proves(t, "Quality of each leg, history and metrics", page, desk)
	o := openOffice(t, "")
	p, api := o.alice, signIn(t, o.gateway, alice)
	o.pageCallsPhone(t, p, toneAlice)
	var m call.Media
	eventually(t, 60*time.Second, "samples of both legs with reports of both", func() bool {
		m = api.media(t)
		reported := 0
		for _, l := range m.Legs {
			if n := len(l.Samples); n > 1 && l.Samples[n-1].Out.MOS > 0 && l.Samples[n-1].Delay > 0 {
				reported++
			}
		}
		return reported == 2
	})
	b, x := leg(t, m, "browser"), leg(t, m, "pbx")
	if b.User != "alice" || b.State != "up" || b.Codec == "" || !strings.HasPrefix(b.Security, "DTLS-SRTP A") || x.Security != "none" || !b.Talks || !b.Hears {
		t.Errorf("legs %+v, %+v", b, x)
	}
	if b.Local != "" || x.Remote != "" || x.Announced != "" {
		t.Errorf("a user is told addresses: %+v, %+v", b, x)
	}
	for _, l := range []call.MediaLeg{b, x} {
		if l.PacketsIn < 200 || l.PacketsOut < 200 || l.BytesIn < 160*200 {
			t.Errorf("%s: %+v", l.Side, l)
		}
		if last := l.Samples[len(l.Samples)-1]; last.In.MOS < 1 || last.In.MOS > 4.5 || last.In.Packets == 0 {
			t.Errorf("%s: %+v", l.Side, last)
		}
	}
	s := b.Steps
	if m.Asked == 0 || m.Answered < m.Asked || s.Checked < s.Began || s.Keyed < s.Checked || s.FirstIn < s.Keyed || s.FirstOut < s.Keyed {
		t.Errorf("asked %d, answered %d, steps %+v", m.Asked, m.Answered, s)
	}
	live := o.gateway.scrape(t)
	if metric(live, "cordboard_calls", "state=talking") != 1 || metric(live, "cordboard_media_legs", "state=up") != 2 || metric(live, "cordboard_flows") != 1 ||
		metric(live, "cordboard_registrations") != 1 || metric(live, "cordboard_pbx_registrations", "state=registered") != 2 {
		t.Errorf("of one call of one browser: %v", live)
	}
	p.hangUp(t)

	var families map[string]*dto.MetricFamily
	eventually(t, 20*time.Second, "the call in the metrics", func() bool {
		families = o.gateway.scrape(t)
		return metric(families, "cordboard_calls_total") == 1 && metric(families, "cordboard_media_legs") == 0
	})
	for _, tt := range []struct {
		name   string
		labels []string
		least  float64
	}{
		{"cordboard_calls_total", []string{"direction=out", "result=answered"}, 1},
		{"cordboard_call_answer_seconds", nil, 1},
		{"cordboard_media_setup_seconds", []string{"side=browser", "step=dtls"}, 1},
		{"cordboard_media_mos", []string{"side=browser", "direction=in"}, 2},
		{"cordboard_media_mos", []string{"side=pbx", "direction=in"}, 2},
		{"cordboard_media_packets_total", []string{"side=browser", "direction=in"}, float64(b.PacketsIn)},
		{"cordboard_media_packets_total", []string{"side=pbx", "direction=in"}, float64(x.PacketsIn)},
		{"cordboard_media_bytes_total", []string{"side=pbx", "direction=out"}, float64(x.BytesOut)},
		{"go_goroutines", nil, 1},
		{"cordboard_build_info", nil, 1},
	} {
		if v := metric(families, tt.name, tt.labels...); v < tt.least {
			t.Errorf("%s%v = %v, want %v at least", tt.name, tt.labels, v, tt.least)
		}
	}

	req, err := http.NewRequest(http.MethodGet, o.gateway.url("/metrics"), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Forwarded-For", "192.0.2.7")
	resp, err := o.gateway.client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("by a proxy that nobody trusts /metrics answers %s", resp.Status)
	}

	_, answer := api.get(t, "/api/v1/history")
	text, _ := json.Marshal(answer)
	var history struct {
		Calls []struct{ Quality *call.Quality }
	}
	if err := json.Unmarshal(text, &history); err != nil || len(history.Calls) != 1 || history.Calls[0].Quality == nil {
		t.Fatalf("history %s", text)
	}
	parties := ""
	for _, l := range history.Calls[0].Quality.Legs {
		parties += l.Party + " "
		if l.In.MOS < 1 || l.In.Worst > l.In.MOS+0.01 || l.In.Packets < 200 {
			t.Errorf("leg %+v", l)
		}
	}
	if !strings.Contains(parties, "alice") || len(history.Calls[0].Quality.Legs) != 2 {
		t.Errorf("legs of %s", parties)
	}
}
