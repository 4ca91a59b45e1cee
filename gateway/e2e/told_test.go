//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// wantSaid waits until one line of a log holds all the words.
func wantSaid(t *testing.T, log func() []string, words ...string) {
	t.Helper()
	if !within(patience, func() bool { return said(log(), words...) }) {
		t.Fatalf("no line with %q in %q", words, log())
	}
}

// said says whether one of the lines holds all the words.
func said(lines []string, words ...string) bool {
	for _, line := range lines {
		all := true
		for _, word := range words {
			all = all && strings.Contains(line, word)
		}
		if all {
			return true
		}
	}
	return false
}

// startTeller has sipp call a user, and gives what it logs.
func startTeller(t *testing.T, g *gateway, user, from, privacy string) func() []string {
	t.Helper()
	scenario, err := filepath.Abs("testdata/tells.xml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	logs := filepath.Join(dir, "log")
	rtp, _ := freeRange(t, 4)
	cmd := exec.Command(program(t, "sipp"), g.sip.addr(), "-sf", scenario, "-i", "127.0.0.1", "-mi", "127.0.0.1", "-mp", strconv.Itoa(rtp), "-rtp_echo",
		"-nostdin", "-m", "1", "-s", user, "-key", "from", from, "-key", "privacy", privacy, "-trace_logs", "-log_file", logs)
	cmd.Dir = dir
	start(t, "sipp", cmd)
	return func() []string {
		text, _ := os.ReadFile(logs)
		return strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' })
	}
}

// What each side tells the other of people and of what to do reaches it, or does not, as it should: what a browser claims of itself and
// what it orders goes no further, what the PBX says does, and who wants no name has none.
func TestWhatIsTold(t *testing.T) {
	t.Parallel()
	program(t, "npm")
	folder, err := buildClients()
	if err != nil {
		missing(t, "the bundle of SIP.js and JsSIP: "+err.Error())
	}
	site := httptest.NewServer(http.FileServer(http.Dir(folder)))
	defer site.Close()
	sip := freePort(t)
	log := startScenario(t, "../told.xml", sip)
	g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice, bob}, Extra: fmt.Sprintf("[auth]\nsecrets = [%q]\n[web]\norigins = [%q]\n[guard]\ndeny = [\"0900\"]\n", secret, site.URL),
		PBX: fmt.Sprintf("[[pbx]]\nname = \"office\"\nuri = \"sip:%s\"\nmode = \"peer\"\n", sip.addr())})
	b := startBrowser(t, toneAlice, g.ca())
	for kind, user := range map[string]gatewayUser{"sipjs": alice, "jssip": bob} {
		client, number := published[kind], "2"+user.Extension // each calls another number, so that the log tells them apart
		open := func(t *testing.T, video bool) *plainClient {
			return openDevice(t, b, site.URL, kind, map[string]any{"ws": g.ws() + credentialQuery(user.Name, time.Now().Add(time.Hour)), "user": user.Name, "video": video})
		}
		t.Run(kind+" calls", func(t *testing.T) {
			for _, feature := range []string{"User-to-User (RFC 7433)", "Answer-Mode (RFC 5373)", "Alert-Info", "Asserted identity", "Privacy", "Reason of the end", "Toll guard"} {
				proves(t, feature, client, sipTest)
			}
			c := open(t, false)
			before := len(log())
			c.do(t, fmt.Sprintf(`await phone.call(%q, ["User-to-User: 1234abcd;encoding=hex", "Answer-Mode: Auto", "Priv-Answer-Mode: Auto", "Alert-Info: <urn:alert:priority:high>",
				"Diversion: <sip:900@%s>;reason=no-answer", "P-Asserted-Identity: <sip:boss@%[2]s>", "Call-Info: <sip:x@%[2]s>;answer-after=0"])`, number, domain))
			c.wantState(t, "talking")
			wantTone(t, "the client", c, toneAlice)
			lines := log()[before:]
			for name, want := range map[string]string{
				"From": "<sip:" + user.Extension + "@", "P-Asserted-Identity": user.Extension + "@", "Privacy": "", "User-to-User": "1234abcd;encoding=hex", "Diversion": "",
				"Alert-Info": "<urn:alert:priority:high>", "Answer-Mode": "", "Call-Info": "",
			} {
				if prefix := "call " + name + ": "; want == "" && !said(lines, strings.TrimSpace(prefix)) || want != "" && !said(lines, prefix, want) || want == "" && saidMore(lines, prefix) {
					t.Errorf("%s: the phone is told %q, want %q", name, lines, want)
				}
			}
			c.wantNote(t, "progress Alert-Info: <urn:alert:service:call-waiting>")
			c.wantNote(t, "answer User-to-User: 6f6b;encoding=hex")
			c.wantNote(t, "answer P-Asserted-Identity: ", "Reception", "<sip:299@"+domain+">")
			c.do(t, `await phone.hangUp(["Reason: SIP;cause=200;text=\"Enough\"", "User-to-User: 627965;encoding=hex"])`)
			c.wantState(t, "ended")
			wantSaid(t, log, `end Reason: SIP;cause=200;text="Enough"`)
			wantSaid(t, log, "end User-to-User: 627965;encoding=hex")

			before = len(log())
			c.do(t, fmt.Sprintf("await phone.call(%q, [], true)", number))
			c.wantState(t, "talking")
			wantTone(t, "the client that wants to be unknown", c, toneAlice)
			lines = log()[before:]
			if !said(lines, "call From: ", "anonymous@127.0.0.1") || !said(lines, "call Privacy: id") || !said(lines, "call P-Asserted-Identity: ", user.Extension+"@") {
				t.Errorf("of who wants to be unknown the phone is told %q", lines)
			}
			c.do(t, "await phone.hangUp()")
			c.wantState(t, "ended")
			c.do(t, "await phone.call('09001')")
			c.wantNote(t, "rejected 403")
			c.do(t, "await phone.stop()")
		})
		t.Run(kind+" is called", func(t *testing.T) {
			for _, feature := range []string{"User-to-User (RFC 7433)", "Answer-Mode (RFC 5373)", "Alert-Info", "Asserted identity", "Privacy", "Diversion and History-Info", "Reason of the end",
				"Call without an offer"} {
				proves(t, feature, client, sipTest)
			}
			c := open(t, false)
			for _, tt := range []struct{ from, privacy string }{{"0301234", "none"}, {"anonymous", "id"}} {
				said := startTeller(t, g, user.Extension, tt.from, tt.privacy)
				c.wantState(t, "incoming")
				c.wantNote(t, "call From: ", "<sip:"+tt.from+"@")
				for name, want := range map[string]string{"Alert-Info": "<urn:alert:source:external>", "Answer-Mode": "Auto", "User-to-User": "56a390f3;encoding=hex",
					"Diversion": "<sip:100@" + domain + ">;reason=user-busy"} {
					c.wantNote(t, "call "+name+": "+want)
				}
				if tt.privacy == "none" {
					c.wantNote(t, "call P-Asserted-Identity: ", "Jane Doe", "<sip:0301234@"+domain+">")
					c.wantNote(t, "call History-Info: ", "<sip:100@"+domain+"?Reason=SIP%3Bcause%3D486>;index=1", "index=1.1")
				} else if lines := strings.Join(c.lines(), "\n"); strings.Contains(lines, "0301234") || strings.Contains(lines, "History-Info") {
					t.Errorf("of a caller who wants to be unknown the client is told\n%s", lines)
				}
				c.do(t, `await phone.answer(["User-to-User: 6869;encoding=hex"])`)
				c.wantState(t, "talking")
				wantTone(t, "the client", c, toneAlice)
				wantSaid(t, said, "answer User-to-User: 6869;encoding=hex")
				wantSaid(t, said, "answer P-Asserted-Identity: ", user.Extension+"@")
				c.do(t, "phone.hold(true)") // which the caller takes for the end
				c.wantNote(t, `end Reason: Q.850;cause=16;text="Normal call clearing"`)
				c.wantState(t, "ended")
				c.forget()
			}
			c.do(t, "await phone.stop()")
		})
		t.Run(kind+" sees", func(t *testing.T) {
			proves(t, "Video with a phone", client, sipTest)
			proves(t, "A whole picture asked for by INFO (RFC 5168)", client, sipTest)
			c := open(t, true)
			way := openAir(t, g)
			way.through(t, c.tab)
			c.do(t, fmt.Sprintf("await phone.call('3%s')", user.Extension))
			c.wantState(t, "talking")
			wantTone(t, "the client", c, toneAlice)
			c.do(t, "await phone.tell('a picture, please')") // then the phone asks for one, which it may have missed
			eventually(t, patience, "request for a picture in the browser's media", func() bool { return eval[int](t, c.tab, pictureAsked) > 0 })
			c.wantPicture(t)
			before := len(log())
			way.die(true) // the browser loses some
			time.Sleep(time.Second)
			way.die(false)
			if !within(patience, func() bool { return said(log()[before:], "INFO picture_fast_update") }) {
				t.Errorf("the phone is not asked for a picture: %q", log()[before:])
			}
			c.do(t, "await phone.hangUp()")
			c.wantState(t, "ended")
			c.do(t, "await phone.stop()")
		})
	}
}

// saidMore says whether a line has more than the prefix.
func saidMore(lines []string, prefix string) bool {
	for _, line := range lines {
		if rest, found := strings.CutPrefix(line, prefix); found && strings.TrimSpace(rest) != "" {
			return true
		}
	}
	return false
}

// pictureAsked counts how often the browser was asked for a whole picture in its media.
const pictureAsked = `(async () => {
  for (const s of (await window.pc.getStats()).values()) if (s.type === "outbound-rtp" && s.kind === "video") return s.pliCount + s.firCount;
  return 0;
})()`
