//go:build e2e

package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// grace is how long a process may take to end after SIGTERM.
const grace = 6 * time.Second

// process is a program under test or one of its peers.
type process struct {
	name string
	cmd  *exec.Cmd
	log  string // path of what it printed
	done chan struct{}
	err  error // of Wait, set when done is closed
}

// program finds a binary or ends the test: skipped, or failed where
// CORDBOARD_E2E=required says that everything must be there.
func program(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, strings.Join(names, " or ")+" is not installed")
	return ""
}

func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CORDBOARD_E2E") == "required" {
		t.Fatalf("%s, and CORDBOARD_E2E=required", what)
	}
	t.Skipf("NOT TESTED: %s", what)
}

// starter starts every process from one OS thread that lives as long as the
// test binary, because the kernel sends Pdeathsig when the starting thread ends.
var starter = sync.OnceValue(func() chan<- func() {
	jobs := make(chan func())
	go func() {
		runtime.LockOSThread()
		for job := range jobs {
			job()
		}
	}()
	return jobs
})

// start runs cmd in its own process group until the test ends; what it prints
// is shown when the test fails.
func start(t *testing.T, name string, cmd *exec.Cmd) *process {
	t.Helper()
	log, err := os.CreateTemp(t.TempDir(), name+"-*.log")
	if err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p := &process{name: name, cmd: cmd, log: log.Name(), done: make(chan struct{})}
	started := make(chan error)
	starter() <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			p.dump(t)
		}
	})
	return p
}

// stop asks the process to end and, after a while, makes it. Idempotent.
func (p *process) stop() {
	p.signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(grace):
		p.kill()
	}
}

// kill ends the process and its group at once, as a power cut would.
func (p *process) kill() {
	if p.running() {
		syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	}
	<-p.done
}

func (p *process) signal(s syscall.Signal) {
	if p.running() {
		syscall.Kill(p.cmd.Process.Pid, s)
	}
}

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// output is what the process printed so far.
func (p *process) output() string {
	b, _ := os.ReadFile(p.log)
	return string(b)
}

// noise are lines of peers that tell nothing: what a machine without D-Bus and
// sound card has Chromium complain of, and how Kamailio starts and ends.
var noise = regexp.MustCompile(`dbus/|ALSA lib|alsa_util|unexpected operator|INFO: (<core>|rr|ctl|auth) \[|pass_fd`)

// dump shows the last part of the log and keeps the whole where
// CORDBOARD_E2E_LOGS names a folder.
func (p *process) dump(t *testing.T) {
	const most = 12 << 10
	var text []byte
	for line := range strings.Lines(p.output()) {
		if !noise.MatchString(line) {
			text = append(text, line...)
		}
	}
	if dir := os.Getenv("CORDBOARD_E2E_LOGS"); dir != "" {
		file := strings.ReplaceAll(t.Name(), "/", "-") + "-" + filepath.Base(p.log)
		os.WriteFile(filepath.Join(dir, file), text, 0o600)
	}
	if cut := len(text) - most; cut > 0 {
		if line := bytes.IndexByte(text[cut:], '\n'); line >= 0 {
			cut += line + 1
		}
		text = append([]byte("…\n"), text[cut:]...)
	}
	t.Logf("log of %s:\n%s", p.name, text)
}

// eventually polls until ok or fails the test with what was waited for.
func eventually(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	if !within(limit, ok) {
		t.Fatalf("after %v: no %s", limit, what)
	}
}

// within polls until ok, at most limit long, and tells how that went.
func within(limit time.Duration, ok func() bool) bool {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if ok() {
			return true
		}
	}
	return ok()
}
