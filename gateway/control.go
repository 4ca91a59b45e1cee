package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"cordboard/gateway/auth"
)

// ControlName is the name of the control socket in the data folder. The API is served on it to those who may open it: the user
// that the gateway runs as, and root.
const ControlName = "cordboard.sock"

// controlSocket is the listening end; closing it takes the file away.
type controlSocket struct {
	net.Listener
	path string
}

func (c *controlSocket) Close() error {
	err := c.Listener.Close()
	if gone := os.Remove(c.path); gone != nil && !errors.Is(gone, os.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}

// openControl opens the control socket. A file that a dead process has left is replaced: that no other gateway lives on this folder
// is known by the lock on its calls.
func openControl(dir string) (net.Listener, error) {
	path := filepath.Join(dir, ControlName)
	l, err := listenControl(path)
	if err != nil {
		return nil, fmt.Errorf("open control socket: %w", err)
	}
	return l, nil
}

func listenControl(path string) (net.Listener, error) {
	if runtime.GOOS == "windows" { // whose folder's access list holds for the socket
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		l, err := net.Listen("unix", path)
		if err != nil {
			return nil, err
		}
		return &controlSocket{l, path}, nil
	}
	// A socket is made with the rights of everyone: nobody else gets into the folder where it is before they are taken away. Its
	// name is as long as the final one, which systems limit to about a hundred bytes.
	private, err := os.MkdirTemp(filepath.Dir(path), ".c")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(private)
	made := filepath.Join(private, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: made, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	if err = os.Chmod(made, 0o600); err == nil {
		err = os.Rename(made, path)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &controlSocket{l, path}, nil
}

// owner is the user whom this machine belongs to: the first of the configuration file, else that of [audio] owner, else the first of
// all by name.
func (g *Gateway) owner(ctx context.Context) (auth.User, error) {
	cfg := g.now.Load()
	if len(cfg.User) > 0 {
		u, err := g.accounts.User(ctx, cfg.User[0].Name)
		if !errors.Is(err, auth.ErrNoUser) {
			return u, err
		}
	}
	if name := cfg.Audio.Owner; name != "" {
		u, err := g.accounts.User(ctx, strings.ToLower(name))
		if !errors.Is(err, auth.ErrNoUser) {
			return u, err
		}
	}
	users, err := g.accounts.List(ctx)
	if err != nil || len(users) == 0 {
		return auth.User{}, err
	}
	return users[0], nil
}
