package signaling

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/call"
)

func TestReadKey(t *testing.T) {
	for _, tt := range []struct {
		kind, body string
		digit      rune
		d          time.Duration
	}{
		{relayType, "Signal=5\r\nDuration=160", '5', 160 * time.Millisecond},
		{relayType, "Signal=5\nDuration=250\n", '5', 250 * time.Millisecond},
		{relayType, "signal = #\r\nduration = 100\r\n", '#', 100 * time.Millisecond},
		{relayType, "Duration=90\r\nSignal=*", '*', 90 * time.Millisecond},
		{relayType, "Signal=a", 'A', usualPress},
		{relayType, "Signal=11\r\nDuration=what", '#', usualPress},
		{relayType, "Signal=10\r\nDuration=-5", '*', usualPress},
		{plainType, "7", '7', usualPress},
		{plainType, " D\r\n", 'D', usualPress},
		{plainType, "Signal=3\r\nDuration=120", '3', 120 * time.Millisecond},
		{relayType, "5", 0, 0},
		{relayType, "Signal=\r\nDuration=160", 0, 0},
		{relayType, "Signal=12", 0, 0},
		{relayType, "Signal=flash", 0, 0},
		{plainType, "", 0, 0},
		{plainType, "55", 0, 0},
		{"text/plain", "5", 0, 0},
	} {
		digit, d, ok := readKey(tt.kind, tt.body)
		if ok != (tt.digit != 0) || ok && (digit != tt.digit || d != tt.d) {
			t.Errorf("%s %q: %c for %v, %v", tt.kind, tt.body, digit, d, ok)
		}
	}
}

// Whatever stands in an INFO, what is read of it is a key, of a length that can be written down again.
func FuzzKey(f *testing.F) {
	f.Add(relayType, "Signal=5\r\nDuration=160")
	f.Add(plainType, "#")
	f.Add(relayType, "Signal=11\nDuration=99999999")
	f.Fuzz(func(t *testing.T, kind, body string) {
		digit, d, ok := readKey(kind, body)
		if !ok {
			return
		}
		if !strings.ContainsRune("0123456789*#ABCD", digit) || d < 0 || d > 66*time.Second {
			t.Fatalf("%q for %v", digit, d)
		}
		again, length, ok := readKey(relayType, fmt.Sprintf("Signal=%c\r\nDuration=%d\r\n", digit, d.Milliseconds()))
		if !ok || again != digit || length != d {
			t.Fatalf("%c for %v becomes %c for %v", digit, d, again, length)
		}
	})
}

// infoOf is an INFO of the browser with a key.
func infoOf(alice *browser, ok *sip.Response, seq int, kind, body string) string {
	text := more(alice.within("INFO", ok, seq, ""), "Content-Type: "+kind)
	return strings.Replace(text, "Content-Length: 0\r\n\r\n", "Content-Length: "+itoa(len(body))+"\r\n\r\n"+body, 1)
}

// A key that a browser sends by INFO is played by the media, and the PBX sees no INFO; other INFOs pass, and so does one toward the browser.
func TestInfoBecomesMedia(t *testing.T) {
	w := newWorld(t, ModePeer)
	w.media.plays = true
	alice := w.dial("alice", true)
	ok, invite := w.up(alice)
	seq := int(ok.CSeq().SeqNo)
	alice.send(infoOf(alice, ok, seq+1, relayType, "Signal=5\r\nDuration=200"))
	alice.response(200, sip.INFO)
	alice.send(infoOf(alice, ok, seq+2, plainType, "#"))
	alice.response(200, sip.INFO)
	alice.send(infoOf(alice, ok, seq+3, "text/plain", "hello"))
	if got := w.pbx.request(sip.INFO); string(got.Body()) != "hello" {
		t.Errorf("the PBX gets %q", got.Body())
	} else {
		w.pbx.answer(got, 415, "Unsupported Media Type", "", "", "")
	}
	alice.response(415, sip.INFO)
	text := w.within("INFO", invite, 7, "")
	w.pbx.send(strings.Replace(text, "Content-Length: 0\r\n\r\n", "Content-Type: "+relayType+"\r\nContent-Length: 8\r\n\r\nSignal=9", 1))
	if got := alice.request(sip.INFO); string(got.Body()) != "Signal=9" {
		t.Errorf("the browser gets %q", got.Body())
	} else {
		alice.answer(got, 200, "OK", "", "", "")
	}
	w.pbx.response(200, sip.INFO)
	w.srv.mu.Lock()
	l := w.srv.legs[ok.Contact().Address.User]
	w.srv.mu.Unlock()
	want := fmt.Sprintf("[%s %s 5 200ms %s %s # 160ms]", l.call.id, l.token, l.call.id, l.token)
	w.media.mu.Lock()
	if got := fmt.Sprint(w.media.digits); got != want {
		t.Errorf("played %s, want %s", got, want)
	}
	w.media.mu.Unlock()
	alice.send(alice.within("BYE", ok, seq+9, ""))
	w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
}

// A key that the media can't pass on goes by INFO, one after another; what it has passed does not.
func TestMediaBecomesInfo(t *testing.T) {
	w := newWorld(t, ModePeer)
	alice := w.dial("alice", true)
	ok, _ := w.up(alice)
	leg := ok.Contact().Address.User
	w.srv.mu.Lock()
	id := w.srv.legs[leg].call.id
	w.srv.mu.Unlock()
	w.srv.Digit(id, leg, '1', 100*time.Millisecond, true)
	w.srv.Digit(id, "nobody", '2', 100*time.Millisecond, false)
	w.srv.Digit("another", leg, '3', 100*time.Millisecond, false)
	for _, digit := range "59#" {
		w.srv.Digit(id, leg, digit, 120*time.Millisecond, false)
	}
	var last uint32
	for i, digit := range "59#" {
		got := w.pbx.request(sip.INFO)
		if want := fmt.Sprintf("Signal=%c\r\nDuration=120\r\n", digit); string(got.Body()) != want || got.ContentType().Value() != relayType || got.CSeq().SeqNo <= last {
			t.Errorf("the PBX gets %q after CSeq %d:\n%s", got.Body(), last, got)
		}
		last = got.CSeq().SeqNo
		w.pbx.answer(got, 200+215*(i%2), "Whatever", "", "", "")
	}
	alice.send(alice.within("BYE", ok, int(ok.CSeq().SeqNo)+1, ""))
	w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
	w.over()
}

func TestHowKeysAreTaken(t *testing.T) {
	for _, tt := range []struct {
		dtmf    string
		learned bool
		want    call.Keys
	}{
		{"", false, call.KeysAuto}, {"", true, call.KeysInfo}, {DTMFAuto, true, call.KeysInfo},
		{DTMFRTP, true, call.KeysAuto}, {DTMFInfo, false, call.KeysInfoOnly}, {DTMFInband, true, call.KeysTones},
	} {
		p := &pbx{cfg: PBX{DTMF: tt.dtmf}}
		if tt.learned {
			p.facts.add(call.FactDTMF, "telephone-event", "info")
		}
		if got := (&leg{pbx: p}).keysOf(); got != tt.want {
			t.Errorf("dtmf %q, learned %v: %v, want %v", tt.dtmf, tt.learned, got, tt.want)
		}
	}
	if got := (&leg{}).keysOf(); got != call.KeysInfo {
		t.Errorf("a browser: %v", got)
	}
	if err := (PBX{URI: "sip:h", DTMF: "morse"}).Validate(); err == nil || !strings.Contains(err.Error(), "dtmf") {
		t.Errorf("Validate = %v", err)
	}
}
