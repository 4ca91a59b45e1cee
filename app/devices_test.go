package main

import (
	"bytes"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

func TestDevicesCommand(t *testing.T) {
	const answer = `{"devices": [
		{"name": "Built-in", "purpose": "microphone", "default": true, "gain": -6},
		{"name": "Desk", "purpose": "microphone", "chosen": true, "missing": true, "gain": -6},
		{"name": "Built-in", "purpose": "loudspeaker", "default": true},
		{"name": "Headset", "purpose": "loudspeaker", "chosen": true}],
		"levels": {"microphone": -96, "loudspeaker": -96, "muted": true}, "state": "All is well."}`
	var got string
	c := controlled(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = r.Method + " " + r.URL.Path + " " + string(body)
		_, _ = io.WriteString(w, answer)
	})
	for _, tt := range []struct{ args, request string }{
		{"", "GET /api/v1/devices "},
		{"--choose microphone=USB,Headset --choose ringer= --gain loudspeaker=3.5", `PUT /api/v1/devices {"choose":{"microphone":"USB,Headset","ringer":""},"gain":{"loudspeaker":3.5}}`},
		{"--mute", `PUT /api/v1/devices {"muted":true}`},
		{"--mute=false", `PUT /api/v1/devices {"muted":false}`},
	} {
		var out, errs bytes.Buffer
		args := append([]string{"devices", "--data", filepath.Clean(c.dir)}, strings.Fields(tt.args)...)
		if code := run(args, console{out: &out, err: &errs}); code != exitOK || got != tt.request {
			t.Errorf("%s: %d %s: sent %s, want %s", tt.args, code, errs.String(), got, tt.request)
		}
		want := "PURPOSE      NAME      USED                             GAIN\n" +
			"microphone   Built-in  yes, the system's default        -6 dB\n" +
			"microphone   Desk      when it is there again           -6 dB\n" +
			"loudspeaker  Built-in  no, though the system's default  +0 dB\n" +
			"loudspeaker  Headset   yes, chosen                      +0 dB\n" +
			"The microphone is muted.\nAll is well.\n"
		if out.String() != want {
			t.Errorf("%s prints\n%swant\n%s", tt.args, out.String(), want)
		}
	}
	for _, args := range []string{"Headset", "--choose Headset", "--gain microphone=loud", "--gain microphone", "--mute=perhaps"} {
		var out, errs bytes.Buffer
		if code := run(append([]string{"devices", "--data", c.dir}, strings.Fields(args)...), console{out: &out, err: &errs}); code != exitUsage {
			t.Errorf("devices %s: %d %s", args, code, errs.String())
		}
	}
}
