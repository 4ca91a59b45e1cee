package gateway

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
)

// openTCP opens a port of the [listen] table.
func openTCP(key, what, address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, portError(key, what, address, fmt.Errorf("open the %s port %s: %w", what, address, err))
	}
	return l, nil
}

// portError says in one sentence why a port could not be opened and what to do; an error of another kind it leaves as it is.
func portError(key, what, address string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("the %s port %s is in use by another program; set [listen] %s in %s to another port, or stop that program",
			what, address, key, ConfigName)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("the %s port %s may not be opened by this user; set [listen] %s in %s to a port above 1023",
			what, address, key, ConfigName)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("the %s port %s is on an address that this machine does not have; mend [listen] %s in %s",
			what, address, key, ConfigName)
	}
	return err
}
