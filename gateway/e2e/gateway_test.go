//go:build e2e

package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// domain is the SIP domain of the tests' gateway.
const domain = "office.example"

// gatewayUser is one [[user]] table.
type gatewayUser struct {
	Name, Display, Password, Extension, PBXPassword string
}

// The users of most tests.
var (
	alice = gatewayUser{"alice", "Alice Doe", "alice-in-the-office", "101", pbxPassword("101")}
	bob   = gatewayUser{"bob", "Bob Roe", "bob-in-the-basement", "102", pbxPassword("102")}
)

// gatewayOptions are what tests vary about a gateway.
type gatewayOptions struct {
	Users  []gatewayUser
	PBX    string  // [[pbx]] tables as text
	Extra  string  // more tables as text
	SIP    *port   // SIP port; nil: any
	Host   string  // of the SIP port; empty: 127.0.0.1
	SIPS   *port   // SIP port for TLS; nil: none
	Web    string  // host of the page's port; empty: 127.0.0.1
	Domain string  // empty: domain
	Media  string  // address for the media of browsers; empty: 127.0.0.1
	At     string  // another address of this machine than loopback, for the page and its media; empty: loopback alone
	Finds  bool    // it finds out itself by which address others see it
	On     *screen // its window opens there; nil: it has none
	Left   string  // how the window was left, as window.json; empty: it was never open
}

// gateway is a running `cordboard serve`.
type gateway struct {
	*process
	dir, data         string
	https, sip        *port
	sips              *port // nil: none
	media             *port
	firstRTP, lastRTP int
	host              string // of the page's address
	screen            *screen
}

// startGateway writes a configuration, runs the gateway and waits until it is
// healthy and its certificate can be trusted.
func startGateway(t *testing.T, o gatewayOptions) *gateway {
	t.Helper()
	g := &gateway{dir: t.TempDir(), https: freePort(t), media: freePort(t), sip: o.SIP, host: "localhost", screen: o.On}
	if g.sip == nil {
		g.sip = freePort(t)
	}
	g.data = filepath.Join(g.dir, "data")
	g.firstRTP, g.lastRTP = freeRange(t, 40)
	https, media, advertise := address(o.Web, g.https), address(o.Media, g.media), `"127.0.0.1"`
	if o.Web != "" {
		g.host = o.Web
	}
	if o.At != "" {
		g.host, advertise = o.At, strconv.Quote(o.At)
		https, media = fmt.Sprintf(":%d", g.https.number), fmt.Sprintf(":%d", g.media.number)
	}
	if o.Finds {
		advertise = ""
	}
	if o.Domain == "" {
		o.Domain = domain
	}
	var text strings.Builder
	fmt.Fprintf(&text, "name = \"Front office\"\ndomain = %q\n\n[listen]\nhttps = %q\nmedia = %q\nsip = %q\nrtp = \"%d-%d\"\nadvertise = [%s]\n\n",
		o.Domain, https, media, address(o.Host, g.sip), g.firstRTP, g.lastRTP, advertise)
	if o.SIPS != nil {
		g.sips = o.SIPS
		text.WriteString(fmt.Sprintf("sips = %q\n\n", g.sips.addr()))
	}
	if !strings.Contains(o.Extra, "[audio]") { // this machine may have a sound card, and the others shall not ring there
		text.WriteString("[audio]\nenabled = false\n\n")
	}
	fmt.Fprintf(&text, "[log]\nlevel = \"debug\"\n\n%s\n%s\n", o.Extra, o.PBX)
	for _, u := range o.Users {
		fmt.Fprintf(&text, "[[user]]\nname = %q\ndisplay = %q\npassword = %q\nextension = %q\npbx_password = %q\n\n",
			u.Name, u.Display, u.Password, u.Extension, u.PBXPassword)
	}
	if err := os.WriteFile(g.config(), []byte(text.String()), 0o600); err != nil {
		t.Fatalf("write the configuration: %v", err)
	}
	if o.Left != "" {
		if err := errors.Join(os.Mkdir(g.data, 0o700), os.WriteFile(filepath.Join(g.data, "window.json"), []byte(o.Left), 0o600)); err != nil {
			t.Fatalf("write how the window was left: %v", err)
		}
	}
	g.start(t)
	return g
}

func (g *gateway) config() string { return filepath.Join(g.dir, "cordboard.toml") }

// start runs the gateway, for the first time or again after stop or kill.
func (g *gateway) start(t *testing.T) {
	t.Helper()
	binary, err := buildGateway()
	if err != nil {
		t.Fatalf("build the gateway: %v", err)
	}
	g.https.release()
	g.media.release()
	g.sip.release()
	if g.sips != nil {
		g.sips.release()
	}
	cmd := exec.Command(binary, "serve", "--config", g.config(), "--data", g.data)
	cmd.Env = append(os.Environ(), "HOME="+g.dir)
	if g.screen != nil {
		if binary, err = buildWindow(); err != nil {
			t.Fatalf("build the window: %v", err)
		}
		cmd = exec.Command(binary, append([]string{"--config", g.config(), "--data", g.data}, g.screen.args...)...)
		cmd.Env = append(os.Environ(), "HOME="+g.dir, "DISPLAY="+g.screen.name, "LC_ALL=C", "LIBGL_ALWAYS_SOFTWARE=1")
		cmd.Env = append(cmd.Env, g.screen.env...)
	}
	g.process = start(t, "cordboard", cmd)
	run := g.process
	t.Cleanup(func() { wantCleanLog(t, run.output()) })
	if !within(20*time.Second, g.healthy) {
		t.Fatalf("the gateway doesn't get healthy; running: %v", g.running())
	}
}

