package device

import (
	"net"
	"path/filepath"
	"testing"
)

func TestServer(t *testing.T) {
	for _, tt := range []struct {
		env              map[string]string
		network, address string
	}{
		{nil, "", ""},
		{map[string]string{"XDG_RUNTIME_DIR": "/run/user/1000"}, "unix", "/run/user/1000/pulse/native"},
		{map[string]string{"XDG_RUNTIME_DIR": "/run/user/1000", "PULSE_RUNTIME_PATH": "/tmp/p"}, "unix", "/tmp/p/native"},
		{map[string]string{"XDG_RUNTIME_DIR": "/run/user/1000", "PULSE_SERVER": "unix:/tmp/native"}, "unix", "/tmp/native"},
		{map[string]string{"PULSE_SERVER": "/tmp/native"}, "unix", "/tmp/native"},
		{map[string]string{"PULSE_SERVER": " {0123}unix:/tmp/native tcp:other "}, "unix", "/tmp/native"},
		{map[string]string{"PULSE_SERVER": "tcp:127.0.0.1:4000"}, "tcp", "127.0.0.1:4000"},
		{map[string]string{"PULSE_SERVER": "tcp6:[::1]"}, "tcp6", "[::1]:4713"},
		{map[string]string{"PULSE_SERVER": "studio"}, "tcp", "studio:4713"},
		{map[string]string{"PULSE_SERVER": "studio:4000"}, "tcp", "studio:4000"},
	} {
		network, address := server(func(key string) string { return tt.env[key] })
		if network != tt.network || address != tt.address {
			t.Errorf("%v: %s %s, want %s %s", tt.env, network, address, tt.network, tt.address)
		}
	}
}

func TestRefused(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "native")
	t.Setenv("PULSE_SERVER", "unix:"+socket)
	if refused() {
		t.Error("refused by a server that is not there")
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if !refused() {
		t.Error("a server that listens is not found")
	}
}
