package store

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func openLiveAt(t testing.TB, path string) *Live {
	t.Helper()
	l, err := OpenLive(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// wantKept checks which calls are there.
func wantKept(t *testing.T, l *Live, want map[string]string) (alive time.Time) {
	t.Helper()
	got, alive, err := l.Kept()
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Errorf("%d calls, want %d", len(got), len(want))
	}
	for id, state := range want {
		if string(got[id]) != state {
			t.Errorf("call %s is %q, want %q", id, got[id], state)
		}
	}
	return alive
}

func TestLive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "calls.db")
	l := openLiveAt(t, path)
	if alive := wantKept(t, l, nil); alive.After(time.UnixMilli(0)) {
		t.Errorf("alive at %v before it ever was", alive)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	begun := time.Now().Truncate(time.Millisecond)
	must(l.Keep("a", []byte("first")))
	must(l.Keep("b", []byte("other")))
	must(l.Keep("a", []byte("second")))
	must(l.Forget("b"))
	must(l.Forget("unknown"))
	if alive := wantKept(t, l, map[string]string{"a": "second"}); alive.Before(begun) || alive.After(time.Now()) {
		t.Errorf("alive at %v, want when the call was kept, after %v", alive, begun)
	}
	must(l.Alive(begun.Add(time.Hour)))
	must(l.Close())
	l = openLiveAt(t, path)
	if alive := wantKept(t, l, map[string]string{"a": "second"}); !alive.Equal(begun.Add(time.Hour)) {
		t.Errorf("alive at %v, want %v", alive, begun.Add(time.Hour))
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("file is %v, %v, want mode 0600", info.Mode(), err)
	}
}

// What a power cut has left of the file does not keep the program from starting.
func TestLiveDamaged(t *testing.T) {
	for name, text := range map[string]string{
		"not a database": strings.Repeat("no database ", 1000),
		"cut":            "SQLite format 3\x00",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "calls.db")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			l := openLiveAt(t, path)
			if err := l.Keep("a", []byte("state")); err != nil {
				t.Error(err)
			}
			wantKept(t, l, map[string]string{"a": "state"})
		})
	}
}

// liveEnv makes the test binary a writer of calls: "<path>".
const liveEnv = "CORDBOARD_LIVE_WRITER"

// writeCalls reports each state of a call on standard output once it is written, and never ends by itself.
func writeCalls(path string) error {
	l, err := OpenLive(path)
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		if err := l.Keep(fmt.Sprint(i%50), fmt.Appendf(nil, "%d %s", i, strings.Repeat("x", 2000))); err != nil {
			return err
		}
		fmt.Println(i)
	}
}

// A process that is killed at any moment has kept what it said it had.
func TestLiveKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "calls.db")
	for range 5 {
		c := exec.Command(os.Args[0], "-test.run=^$")
		c.Env = append(os.Environ(), liveEnv+"="+path)
		c.Stderr = os.Stderr
		out, err := c.StdoutPipe()
		if err == nil {
			err = c.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		last := -1
		most := 50 + rand.IntN(500)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if _, err := fmt.Sscan(lines.Text(), &last); err != nil {
				t.Fatal(err)
			}
			if last == most {
				c.Process.Kill()
			}
		}
		c.Wait() // killed
		l := openLiveAt(t, path)
		states, _, err := l.Kept()
		if err != nil {
			t.Fatal(err)
		}
		for call := range 50 {
			want := last - (last-call)%50 // of the number that was written last
			var got int
			if fmt.Sscan(string(states[fmt.Sprint(call)]), &got); got < want {
				t.Errorf("call %d has state %d, %d was reported", call, got, want)
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// What a call costs here: one Keep when it is answered, and one Forget.
func BenchmarkLive(b *testing.B) {
	l := openLiveAt(b, filepath.Join(b.TempDir(), "calls.db"))
	state := []byte(strings.Repeat("x", 4000))
	for i := range 500 {
		if err := l.Keep(fmt.Sprint("up ", i), state); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := l.Keep("call", state); err != nil {
			b.Fatal(err)
		}
		if err := l.Forget("call"); err != nil {
			b.Fatal(err)
		}
	}
}
