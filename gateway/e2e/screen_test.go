//go:build e2e

package e2e

import (
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// buildWindow builds ./app with its window once.
var buildWindow = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(workshop, "cordboard-window")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", binary, "cordboard/app").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return binary, nil
})

// screen is a display of the test's own, without hardware and without a window manager. It is worked as a person would: by keys, and
// by clicks on words that are seen.
type screen struct {
	t      *testing.T
	name   string          // as DISPLAY has it
	frame  string          // file with what is shown, as X has it in memory
	window string          // as xdotool has it
	shown  image.Rectangle // of the window
	env    []string        // of the program whose window is on it, beside that
	args   []string        // that the program gets
}

// startScreen runs Xvfb until the test ends; it chooses a display that is free. It builds the window, too, before a test changes HOME,
// where Go keeps what it has compiled.
func startScreen(t *testing.T) *screen {
	t.Helper()
	if _, err := buildWindow(); err != nil {
		t.Fatalf("build the window: %v", err)
	}
	program(t, "xdotool")
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatalf("start a screen: %v", err)
	}
	defer read.Close()
	dir := t.TempDir()
	cmd := exec.Command(program(t, "Xvfb"), "-displayfd", "3", "-screen", "0", "1280x800x24", "-fbdir", dir, "-nolisten", "tcp")
	cmd.ExtraFiles = []*os.File{write}
	start(t, "xvfb", cmd)
	write.Close()
	var number int
	if _, err := fmt.Fscan(read, &number); err != nil { // ends with Xvfb, too
		t.Fatalf("start a screen: Xvfb tells no display: %v", err)
	}
	return &screen{t: t, name: fmt.Sprintf(":%d", number), frame: filepath.Join(dir, "Xvfb_screen0")}
}

// does sends mouse and keyboard events, in xdotool's words, and gives what it prints.
func (s *screen) does(args ...string) (string, error) {
	cmd := exec.Command("xdotool", args...)
	cmd.Env = append(os.Environ(), "DISPLAY="+s.name)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// must fails the test when it can't be done.
func (s *screen) must(args ...string) string {
	s.t.Helper()
	out, err := s.does(args...)
	if err != nil {
		s.t.Fatalf("xdotool %q: %v\n%s", args, err, out)
	}
	return out
}

// fill waits for a window and makes it as large as the screen, with the pointer in it, where the keyboard works then.
func (s *screen) fill(title string) { s.t.Helper(); s.size(title, 1280, 800) }

// size waits for a window and gives it a size in pixels, at the upper left of the screen.
func (s *screen) size(title string, width, height int) {
	s.t.Helper()
	id := ""
	eventually(s.t, patience, "window "+title, func() bool {
		out, err := s.does("search", "--onlyvisible", "--name", title)
		id, _, _ = strings.Cut(out, "\n")
		return err == nil && id != ""
	})
	s.must("windowsize", "--sync", id, fmt.Sprint(width), fmt.Sprint(height), "windowmove", id, "0", "0")
	s.window, s.shown = id, image.Rect(0, 0, width, height)
	s.rest()
}

// closes presses the window's cross, which is the window manager's elsewhere.
func (s *screen) closes() {
	s.t.Helper()
	if err := xClose(s.name, s.window); err != nil {
		s.t.Fatal(err)
	}
	eventually(s.t, patience, "end of the window", func() bool {
		out, err := s.does("search", "--onlyvisible", "--name", ".")
		return err != nil || out == ""
	})
}

// rest takes the pointer to where it points to nothing, in the window.
func (s *screen) rest() { s.must("mousemove", "3", fmt.Sprint(s.shown.Max.Y-3)) }

// key presses keys, by their names in X.
func (s *screen) key(keys ...string) { s.t.Helper(); s.must(append([]string{"key"}, keys...)...) }

// writes types text.
func (s *screen) writes(text string) { s.t.Helper(); s.must("type", text) }

// until does something until it has worked: what the API tells is on the screen a moment later.
func (s *screen) until(t *testing.T, verb, what string, worked func() bool) {
	t.Helper()
	eventually(t, patience, verb+" "+what, func() bool {
		s.must(verb, what)
		return within(patience/8, worked)
	})
}

// picture is what the window shows now.
func (s *screen) picture() *image.RGBA {
	s.t.Helper()
	const header = 25 // numbers of 32 bits, of X's window dump
	dump, err := os.ReadFile(s.frame)
	if err != nil || len(dump) < 4*header {
		s.t.Fatalf("read the screen: %d bytes, %v", len(dump), err)
	}
	number := func(i int) int { return int(binary.BigEndian.Uint32(dump[4*i:])) }
	stride, pixels := number(12), dump[number(0)+12*number(19):] // after the name and the colours
	p := image.NewRGBA(s.shown)
	for y := range s.shown.Max.Y {
		for x := range s.shown.Max.X {
			at := pixels[y*stride+4*x:]
			p.SetRGBA(x, y, color.RGBA{R: at[2], G: at[1], B: at[0], A: 0xFF})
		}
	}
	return p
}

// save keeps a picture of the window as PNG.
func (s *screen) save(file string) {
	s.t.Helper()
	f, err := os.Create(file)
	if err != nil {
		s.t.Fatalf("keep a picture: %v", err)
	}
	defer f.Close()
	if err := png.Encode(f, s.picture()); err != nil {
		s.t.Fatalf("keep a picture: %v", err)
	}
}

// shows waits until words are on the screen, and gives their middle.
func (s *screen) shows(t *testing.T, words string) (at image.Point) {
	t.Helper()
	if !within(patience, func() (there bool) { at, there = find(s.picture(), words); return there }) {
		t.Fatalf("the window doesn't show %q", words)
	}
	return at
}

// click waits until words stand still on the screen, and clicks there.
func (s *screen) click(t *testing.T, words string) {
	t.Helper()
	at := s.shows(t, words)
	for before := at.Add(image.Pt(1, 0)); at != before; time.Sleep(50 * time.Millisecond) {
		before, at = at, s.shows(t, words)
	}
	s.must("mousemove", fmt.Sprint(at.X), fmt.Sprint(at.Y), "click", "1")
	s.rest()
}

// keep leaves a picture of a screen that is not as it should be, where CORDBOARD_E2E_LOGS names a folder.
func (s *screen) keep(t *testing.T) {
	if dir := os.Getenv("CORDBOARD_E2E_LOGS"); dir != "" {
		s.save(filepath.Join(dir, strings.ReplaceAll(t.Name(), "/", "-")+".png"))
	}
}
