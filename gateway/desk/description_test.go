package desk

import (
	"errors"
	"strings"
	"testing"
)

func TestDescription(t *testing.T) {
	const head = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
	for _, tt := range []struct {
		name, offer string
		held        bool
		answer      string // from its first m= line; lines end in LF
		waits       bool
		label       string
		err         error
	}{
		{name: "the first that we know, and keys", offer: head + "m=audio 9 RTP/AVP 18 111 0 101\r\na=rtpmap:18 G729/8000\r\na=rtpmap:111 OPUS/48000/2\r\na=rtpmap:101 telephone-event/48000\r\na=label:x\r\n",
			answer: "m=audio 9 RTP/AVP 111 101\na=rtpmap:111 OPUS/48000/2\na=fmtp:111 useinbandfec=1\na=rtpmap:101 telephone-event/48000\na=fmtp:101 0-15\na=sendrecv\n", label: "x"},
		{name: "numbers that need no name, held by the other side", offer: head + "a=sendonly\r\nm=audio 9 RTP/AVP 8\r\n",
			answer: "m=audio 9 RTP/AVP 8\na=rtpmap:8 PCMA/8000\na=recvonly\n", waits: true},
		{name: "held by us", offer: head + "m=audio 9 RTP/AVP 0\r\na=sendrecv\r\n", held: true, answer: "m=audio 9 RTP/AVP 0\na=rtpmap:0 PCMU/8000\na=inactive\n"},
		{name: "pictures are refused", offer: head + "m=video 9 RTP/AVPF 97\r\na=recvonly\r\nm=audio 9 RTP/AVP 9\r\n",
			answer: "m=video 0 RTP/AVPF 97\nm=audio 9 RTP/AVP 9\na=rtpmap:9 G722/8000\na=sendrecv\n"},
		{name: "no sound", offer: head + "m=audio 0 RTP/AVP 0\r\n", err: errNoAudio},
		{name: "keys alone", offer: head + "m=audio 9 RTP/AVP 101\r\na=rtpmap:101 telephone-event/8000\r\n", err: errFormats},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, err := read([]byte(tt.offer))
			var text []byte
			if err == nil {
				text, err = answer(d, 1, 1, tt.held)
			}
			if !errors.Is(err, tt.err) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			if err != nil {
				return
			}
			if d.waits() != tt.waits || d.sound().label != tt.label {
				t.Errorf("waits %v, label %q", d.waits(), d.sound().label)
			}
			_, got, _ := strings.Cut(strings.ReplaceAll(string(text), "\r\n", "\n"), "t=0 0\n")
			if got != tt.answer {
				t.Errorf("answer\n%s\nwant\n%s", got, tt.answer)
			}
		})
	}
}

// What we answer to whatever is offered can be read, has as many streams, and none but formats that were offered.
func FuzzDescription(f *testing.F) {
	f.Add(string(offer(1, 1, false)), true)
	f.Add("m=audio 9 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=label:x\r\nm=video 9 x 1\r\n", false)
	f.Fuzz(func(t *testing.T, text string, held bool) {
		d, err := read([]byte(text))
		if err != nil {
			return
		}
		made, err := answer(d, 1, 1, held)
		if err != nil {
			return
		}
		back, err := read(made)
		if err != nil || len(back.streams) != len(d.streams) {
			t.Fatalf("answer %q to %q: %v", made, text, err)
		}
		for _, got := range back.sound().formats {
			found := false
			for _, f := range d.sound().formats {
				found = found || f.number == got.number
			}
			if !found {
				t.Fatalf("answer %q to %q has a format of its own", made, text)
			}
		}
	})
}

func TestKeyIn(t *testing.T) {
	for body, want := range map[string]rune{
		"5": '5', " # ": '#', "Signal=1\r\nDuration=160\r\n": '1', "Duration=1\r\nsignal= a": 'A', "10": '*', "Signal=11": '#', "": 0, "12": 0, "x": 0, "Signal=": 0,
	} {
		if got, ok := keyIn(body); got != want || ok != (want != 0) {
			t.Errorf("keyIn(%q) = %q, %v", body, got, ok)
		}
	}
}

func FuzzKeyIn(f *testing.F) {
	f.Add("Signal=5\r\nDuration=160\r\n")
	f.Fuzz(func(t *testing.T, body string) {
		if key, ok := keyIn(body); ok != strings.ContainsRune(Keys, key) {
			t.Errorf("keyIn(%q) = %q, %v", body, key, ok)
		}
	})
}