// wantCleanLog looks through all that a gateway printed for crashes, races and
// secrets.
func wantCleanLog(t *testing.T, log string) {
	t.Helper()
	for _, fault := range []string{"DATA RACE", "panic:", "fatal error:"} {
		if strings.Contains(log, fault) {
			t.Errorf("the gateway's log has %q", fault)
		}
	}
	secrets := []string{alice.Password, bob.Password, secret, "ice-pwd", "a=crypto", "Authorization: "}
	for _, u := range pbxUsers {
		secrets = append(secrets, u.Password)
	}
	for _, s := range secrets {
		if _, after, found := strings.Cut(log, s); found {
			t.Errorf("the gateway's log has the secret %q before %.80q", s, after)
		}
	}
}

// files is how many files and sockets the gateway has open.
func (g *gateway) files(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", g.cmd.Process.Pid))
	if err != nil {
		t.Fatalf("count open files: %v", err)
	}
	return len(entries)
}

// udpPorts counts the open UDP sockets of the gateway: one for all browsers, one for SIP, and two for each leg toward a PBX.
func (g *gateway) udpPorts(t *testing.T) int {
	t.Helper()
	ours := make(map[string]bool)
	dir := fmt.Sprintf("/proc/%d", g.cmd.Process.Pid)
	entries, err := os.ReadDir(dir + "/fd")
	if err != nil {
		t.Fatalf("list open files: %v", err)
	}
	for _, e := range entries {
		if to, err := os.Readlink(dir + "/fd/" + e.Name()); err == nil && strings.HasPrefix(to, "socket:[") {
			ours[strings.Trim(to, "socket:[]")] = true
		}
	}
	n := 0
	for _, table := range []string{"/net/udp", "/net/udp6"} {
		text, _ := os.ReadFile(dir + table) // a kernel without IPv6 has but one
		for line := range strings.Lines(string(text)) {
			if f := strings.Fields(line); len(f) > 9 && ours[f[9]] {
				n++
			}
		}
	}
	if n == 0 {
		t.Fatal("count UDP sockets: the gateway has none")
	}
	return n
}

// url is the address of a path on the gateway.
func (g *gateway) url(path string) string {
	return fmt.Sprintf("https://%s:%d%s", g.host, g.https.number, path)
}

// ws is the address of the SIP door.
func (g *gateway) ws() string { return fmt.Sprintf("wss://%s:%d/ws", g.host, g.https.number) }

func (g *gateway) healthy() bool {
	if !g.running() || g.ca() == "" {
		return false
	}
	resp, err := g.client().Get(g.url("/healthz"))
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// ca finds the PEM file of the gateway's own authority in its data folder.
func (g *gateway) ca() (found string) {
	filepath.WalkDir(g.data, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		switch filepath.Ext(path) {
		case ".pem", ".crt":
		default:
			return nil
		}
		text, _ := os.ReadFile(path)
		block, _ := pem.Decode(text)
		if block == nil || block.Type != "CERTIFICATE" {
			return nil
		}
		if c, err := x509.ParseCertificate(block.Bytes); err == nil && c.IsCA {
			found = path
		}
		return nil
	})
	return found
}

// tls trusts just the gateway's authority.
func (g *gateway) tls() *tls.Config {
	pool := x509.NewCertPool()
	text, _ := os.ReadFile(g.ca())
	pool.AppendCertsFromPEM(text)
	return &tls.Config{RootCAs: pool, ServerName: "localhost", NextProtos: []string{"http/1.1"}}
}

// client is an HTTP client without cookies.
func (g *gateway) client() *http.Client {
	return &http.Client{
		Timeout:   5 * time.Second,
		Transport: &http.Transport{TLSClientConfig: g.tls(), DisableKeepAlives: true},
	}
}

// dial opens a TLS connection to the gateway's HTTPS port.
func (g *gateway) dial(t *testing.T) net.Conn {
	t.Helper()
	c, err := tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp4", g.https.addr(), g.tls())
	if err != nil {
		t.Fatalf("dial the gateway: %v", err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// wantLog waits for a line of the gateway's log that holds all the words.
func (g *gateway) wantLog(t *testing.T, words ...string) {
	t.Helper()
	eventually(t, 10*time.Second, fmt.Sprintf("log line with %q", words), func() bool {
		for line := range strings.Lines(g.output()) {
			all := true
			for _, word := range words {
				all = all && strings.Contains(line, word)
			}
			if all {
				return true
			}
		}
		return false
	})
}

// address is a port on a host, loopback of IPv4 if that is empty.
func address(host string, p *port) string {
	if host == "" {
		return p.addr()
	}
	return fmt.Sprintf("%s:%d", host, p.number)
}

// extensionPBX is the [[pbx]] table for a PBX where each user is an extension.
func extensionPBX(k *pbx) string { return pbxTable(k, "extension", "udp", "") }

func pbxTable(k *pbx, mode, transport, more string) string {
	return fmt.Sprintf("[[pbx]]\nname = \"office\"\nuri = \"sip:%s;transport=%s\"\nmode = %q\n%s\n", k.addr(), transport, mode, more)
}
