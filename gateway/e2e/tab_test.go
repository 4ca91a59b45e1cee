//go:build e2e

package e2e

import (
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

//go:embed testdata/ear.js
var earScript string

// tab is one page in a browser.
type tab struct {
	ctx        context.Context // of Chromium's
	fox        *foxPage        // of Firefox's; nil: Chromium's
	connection string          // JavaScript: the RTCPeerConnection of the moment

	mu      sync.Mutex
	console []string
}

func (p *tab) note(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.console = append(p.console, line)
}

// lines are what the page wrote to its console.
func (p *tab) lines() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.console)
}

// forget leaves behind what the page wrote so far.
func (p *tab) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.console = nil
}

// patience is how long one step in a page may take.
const patience = 25 * time.Second

// run does something in the page, or fails the test.
func (p *tab) run(t *testing.T, what string, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		t.Fatalf("page: %s: %v", what, err)
	}
}

// eval runs JavaScript and waits for its promise, if it is one. The result,
// never null, goes through JSON.
func eval[T any](t *testing.T, p *tab, script string) T {
	t.Helper()
	result, err := evaluate[T](p, script)
	if err != nil {
		if len(script) > 200 {
			script = "…" + script[len(script)-200:]
		}
		t.Fatalf("page: evaluate %s: %v", script, err)
	}
	return result
}

// evaluate is eval for scripts that may fail.
func evaluate[T any](p *tab, script string) (result T, err error) {
	if p.fox != nil {
		err = p.fox.evaluate(script, &result)
		return result, err
	}
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
}

// truth evaluates JavaScript to a bool; an exception counts as false.
func (p *tab) truth(script string) bool {
	ok, err := evaluate[bool](p, "Boolean("+script+")")
	return err == nil && ok
}

// click clicks what the selector names once it can be seen.
func (p *tab) click(t *testing.T, selector chromedp.CSS) {
	t.Helper()
	if p.fox != nil {
		p.fox.click(t, string(selector))
		return
	}
	p.run(t, "click "+string(selector), chromedp.Click(selector, chromedp.NodeVisible, chromedp.NodeEnabled))
}

// fill types text into a field that may hold some.
func (p *tab) fill(t *testing.T, selector chromedp.CSS, text string) {
	t.Helper()
	if p.fox != nil {
		p.fox.fill(t, string(selector), text)
		return
	}
	p.run(t, "fill "+string(selector), chromedp.WaitVisible(selector),
		chromedp.Evaluate[chromedp.Void](fmt.Sprintf("document.querySelector(%q).value = ''", selector)), chromedp.SendKeys(selector, text))
}

// text is the visible text of an element, empty where there is none.
func (p *tab) text(t *testing.T, selector chromedp.CSS) string {
	t.Helper()
	return eval[string](t, p, fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector))
}

// heard implements listener.
func (p *tab) heard(t *testing.T) sound {
	t.Helper()
	s := eval[struct {
		Rate int    `json:"rate"`
		PCM  string `json:"pcm"`
	}](t, p, earScript+"; testEar.attach("+p.connection+"); testEar.take()")
	bytes, err := base64.StdEncoding.DecodeString(s.PCM)
	if err != nil {
		t.Fatalf("read what the page hears: %v", err)
	}
	samples := make([]int16, len(bytes)/2)
	for i := range samples {
		samples[i] = int16(binary.LittleEndian.Uint16(bytes[2*i:]))
	}
	return sound{samples, s.Rate}
}

// shot makes a picture of the page where CORDBOARD_SHOTS names a folder.
func (p *tab) shot(t *testing.T, name string) {
	dir := os.Getenv("CORDBOARD_SHOTS")
	if dir == "" || p.fox != nil {
		return
	}
	ctx, cancel := context.WithTimeout(p.ctx, 10*time.Second)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Logf("picture %s: %v", name, err)
		return
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600); err != nil {
		t.Logf("picture %s: %v", name, err)
	}
}
