package device

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	// serverPort is where PulseAudio listens by TCP if its address does not say.
	serverPort = "4713"
	// knockTime is how long a sound server may take to let us connect.
	knockTime = 500 * time.Millisecond
)

// server is where PulseAudio, or PipeWire in its place, listens as the environment says, which may name several; "" when it names none.
func server(env func(string) string) (network, address string) {
	named, _, _ := strings.Cut(strings.TrimSpace(env("PULSE_SERVER")), " ")
	if strings.HasPrefix(named, "{") { // the machine for which it holds
		_, named, _ = strings.Cut(named, "}")
	}
	switch kind, rest, _ := strings.Cut(named, ":"); {
	case named == "" && env("PULSE_RUNTIME_PATH") != "":
		return "unix", filepath.Join(env("PULSE_RUNTIME_PATH"), "native")
	case named == "" && env("XDG_RUNTIME_DIR") != "":
		return "unix", filepath.Join(env("XDG_RUNTIME_DIR"), "pulse", "native")
	case named == "":
		return "", ""
	case strings.HasPrefix(named, "/"):
		return "unix", named
	case kind == "unix":
		return "unix", rest
	case kind == "tcp" || kind == "tcp4" || kind == "tcp6":
		return kind, withPort(rest)
	}
	return "tcp", withPort(named)
}

// withPort gives an address a port, if it has none.
func withPort(address string) string {
	if host, port, err := net.SplitHostPort(address); err == nil {
		return net.JoinHostPort(host, cmp.Or(port, serverPort))
	}
	return net.JoinHostPort(strings.Trim(address, "[]"), serverPort)
}

// refused reports, when we could not connect to a sound server, whether there is one all the same: it listens, but does not want us.
// The library does not tell.
func refused() bool {
	network, address := server(os.Getenv)
	if network == "" {
		return false
	}
	ctx, stop := context.WithTimeout(context.Background(), knockTime)
	defer stop()
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return errors.Is(err, fs.ErrPermission)
	}
	conn.Close()
	return true
}
