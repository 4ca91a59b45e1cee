package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cordboard/gateway"
)

// buildDir holds the binary under test.
var buildDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "cordboard-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	buildDir = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

var build = sync.OnceValues(func() (string, error) {
	path := filepath.Join(buildDir, "cordboard")
	out, err := exec.Command("go", "build", "-ldflags", "-X main.version=1.2.3", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
})

// binary is the program as people run it.
func binary(t *testing.T) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// output is what a running program has printed so far.
type output struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all.String()
}

// serving is a running gateway.
type serving struct {
	*exec.Cmd
	out, log output
	ended    chan error
}

// serveOn starts the binary with a configuration on free ports and waits until it greets.
func serveOn(t *testing.T, dir, more string) *serving {
	t.Helper()
	config := "[listen]\nhttps = \"127.0.0.1:0\"\nmedia = \"127.0.0.1:0\"\nsip = \"127.0.0.1:0\"\n" + more
	if err := os.WriteFile(filepath.Join(dir, gateway.ConfigName), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &serving{Cmd: exec.Command(binary(t), "serve", "--data", dir), ended: make(chan error, 1)}
	s.Stdout, s.Stderr = &s.out, &s.log
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { s.ended <- s.Wait() }()
	t.Cleanup(func() {
		_ = s.Process.Kill() // it has ended, as a rule
		if t.Failed() {
			t.Logf("output:\n%s\nlog:\n%s", s.out.String(), s.log.String())
		}
	})
	s.eventually(t, "a greeting", func() bool { return strings.Contains(s.out.String(), "Stop:") })
	return s
}

func (s *serving) eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("no %s after 30 s", what)
}

// end waits for the program's end, as long as it may take to stop.
func (s *serving) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-s.ended:
		return err
	case <-time.After(gateway.StopTime + 2*time.Second):
		t.Fatalf("still running %v after the signal", gateway.StopTime+2*time.Second)
		return nil
	}
}

func (s *serving) signal(t *testing.T, sig os.Signal) {
	t.Helper()
	if err := s.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// cordboard runs another command of the binary on the same data.
func cordboard(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command(binary(t), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("cordboard %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func TestServe(t *testing.T) {
	dir := t.TempDir()
	s := serveOn(t, dir, "")
	for _, want := range []string{`https://localhost:\d+\n`, `https://localhost:\d+/trust `, `user operator, one-time password [a-z0-9-]{19}\n`, `call echo \(hears you back\) or tone`} {
		if !regexp.MustCompile(want).MatchString(s.out.String()) {
			t.Errorf("the greeting has no %s:\n%s", want, s.out.String())
		}
	}
	page := regexp.MustCompile(`https://localhost(:\d+)\n`).FindStringSubmatch(s.out.String())
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}
	client := http.Client{Transport: transport, Timeout: 5 * time.Second}
	res, err := client.Get("https://127.0.0.1" + page[1] + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("/healthz = %s", res.Status)
	}

	// Accounts are changed beside a running gateway.
	cordboard(t, "user", "add", "alice", "--generate", "--data", dir)
	if out := cordboard(t, "user", "list", "--data", dir); !strings.Contains(out, "alice") || !strings.Contains(out, "operator") {
		t.Errorf("list = %s, want alice and operator", out)
	}
	if out := cordboard(t, "token", "--user", "alice", "--data", dir); !regexp.MustCompile(`^username: \d+:alice\npassword: \S+\n$`).MatchString(out) {
		t.Errorf("token = %q", out)
	}
	if out := cordboard(t, "version"); out != "cordboard 1.2.3\n" {
		t.Errorf("version = %q", out)
	}

	config := filepath.Join(dir, gateway.ConfigName)
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ file, log string }{
		{"nam = 1\n", "1: nam: unknown key; did you mean name?"},
		{string(text) + "[auth]\nrequire_handshake = true\n[log]\nlevel = \"debug\"\n", "waits for the next start\" key=[auth]"},
	} {
		if err := os.WriteFile(config, []byte(step.file), 0o600); err != nil {
			t.Fatal(err)
		}
		s.signal(t, syscall.SIGHUP)
		s.eventually(t, "log of "+step.log, func() bool { return strings.Contains(s.log.String(), step.log) })
	}

	s.signal(t, syscall.SIGTERM)
	if err := s.end(t); err != nil {
		t.Errorf("ended with %v, want exit code 0", err)
	}
	if strings.Contains(s.log.String(), "one-time password") || strings.Contains(s.log.String(), "level=ERROR msg=\"request panicked") {
		t.Errorf("the log has what does not belong there:\n%s", s.log.String())
	}
}

func TestServeOutlivesItsReader(t *testing.T) {
	dir := t.TempDir()
	s := serveOn(t, dir, "")
	s.signal(t, os.Interrupt)
	if err := s.end(t); err != nil {
		t.Fatalf("ended with %v", err)
	}
	cmd := exec.Command(binary(t), "serve", "--data", dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	if _, err := bufio.NewReader(log).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	out.Close()
	log.Close()
	time.Sleep(300 * time.Millisecond) // in which it would die of a broken pipe
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("it ended with its reader: %v", err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("ended with %v, want exit code 0", err)
	}
}

// TestNoReportedAccountIsLost kills the program while it adds accounts, as a power cut would. What it said
// it added is there afterwards.
func TestNoReportedAccountIsLost(t *testing.T) {
	dir := t.TempDir()
	var reported []string
	for i := range 40 {
		cmd := exec.Command(binary(t), "user", "add", fmt.Sprintf("user-%d", i), "--generate", "--data", dir)
		var out output
		cmd.Stdout = &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		kill := time.AfterFunc(time.Duration(i)*500*time.Microsecond, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // killed, or done
		kill.Stop()
		if strings.Contains(out.String(), "added") {
			reported = append(reported, fmt.Sprintf("user-%d", i))
		}
	}
	list := cordboard(t, "user", "list", "--data", dir)
	for _, name := range reported {
		if !regexp.MustCompile(`(?m)^` + name + ` `).MatchString(list) {
			t.Errorf("%s was reported and is lost", name)
		}
	}
	t.Logf("%d of 40 were reported before the kill", len(reported))
}
