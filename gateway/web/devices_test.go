package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"cordboard/audio"
	"cordboard/gateway/call"
)

// card is a sound card on paper.
type card struct {
	audio.Card
	done []string
	hung bool
}

func (c *card) Devices() ([]audio.Device, error) {
	if c.hung {
		return nil, errors.New("no answer")
	}
	return []audio.Device{{Name: "Headset", Purpose: audio.Microphone, Chosen: true, Gain: -3}}, nil
}

func (c *card) Choose(purpose audio.Purpose, name string) error {
	if name == "Hedset" {
		return fmt.Errorf("choose: %w", audio.ErrNoDevice)
	}
	c.done = append(c.done, fmt.Sprintf("choose %s %s", purpose, name))
	return nil
}

func (c *card) Gain(purpose audio.Purpose, dB float64) error {
	c.done = append(c.done, fmt.Sprintf("gain %s %v", purpose, dB))
	return nil
}

func (c *card) Mute(muted bool) { c.done = append(c.done, fmt.Sprint("mute ", muted)) }

func (c *card) Levels() audio.Levels { return audio.Levels{Microphone: -30, Loudspeaker: -96} }

func (c *card) State() string { return "All is well." }

// phoneOf is a phone with an owner.
type phoneOf struct {
	Desk
	owner string
	card  *card
}

func (p phoneOf) State() call.DeskState { return call.DeskState{Owner: p.owner} }

func (p phoneOf) Listen(d time.Duration) { p.card.done = append(p.card.done, fmt.Sprint("listen ", d)) }

func (p phoneOf) Sample(purpose audio.Purpose) error {
	p.card.done = append(p.card.done, fmt.Sprint("sample ", purpose))
	return nil
}

func TestDevices(t *testing.T) {
	for _, tt := range []struct {
		user, method, body string
		status             int
		code               string // "": the answer of GET
		done               []string
	}{
		{"", "GET", "", 401, "signed_out", nil},
		{"bob", "GET", "", 403, "not_owner", nil},
		{"bob", "PUT", `{"muted": true}`, 403, "not_owner", nil},
		{"alice", "POST", "{}", 405, "method_not_allowed", nil},
		{"alice", "GET", "", 200, "", nil},
		{"alice", "PUT", "{}", 200, "", nil},
		{"alice", "PUT", `{"choose": {"microphone": "Headset", "ringer": ""}, "gain": {"loudspeaker": 3.5}, "muted": false}`, 200, "",
			[]string{"mute false", "choose microphone Headset", "gain loudspeaker 3.5", "choose ringer "}},
		{"alice", "PUT", `{"choose": {"microphone": "Hedset"}}`, 404, "no_device", nil},
		{"alice", "PUT", `{"choose": {"camera": ""}, "muted": true}`, 400, "malformed", nil},
		{"alice", "PUT", `{"gain": {"camera": 1}}`, 400, "malformed", nil},
		{"alice", "PUT", `{"gain": {"ringer": 21}}`, 400, "malformed", nil},
		{"alice", "PUT", `{"gain": 3}`, 400, "malformed", nil},
		{"alice", "PUT", `{"listen": 30, "sample": "ringer", "muted": true}`, 200, "", []string{"mute true", "listen 30s", "sample ringer"}},
		{"alice", "PUT", `{"listen": 0}`, 200, "", []string{"listen 0s"}},
		{"alice", "PUT", `{"listen": 61, "muted": true}`, 400, "malformed", nil},
		{"alice", "PUT", `{"sample": "microphone", "muted": true}`, 400, "malformed", nil},
	} {
		s := guarded(t)
		c := &card{}
		s.deps.Card, s.deps.Desk = c, phoneOf{owner: "carol", card: c}
		w := ask(s, s.server(t), tt.user, tt.method, "/api/v1/devices", tt.body, "198.51.100.1")
		var got struct {
			Error   string
			Devices []audio.Device
			Levels  audio.Levels
			State   string
		}
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != tt.status || got.Error != tt.code || !slices.Equal(c.done, tt.done) {
			t.Errorf("%s %s of %q: %d %s, did %q", tt.method, tt.body, tt.user, w.Code, w.Body, c.done)
		}
		if tt.code == "" && (len(got.Devices) != 1 || got.Devices[0].Name != "Headset" || got.Levels.Microphone != -30 || got.State != "All is well.") {
			t.Errorf("%s %s: %s", tt.method, tt.body, w.Body)
		}
	}
}

func TestDevicesOfAnOwner(t *testing.T) {
	s := guarded(t)
	s.deps.Card, s.deps.Desk = &card{}, phoneOf{owner: "bob"}
	if w := ask(s, s.server(t), "bob", http.MethodPut, "/api/v1/devices", `{"muted": true}`, "198.51.100.1"); w.Code != 200 {
		t.Errorf("who owns the machine: %d %s", w.Code, w.Body)
	}
}

func TestDevicesWithoutSound(t *testing.T) {
	s := guarded(t)
	if w := ask(s, s.server(t), "alice", http.MethodGet, "/api/v1/devices", "", "198.51.100.1"); w.Code != 404 || !strings.Contains(w.Body.String(), "no_desk") {
		t.Errorf("without a card: %d %s", w.Code, w.Body)
	}
	s.deps.Card = &card{hung: true}
	if w := ask(s, s.server(t), "alice", http.MethodGet, "/api/v1/devices", "", "198.51.100.1"); w.Code != 503 || !strings.Contains(w.Body.String(), "no_answer") {
		t.Errorf("with a card that hangs: %d %s", w.Code, w.Body)
	}
}
