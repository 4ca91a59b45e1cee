package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"cordboard/gateway"
)

// control speaks to the Cordboard that runs with a data folder, by the socket in it, with the rights of the machine's owner.
type control struct {
	dir    string
	client *http.Client
}

// maxAnswer bounds an answer that is not a stream, and one event of a stream, in bytes.
const maxAnswer = 8 << 20

// control gives the way to the running Cordboard of that place. Whether one runs shows at the first request.
func (p place) control() (*control, error) {
	dir, err := p.dir()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, gateway.ControlName)
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "unix", path)
	}
	return &control{dir, &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}, nil
}

// ask sends a request to a path as "/api/v1/status" and reads the answer into out. in is sent as JSON, nil: nothing is; out may be
// nil. What Cordboard refuses is an error of its own words.
func (c *control) ask(ctx context.Context, method, path string, in, out any) error {
	answer, err := c.send(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(out); err != nil {
		return fmt.Errorf("read Cordboard's answer: %w", err)
	}
	return nil
}

// events reads a stream of server-sent events and hands each to do, until that gives an error, ctx ends or Cordboard stops
// (io.EOF). No event is kept back.
func (c *control) events(ctx context.Context, path string, do func(name string, data []byte) error) error {
	answer, err := c.send(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, maxAnswer)
	var name string
	var data []byte
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case lines.Text() == "":
			if data != nil {
				if err := do(name, data); err != nil {
					return err
				}
			}
			name, data = "", nil
		case field == "event":
			name = value
		case field == "data":
			data = []byte(value) // ours have one line of it
		}
	}
	switch err := lines.Err(); {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("listen to Cordboard: %w", err)
	}
	return io.EOF
}

// send gives an answer of success, whose body the caller closes.
func (c *control) send(ctx context.Context, method, path string, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://cordboard"+path, body)
	if err != nil {
		return nil, err
	}
	if method != http.MethodGet {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := c.client.Do(r)
	if err != nil {
		return nil, c.explain(err)
	}
	if answer.StatusCode < 300 {
		return answer, nil
	}
	defer answer.Body.Close()
	var refused struct{ Message string }
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(&refused); err != nil || refused.Message == "" {
		return nil, fmt.Errorf("the running Cordboard refused with %s", answer.Status)
	}
	return nil, errors.New(refused.Message)
}

// explain says why the socket could not be used, and what to do.
func (c *control) explain(err error) error {
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return &notRunning{c.dir}
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("the Cordboard with the data folder %s belongs to another user; run this as that user", c.dir)
	}
	return fmt.Errorf("reach Cordboard: %w", err)
}

// notRunning says that no Cordboard runs with a data folder.
type notRunning struct{ dir string }

func (e *notRunning) Error() string {
	return fmt.Sprintf("no Cordboard runs with the data folder %s; start it with cordboard serve, or name another folder with --data", e.dir)
}
