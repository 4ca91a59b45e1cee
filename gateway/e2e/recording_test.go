//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cordboard/audio"
)

// toneRecorded is what both parties hear of a recorded call now and then, in Hz.
const toneRecorded = 1400.0

// wantBeep waits until l hears that the call is recorded.
func wantBeep(t *testing.T, who string, l listener) {
	t.Helper()
	eventually(t, patience, who+" hears that the call is recorded", func() bool { return l.heard(t).announced() })
}

// announced says whether the sound has the tone of a recorded call in it. Beside the louder tones of the parties it has a tenth of the
// energy.
func (s sound) announced() bool {
	piece := s.rate / 20
	for rest := s.samples; piece > 0 && len(rest) >= piece; rest = rest[piece/2:] {
		if audio.RMS(rest[:piece]) > 100 && audio.Goertzel(rest[:piece], s.rate, toneRecorded) > 0.03 {
			return true
		}
	}
	return false
}

// wantTape waits until so much of the call that is up is recorded, and gives the file that is written.
func (g *gateway) wantTape(t *testing.T, seconds int64) (partial string) {
	t.Helper()
	eventually(t, patience, fmt.Sprintf("%d s of recording", seconds), func() bool {
		found, _ := filepath.Glob(filepath.Join(g.data, "recordings", "*.wav.part"))
		if len(found) != 1 {
			return false
		}
		partial = found[0]
		info, err := os.Stat(partial)
		return err == nil && info.Size() > seconds*2*2*16000 // the higher of its rates
	})
	return partial
}

// wantRecord waits until the page says how it stands with the recording of its call.
func (p *tab) wantRecord(t *testing.T, state string) {
	t.Helper()
	eventually(t, patience, "recording "+state+" in the page", func() bool {
		return p.truth(fmt.Sprintf("!document.querySelector('#record').hidden && document.querySelector('#record').dataset.record === %q", state))
	})
}

