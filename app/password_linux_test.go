package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal opens a pseudo-terminal: what is written to keyboard comes out of screen, as someone typed it.
func terminal(t *testing.T) (keyboard, screen *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("open a terminal: %v", err)
	}
	t.Cleanup(func() { keyboard.Close() })
	if err := unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Skipf("unlock a terminal: %v", err)
	}
	n, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Skipf("number of a terminal: %v", err)
	}
	screen, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("open a terminal: %v", err)
	}
	t.Cleanup(func() { screen.Close() })
	return keyboard, screen
}

// echoes says whether a terminal shows what is typed.
func echoes(fd int) bool {
	state, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	return err == nil && state.Lflag&unix.ECHO != 0
}

// prompts tells of each prompt that is written to it.
type prompts struct {
	mu   sync.Mutex
	text bytes.Buffer
	each chan struct{}
}

func (p *prompts) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if strings.HasSuffix(string(b), ": ") {
		p.each <- struct{}{}
	}
	return p.text.Write(b)
}

func TestPasswordIsAskedTwiceAtATerminal(t *testing.T) {
	for _, tt := range []struct{ name, first, second, want, err string }{
		{"alike", "correct horse", "correct horse", "correct horse", ""},
		{"different", "correct horse", "battery staple", "", "differ"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			keyboard, screen := terminal(t)
			fd := int(screen.Fd())
			shown := make(chan string, 1)
			go func() {
				text, _ := io.ReadAll(keyboard) // ends with an error when the screen closes
				shown <- string(text)
			}()
			p := &prompts{each: make(chan struct{}, 2)}
			go func() {
				for _, line := range []string{tt.first, tt.second} {
					<-p.each
					for echoes(fd) {
						time.Sleep(time.Millisecond)
					}
					fmt.Fprintln(keyboard, line)
				}
			}()
			got, err := askPassword(console{in: screen, out: os.Stdout, err: p})
			if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("askPassword = %q, %v, want %q, %q", got, err, tt.want, tt.err)
			}
			screen.Close() // ends what the keyboard's side shows
			if shown := <-shown; strings.Contains(shown, "horse") {
				t.Errorf("the terminal shows the password: %q", shown)
			}
		})
	}
}
