package media

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"cordboard/audio"
	"cordboard/audio/codec"
	"cordboard/gateway/call"
	"cordboard/gateway/sdp"
)

// server is a party whose WebRTC client the engine is.
func server(servers ...call.ICEServer) call.Party {
	return call.Party{Leg: "server", Profile: sdp.WebRTC, Host: loopback, Client: &call.Client{Servers: servers}}
}

// office is an engine as a server, of which another one is the client. Each has a phone.
type office struct {
	t             testing.TB
	client, far   *Engine
	near, distant *phone
	server        call.Party
	wanted        chan string // restarts
}

func newOffice(t testing.TB, ports string, servers ...call.ICEServer) *office {
	t.Helper()
	o := &office{t: t, near: newPhone(t), distant: newPhone(t), server: server(servers...), wanted: make(chan string, 10)}
	o.far = startEngine(t, ports)
	client, err := New(Config{Listen: "127.0.0.1:0", Ports: ports, Restarts: func(_, leg string) {
		select {
		case o.wanted <- leg:
		default:
		}
	}}, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	o.client = client
	runEngine(t, client)
	return o
}

// runEngine runs an engine until the test ends.
func runEngine(t testing.TB, e *Engine) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}

// out lets the near phone call the distant one through the server, with what a re-offer has for direction.
func (o *office) out(direction string) {
	o.t.Helper()
	offer := must(o.t)(o.client.Offer(o.t.Context(), "call", pbx, o.server, o.near.description(direction)))
	o.distant.hear(must(o.t)(o.far.Offer(o.t.Context(), "call", alice, pbx, offer)))
	answer := must(o.t)(o.far.Answer(o.t.Context(), "call", pbx, alice, o.distant.description(sdp.Reverse(direction))))
	o.near.hear(must(o.t)(o.client.Answer(o.t.Context(), "call", o.server, pbx, answer)))
}

// in lets the distant phone call the near one.
func (o *office) in(direction string) {
	o.t.Helper()
	offer := must(o.t)(o.far.Offer(o.t.Context(), "call", pbx, alice, o.distant.description(direction)))
	o.near.hear(must(o.t)(o.client.Offer(o.t.Context(), "call", o.server, pbx, offer)))
	answer := must(o.t)(o.client.Answer(o.t.Context(), "call", pbx, o.server, o.near.description(sdp.Reverse(direction))))
	o.distant.hear(must(o.t)(o.far.Answer(o.t.Context(), "call", alice, pbx, answer)))
}

// talk fails unless both phones hear one another.
func (o *office) talk(when string) {
	o.t.Helper()
	reaches(o.t, o.near.mouth, o.distant, "near, "+when)
	reaches(o.t, o.distant.mouth, o.near, "distant, "+when)
}

func TestClientCallsServer(t *testing.T) {
	o := newOffice(t, "21900-21919")
	o.out("sendrecv")
	o.talk("called")
	o.asksForConsent()
	for _, tt := range []struct {
		name   string
		engine *Engine
		leg    string
	}{{"client", o.client, "server"}, {"server", o.far, "alice"}} {
		waitFor(t, tt.name+" counts", func() bool {
			s := stats(t, tt.engine, "call", tt.leg)
			return s.State == "up" && s.Profile == "WebRTC" && s.PacketsIn > 0 && s.PacketsOut > 0
		})
	}
	m, _ := o.client.Media("call")
	for _, l := range m.Legs {
		if l.Leg == "server" && (l.Side != "pbx" || !strings.HasPrefix(l.Security, "DTLS-SRTP ") || l.Remote != o.far.Addr().String() || l.Local == "") {
			t.Errorf("the leg of the server is shown as %+v", l)
		}
	}
}

func TestServerCallsClient(t *testing.T) {
	o := newOffice(t, "21900-21919")
	o.in("sendrecv")
	o.talk("called")
}

func TestClientHoldAndResume(t *testing.T) {
	o := newOffice(t, "21920-21939")
	o.out("sendrecv")
	o.talk("before")
	before := o.path()
	o.out("sendonly")
	silent(t, o.distant.mouth, o.near, "held")
	o.out("sendrecv")
	o.talk("resumed by the client")
	o.in("sendonly")
	silent(t, o.near.mouth, o.distant, "held")
	o.in("sendrecv")
	o.talk("resumed by the server")
	if o.path() != before {
		t.Error("ICE has begun anew")
	}
}

// asksForConsent fails unless the server is checked though media flows (RFC 7675).
func (o *office) asksForConsent() {
	o.t.Helper()
	s, err := o.far.lock("call", false)
	if err != nil {
		o.t.Fatal(err)
	}
	line := s.legs["alice"].line.(*secureLine)
	s.mu.Unlock()
	for range 2 {
		before := line.lastCheck.Load()
		for end := time.Now().Add(patience); line.lastCheck.Load() == before; {
			o.near.mouth("near")
			o.distant.mouth("distant")
			o.near.next(10 * time.Millisecond)
			o.distant.next(10 * time.Millisecond)
			if time.Now().After(end) {
				o.t.Fatal("the server is asked for its consent no more")
			}
		}
	}
}

// path is the one in use.
func (o *office) path() *path {
	o.t.Helper()
	return o.line().using.Load()
}

func (o *office) line() *clientLine {
	o.t.Helper()
	s, err := o.client.lock("call", false)
	if err != nil {
		o.t.Fatal(err)
	}
	defer s.mu.Unlock()
	return s.legs["server"].line.(*clientLine)
}

func TestClientPlaysTone(t *testing.T) {
	o := newOffice(t, "21940-21959")
	offer := must(t)(o.client.Offer(t.Context(), "call", pbx, o.server, o.near.description("sendrecv")))
	answer := must(t)(o.far.Local(t.Context(), "tone", alice, Tone, offer))
	o.near.hear(must(t)(o.client.Answer(t.Context(), "call", o.server, pbx, answer)))
	var sound []int16
	for len(sound) < 4000 {
		p := o.near.next(patience)
		if p == nil {
			t.Fatal("no tone")
		}
		sound = codec.PCMU.Decode(sound, p.Payload)
	}
	if share := audio.Goertzel(sound, codec.G711Rate, toneFrequency); share < 0.95 {
		t.Errorf("share of the tone: %.3f", share)
	}
}