// fetch gives an answer of the API as it is.
func (s *session) fetch(t *testing.T, method, path string, header ...string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequest(method, s.g.url(path), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := s.client.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return resp, body
}

// recording waits for the one recording that a user may hear and gives its ID and when it began.
func (s *session) recording(t *testing.T) (id string, began time.Time) {
	t.Helper()
	eventually(t, patience, "a recording in the list", func() bool {
		_, body := s.get(t, "/api/v1/recordings")
		list, _ := body["recordings"].([]any)
		if len(list) != 1 {
			return false
		}
		one := list[0].(map[string]any)
		id, began = one["id"].(string), time.UnixMilli(int64(one["began"].(float64)))
		return true
	})
	return id, began
}

// channels are the left and the right one of a WAV file.
func channels(t *testing.T, file []byte) (left, right sound) {
	t.Helper()
	pcm, rate, n, err := audio.ReadWAV(bytes.NewReader(file))
	if err != nil || n != 2 {
		t.Fatalf("read a recording of %d bytes: %d channels, %v", len(file), n, err)
	}
	left.rate, right.rate = rate, rate
	for i := 0; i < len(pcm); i += 2 {
		left.samples, right.samples = append(left.samples, pcm[i]), append(right.samples, pcm[i+1])
	}
	return left, right
}

// wantSides fails the test unless each side of a call has its own tone, and not the other's.
func wantSides(t *testing.T, left, right sound, user, far float64) {
	t.Helper()
	for _, side := range []struct {
		name       string
		s          sound
		own, other float64
	}{{"left", left, user, far}, {"right", right, far, user}} {
		if side.s.share(side.own) < 0.4 || side.s.share(side.other) > 0.05 {
			t.Errorf("%s there are %v; want %.0f Hz alone", side.name, side.s, side.own)
		}
	}
}

// A call is recorded when its user asks for it, both hear it, and only those who took part hear the recording.
func TestRecording(t *testing.T) {
	proves(t, "Recording on demand", page, desk)
	o := openOffice(t, "[recording]\nenabled = \"ask\"\nkeep = \"90d\"\n")
	p := o.alice
	o.pageCallsPhone(t, p, toneAlice)
	p.wantRecord(t, "off")
	p.looks(t, "record-off")
	if o.phone.heard(t).announced() || p.heard(t).announced() {
		t.Error("a call is announced to be recorded that is not")
	}
	p.click(t, "#record")
	p.wantRecord(t, "on")
	wantBeep(t, "the phone", o.phone)
	wantBeep(t, "the page", p)
	p.looks(t, "record-on")
	p.wantInReach(t, "#record", "#mute", "#hang-up")
	p.click(t, "#record")
	p.wantRecord(t, "paused")
	p.click(t, "#record")
	p.wantRecord(t, "on")
	o.gateway.wantTape(t, 3)
	p.hangUp(t)
	o.phone.wantEvent(t, "CALL_CLOSED")

	user, stranger := signIn(t, o.gateway, alice), signIn(t, o.gateway, bob)
	id, _ := user.recording(t)
	path := "/api/v1/recordings/" + id
	resp, file := user.fetch(t, http.MethodGet, path)
	if kind := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || kind != "audio/wav" {
		t.Errorf("the recording: %s, %s", resp.Status, kind)
	}
	left, right := channels(t, file)
	wantSides(t, left, right, toneAlice, tonePhone)
	if resp, part := user.fetch(t, http.MethodGet, path, "Range", "bytes=8-15"); resp.StatusCode != http.StatusPartialContent || string(part) != "WAVEfmt " {
		t.Errorf("a part of the recording: %s, %q", resp.Status, part)
	}
	if resp, _ := stranger.fetch(t, http.MethodGet, path); resp.StatusCode != http.StatusNotFound {
		t.Errorf("the recording for a stranger: %s", resp.Status)
	}
	if resp, _ := newSession(t, o.gateway).fetch(t, http.MethodGet, path); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("the recording for nobody: %s", resp.Status)
	}
	eventually(t, patience, "the recording in the history", func() bool {
		_, history := user.get(t, "/api/v1/history")
		return strings.Contains(fmt.Sprint(history), "recording:"+id)
	})

	p.click(t, "#recent-list [data-tape]")
	if !within(patience, func() bool { return p.truth("document.querySelector('#tape-audio').currentTime > 0.5") }) {
		t.Fatalf("the recording does not play in the page: %s", eval[string](t, p, `(() => { const a = document.querySelector("#tape-audio");
			return JSON.stringify([a.src, a.error?.message, a.duration, a.currentTime, a.paused, a.readyState, a.networkState, document.querySelector("#recent-list").innerHTML]) })()`))
	}
	p.looks(t, "recent-taped")
	if code, body := user.post(t, "/api/v1/calls/"+id+"/recording", map[string]bool{"on": true}); code != http.StatusNotFound {
		t.Errorf("to record a call that has ended: %d %v", code, body)
	}
	if resp, _ := user.fetch(t, http.MethodDelete, path, "Origin", o.gateway.url("")); resp.StatusCode != http.StatusNoContent {
		t.Errorf("delete: %s", resp.Status)
	}
	if left, _ := filepath.Glob(filepath.Join(o.gateway.data, "recordings", "*")); len(left) > 0 {
		t.Errorf("left in the folder: %v", left)
	}
}

// A crash costs a recording 2 s at most. What was cut off can be played as it is, and goes on with the call.
func TestRecordingSurvivesACrash(t *testing.T) {
	proves(t, "Recording survives a crash of the gateway", page, desk)
	o := openOffice(t, "[recording]\nenabled = \"always\"\nannounce = false\n")
	o.pageCallsPhone(t, o.alice, toneAlice)
	o.alice.wantRecord(t, "on")
	partial := o.gateway.wantTape(t, 4)
	var killed time.Time
	var before time.Duration
	o.gateway.crash(t, func() {
		killed = time.Now()
		crashed, err := os.ReadFile(partial)
		if err != nil {
			t.Fatal(err)
		}
		left, right := channels(t, crashed)
		wantSides(t, left, right, toneAlice, tonePhone)
		before = left.duration()
		o.alice.wantConnection(t, "lost")
	}, toneAlice, o.phone, o.alice)
	o.alice.wantRecord(t, "on")
	wantTone(t, "the page", o.alice, tonePhone)
	wantTone(t, "the phone", o.phone, toneAlice)
	o.alice.hangUp(t)
	o.phone.wantEvent(t, "CALL_CLOSED")
	user := signIn(t, o.gateway, alice)
	id, began := user.recording(t)
	if lost := killed.Sub(began) - before; lost > 2*time.Second {
		t.Errorf("%v of %v were lost", lost, killed.Sub(began))
	}
	_, whole := user.fetch(t, http.MethodGet, "/api/v1/recordings/"+id)
	left, right := channels(t, whole)
	wantSides(t, left, right, toneAlice, tonePhone)
	if left.duration() < before {
		t.Errorf("%v are left of %v", left.duration(), before)
	}
	wantSides(t, left.last(time.Second), right.last(time.Second), toneAlice, tonePhone)
	if resp, _ := user.fetch(t, http.MethodDelete, "/api/v1/recordings/"+id, "Origin", o.gateway.url("")); resp.StatusCode != http.StatusForbidden {
		t.Errorf("what was recorded by rule is deleted by its user: %s", resp.Status)
	}
}

