//go:build e2e

package e2e

import (
	"math"
	"os"
	"slices"
	"testing"
	"time"

	"cordboard/audio"
)

// A call of the machine's phone with one at the PBX, with devices whose clock is faster than the network's, and then with a network that loses
// packets and delays them unevenly.
func TestDeskRough(t *testing.T) {
	if os.Geteuid() != 0 {
		missing(t, "only root can join namespaces by a cable")
	}
	program(t, "nsenter")
	proves(t, "Sound card with a fast clock", thisMachine, desk)
	proves(t, "Loss and jitter on the way", thisMachine, desk)
	if !inNamespace(t) {
		return
	}
	r := deskRough{fast: 2000, least: 3 * time.Second}
	far := newLAN(t).machine(t, 1)
	far.plug(t)
	r.way = layRoughWay(t, far)
	p := startFastPulse(t, r.fast)
	p.use()
	p.sink("bell")
	p.plug()
	k := startPBX(t, pbxOptions{Host: roughNear})
	r.phone = startPhone(t, k, "201", phoneOptions{Answer: true, Packets: 20 * time.Millisecond, Talks: r.least + 2*time.Minute, On: far})
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, PBX: extensionPBX(k), Extra: withDesk, Host: roughNear, At: roughNear})
	k.wantRegistered(t, "101")
	r.desk = openDesk(t, p, g, alice)
	defer r.desk.tellIfFailed(t)
	r.speaker = p.measure("loudspeaker.monitor")
	r.desk.dial(t, "201")
	id := r.desk.with(t, "201", "talking")
	wantTone(t, "the phone", r.phone, toneDesk)
	wantTone(t, "the loudspeaker", r.speaker, tonePhone)
	if t.Run("a fast clock", r.clock); t.Failed() {
		return
	}
	t.Run("loss and jitter", r.loss)
	r.desk.does(t, id, "hangup", nil)
	r.desk.wantFree(t)
}

// deskRough is that call.
type deskRough struct {
	fast    float64       // by how many millionths the devices' clock is fast
	least   time.Duration // that it is looked at for
	way     *roughWay
	phone   *phone
	desk    *deskPhone
	speaker *meter
}

// The loudspeaker's sound is slowed down by as much as the devices are fast, so that the buffer never runs dry, and the phone hears each sample of the
// microphone.
//
// A clock that is 2000 millionths fast is soon followed, for 3 s at least. Longer tells nothing: by resampling the buffer also takes back what it made up
// while the machine stood still, 100 ms of which are as much as 550 millionths in 3 minutes. A clock that is 200 millionths fast is followed in TestDrift
// of audio/jitter, for 10 minutes of a clock that never stands still.
func (r deskRough) clock(t *testing.T) {
	enough := 0.4 * r.fast // so far from it
	begun := len(r.speaker.heard(t).samples)
	var s sound
	var slowed, speed float64
	var steps []time.Duration
	ok := within(r.least+40*time.Second, func() bool {
		if s = r.speaker.since(begun); s.duration() < r.least {
			return false
		}
		s = s.last(r.least)
		slowed, steps = s.slowness(tonePhone)
		speed = r.speaker.fast(begun)
		return math.Abs(slowed-r.fast) < enough && math.Abs(speed-r.fast) < enough
	})
	t.Logf("in %.1f s, with devices fast by %.0f ppm, the loudspeaker's tone is slowed down by %.0f, with %d steps", s.duration().Seconds(), speed, slowed, len(steps))
	if !ok {
		t.Errorf("devices fast by %.0f ppm, want %.0f, and the loudspeaker's tone slowed down by that; it is by %.0f", speed, r.fast, slowed)
	}
	at, breaks := r.phone.heard(t).last(s.duration()).slowness(toneDesk)
	t.Logf("the phone hears the microphone slowed down by %.0f ppm, with %d steps", at, len(breaks))
	if math.Abs(at) > enough {
		t.Errorf("the phone hears the microphone slowed down by %.0f ppm", at)
	}
}

