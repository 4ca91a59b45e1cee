//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// owner asks the API as the machine's owner does, by the control socket.
func (g *gateway) owner(t *testing.T, method, path string, in, out any) int {
	t.Helper()
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(g.data, "cordboard.sock"))
	}}}
	r, err := http.NewRequestWithContext(t.Context(), method, "http://cordboard"+path, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := client.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(out); err != nil {
		t.Fatalf("%s %s: %s: %v", method, path, res.Status, err)
	}
	return res.StatusCode
}

// An account is tried at a real PBX, and what is registered there stays as it was; then it is written into the file and registers.
func TestTryAnAccountAndKeepIt(t *testing.T) {
	t.Parallel()
	k := startPBX(t, pbxOptions{})
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, Extra: "[audio]\nenabled = false\n[discovery]\nenabled = false\n", PBX: fmt.Sprintf("[[pbx]]\nname = \"office\"\nuri = \"sip:%s\" # in the cellar\n", k.addr())})
	k.wantRegistered(t, "101")
	before := k.location("101")
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, tt := range []struct{ uri, user, password, want string }{
		{"sip:" + k.addr(), "103", pbxPassword("103"), "works"},
		{"sip:" + k.addr() + ";transport=tcp", "103", pbxPassword("103"), "works"},
		{"sip:" + k.addr(), "101", pbxPassword("101"), "works"},
		{"sip:" + k.addr(), "103", "not the password", "wrong_password"},
		{"sip:" + silent.LocalAddr().String(), "103", pbxPassword("103"), "no_answer"},
		{"sip:nowhere.invalid", "103", pbxPassword("103"), "unknown_name"},
	} {
		var got struct{ Code, Text string }
		if status := g.owner(t, "POST", "/api/v1/try/pbx", map[string]string{"uri": tt.uri, "username": tt.user, "password": tt.password}, &got); status != 200 || got.Code != tt.want {
			t.Errorf("%s at %s: %d %+v, want %s", tt.user, tt.uri, status, got, tt.want)
		}
	}
	if k.registered("103") {
		t.Errorf("a trial stays registered:\n%s", k.location("103"))
	}
	if contacts(before) != contacts(k.location("101")) {
		t.Errorf("a trial changed the registration\n%s\nto\n%s", before, k.location("101"))
	}

	var kept struct{ Version string }
	g.owner(t, "GET", "/api/v1/settings", nil, &kept)
	var done struct{ Message string }
	if status := g.owner(t, "PATCH", "/api/v1/settings", map[string]any{"version": kept.Version, "changes": []any{
		map[string]any{"add": "user", "entry": map[string]any{"name": "carol", "extension": "103", "pbx_password": pbxPassword("103")}},
	}}, &done); status != 200 {
		t.Fatalf("PATCH: %d %+v", status, done)
	}
	k.wantRegistered(t, "103")
	eventually(t, 10*time.Second, "registration of carol as the gateway sees it", func() bool {
		var status struct {
			PBX []struct{ User, State string }
		}
		g.owner(t, "GET", "/api/v1/status", nil, &status)
		return slices.ContainsFunc(status.PBX, func(p struct{ User, State string }) bool { return p.User == "carol" && p.State == "registered" })
	})
	if said := g.command(t, "doctor"); !strings.Contains(said, "well   PBX office, carol: Registered at udp:"+k.addr()) || !strings.HasSuffix(said, "All is well.\n") {
		t.Errorf("doctor says\n%s", said)
	}
}

// contacts are the lines of a location that say where somebody is.
func contacts(location string) string {
	var lines []string
	for line := range bytes.Lines([]byte(location)) {
		if bytes.Contains(line, []byte("Address:")) || bytes.Contains(line, []byte("Call-ID:")) {
			lines = append(lines, string(line))
		}
	}
	return fmt.Sprint(lines)
}
