package signaling

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"cordboard/gateway/auth"
)

// manyUsers is over how many users the browsers of TestManyFlows are spread.
const manyUsers = 4000

// TestManyFlows has as many browsers register over TLS on loopback as CORDBOARD_FLOWS says, such as 20000, and says what they cost: when they come, while
// they wait, and when they refresh. The browsers are a process of their own. It needs two descriptors for each of them, one in each process.
func TestManyFlows(t *testing.T) {
	flows, _ := strconv.Atoi(os.Getenv("CORDBOARD_FLOWS"))
	if flows == 0 {
		t.Skip("CORDBOARD_FLOWS says of no flows")
	}
	files := syscall.Rlimit{Cur: uint64(flows) + 1000, Max: uint64(flows) + 1000}
	var have syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &have); err != nil {
		t.Fatal(err)
	}
	if have.Cur < files.Cur {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
			t.Skipf("%d open files are allowed: %v", have.Cur, err)
		}
	}
	w := newIdleWorld(t, manyUsers, false)
	web := httptest.NewUnstartedServer(w.srv)
	web.StartTLS()
	defer web.Config.Close()
	before, processor := memoryInUse(), processorTime(t)

	browsers := exec.Command(os.Args[0], "-test.run", "^TestManyBrowsers$", "-test.timeout", "20m")
	browsers.Env = append(os.Environ(), "CORDBOARD_FLOWS_TO="+web.Listener.Addr().String())
	browsers.Stderr = os.Stderr
	in, err := browsers.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := browsers.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := browsers.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { in.Close(); browsers.Wait() }()
	said := bufio.NewScanner(out)
	await := func(word string) {
		t.Helper()
		for said.Scan() {
			if said.Text() == word {
				return
			}
		}
		t.Fatalf("the browsers never say %q: %v", word, said.Err())
	}
	spent := func() time.Duration {
		before := processor
		processor = processorTime(t)
		return processor - before
	}
	await("registered")
	registered := func() (n int) {
		for u := range manyUsers {
			n += len(w.srv.reg.of(fmt.Sprint("user", u), time.Now()))
		}
		return n
	}
	each := spent() / time.Duration(flows)
	memory := float64(memoryInUse()-before) / float64(flows)
	t.Logf("%d flows: %v of processor time each to connect and register; %.0f bytes each; the process has %s, the kernel's %s",
		registered(), each, memory, kernelSays(t, "/proc/self/status", "VmRSS"), kernelSays(t, "/proc/net/sockstat", "TCP"))
	if memory > memoryCeilingTLS {
		t.Errorf("a browser takes %.0f bytes, want at most %d", memory, memoryCeilingTLS)
	}
	const idle = 2*flowPingEvery + flowPongTime
	spent()
	time.Sleep(idle)
	t.Logf("%.1f %% of a processor while all wait", 100*spent().Seconds()/idle.Seconds())
	fmt.Fprintln(in, "refresh")
	await("refreshed")
	t.Logf("%v of processor time for each refresh", spent()/time.Duration(flows))
	if n := registered(); n != flows {
		t.Errorf("%d browsers are registered in the end, want %d", n, flows)
	}
}

// TestManyBrowsers is the other process of TestManyFlows.
func TestManyBrowsers(t *testing.T) {
	addr := os.Getenv("CORDBOARD_FLOWS_TO")
	if addr == "" {
		t.Skip("TestManyFlows starts it")
	}
	flows, _ := strconv.Atoi(os.Getenv("CORDBOARD_FLOWS"))
	w := &idleWorld{tb: t, eph: auth.Ephemeral{Secrets: [][]byte{[]byte("0123456789abcdef")}, Hash: crypto.SHA1}, tls: &tls.Config{InsecureSkipVerify: true}}
	answers := make(chan error, flows)
	var all []*waitingBrowser
	for i := range flows {
		from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+i/2000))}} // an address has some 28 000 ports at most
		b := &waitingBrowser{w.openAt(fmt.Sprint("user", i%manyUsers), func() net.Conn {
			conn, err := from.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			return conn
		})}
		all = append(all, b)
		go b.wait(answers)
		if err := b.send(b.register()); err != nil {
			t.Fatal(err)
		}
		if err := <-answers; err != nil {
			t.Fatal(err)
		}
	}
	fmt.Println("registered")
	for word := bufio.NewScanner(os.Stdin); word.Scan(); {
		for _, b := range all {
			if err := b.send(b.register()); err != nil {
				t.Fatal(err)
			}
			if err := <-answers; err != nil {
				t.Fatal(err)
			}
		}
		fmt.Println("refreshed")
	}
	os.Exit(0)
}

// waitingBrowser answers pings all the time.
type waitingBrowser struct{ *idleBrowser }

// wait reads until the connection ends and reports what each REGISTER got.
func (b *waitingBrowser) wait(answers chan<- error) {
	for {
		var head [4]byte
		if _, err := io.ReadFull(b.conn, head[:2]); err != nil {
			answers <- err
			return
		}
		n := int(head[1])
		if n == 126 {
			io.ReadFull(b.conn, head[2:])
			n = int(binary.BigEndian.Uint16(head[2:]))
		}
		text := make([]byte, n)
		if _, err := io.ReadFull(b.conn, text); err != nil {
			answers <- err
			return
		}
		switch {
		case head[0] == 0x89: // a ping
			b.conn.Write(append([]byte{0x8a, 0x80 | byte(n), 0, 0, 0, 0}, text...))
		case bytes.HasPrefix(text, []byte("SIP/2.0 200 ")):
			answers <- nil
		default:
			answers <- fmt.Errorf("%.200q", text)
		}
	}
}

// processorTime is what this process has used.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// kernelSays is what follows a word at the beginning of a line in a file of the kernel's.
func kernelSays(t *testing.T, file, word string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, word+":"); found {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}
