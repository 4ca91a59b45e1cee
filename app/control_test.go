package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"cordboard/gateway"
)

// controlled serves a handler where a Cordboard's control socket would be.
func controlled(t *testing.T, do http.HandlerFunc) *control {
	t.Helper()
	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, gateway.ControlName))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: do}
	done := make(chan error)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Close()
		<-done
	})
	c, err := place{data: dir}.control()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestControlAsks(t *testing.T) {
	c := controlled(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch r.Method + " " + r.URL.String() + " " + string(body) {
		case `POST /api/v1/x?y=1 {"A":1}`:
			_, _ = io.WriteString(w, `{"b": 2}`)
		case "GET /api/v1/refused ":
			w.WriteHeader(403)
			_, _ = io.WriteString(w, `{"error": "no", "message": "You may not."}`)
		case "DELETE /api/v1/x ":
			w.WriteHeader(204)
		default:
			w.WriteHeader(500)
		}
	})
	var out struct{ B int }
	if err := c.ask(t.Context(), "POST", "/api/v1/x?y=1", struct{ A int }{1}, &out); err != nil || out.B != 2 {
		t.Errorf("post: %v, %v", out, err)
	}
	if err := c.ask(t.Context(), "DELETE", "/api/v1/x", nil, nil); err != nil {
		t.Errorf("delete: %v", err)
	}
	if err := c.ask(t.Context(), "GET", "/api/v1/refused", nil, nil); err == nil || err.Error() != "You may not." {
		t.Errorf("refused: %v", err)
	}
	if err := c.ask(t.Context(), "GET", "/api/v1/other", nil, nil); err == nil || !strings.Contains(err.Error(), "500") {
		t.Errorf("fault without a message: %v", err)
	}
}

func TestControlEvents(t *testing.T) {
	c := controlled(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, ": hello\n\nevent: lamp\ndata: {\"a\":1}\n\ndata: 2\n\n")
		_ = http.NewResponseController(w).Flush()
		if r.URL.Path == "/api/v1/stays" {
			<-r.Context().Done()
		}
	})
	var got []string
	keep := func(name string, data []byte) error {
		got = append(got, name+"="+string(data))
		return nil
	}
	if err := c.events(t.Context(), "/api/v1/ends", keep); !errors.Is(err, io.EOF) || strings.Join(got, " ") != `lamp={"a":1} =2` {
		t.Errorf("events: %q, %v", got, err)
	}
	enough := errors.New("enough")
	if err := c.events(t.Context(), "/api/v1/stays", func(string, []byte) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("events that the reader ends: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := c.events(ctx, "/api/v1/stays", func(string, []byte) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("events whose context ends: %v", err)
	}
}

func TestControlWithoutCordboard(t *testing.T) {
	dir := t.TempDir()
	c, err := place{data: dir}.control()
	if err != nil {
		t.Fatal(err)
	}
	want := "no Cordboard runs with the data folder " + dir + "; start it with cordboard serve, or name another folder with --data"
	if err := c.ask(t.Context(), "GET", "/api/v1/status", nil, nil); err == nil || err.Error() != want {
		t.Errorf("nothing there: %v", err)
	}
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, gateway.ControlName), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	if err := c.ask(t.Context(), "GET", "/api/v1/status", nil, nil); err == nil || err.Error() != want {
		t.Errorf("a dead one's socket: %v", err)
	}
}

func TestControlOfServe(t *testing.T) {
	dir := t.TempDir()
	serveOn(t, dir, "")
	c, err := place{data: dir}.control()
	if err != nil {
		t.Fatal(err)
	}
	var status struct{ Users int }
	if err := c.ask(t.Context(), "GET", "/api/v1/status", nil, &status); err != nil || status.Users != 1 {
		t.Errorf("status: %v, %v", status, err)
	}
}

func TestNeighboursCommand(t *testing.T) {
	near, found := `{"neighbours": []}`, `{"pbx": []}`
	c := controlled(t, func(w http.ResponseWriter, r *http.Request) {
		text := near
		if r.URL.Path == "/api/v1/found" {
			text = found
		}
		_, _ = io.WriteString(w, text)
	})
	for _, tt := range []struct{ near, found, want string }{
		{near, found, "No other Cordboard is nearby.\n"},
		{`{"neighbours": [{"name": "Front office", "addresses": ["10.0.0.2", "fe80::2%eth0"]}, {"name": "Pi"}]}`, found,
			"NAME          ADDRESS   PAIRED  PRESENCE\nFront office  10.0.0.2  no      -\nPi            -         no      -\n"},
		{near, `{"pbx": [{"name": "Main", "addresses": ["10.0.0.9"], "uri": "sip:10.0.0.9:5060;transport=udp"}]}`,
			"No other Cordboard is nearby.\n\nPBX   ADDRESS   URI\nMain  10.0.0.9  sip:10.0.0.9:5060;transport=udp\n"},
	} {
		near, found = tt.near, tt.found
		if code, out, errOut := perform(t, "", "neighbours", "--data", c.dir); code != 0 || out != tt.want {
			t.Errorf("code %d, printed\n%s%s, want\n%s", code, out, errOut, tt.want)
		}
	}
	if code, _, errOut := perform(t, "", "neighbours", "--data", t.TempDir()); code != 1 || !strings.Contains(errOut, "no Cordboard runs with the data folder") {
		t.Errorf("without a Cordboard: %d %s", code, errOut)
	}
}