// With 5 % of the packets lost, each by itself, and each delayed by up to 60 ms, the tones are there both ways. The measure is how much of the time
// in which it is sent a tone is there and nothing else, in pieces of 10 ms, and how loud, against the calm network. What the phone makes up for is its own.
func (r deskRough) loss(t *testing.T) {
	const calm, rough = 3 * time.Second, 6 * time.Second
	type ear struct {
		name        string
		heard       func() sound
		tone, least float64
		begun       int // samples, before those that are judged
		share, rms  float64
	}
	ears := []ear{
		{name: "the loudspeaker", heard: func() sound { return r.speaker.heard(t) }, tone: tonePhone, least: 0.85},
		{name: "the phone", heard: func() sound { return r.phone.heard(t) }, tone: toneDesk, least: 0.75},
	}
	for i := range ears {
		e := &ears[i]
		e.share, e.rms = e.heard().last(calm).there(e.tone, calm)
	}
	r.way.rough.Store(true)
	for try := 1; ; try++ { // a machine that stands still loses more than the network
		began, well := time.Now(), true
		for i := range ears {
			ears[i].begun = len(ears[i].heard().samples)
		}
		time.Sleep(rough)
		for _, e := range ears {
			s := e.heard()
			length := time.Since(began)
			s.samples = s.samples[min(e.begun, len(s.samples)):]
			share, rms := s.there(e.tone, length)
			louder := 20 * math.Log10(rms/e.rms)
			t.Logf("%s: %.1f %% of the tone is there, %.1f %% on the calm network, and %+.1f dB as loud; want %.0f %%, 1 dB: %v", e.name, 100*share, 100*e.share, louder, 100*e.least, s)
			well = well && share >= e.least && math.Abs(louder) <= 1
		}
		if well {
			break
		}
		if try == 6 {
			t.Error("too little of the tones is there")
			break
		}
	}
	r.way.rough.Store(false)
	carried, lost := r.way.carried.Load(), r.way.lost.Load()
	t.Logf("of %d packets %d were lost", carried, lost)
	if lost < carried/50 {
		t.Errorf("of %d packets only %d were lost", carried, lost)
	}
}

// there is how much of a tone is heard that is sent in pulses of 400 ms with pauses of 100 ms for that time, and its RMS. What was not recorded was not
// heard.
func (s sound) there(freq float64, length time.Duration) (share, rms float64) {
	size := s.rate / 100
	var energy float64
	n := 0
	for at := 0; at+size <= len(s.samples); at += size {
		piece := s.samples[at : at+size]
		if rms := audio.RMS(piece); rms > 2000 && audio.Goertzel(piece, s.rate, freq) > 0.8 {
			n++
			energy += rms * rms
		}
	}
	return float64(n) * 0.01 / (0.8 * length.Seconds()), math.Sqrt(energy / float64(max(n, 1)))
}

// slowness is by how many millionths a tone is lower than freq Hz, and where its phase makes a step: there is sound made up or missing.
func (s sound) slowness(freq float64) (millionths float64, steps []time.Duration) {
	const most = 8000 // that sound is slowed down or made faster
	size := s.rate / 50
	turn := 2 * math.Pi * freq / float64(s.rate)
	limit := turn * float64(size) * most / 1e6
	var sum, before float64
	n, sounds := 0, false
	for at := 0; at+size <= len(s.samples); at += size {
		piece := s.samples[at : at+size]
		if audio.RMS(piece) < 1000 || audio.Goertzel(piece, s.rate, freq) < 0.9 {
			sounds = false
			continue
		}
		var sine, cosine float64
		for i, x := range piece {
			a := math.Mod(turn*float64(at+i), 2*math.Pi)
			sine, cosine = sine+float64(x)*math.Sin(a), cosine+float64(x)*math.Cos(a)
		}
		phase := math.Atan2(sine, cosine)
		if sounds {
			if grew := math.Remainder(phase-before, 2*math.Pi); math.Abs(grew) > limit {
				steps = append(steps, lasting(at, s.rate))
			} else {
				sum += grew
				n++
			}
		}
		before, sounds = phase, true
	}
	return 1e6 * sum / float64(max(n, 1)) / (turn * float64(size)), steps
}

// heard is all that came.
func (m *meter) heard(*testing.T) sound {
	m.mu.Lock()
	defer m.mu.Unlock()
	return sound{samples: slices.Clone(m.pcm), rate: meterRate}
}

// since is what came after so many samples.
func (m *meter) since(samples int) sound {
	s := m.heard(nil)
	s.samples = s.samples[samples:]
	return s
}

// fast is by how many millionths the device's clock is faster than the machine's, after so many samples. What comes late on its way to us tells nothing: the earliest of
// the first and of the last pieces count.
func (m *meter) fast(samples int) float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	first := slices.IndexFunc(m.pieces, func(c piece) bool { return c.first >= samples })
	pieces := m.pieces[max(first, 0):]
	quarter := len(pieces) / 4
	earliest := func(list []piece) (best piece) {
		for i, c := range list {
			if i == 0 || c.at.Sub(best.at) < lasting(c.end-best.end, meterRate) {
				best = c
			}
		}
		return best
	}
	a, b := earliest(pieces[:quarter]), earliest(pieces[len(pieces)-quarter:])
	took := b.at.Sub(a.at)
	return 1e6 * float64(lasting(b.end-a.end, meterRate)-took) / float64(max(took, 1))
}
