package store

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"cordboard/gateway/auth"
	"cordboard/gateway/call"
)

// writerEnv makes the test binary a writer: "<first number> <count> <path>".
const writerEnv = "CORDBOARD_STORE_WRITER"

func TestMain(m *testing.M) {
	if args := os.Getenv(writerEnv); args != "" {
		if err := writeAccounts(args); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if path := os.Getenv(liveEnv); path != "" {
		fmt.Fprintln(os.Stderr, writeCalls(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// writeAccounts reports each account on standard output once it and a call of its are written.
func writeAccounts(args string) error {
	var first, count int
	var path string
	if _, err := fmt.Sscan(args, &first, &count, &path); err != nil {
		return err
	}
	s, err := Open(path)
	if err != nil {
		return err
	}
	for i := range count {
		name := fmt.Sprintf("user%d", first+i)
		u := auth.User{Name: name, Display: strings.Repeat("x", i%100), Extension: fmt.Sprint(first + i), SHA256: name}
		if err := s.Put(context.Background(), u); err != nil {
			return err
		}
		if err := s.Add(context.Background(), crashCall(name)); err != nil {
			return err
		}
		fmt.Println(name)
	}
	return s.Close()
}

// crashCall is the one call of an account, made to somebody whom all call.
func crashCall(name string) call.Record {
	began := time.UnixMilli(1_700_000_000_000).UTC()
	return call.Record{ID: name, From: name, To: "everyone", Users: []string{"everyone", name}, Direction: call.Internal,
		Began: began, Ended: began, Reason: call.ReasonAnswered, Status: 200}
}

// startWriter starts a process that writes accounts; its output are their names.
func startWriter(t *testing.T, path string, first, count int) (*exec.Cmd, io.Reader) {
	t.Helper()
	c := exec.Command(os.Args[0], "-test.run=^$")
	c.Env = append(os.Environ(), fmt.Sprintf("%s=%d %d %s", writerEnv, first, count, path))
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill() })
	return c, out
}

// A process that is killed at any moment loses nothing that it reported as written.
func TestKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cordboard.db")
	reported := map[string]bool{}
	for run := range 10 {
		c, out := startWriter(t, path, run*1000000+1000000, 1000000)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			reported[lines.Text()] = true
			if strings.HasSuffix(lines.Text(), "000000") { // the first of this run
				go func() {
					time.Sleep(rand.N(200 * time.Millisecond))
					c.Process.Kill()
				}()
			}
		}
		c.Wait() // killed

		s, err := Open(path) // checks integrity
		if err != nil {
			t.Fatal(err)
		}
		list, err := s.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		there := map[string]bool{}
		for _, u := range list {
			there[u.Name] = true
			if u.SHA256 != u.Name {
				t.Fatalf("run %d: account %+v is not as written", run, u)
			}
		}
		for name := range reported {
			if !there[name] {
				t.Errorf("run %d: %s was reported as written and is gone", run, name)
			}
			calls, err := s.Calls(t.Context(), name, time.Time{}, 10)
			if err != nil || len(calls) != 1 || !reflect.DeepEqual(calls[0], crashCall(name)) {
				t.Fatalf("run %d: calls of %s are %+v, %v, want the one that was reported, with both users", run, name, calls, err)
			}
		}
		if extra := len(there) - len(reported); extra > run+1 { // one a kill may be written and not yet reported
			t.Errorf("run %d: %d accounts more than reported", run, extra)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(reported) < 20 {
		t.Errorf("only %d accounts were written", len(reported))
	}
}

// Several processes open, migrate, read and write at the same time.
func TestProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cordboard.db")
	const writers, each = 3, 30
	var commands []*exec.Cmd
	for i := range writers {
		c, out := startWriter(t, path, 1000*(i+1), each)
		go io.Copy(io.Discard, out)
		commands = append(commands, c)
	}
	s := open(t, path)
	ticks := s.Changes(t.Context())
	for i := range each {
		if err := s.Put(t.Context(), user(t, fmt.Sprintf("own%d", i), fmt.Sprint(i))); err != nil {
			t.Error(err)
		}
		if _, err := s.List(t.Context()); err != nil {
			t.Error(err)
		}
	}
	for _, c := range commands {
		if err := c.Wait(); err != nil {
			t.Errorf("writer: %v", err)
		}
	}
	if calls, err := s.Calls(t.Context(), "everyone", time.Time{}, writers*each); len(calls) != writers*each || err != nil {
		t.Errorf("%d calls, %v, want %d", len(calls), err, writers*each)
	}
	if list, err := s.List(t.Context()); len(list) != (writers+1)*each || err != nil {
		t.Errorf("%d accounts, %v, want %d", len(list), err, (writers+1)*each)
	}
	select {
	case <-ticks:
	case <-time.After(5 * time.Second):
		t.Error("no tick")
	}
}
