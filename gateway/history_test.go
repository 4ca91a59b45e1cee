package gateway

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// A call made over /ws is in the history that the page asks for, also after a restart.
func TestHistoryFromCallToPage(t *testing.T) {
	cfg := loopback(t, "[[user]]\nname = \"alice\"\ndisplay = \"Alice Doe\"\npassword = \"correct horse\"\n[store]\nhistory = \"24h\"\n")
	dir := t.TempDir()
	g, stop := start(t, cfg, dir)
	b := newBrowser(t, g)
	signIn := map[string]string{"user": "alice", "password": "correct horse"}
	if status, body := b.ask(t, "/api/v1/login", signIn); status != 204 {
		t.Fatalf("sign in: %d %s", status, body)
	}
	if status, body := b.ask(t, "/api/v1/history", nil); status != 200 || body != `{"calls":[]}` {
		t.Errorf("before any call: %d %s", status, body)
	}
	ws, _, err := websocket.Dial(t.Context(), "wss"+strings.TrimPrefix(b.base, "https")+"/ws", &websocket.DialOptions{
		HTTPClient: &b.Client, Subprotocols: []string{"sip"}, HTTPHeader: http.Header{"Origin": {b.base}},
	})
	if err != nil {
		t.Fatalf("open /ws: %v", err)
	}
	defer ws.CloseNow()
	invite := "INVITE sip:nobody@office.example SIP/2.0\r\nVia: SIP/2.0/WSS x.invalid;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n" +
		"From: <sip:alice@office.example>;tag=1\r\nTo: <sip:nobody@office.example>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n" +
		"Contact: <sip:alice@x.invalid;transport=ws>\r\nContent-Length: 0\r\n\r\n"
	if err := ws.Write(t.Context(), websocket.MessageText, []byte(invite)); err != nil {
		t.Fatal(err)
	}
	const want = `"from":"alice","to":"nobody","display":"","direction":"made"`
	var body string
	for limit := time.Now().Add(20 * time.Second); !strings.Contains(body, want) && time.Now().Before(limit); time.Sleep(5 * time.Millisecond) {
		_, body = b.ask(t, "/api/v1/history", nil)
	}
	if !strings.Contains(body, want) || !strings.Contains(body, `"reason":"No such name or number"`) {
		t.Errorf("history %s, want the call", body)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}

	g, _ = start(t, cfg, dir)
	b = newBrowser(t, g)
	b.ask(t, "/api/v1/login", signIn)
	if status, again := b.ask(t, "/api/v1/history?limit=1", nil); status != 200 || again != body {
		t.Errorf("after a restart: %d %s, want %s", status, again, body)
	}
}
