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

// socketMemory is what a socket takes of the heap by itself, in bytes: net's and the poller's part of it.
const socketMemory = 2 << 10

// TestManyFlows has as many browsers register over TLS on loopback as CORDBOARD_FLOWS says, such as 20000, and says what they cost: when they come, while
// they wait, and when they refresh. Then the first and the last one are called. The browsers are a process of their own, and each needs a descriptor in
// either process; those for which there are none come by TLS over memory, from our process, before memory is measured.
func TestManyFlows(t *testing.T) {
	flows, _ := strconv.Atoi(os.Getenv("CORDBOARD_FLOWS"))
	if flows == 0 {
		t.Skip("CORDBOARD_FLOWS says of no flows")
	}
	const others = 500 // descriptors
	files := syscall.Rlimit{Cur: uint64(flows) + others, Max: uint64(flows) + others}
	var have syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &have); err != nil {
		t.Fatal(err)
	}
	if have.Cur < files.Cur && syscall.Setrlimit(syscall.RLIMIT_NOFILE, &files) == nil {
		have = files
	}
	sockets := min(flows, int(have.Cur)-others)
	w := newIdleWorld(t, manyUsers, true)
	web := httptest.NewUnstartedServer(w.srv)
	web.StartTLS()
	defer web.Config.Close()
	inMemory := w.crowd(t, 0, flows-sockets, w.dialInMemory)
	before, processor := memoryInUse(), processorTime(t)

	browsers := exec.Command(os.Args[0], "-test.run", "^TestManyBrowsers$", "-test.timeout", "20m")
	browsers.Env = append(os.Environ(), "CORDBOARD_FLOWS_TO="+web.Listener.Addr().String(), fmt.Sprint("CORDBOARD_FLOWS_FROM=", flows-sockets))
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
	each := spent() / time.Duration(sockets)
	memory := float64(memoryInUse()-before) / float64(sockets)
	t.Logf("%d flows, %d of them by sockets: %v of processor time each to connect and register; %.0f bytes each; the process has %s, the kernel's %s",
		registered(), sockets, each, memory, kernelSays(t, "/proc/self/status", "VmRSS"), kernelSays(t, "/proc/net/sockstat", "TCP"))
	if memory > memoryCeilingTLS+socketMemory {
		t.Errorf("a browser takes %.0f bytes, want at most %d", memory, memoryCeilingTLS+socketMemory)
	}
	const idle = 2*flowPingEvery + flowPongTime
	spent()
	time.Sleep(idle)
	t.Logf("%.1f %% of a processor while all wait", 100*spent().Seconds()/idle.Seconds())
	fmt.Fprintln(in, "refresh")
	await("refreshed")
	t.Logf("%v of processor time for each refresh", spent()/time.Duration(sockets))
	inMemory.refresh(t)
	if n := registered(); n != flows {
		t.Errorf("%d browsers are registered in the end, want %d", n, flows)
	}
	a := w.costBrowser(web.Listener.Addr().String(), "user1")
	for i, one := range []int{flows - sockets, flows - 1} {
		began, callID := time.Now(), fmt.Sprint("call", i)
		if err := a.send(a.text("INVITE", fmt.Sprintf("sip:user%d@office.example", one%manyUsers), callID, "", "v=0")); err != nil {
			t.Fatal(err)
		}
		uri := field(a.next("SIP/2.0 200 "), "Contact: <", ">")
		t.Logf("flow %d has answered a call after %v", one, time.Since(began))
		a.seq--
		if err := a.send(a.text("ACK", uri, callID, ";tag=callee", "")); err != nil {
			t.Fatal(err)
		}
		a.want("SIP/2.0 200 ", a.text("BYE", uri, callID, ";tag=callee", ""))
		await(fmt.Sprint("hung up ", one))
	}
}

// TestManyBrowsers is the other process of TestManyFlows.
func TestManyBrowsers(t *testing.T) {
	addr := os.Getenv("CORDBOARD_FLOWS_TO")
	if addr == "" {
		t.Skip("TestManyFlows starts it")
	}
	flows, _ := strconv.Atoi(os.Getenv("CORDBOARD_FLOWS"))
	first, _ := strconv.Atoi(os.Getenv("CORDBOARD_FLOWS_FROM"))
	w := &idleWorld{tb: t, eph: auth.Ephemeral{Secrets: [][]byte{[]byte("0123456789abcdef")}, Hash: crypto.SHA1}, tls: &tls.Config{InsecureSkipVerify: true}, opened: first}
	dialled := 0
	all := w.crowd(t, first, flows, func() net.Conn {
		dialled++
		from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+dialled/2000))}} // an address has some 28 000 ports at most
		conn, err := from.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		return conn
	})
	fmt.Println("registered")
	for word := bufio.NewScanner(os.Stdin); word.Scan(); {
		all.refresh(t)
		fmt.Println("refreshed")
	}
	os.Exit(0)
}

// crowd are browsers that have come and answer pings all the time.
type crowd struct {
	browsers []*waitingBrowser
	answers  chan error
}

// crowd has browsers from first to before last connect by dial and register. The first and the last one answer calls, all others are busy.
func (w *idleWorld) crowd(t *testing.T, first, last int, dial func() net.Conn) crowd {
	t.Helper()
	c := crowd{answers: make(chan error, last)}
	for i := first; i < last; i++ {
		b := &waitingBrowser{w.openAt(fmt.Sprint("user", i%manyUsers), dial), i, i == first || i == last-1}
		c.browsers = append(c.browsers, b)
		go b.wait(c.answers)
		c.register(t, b)
	}
	return c
}

// refresh has all register again.
func (c crowd) refresh(t *testing.T) {
	t.Helper()
	for _, b := range c.browsers {
		c.register(t, b)
	}
}

func (c crowd) register(t *testing.T, b *waitingBrowser) {
	t.Helper()
	if err := b.send(b.register()); err != nil {
		t.Fatal(err)
	}
	if err := <-c.answers; err != nil {
		t.Fatal(err)
	}
}

// waitingBrowser answers pings all the time.
type waitingBrowser struct {
	*idleBrowser
	number int
	free   bool // and answers calls
}

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
		case bytes.HasPrefix(text, []byte("INVITE ")) && b.free:
			b.send(b.answer(string(text), "200 OK", "v=0"))
		case bytes.HasPrefix(text, []byte("INVITE ")):
			b.send(b.answer(string(text), "486 Busy Here", ""))
		case bytes.HasPrefix(text, []byte("BYE ")):
			b.send(b.answer(string(text), "200 OK", ""))
			fmt.Println("hung up", b.number)
		case bytes.HasPrefix(text, []byte("ACK ")):
		default:
			answers <- fmt.Errorf("%.200q", text)
		}
	}
}

// processorTime is what this process has used.
func processorTime(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
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
