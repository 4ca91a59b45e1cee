//go:build e2e

package e2e

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// xClose asks a window to close as a window manager does when its cross is pressed (ICCCM §4.2.8.1), by the X protocol: a screen
// without a window manager has no cross, and xdotool can only destroy. display is as DISPLAY has it, window a number.
func xClose(display, window string) error {
	id, err := strconv.ParseUint(window, 10, 32)
	if err != nil {
		return fmt.Errorf("close a window: %w", err)
	}
	c, err := net.Dial("unix", "/tmp/.X11-unix/X"+strings.TrimPrefix(display, ":"))
	if err != nil {
		return fmt.Errorf("close a window: %w", err)
	}
	defer c.Close()
	_, err = c.Write([]byte{'l', 0, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0}) // little endian, version 11.0, no authority
	head := make([]byte, 8)
	if err == nil {
		_, err = io.ReadFull(c, head)
	}
	if err == nil && head[0] != 1 {
		err = errors.New("no access to the screen")
	}
	if err == nil {
		_, err = io.CopyN(io.Discard, c, 4*int64(binary.LittleEndian.Uint16(head[6:])))
	}
	atom := func(name string) (number uint32) { // InternAtom
		if err != nil {
			return 0
		}
		request := binary.LittleEndian.AppendUint16([]byte{16, 0}, uint16(2+(len(name)+3)/4))
		request = binary.LittleEndian.AppendUint32(request, uint32(len(name)))
		request = append(append(request, name...), make([]byte, (4-len(name)%4)%4)...)
		reply := make([]byte, 32)
		if _, err = c.Write(request); err == nil {
			_, err = io.ReadFull(c, reply)
		}
		return binary.LittleEndian.Uint32(reply[8:])
	}
	protocols, close := atom("WM_PROTOCOLS"), atom("WM_DELETE_WINDOW")
	request := []byte{25, 0, 11, 0} // SendEvent
	for _, n := range []uint32{uint32(id), 0, 33 | 32<<8 /* ClientMessage of 32-bit numbers */, uint32(id), protocols, close, 0, 0, 0, 0} {
		request = binary.LittleEndian.AppendUint32(request, n)
	}
	if err == nil {
		_, err = c.Write(request)
	}
	atom("WM_PROTOCOLS") // answered after the event has gone
	if err != nil {
		return fmt.Errorf("close a window: %w", err)
	}
	return nil
}
