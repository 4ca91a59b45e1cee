package store

import (
	"bufio"
	"bytes"
	"errors"
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
	path := filepath.Join(t.TempDir(), "calls.live")
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

// A crash between the writing of a state and the wiping of the one before it leaves both.
func TestLiveTwoStates(t *testing.T) {
	for name, pages := range map[string][]record{
		"newer first": {{2, 2000, "a", []byte("newer")}, {1, 1000, "a", []byte("older")}},
		"newer last":  {{1, 1000, "a", []byte("older")}, {2, 2000, "a", []byte("newer")}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "calls.live")
			text := make([]byte, len(pages)*livePage)
			for i, r := range pages {
				copy(text[i*livePage:], r.append(nil))
			}
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
			l := openLiveAt(t, path)
			wantKept(t, l, map[string]string{"a": "newer"})
			if err := l.Forget("a"); err != nil {
				t.Fatal(err)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			wantKept(t, openLiveAt(t, path), nil)
		})
	}
}

// The file does not grow while calls come and go, and holds long states as well.
func TestLiveUsesPagesAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "calls.live")
	l := openLiveAt(t, path)
	want := map[string]string{}
	for i := range 300 {
		id, state := fmt.Sprint(i%5), strings.Repeat("x", i%7*3000)
		if i%3 == 0 {
			if err := l.Forget(id); err != nil {
				t.Fatal(err)
			}
			delete(want, id)
			continue
		}
		if err := l.Keep(id, []byte(state)); err != nil {
			t.Fatal(err)
		}
		want[id] = state
	}
	wantKept(t, l, want)
	if info, err := os.Stat(path); err != nil || info.Size() > 60*livePage {
		t.Errorf("%d bytes, %v", info.Size(), err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	wantKept(t, openLiveAt(t, path), want)
	if err := l.Keep("late", nil); err == nil {
		t.Error("a closed file keeps a call")
	}
}

// Two processes would write over one another's calls.
func TestLiveInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "calls.live")
	l := openLiveAt(t, path)
	if _, err := OpenLive(path); !errors.Is(err, errInUse) {
		t.Errorf("opened twice: %v", err)
	}
	if err := l.Keep("a", []byte("state")); err != nil {
		t.Error(err)
	}
}

// Whatever bit of the file turns, what is read of it was written, and the file can be used.
func TestLiveBitRot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "calls.live")
	l := openLiveAt(t, path)
	written := map[string]string{}
	for i := range 8 {
		written[fmt.Sprint(i)] = strings.Repeat(fmt.Sprint(i), 1000*i)
		if err := l.Keep(fmt.Sprint(i), []byte(written[fmt.Sprint(i)])); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for range 200 {
		text := bytes.Clone(whole)
		bit := rand.IntN(8 * len(text))
		text[bit/8] ^= 1 << (bit % 8)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		l := openLiveAt(t, path)
		got, _, err := l.Kept()
		if err != nil || len(got) < len(written)-1 {
			t.Fatalf("bit %d: %d calls, %v", bit, len(got), err)
		}
		for id, state := range got {
			if written[id] != string(state) {
				t.Fatalf("bit %d: call %q has changed", bit, id)
			}
		}
		if err := errors.Join(l.Keep("new", []byte("state")), l.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// What a power cut has left of the file does not keep the program from starting.
func TestLiveDamaged(t *testing.T) {
	for name, text := range map[string]string{
		"not a database": strings.Repeat("no database ", 1000),
		"cut":            "SQLite format 3\x00",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "calls.live")
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
	path := filepath.Join(t.TempDir(), "calls.live")
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
	l := openLiveAt(b, filepath.Join(b.TempDir(), "calls.live"))
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
