package main

import (
	"io"
	"net/http"
	"testing"
)

func TestSecondStart(t *testing.T) {
	for _, tt := range []struct {
		name      string
		args      []string
		asked     string // of the first
		code      int
		out, err  string
		hasWindow bool
	}{
		{"a link", []string{"sip:201@pbx"}, `{"show":true,"dial":"201@pbx"}`, 0, "Cordboard runs already. Its window takes 201@pbx.\n", "", true},
		{"a link behind all flags", []string{"--", "tel:+49-30-123"}, `{"show":true,"dial":"+4930123"}`, 0, "Cordboard runs already. Its window takes +4930123.\n", "", true},
		{"no link", nil, `{"show":true,"dial":""}`, 0, "Cordboard runs already. Its window comes up.\n", "", true},
		{"hidden", []string{"--hidden"}, `{"show":false,"dial":""}`, 0, "Cordboard runs already.\n", "", true},
		{"a first without a window", []string{"tel:201"}, `{"show":true,"dial":"201"}`, 1, "", "cordboard: It has none. cordboard call 201\n", false},
		{"a link that says nothing", []string{"tel:"}, "", 2, "", "cordboard: read \"tel:\": the link names nobody to call\nSee: cordboard --help\n", true},
		{"two links", []string{"tel:1", "tel:2"}, "", 2, "", "cordboard: one link at a time, not 2\nSee: cordboard --help\n", true},
		{"a link with an unknown flag", []string{"tel:1", "--loud"}, "", 2, "", "cordboard: there is no --loud\nSee: cordboard --help\n", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asked := ""
			c := controlled(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				asked = string(body)
				if r.Method+r.URL.Path != "POST/api/v1/window" {
					t.Errorf("asked for %s %s", r.Method, r.URL)
				}
				if !tt.hasWindow {
					w.WriteHeader(409)
					_, _ = io.WriteString(w, `{"error":"no_window","message":"It has none. cordboard call 201"}`)
					return
				}
				_, _ = io.WriteString(w, `{"shown":true}`)
			})
			code, out, errOut := perform(t, "", append([]string{"--data", c.dir}, tt.args...)...)
			if code != tt.code || out != tt.out || errOut != tt.err || asked != tt.asked {
				t.Errorf("= %d\nout: %q, want %q\nerr: %q, want %q\nasked: %q, want %q", code, out, tt.out, errOut, tt.err, asked, tt.asked)
			}
		})
	}
}

func TestNoFirst(t *testing.T) {
	if taken, err := handOver(console{out: io.Discard}, place{data: t.TempDir()}, false, "201"); taken || err != nil {
		t.Errorf("handOver = %v, %v", taken, err)
	}
}
