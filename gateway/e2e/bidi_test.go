//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/coder/websocket"
)

// bidi speaks WebDriver BiDi (W3C), which Firefox has built in.
type bidi struct {
	conn *websocket.Conn

	mu      sync.Mutex
	last    int
	waiting map[int]chan<- bidiMessage
	closed  error // why there will be no more answers; nil: open
	event   func(method string, params json.RawMessage)
}

// bidiMessage is an answer or an event.
type bidiMessage struct {
	Type    string          `json:"type"` // success, error or event
	ID      int             `json:"id"`
	Result  json.RawMessage `json:"result"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
	Error   string          `json:"error"`
	Message string          `json:"message"`
}

// dialBiDi connects; event is told of what nobody asked for.
func dialBiDi(ctx context.Context, url string, event func(method string, params json.RawMessage)) (*bidi, error) {
	conn, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		return nil, fmt.Errorf("reach the browser: %w", err)
	}
	conn.SetReadLimit(64 << 20) // three seconds of sound in base64, and more
	b := &bidi{conn: conn, waiting: make(map[int]chan<- bidiMessage), event: event}
	go b.read()
	return b, nil
}

// read hands answers to those who wait, until the connection ends.
func (b *bidi) read() {
	for {
		_, text, err := b.conn.Read(context.Background())
		var m bidiMessage
		if err == nil {
			err = json.Unmarshal(text, &m)
		}
		if err != nil {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.closed = err
			for _, answer := range b.waiting {
				close(answer)
			}
			return
		}
		if m.Type == "event" {
			b.event(m.Method, m.Params)
			continue
		}
		b.mu.Lock()
		answer := b.waiting[m.ID]
		delete(b.waiting, m.ID)
		b.mu.Unlock()
		if answer != nil {
			answer <- m
		}
	}
}

// do runs a command; result may be nil.
func (b *bidi) do(ctx context.Context, method string, params map[string]any, result any) error {
	answer := make(chan bidiMessage, 1)
	b.mu.Lock()
	if b.closed != nil {
		b.mu.Unlock()
		return fmt.Errorf("%s: %w", method, b.closed)
	}
	b.last++
	id := b.last
	b.waiting[id] = answer
	b.mu.Unlock()
	text, err := json.Marshal(map[string]any{"id": id, "method": method, "params": params})
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	if err := b.conn.Write(ctx, websocket.MessageText, text); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	select {
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", method, ctx.Err())
	case m, ok := <-answer:
		switch {
		case !ok:
			return fmt.Errorf("%s: the browser is gone", method)
		case m.Type != "success":
			return fmt.Errorf("%s: %s: %s", method, m.Error, m.Message)
		case result == nil:
			return nil
		}
		return json.Unmarshal(m.Result, result)
	}
}

// close ends the connection.
func (b *bidi) close() { b.conn.CloseNow() }

// bidiValue is a value of a page's script.
type bidiValue struct {
	Type  string          `json:"type"`
	Value json.RawMessage `json:"value"`
}

// plain is the value as encoding/json knows it; what has no such form is nil.
func (v bidiValue) plain() any {
	switch v.Type {
	case "string", "number", "boolean":
		return v.Value
	case "array":
		var items []bidiValue
		if json.Unmarshal(v.Value, &items) != nil {
			return nil
		}
		list := make([]any, len(items))
		for i, item := range items {
			list[i] = item.plain()
		}
		return list
	case "object":
		var pairs [][2]json.RawMessage
		if json.Unmarshal(v.Value, &pairs) != nil {
			return nil
		}
		object := make(map[string]any)
		for _, pair := range pairs {
			var key string
			var value bidiValue
			if json.Unmarshal(pair[0], &key) == nil && json.Unmarshal(pair[1], &value) == nil {
				object[key] = value.plain()
			}
		}
		return object
	}
	return nil
}
