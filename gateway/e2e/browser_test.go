//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	cdpage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/remote"
)

// browser is a headless Chromium with a microphone that plays a tone.
type browser struct {
	*process
	ctx context.Context // of the browser; tabs are its children
}

// startBrowser runs a Chromium that speaks with the given tone and trusts the
// authorities in the PEM files cas, as one does whose user installed them.
func startBrowser(t *testing.T, tone float64, cas ...string) *browser {
	t.Helper()
	home, err := os.MkdirTemp(workshop, "chromium-")
	if err != nil {
		t.Fatalf("make a folder: %v", err)
	}
	t.Cleanup(func() { os.RemoveAll(home) }) // its helpers may still write there, which is no fault: TestMain removes the rest
	trust(t, home, cas...)
	profile := filepath.Join(home, "profile")
	cmd := exec.Command(program(t, "chromium", "chromium-browser", "google-chrome"),
		"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps",
		"--disable-extensions", "--no-first-run", "--no-default-browser-check", "--metrics-recording-only",
		"--password-store=basic", "--lang=en-US", "--window-size=1100,760",
		"--disable-background-timer-throttling", "--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows",
		"--allow-loopback-in-peer-connection",
		"--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
		"--use-file-for-fake-audio-capture="+toneFile(t, tone, 48000, 20*time.Second),
		"--remote-debugging-port=0", "--user-data-dir="+profile, "about:blank")
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_CACHE_HOME="+home, "LANG=en_US.UTF-8", "LANGUAGE=en",
		"PULSE_SERVER=unix:"+filepath.Join(home, "none")) // what it hears sounds in no loudspeaker of a test's
	b := &browser{process: start(t, "chromium", cmd)}
	var devtools string
	eventually(t, 40*time.Second, "DevTools port of Chromium", func() bool {
		text, _ := os.ReadFile(filepath.Join(profile, "DevToolsActivePort"))
		lines := strings.Split(string(text), "\n")
		if len(lines) < 2 {
			return false
		}
		devtools = "ws://127.0.0.1:" + lines[0] + lines[1]
		return true
	})
	allocator, cancel := remote.NewAllocator(context.Background(), devtools, remote.NoModifyURL)
	t.Cleanup(cancel)
	quiet := func(string, ...any) {} // events of a newer Chromium that cdproto doesn't know
	b.ctx, cancel = chromedp.NewContext(allocator, chromedp.WithErrorf(quiet), chromedp.WithLogf(quiet))
	t.Cleanup(b.whileRunning(cancel))
	if err := chromedp.Do(b.ctx); err != nil {
		t.Fatalf("reach Chromium: %v", err)
	}
	return b
}

// whileRunning makes a cancel that doesn't wait for the farewell of a browser
// that is gone.
func (b *browser) whileRunning(cancel func()) func() {
	return func() {
		if b.running() {
			cancel()
		}
	}
}

// trust puts authorities into the certificate store of a home folder.
func trust(t *testing.T, home string, cas ...string) {
	t.Helper()
	trustIn(t, filepath.Join(home, ".pki", "nssdb"), cas...)
}

// trustIn makes a certificate store of NSS with authorities in it.
func trustIn(t *testing.T, dir string, cas ...string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatalf("make a certificate store: %v", err)
	}
	certutil := program(t, "certutil")
	steps := [][]string{{"-N", "--empty-password"}}
	for i, ca := range cas {
		steps = append(steps, []string{"-A", "-t", "C,,", "-n", fmt.Sprintf("e2e-%d", i), "-i", ca})
	}
	for _, step := range steps {
		if out, err := exec.Command(certutil, append([]string{"-d", "sql:" + dir}, step...)...).CombinedOutput(); err != nil {
			t.Fatalf("certutil %v: %v: %s", step, err, out)
		}
	}
}

// open opens an address in a new tab with cookies and storage of its own.
func (b *browser) open(t *testing.T, url string) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	p := &tab{ctx: ctx, connection: "window.cordboard?.peerConnection"}
	t.Cleanup(b.whileRunning(cancel))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("console of %s:\n%s", url, strings.Join(p.lines(), "\n"))
			p.shot(t, "failed-"+strings.ReplaceAll(t.Name(), "/", "-"))
		}
	})
	if err := chromedp.Do(ctx); err != nil { // a context of its own would close the tab with it
		t.Fatalf("page: new tab: %v", err)
	}
	console := chromedp.Console(ctx)
	go func() {
		for m, err := range console {
			if err != nil {
				return
			}
			p.note(m.String())
		}
	}()
	asSpoken := chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, cdpage.AddScriptToEvaluateOnNewDocument, cdpage.AddScriptToEvaluateOnNewDocumentParams{Source: unprocessed})
		return err
	})
	p.run(t, "open "+url, asSpoken, chromedp.Navigate(url))
	return p
}

// unprocessed lets the microphone be heard as it is. On a busy machine Chromium takes a tone for an echo of what it plays.
const unprocessed = `{
	const media = navigator.mediaDevices;
	const open = media?.getUserMedia.bind(media);
	if (media) media.getUserMedia = ({ audio, ...more }) => open({
		...more, audio: audio && { ...audio, echoCancellation: false, noiseSuppression: false, autoGainControl: false },
	});
}`
