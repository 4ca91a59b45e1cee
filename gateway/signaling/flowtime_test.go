package signaling

import (
	"context"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"cordboard/gateway/auth"
)

// onVirtualClock runs test with a browser on a network of pipes.
func onVirtualClock(t *testing.T, change func(*doorConfig), test func(b *doorBench, l *pipeListener)) {
	synctest.Test(t, func(t *testing.T) {
		b := newDoorBench(t, change)
		l := newPipeListener()
		srv := &http.Server{Handler: b.door}
		go srv.Serve(l)
		test(b, l)
		srv.Close()
		b.stop()
	})
}

func pipeDial(t testing.TB, l *pipeListener) *websocket.Conn {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) { return l.dial() }}}
	ws, _, err := websocket.Dial(t.Context(), "ws://192.0.2.1:443/ws", &websocket.DialOptions{HTTPClient: client, Subprotocols: []string{"sip"}})
	if err != nil {
		t.Fatal(err)
	}
	return ws
}

// lifeOf reads until the flow is closed and says how long that took.
func lifeOf(t testing.TB, ws *websocket.Conn) (time.Duration, websocket.CloseError) {
	t.Helper()
	start := time.Now()
	for {
		if _, _, err := ws.Read(context.Background()); err != nil {
			var closed websocket.CloseError
			closed.Code = websocket.CloseStatus(err)
			return time.Since(start), closed
		}
	}
}

func TestFlowNeedsAnIdentityInTime(t *testing.T) {
	onVirtualClock(t, nil, func(b *doorBench, l *pipeListener) {
		if life, closed := lifeOf(b.t, pipeDial(b.t, l)); life != flowBindTime || closed.Code != websocket.StatusPolicyViolation {
			b.t.Errorf("closed after %v with %v, want %v and 1008", life, closed.Code, flowBindTime)
		}
	})
}

func TestFlowEndsWithItsCredential(t *testing.T) {
	known := func(cfg *doorConfig) {
		cfg.Authenticate = func(_ *http.Request, now time.Time) (auth.Identity, error) {
			return auth.Identity{User: "alice", Expiry: now.Add(time.Hour)}, nil
		}
	}
	onVirtualClock(t, known, func(b *doorBench, l *pipeListener) {
		if life, closed := lifeOf(b.t, pipeDial(b.t, l)); life != time.Hour || closed.Code != websocket.StatusPolicyViolation {
			b.t.Errorf("closed after %v with %v, want 1h and 1008", life, closed.Code)
		}
		ws := pipeDial(b.t, l)
		synctest.Wait()
		for range 2 {
			b.theFlow().Bind(auth.Identity{User: "alice", Expiry: time.Now().Add(3 * time.Hour)})
		}
		if life, _ := lifeOf(b.t, ws); life != 3*time.Hour {
			b.t.Errorf("renewed, closed after %v, want 3h", life)
		}
	})
}

func TestFlowStaysWithoutExpiry(t *testing.T) {
	onVirtualClock(t, nil, func(b *doorBench, l *pipeListener) {
		ws := pipeDial(b.t, l)
		synctest.Wait()
		f := b.theFlow()
		f.Bind(auth.Identity{User: "alice"})
		go ws.Read(context.Background()) // answers pings
		time.Sleep(48 * time.Hour)
		select {
		case <-f.Done():
			b.t.Errorf("flow is gone: %v", f.verdict)
		default:
		}
		ws.CloseNow()
	})
}

func TestFlowNeedsPongs(t *testing.T) {
	onVirtualClock(t, nil, func(b *doorBench, l *pipeListener) {
		ws := pipeDial(b.t, l) // does not read, so no pong; the pipe takes no byte of the ping either
		synctest.Wait()
		f := b.theFlow()
		f.Bind(auth.Identity{User: "alice"})
		start := time.Now()
		<-f.Done()
		if life := time.Since(start); life < flowPingEvery || life > flowPingEvery+flowPongTime {
			b.t.Errorf("dead peer found after %v", life)
		}
		ws.CloseNow()
	})
}

func TestFlowProvesItselfSooner(t *testing.T) {
	onVirtualClock(t, nil, func(b *doorBench, l *pipeListener) {
		ws := pipeDial(b.t, l)
		synctest.Wait()
		f := b.theFlow()
		f.Bind(auth.Identity{User: "alice"})
		read, stop := context.WithCancel(context.Background())
		go ws.Read(read) // answers the ping
		f.prove()
		time.Sleep(flowProofTime + time.Second)
		if f.gone() {
			b.t.Fatalf("a browser that answers is given up: %v", f.verdict)
		}
		stop()
		ws.CloseNow()
	})
	onVirtualClock(t, nil, func(b *doorBench, l *pipeListener) {
		ws := pipeDial(b.t, l) // does not read, so no pong
		synctest.Wait()
		f := b.theFlow()
		f.Bind(auth.Identity{User: "alice"})
		start := time.Now()
		f.prove()
		<-f.Done()
		if life := time.Since(start); life > flowProofTime {
			b.t.Errorf("dead peer found after %v, want %v", life, flowProofTime)
		}
		ws.CloseNow()
	})
}

func TestFlowGivesUpAStuckWrite(t *testing.T) {
	onVirtualClock(t, nil, func(b *doorBench, l *pipeListener) {
		ws := pipeDial(b.t, l)
		synctest.Wait()
		f := b.theFlow()
		f.Bind(auth.Identity{User: "alice"})
		start := time.Now()
		if err := f.send([]byte("a")); err != nil {
			b.t.Error(err)
		}
		<-f.Done()
		if life := time.Since(start); life != flowWriteTime {
			b.t.Errorf("stuck write given up after %v, want %v", life, flowWriteTime)
		}
		ws.CloseNow()
	})
}
