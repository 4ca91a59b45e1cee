package signaling

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/auth"
)

func TestFlowCarriesMessagesBothWays(t *testing.T) {
	for _, secure := range []bool{true, false} {
		t.Run(fmt.Sprintf("secure=%v", secure), func(t *testing.T) {
			b := newDoorBench(t, nil)
			transport := "WS"
			if secure {
				b.overTLS()
				transport = "WSS"
			} else {
				b.overHTTP()
			}
			ws := b.browser()

			flowWrite(t, ws, sipMessage("hello", "Content-Length: 5"))
			wantAnswer(t, ws, "hello")
			up := <-b.requests
			f := b.door.flow(up.Source())
			if f == nil || f != b.theFlow() {
				t.Fatalf("flow(%q) = %v", up.Source(), f)
			}
			if up.Transport() != transport || f.Transport() != transport {
				t.Errorf("transport %s, flow says %s, want %s", up.Transport(), f.Transport(), transport)
			}
			if f.Source() != f.Remote().String() || f.Local().String() != b.web.Listener.Addr().String() {
				t.Errorf("source %s, remote %s, local %s", f.Source(), f.Remote(), f.Local())
			}

			req := sip.NewRequest(sip.OPTIONS, sip.Uri{Scheme: "sip", User: "x", Host: "df7jal23ls0d.invalid"})
			req.SetTransport(f.Transport())
			req.SetDestination(f.Source())
			via := &sip.ViaHeader{ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: transport, Host: "office.example", Params: sip.NewParams()}
			via.Params.Add("branch", sip.GenerateBranch())
			from := &sip.FromHeader{Address: sip.Uri{Scheme: "sip", Host: "office.example"}, Params: sip.NewParams()}
			from.Params.Add("tag", "g")
			id := sip.CallIDHeader("down")
			for _, h := range []sip.Header{via, from, &sip.ToHeader{Address: req.Recipient}, &id, &sip.CSeqHeader{SeqNo: 1, MethodName: sip.OPTIONS}} {
				req.AppendHeader(h)
			}
			tx, err := f.request(req)
			if err != nil {
				t.Fatal(err)
			}
			defer tx.Terminate()
			down, err := sip.ParseMessage([]byte(flowRead(t, ws)))
			if err != nil {
				t.Fatal(err)
			}
			res := sip.NewResponseFromRequest(down.(*sip.Request), 200, "OK", nil)
			flowWrite(t, ws, res.String())
			select {
			case got := <-tx.Responses():
				if got.StatusCode != 200 {
					t.Errorf("answer %d, want 200", got.StatusCode)
				}
			case <-time.After(patient):
				t.Error("no answer to the request down the flow")
			}
		})
	}
}