// Recordings in Opus are files that other programs take.
func TestRecordingInOpus(t *testing.T) {
	proves(t, "Recording in Opus", page, desk)
	o := openOffice(t, "[recording]\nenabled = \"always\"\nformat = \"opus\"\n")
	o.phoneCallsPage(t, o.alice, "101", toneAlice)
	o.alice.wantRecord(t, "on")
	wantBeep(t, "the phone", o.phone)
	o.alice.hangUp(t)
	o.phone.wantEvent(t, "CALL_CLOSED")
	user := signIn(t, o.gateway, alice)
	id, _ := user.recording(t)
	resp, file := user.fetch(t, http.MethodGet, "/api/v1/recordings/"+id)
	if kind := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || kind != "audio/ogg" {
		t.Errorf("the recording: %s, %s", resp.Status, kind)
	}
	path := filepath.Join(t.TempDir(), "call.opus")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(program(t, "opusinfo"), path).CombinedOutput(); err != nil || bytes.Contains(bytes.ToUpper(out), []byte("WARNING")) {
		t.Errorf("opusinfo says %v\n%s", err, out)
	}
	wav := filepath.Join(filepath.Dir(path), "call.wav")
	if out, err := exec.Command(program(t, "opusdec"), "--rate", "16000", path, wav).CombinedOutput(); err != nil {
		t.Fatalf("opusdec says %v\n%s", err, out)
	}
	decoded, err := os.ReadFile(wav)
	if err != nil {
		t.Fatal(err)
	}
	left, right := channels(t, decoded)
	wantSides(t, left, right, toneAlice, tonePhone)
}

// Calls with wide-band sound are recorded and announced, too: Opus between browsers, G.722 at a phone.
func TestRecordingOfWideBand(t *testing.T) {
	proves(t, "Recording of Opus and G.722", page, desk)
	o := openOffice(t, "[recording]\nenabled = \"always\"\n")
	o.withBob(t)
	wide := startPhone(t, o.pbx, "202", phoneOptions{Codecs: []string{"g722"}})
	user := signIn(t, o.gateway, alice)
	admit := func(t *testing.T, far float64, n int) {
		t.Helper()
		var list []any
		eventually(t, patience, "the recording in the list", func() bool {
			_, body := user.get(t, "/api/v1/recordings")
			list, _ = body["recordings"].([]any)
			return len(list) == n
		})
		_, file := user.fetch(t, http.MethodGet, "/api/v1/recordings/"+list[0].(map[string]any)["id"].(string))
		left, right := channels(t, file)
		if left.rate != 16000 {
			t.Errorf("recorded at %d Hz, want 16000", left.rate)
		}
		wantSides(t, left, right, toneAlice, far)
	}
	t.Run("Opus", func(t *testing.T) {
		o.alice.dial(t, "bob")
		o.bob.wantState(t, "incoming")
		o.bob.click(t, "#answer")
		talk(t, o.alice, o.bob)
		o.alice.wantRecord(t, "on")
		o.bob.wantRecord(t, "on")
		wantBeep(t, "alice's page", o.alice)
		wantBeep(t, "bob's page", o.bob)
		o.alice.hangUp(t)
		o.bob.wantOver(t)
		admit(t, toneBob, 1)
	})
	t.Run("G.722", func(t *testing.T) {
		wide.startOver()
		o.alice.dial(t, "202")
		wide.wantEvent(t, "CALL_INCOMING")
		wide.answer(t)
		o.alice.wantState(t, "talking")
		wantTone(t, "the phone", wide, toneAlice)
		wantTone(t, "the page", o.alice, tonePhone)
		wantBeep(t, "the phone", wide)
		wantBeep(t, "the page", o.alice)
		o.alice.hangUp(t)
		wide.wantEvent(t, "CALL_CLOSED")
		admit(t, tonePhone, 2)
	})
}
