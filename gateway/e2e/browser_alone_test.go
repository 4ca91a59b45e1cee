//go:build e2e

package e2e

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

// loopPage calls itself: two peer connections in one page.
const loopPage = `<!doctype html><title>loop</title><audio id="ear" autoplay></audio><script>
(async () => {
  const a = new RTCPeerConnection(), b = new RTCPeerConnection();
  window.pc = b;
  a.onicecandidate = (e) => b.addIceCandidate(e.candidate);
  b.onicecandidate = (e) => a.addIceCandidate(e.candidate);
  b.ontrack = (e) => { document.querySelector("#ear").srcObject = new MediaStream([e.track]); };
  const mic = await navigator.mediaDevices.getUserMedia({ audio: true });
  a.addTrack(mic.getAudioTracks()[0]);
  await a.setLocalDescription();
  await b.setRemoteDescription(a.localDescription);
  await b.setLocalDescription();
  await a.setRemoteDescription(b.localDescription);
})().catch((e) => console.error(String(e)));
</script>`

// The browser alone proves the harness: it trusts what its user installed,
// speaks its tone, and what a page hears is told rightly.
func TestBrowserHearsItself(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, loopPage)
	}))
	defer s.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	p := startBrowser(t, toneAlice, ca).open(t, s.URL)
	p.connection = "window.pc"
	wantTone(t, "the page", p, toneAlice)
	wantNoTone(t, "the page", p, toneBob)
}