// A client need not wait for the answer to its handshake before it sends.
func TestFlowTakesWhatComesEarly(t *testing.T) {
	b := newDoorBench(t, nil).overHTTP()
	conn, err := net.Dial("tcp", b.web.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	early := &idleBrowser{conn: &memoryConn{out: newMemoryPipe()}}
	early.send(sipMessage("early"))
	frame := early.conn.(*memoryConn).out.data
	head := "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
	if _, err := conn.Write(append([]byte(head), frame...)); err != nil { // in one segment
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	if res, err := http.ReadResponse(in, nil); err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(res, err)
	}
	p := make([]byte, 1<<16)
	msg, err := (&idleBrowser{conn: bufferedConn{conn, in}}).read(p)
	if err != nil || !strings.HasSuffix(string(msg), "\r\n\r\nearly") {
		t.Errorf("answer %q, %v", msg, err)
	}
}

// bufferedConn is a connection of which a part is in a buffer.
type bufferedConn struct {
	net.Conn
	in *bufio.Reader
}

func (c bufferedConn) Read(p []byte) (int, error) { return c.in.Read(p) }

func TestFlowSuppliesContentLength(t *testing.T) {
	b := newDoorBench(t, nil).overTLS()
	ws := b.browser()
	for _, tt := range []struct {
		msg, body string
	}{
		{sipMessage("no length"), "no length"},
		{sipMessage(""), ""},
		{sipMessage("compact", "l: 7"), "compact"},
		{sipMessage("folded", "Content-Length:", "  6"), "folded"},
		{sipMessage("more than said", "Content-Length: 4"), "more"},
		{"\r\n\r\n" + sipMessage("after empty lines"), "after empty lines"},
		{sipMessage("ümläüt"), "ümläüt"},
	} {
		flowWrite(t, ws, tt.msg)
		wantAnswer(t, ws, tt.body)
		up := <-b.requests
		if n := up.ContentLength(); n == nil || int(*n) != len(tt.body) {
			t.Errorf("Content-Length %v for %q", n, tt.body)
		}
	}
}

func TestFlowTakesFragmentsBinaryPingsAndKeepAlives(t *testing.T) {
	b := newDoorBench(t, nil).overTLS()
	ws := b.browser()

	w, err := ws.Writer(t.Context(), websocket.MessageText)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.SplitAfter(sipMessage("in pieces"), "\r\n") {
		w.Write([]byte(part)) // a frame each
	}
	w.Close()
	wantAnswer(t, ws, "in pieces")

	if err := ws.Write(t.Context(), websocket.MessageBinary, []byte(sipMessage("binary"))); err != nil {
		t.Fatal(err)
	}
	wantAnswer(t, ws, "binary")

	answer := make(chan string, 1)
	go func() { answer <- flowRead(t, ws) }() // pongs are met while reading
	for range 3 {
		if err := ws.Ping(t.Context()); err != nil { // with a number as payload
			t.Fatal(err)
		}
	}
	flowWrite(t, ws, "\r\n\r\n")
	if got := <-answer; got != "\r\n" {
		t.Errorf("keep-alive answered with %q, want CRLF", got)
	}
	flowWrite(t, ws, "\r\n")
	flowWrite(t, ws, "")
	flowWrite(t, ws, sipMessage("still there"))
	wantAnswer(t, ws, "still there")
	if n := len(b.requests); n != 3 {
		t.Errorf("%d messages came up, want 3", n)
	}
	if bad := b.theFlow().bad.Load(); bad != 0 {
		t.Errorf("%d malformed messages counted, want none", bad)
	}
}

func TestFlowCarriesLongMessages(t *testing.T) {
	b := newDoorBench(t, nil).overTLS()
	b.onRequest = func(req *sip.Request, tx sip.ServerTransaction) {
		tx.Respond(sip.NewResponseFromRequest(req, 200, "OK", []byte(fmt.Sprint(len(req.Body())))))
	}
	ws := b.browser()
	for _, n := range []int{100, 125, 126, 127, 4096, 32768, 60000} {
		flowWrite(t, ws, sipMessage(strings.Repeat("x", n)))
		wantAnswer(t, ws, fmt.Sprint(n))
	}
	room := maxMessage - len(sipMessage("", "Content-Length: 65000"))
	flowWrite(t, ws, sipMessage(strings.Repeat("x", room), fmt.Sprint("Content-Length: ", room)))
	wantAnswer(t, ws, fmt.Sprint(room))

	room = maxMessage - len(sipMessage("")) // full already without Content-Length
	flowWrite(t, ws, sipMessage(strings.Repeat("x", room)))
	wantClosed(t, ws, websocket.StatusMessageTooBig, "")

	b.onRequest = nil
	ws = b.browser()
	flowWrite(t, ws, strings.Repeat("x", maxMessage+1))
	wantClosed(t, ws, websocket.StatusMessageTooBig, "")
}

func TestFlowCarriesLongMessagesDown(t *testing.T) {
	b := newDoorBench(t, nil).overTLS()
	b.onRequest = func(req *sip.Request, tx sip.ServerTransaction) {
		tx.Respond(sip.NewResponseFromRequest(req, 200, "OK", []byte(strings.Repeat("y", 100_000))))
	}
	ws := b.browser()
	flowWrite(t, ws, sipMessage(""))
	wantAnswer(t, ws, strings.Repeat("y", 100_000))

	b.onRequest = func(req *sip.Request, tx sip.ServerTransaction) {
		tx.Respond(sip.NewResponseFromRequest(req, 200, "OK", []byte("\xff\x00")))
	}
	flowWrite(t, ws, sipMessage(""))
	kind, msg, err := ws.Read(t.Context())
	if err != nil || kind != websocket.MessageBinary || !strings.HasSuffix(string(msg), "\xff\x00") {
		t.Errorf("body that is no text came as %v %q, %v", kind, msg, err)
	}
}

func TestFlowDropsGarbage(t *testing.T) {
	b := newDoorBench(t, nil).overTLS()
	ws := b.browser()
	garbage := []string{
		"hello", "GET / HTTP/1.1\r\n\r\n", "\x00", strings.Repeat("\x00", 100),
		"INVITE\r\n\r\n", sipMessage("short", "Content-Length: 6"), sipMessage("x", "Content-Length: -1"),
		strings.Replace(sipMessage(""), "Via: SIP/2.0/WSS ", "Via: ", 1), strings.Replace(sipMessage(""), "\r\n\r\n", "", 1),
	}
	for _, msg := range garbage {
		flowWrite(t, ws, msg)
	}
	for range 3 { // of which it can be seen who waits for an answer
		if msg := flowRead(t, ws); !strings.HasPrefix(msg, "SIP/2.0 400 Bad Request\r\nVia: ") {
			t.Errorf("got %q, want 400", msg)
		}
	}
	flowWrite(t, ws, sipMessage("alive"))
	wantAnswer(t, ws, "alive")
	if n := len(b.requests); n != 1 {
		t.Errorf("%d messages came up, want 1", n)
	}
	flowWrite(t, ws, "one too many")
	wantClosed(t, ws, websocket.StatusPolicyViolation, "malformed")
}

func TestAllowancesEnd(t *testing.T) {
	var a allowances
	desk, phone := a.take("alice"), a.take("alice")
	if desk != phone || a.take("bob") == a.take("alice") {
		t.Error("a user's flows do not share what it may do, or two users do")
	}
	for _, user := range []string{"alice", "alice", "alice", "bob"} {
		a.leave(user)
	}
	if len(a.of) != 0 {
		t.Errorf("left over: %v", a.of)
	}
}

func TestFlowLimitsRequests(t *testing.T) {
	b := newDoorBench(t, nil).overTLS()
	ws := b.browser()
	f := b.theFlow()
	go func(ws *websocket.Conn) {
		for range 3 * flowStrangerRate {
			ws.Write(context.Background(), websocket.MessageText, []byte(sipMessage("")))
		}
	}(ws)
	wantClosed(t, ws, websocket.StatusPolicyViolation, "too many requests")
	<-f.Done()

	ws = b.browser() // a friend may do more
	f = b.theFlow()
	f.Bind(auth.Identity{User: "alice"})
	for range 3 * flowStrangerRate {
		flowWrite(t, ws, sipMessage(""))
		wantAnswer(t, ws, "")
	}

	other := b.browser() // in all flows together
	b.theFlow().Bind(auth.Identity{User: "alice"})
	go func() {
		for range 3 * flowFriendRate {
			other.Write(context.Background(), websocket.MessageText, []byte(sipMessage("")))
		}
	}()
	wantClosed(t, other, websocket.StatusPolicyViolation, "too many requests")

	go ws.Read(context.Background())
	for range 10 * flowFrameRate { // pings count too
		ctx, cancel := context.WithTimeout(context.Background(), patient)
		err := ws.Ping(ctx)
		cancel()
		if err != nil {
			<-f.Done()
			return
		}
	}
	t.Error("no limit for pings")
}

func TestFlowBindsOnce(t *testing.T) {
	b := newDoorBench(t, nil).overTLS()
	b.browser()
	f := b.theFlow()
	soon, late := time.Now().Add(time.Hour), time.Now().Add(2*time.Hour)
	for _, tt := range []struct {
		who  auth.Identity
		ok   bool
		then auth.Identity
	}{
		{auth.Identity{}, false, auth.Identity{}},
		{auth.Identity{User: "alice", Expiry: soon}, true, auth.Identity{User: "alice", Expiry: soon}},
		{auth.Identity{User: "bob"}, false, auth.Identity{User: "alice", Expiry: soon}},
		{auth.Identity{User: "alice", Expiry: late}, true, auth.Identity{User: "alice", Expiry: late}},
		{auth.Identity{User: "alice", Expiry: soon}, true, auth.Identity{User: "alice", Expiry: late}},
		{auth.Identity{User: "alice"}, true, auth.Identity{User: "alice"}},
		{auth.Identity{User: "alice", Expiry: late}, true, auth.Identity{User: "alice"}},
	} {
		if ok := f.Bind(tt.who); ok != tt.ok {
			t.Errorf("Bind(%v) = %v", tt.who, ok)
		}
		if got, bound := f.Identity(); got != tt.then || bound != (tt.then.User != "") {
			t.Errorf("after Bind(%v): %v, %v", tt.who, got, bound)
		}
	}
}

func TestFlowAnswersBeforeItCloses(t *testing.T) {
	b := newDoorBench(t, nil).overTLS()
	b.onRequest = func(req *sip.Request, tx sip.ServerTransaction) {
		tx.Respond(sip.NewResponseFromRequest(req, 403, "Forbidden", nil))
		b.door.flow(req.Source()).Close(websocket.StatusPolicyViolation, "not your name")
	}
	ws := b.browser()
	f := b.theFlow()
	flowWrite(t, ws, sipMessage(""))
	if msg := flowRead(t, ws); !strings.HasPrefix(msg, "SIP/2.0 403 ") {
		t.Errorf("got %q, want 403", msg)
	}
	wantClosed(t, ws, websocket.StatusPolicyViolation, "not your name")
	<-f.Done()
	if b.door.flow(f.Source()) != nil {
		t.Error("the door still knows a flow that is gone")
	}
	if err := f.send([]byte("x")); err == nil {
		t.Error("a closed flow takes messages")
	}
}

func TestFlowOfSlowReaderHoldsUpNobody(t *testing.T) {
	b := newDoorBench(t, nil).overTLS()
	slow := b.browser() // never reads
	f := b.theFlow()
	start := time.Now()
	msg := []byte(strings.Repeat("z", 100_000))
	var err error
	for err == nil && time.Since(start) < 5*time.Second {
		err = f.send(msg) // until the sockets and the queue are full
	}
	if err == nil {
		t.Error("endless room for a reader that does not read")
	}
	quick := b.browser()
	flowWrite(t, quick, sipMessage("quick"))
	wantAnswer(t, quick, "quick")
	select {
	case <-f.Done():
	case <-time.After(patient):
		t.Error("the slow reader's flow goes on")
	}
	slow.CloseNow()
}

func TestFlowsAtOnce(t *testing.T) {
	b := newDoorBench(t, nil).overTLS()
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			ws := b.browser()
			for j := range 20 {
				body := fmt.Sprintf("%d of flow %d", j, i)
				flowWrite(t, ws, sipMessage(body))
				wantAnswer(t, ws, body)
			}
			if i%2 == 0 {
				ws.Close(websocket.StatusNormalClosure, "")
			} else {
				ws.CloseNow()
			}
		})
	}
	wg.Wait()
}

func TestDoorLeavesNoGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	b := newDoorBench(t, nil)
	b.overTLS()
	for i := range 10 {
		ws := b.browser()
		flowWrite(t, ws, sipMessage("x"))
		wantAnswer(t, ws, "x")
		switch i % 3 {
		case 0:
			ws.CloseNow()
		case 1:
			ws.Close(websocket.StatusNormalClosure, "")
		default:
			defer ws.CloseNow() // the door ends it
			go ws.Read(context.Background())
		}
	}
	start := time.Now()
	b.stop()
	if d := time.Since(start); d > 4*time.Second {
		t.Errorf("closing the door took %v", d)
	}
	b.web.Client().CloseIdleConnections()
	for limit := time.Now().Add(patient); runtime.NumGoroutine() > before && time.Now().Before(limit); {
		time.Sleep(20 * time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > before {
		stacks := make([]byte, 1<<20)
		t.Errorf("%d goroutines, %d before\n%s", n, before, stacks[:runtime.Stack(stacks, true)])
	}
	if _, res, err := b.dial("/ws", nil); err == nil || res != nil {
		t.Error("a closed door lets in")
	}
}

func TestDoorCloseCutsOffWhoDoesNotAnswer(t *testing.T) {
	b := newDoorBench(t, nil).overTLS()
	b.browser() // does not read, so does not answer the close frame
	f := b.theFlow()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	b.door.close(ctx)
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("close took %v, want little more than its context", d)
	}
	<-f.Done()
}

func TestFlowNamesAreUnique(t *testing.T) {
	d := newDoor(doorConfig{FlowsPerAddress: 3}, doorLog())
	client := netip.MustParseAddrPort("[2001:db8::1]:65535")
	names := map[netip.AddrPort]bool{}
	for range 3 {
		name, err := d.admit(client)
		if err != nil || names[name] || name.Addr() != client.Addr() || name.Port() == 0 {
			t.Fatalf("admit = %v, %v", name, err)
		}
		names[name] = true
	}
	neighbour := netip.MustParseAddrPort("[2001:db8::2]:5")
	if _, err := d.admit(neighbour); err != error(errTooManyFlows) {
		t.Errorf("fourth flow of a /64: %v", err)
	}
	for name := range names {
		d.leave(name)
	}
	if _, err := d.admit(neighbour); err != nil {
		t.Error(err)
	}
	local := netip.MustParseAddrPort("127.0.0.1:1")
	for range 10 {
		if _, err := d.admit(local); err != nil {
			t.Errorf("loopback: %v", err)
		}
	}
	if _, err := d.visitor(&http.Request{RemoteAddr: "pipe"}); err == nil {
		t.Error("a client without address is let in")
	}
}
