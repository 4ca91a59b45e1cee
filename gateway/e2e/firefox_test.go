//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// firefox is a headless Firefox with a microphone that plays a tone.
type firefox struct {
	*process
	bidi *bidi

	mu   sync.Mutex
	tabs map[string]*tab // by browsing context
}

// firefoxPrefs are the settings of a test's profile. Sound goes nowhere, by a clock of its own, for there may be no sound
// card. Nothing in them touches TLS.
const firefoxPrefs = `
user_pref("media.navigator.streams.fake", true);
user_pref("media.navigator.audio.fake_frequency", %.0f);
user_pref("media.navigator.permission.disabled", true);
user_pref("media.autoplay.default", 0);
user_pref("media.autoplay.blocking_policy", 0);
user_pref("media.cubeb.force_mock_context", true);
user_pref("intl.locale.requested", "en-US");
user_pref("intl.accept_languages", "en-US, en");
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.startup.homepage_override.mstone", "ignore");
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("toolkit.telemetry.reportingpolicy.firstRun", false);
user_pref("app.update.auto", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("dom.push.connection.enabled", false);
user_pref("services.settings.server", "data:,");
user_pref("browser.safebrowsing.update.enabled", false);
user_pref("browser.safebrowsing.malware.enabled", false);
user_pref("browser.safebrowsing.phishing.enabled", false);
user_pref("extensions.getAddons.cache.enabled", false);
user_pref("extensions.update.enabled", false);
`

// startFirefox runs a Firefox that speaks with the given tone and trusts the
// authorities in the PEM files cas, as one does whose user imported them.
func startFirefox(t *testing.T, tone float64, cas ...string) *firefox {
	t.Helper()
	home := t.TempDir()
	profile := filepath.Join(home, "profile")
	trustIn(t, profile, cas...)
	if err := os.WriteFile(filepath.Join(profile, "user.js"), fmt.Appendf(nil, firefoxPrefs, tone), 0o600); err != nil {
		t.Fatalf("write Firefox's settings: %v", err)
	}
	cmd := exec.Command(program(t, "firefox-esr", "firefox"),
		"--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0", "about:blank")
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_CACHE_HOME="+home, "XDG_RUNTIME_DIR="+home,
		"LANG=en_US.UTF-8", "LANGUAGE=en", "MOZ_CRASHREPORTER_DISABLE=1")
	b := &firefox{process: start(t, "firefox", cmd), tabs: make(map[string]*tab)}
	var at struct {
		Host string `json:"ws_host"`
		Port int    `json:"ws_port"`
	}
	eventually(t, 60*time.Second, "BiDi port of Firefox", func() bool {
		text, err := os.ReadFile(filepath.Join(profile, "WebDriverBiDiServer.json"))
		return err == nil && json.Unmarshal(text, &at) == nil && at.Port > 0
	})
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second) // the first time it has much to do
	defer cancel()
	var err error
	if b.bidi, err = dialBiDi(ctx, fmt.Sprintf("ws://%s:%d/session", at.Host, at.Port), b.event); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.bidi.close)
	if err := b.bidi.do(ctx, "session.new", map[string]any{"capabilities": map[string]any{}}, nil); err != nil {
		t.Fatalf("Firefox: %v", err)
	}
	b.must(t, "session.subscribe", map[string]any{"events": []string{"log.entryAdded"}}, nil)
	return b
}

// must runs a command or fails the test.
func (b *firefox) must(t *testing.T, method string, params map[string]any, result any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := b.bidi.do(ctx, method, params, result); err != nil {
		t.Fatalf("Firefox: %v", err)
	}
}

// event notes what pages write to their consoles.
func (b *firefox) event(method string, params json.RawMessage) {
	var entry struct {
		Level, Text string
		Source      struct{ Context string }
	}
	if method != "log.entryAdded" || json.Unmarshal(params, &entry) != nil {
		return
	}
	b.mu.Lock()
	p := b.tabs[entry.Source.Context]
	b.mu.Unlock()
	if p != nil {
		p.note(entry.Level + ": " + entry.Text)
	}
}

// open opens an address in a new tab with cookies and storage of its own.
func (b *firefox) open(t *testing.T, url string) *tab {
	t.Helper()
	var user struct {
		Context string `json:"userContext"`
	}
	b.must(t, "browser.createUserContext", map[string]any{}, &user)
	var made struct {
		Context string `json:"context"`
	}
	b.must(t, "browsingContext.create", map[string]any{"type": "tab", "userContext": user.Context}, &made)
	p := &tab{fox: &foxPage{browser: b, context: made.Context}, connection: "window.cordboard?.peerConnection"}
	b.mu.Lock()
	b.tabs[made.Context] = p
	b.mu.Unlock()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("console of %s:\n%s", url, strings.Join(p.lines(), "\n"))
		}
	})
	b.must(t, "browsingContext.navigate", map[string]any{"context": made.Context, "url": url, "wait": "complete"}, nil)
	return p
}

// foxPage is a tab of Firefox.
type foxPage struct {
	browser *firefox
	context string
}

// evaluate runs JavaScript as if its user had just clicked, and waits for its promise. The result goes through JSON.
func (p *foxPage) evaluate(script string, result any) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var answer struct {
		Type      string
		Result    bidiValue
		Exception struct{ Text string } `json:"exceptionDetails"`
	}
	err := p.browser.bidi.do(ctx, "script.evaluate", map[string]any{
		"expression": script, "target": map[string]any{"context": p.context}, "awaitPromise": true, "userActivation": true,
	}, &answer)
	switch {
	case err != nil:
		return err
	case answer.Type != "success":
		return errors.New(answer.Exception.Text)
	}
	text, err := json.Marshal(answer.Result.plain())
	if err != nil {
		return fmt.Errorf("read what %q gives: %w", script, err)
	}
	return json.Unmarshal(text, result)
}

// onSight is JavaScript for the element that a selector names, null before it can be seen and used.
func onSight(selector string) string {
	return fmt.Sprintf("[...document.querySelectorAll(%q)].find((e) => e.checkVisibility({ visibilityProperty: true }) && !e.disabled)", selector)
}

// do waits for an element and runs a step on it, which calls it e.
func (p *foxPage) do(t *testing.T, what, selector, step string) {
	t.Helper()
	var done bool
	var last error
	if !within(patience, func() bool {
		last = p.evaluate(fmt.Sprintf("((e) => { if (!e) return false; %s; return true; })(%s)", step, onSight(selector)), &done)
		return last == nil && done
	}) {
		t.Fatalf("page: %s %s: not there, or %v", what, selector, last)
	}
}

func (p *foxPage) click(t *testing.T, selector string) {
	t.Helper()
	p.do(t, "click", selector, "e.click()")
}

func (p *foxPage) fill(t *testing.T, selector, text string) {
	t.Helper()
	p.do(t, "fill", selector, fmt.Sprintf("e.focus(); e.value = %q; e.dispatchEvent(new Event('input', { bubbles: true })); "+
		"e.dispatchEvent(new Event('change', { bubbles: true }))", text))
}
