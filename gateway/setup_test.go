package gateway

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"

	"cordboard/gateway/call"
)

// registrar is a PBX that takes one extension; it gives its address.
func registrar(t *testing.T, username, password string) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() {
		conn.Close()
		<-ended
	})
	go func() {
		defer close(ended)
		packet := make([]byte, 1<<16)
		for {
			n, from, err := conn.ReadFrom(packet)
			if err != nil {
				return
			}
			if msg, err := sip.ParseMessage(packet[:n]); err == nil {
				if req, ok := msg.(*sip.Request); ok && req.Method != sip.ACK {
					_, _ = conn.WriteTo([]byte(judge(req, username, password).String()), from)
				}
			}
		}
	}()
	return conn.LocalAddr().String()
}

// judge answers as a registrar that asks for a password does.
func judge(req *sip.Request, username, password string) *sip.Response {
	challenge := digest.Challenge{Realm: "pbx", Nonce: "once", Algorithm: "MD5"}
	if h := req.GetHeader("Authorization"); req.Method != sip.REGISTER {
		return sip.NewResponseFromRequest(req, 200, "OK", nil)
	} else if h != nil {
		given, err := digest.ParseCredentials(h.Value())
		want, wrong := digest.Digest(&challenge, digest.Options{Method: "REGISTER", URI: req.Recipient.String(), Username: username, Password: password})
		if err == nil && wrong == nil && given.Username == username && given.Response == want.Response {
			res := sip.NewResponseFromRequest(req, 200, "OK", nil)
			if c := req.Contact(); c != nil {
				res.AppendHeader(sip.NewHeader("Contact", c.Value()+";expires=300"))
			}
			return res
		}
	}
	res := sip.NewResponseFromRequest(req, 401, "Unauthorized", nil)
	res.AppendHeader(sip.NewHeader("WWW-Authenticate", challenge.String()))
	return res
}

// atHome is a configuration file on free ports of this machine.
const atHome = `# ours
[listen]
https = "127.0.0.1:0"
media = "127.0.0.1:0"
sip = "127.0.0.1:0"
[discovery]
enabled = false
`

// fromFile runs a gateway with a configuration file.
func fromFile(t *testing.T, dir string) (*Gateway, func() error) {
	t.Helper()
	cfg, err := Load(filepath.Join(dir, ConfigName))
	if err != nil {
		t.Fatal(err)
	}
	return start(t, cfg, dir)
}

// TestFirstStart sets a fresh machine up as its window does: names, a wrong and the right password at the PBX, and starts anew.
func TestFirstStart(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, ConfigName)
	if err := os.WriteFile(file, []byte(atHome), 0o600); err != nil {
		t.Fatal(err)
	}
	pbx, other := registrar(t, "101", "right"), registrar(t, "101", "right")
	ctx := t.Context()
	g, stop := fromFile(t, dir)
	first, err := g.FirstStart(ctx)
	if err != nil || !first.Fresh || first.Owner != "operator" || first.Display != "" || first.HasPBX || !first.LocalCA || first.Account != (Extension{}) {
		t.Fatalf("fresh: %+v, %v", first, err)
	}
	if _, err := g.NameOwner(ctx, "Front office", "anna", "Anna Smith", "short"); err == nil {
		t.Error("a weak password is taken")
	}
	oneTime, err := g.NameOwner(ctx, "Front office", "anna", "Anna Smith", "")
	if err != nil || oneTime == "" {
		t.Fatalf("named: %q, %v", oneTime, err)
	}
	if status, text := newBrowser(t, g).ask(t, "/api/v1/login", map[string]string{"user": "anna", "password": oneTime}); status != 403 || !strings.Contains(text, "choose_password") {
		t.Errorf("sign in with the password that was made: %d %s", status, text)
	}
	all, err := g.Accounts(ctx)
	if err != nil || len(all) != 1 || all[0].Name != "anna" || !all[0].Admin || !all[0].Owner {
		t.Errorf("accounts: %+v, %v", all, err)
	}

	try := Extension{URI: "sip:" + pbx, Username: "101", Password: "wrong"}
	if r, err := g.TryExtension(ctx, try); err != nil || r.Code != call.TrialWrongPassword {
		t.Errorf("a wrong password: %+v, %v", r, err)
	}
	try.Password = "right"
	if r, err := g.TryExtension(ctx, try); err != nil || !r.Works {
		t.Errorf("the right password: %+v, %v", r, err)
	}
	saved, err := g.SaveExtension(ctx, try)
	if err != nil || saved != (Extension{PBX: "127.0.0.1", URI: "sip:" + pbx, Username: "101", Kept: true}) {
		t.Fatalf("saved: %+v, %v", saved, err)
	}
	saved.URI = "sip:" + other // another address of the same PBX
	if r, err := g.TryExtension(ctx, saved); err != nil || r.Code != call.TrialNoPassword {
		t.Errorf("the password that is kept went elsewhere: %+v, %v", r, err)
	}
	saved.URI = "sip:" + pbx
	if r, err := g.TryExtension(ctx, saved); err != nil || !r.Works {
		t.Errorf("the password that is kept: %+v, %v", r, err)
	}
	if again, err := g.SaveExtension(ctx, try); err != nil || again != saved {
		t.Errorf("saved again: %+v, %v", again, err)
	}
	if now, err := g.Settings(); err != nil || len(now.Waiting) > 0 {
		t.Errorf("waiting: %v, %v", now.Waiting, err)
	}
	if owner, err := g.Owner(ctx); owner != "anna" || err != nil || g.Greeting().Name != "Front office" {
		t.Errorf("%s's, %v, is %q", owner, err, g.Greeting().Name)
	}
	registered(t, g)
	if err := stop(); err != nil {
		t.Fatal(err)
	}

	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if s := string(text); !strings.Contains(s, "# ours\n") || strings.Count(s, "[[pbx]]") != 1 || strings.Contains(s, "right") {
		t.Errorf("the file:\n%s", s)
	}
	g, _ = fromFile(t, dir)
	if name, err := g.Owner(ctx); name != "anna" || err != nil {
		t.Errorf("the owner is %q, %v", name, err)
	}
	registered(t, g)
	first, err = g.FirstStart(ctx)
	if err != nil || first.Fresh || first.Name != "Front office" || first.Display != "Anna Smith" || !first.HasPBX || first.Account != saved {
		t.Errorf("after a new start: %+v, %v", first, err)
	}
	other = "sip:" + other
	moved, err := g.SaveExtension(ctx, Extension{PBX: first.Account.PBX, URI: other, Username: "anna.s", Password: "x"})
	if err != nil || moved.PBX != "127.0.0.1" {
		t.Errorf("moved: %+v, %v", moved, err)
	}
	if first, err = g.FirstStart(ctx); err != nil || first.Account != (Extension{PBX: "127.0.0.1", URI: other, Username: "anna.s", Kept: true}) {
		t.Errorf("moved: %+v, %v", first, err)
	}
}

// registered waits until anna is so, alone, at the one PBX.
func registered(t *testing.T, g *Gateway) {
	t.Helper()
	done := func() bool {
		all := g.PBXs()
		return len(all) == 1 && len(all[0].State) == 1 && all[0].State[0].User == "anna" && all[0].State[0].State == "registered"
	}
	for end := time.Now().Add(20 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not registered: %+v", g.PBXs())
		}
	}
}

// TestFirstStartWithoutFile makes the configuration file, for nobody else to read.
func TestFirstStartWithoutFile(t *testing.T) {
	dir := t.TempDir()
	g, _ := start(t, loopback(t, ""), dir)
	if _, err := g.NameOwner(t.Context(), "Front office", "operator", "", "a password of mine"); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, ConfigName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info, err)
	}
	if status, text := newBrowser(t, g).ask(t, "/api/v1/login", map[string]string{"user": "operator", "password": "a password of mine"}); status != 204 {
		t.Errorf("sign in: %d %s", status, text)
	}
}

// TestFirstStartOfAFile changes the owner where it stands, and leaves everybody's name.
func TestFirstStartOfAFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, ConfigName)
	if err := os.WriteFile(file, []byte(atHome+"[[user]]\nname = \"bob\" # the boss\npassword = \"correct horse battery\"\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	g, _ := fromFile(t, dir)
	if oneTime, err := g.NameOwner(t.Context(), "Front office", "anna", "Bob Roe", ""); err != nil || oneTime != "" {
		t.Fatalf("named: %q, %v", oneTime, err)
	}
	if _, err := g.SaveExtension(t.Context(), Extension{URI: "sip:192.0.2.10", Username: "101", Password: "secret"}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"name = \"bob\" # the boss\n", "password = \"correct horse battery\"\n", "display = \"Bob Roe\"\n", "extension = \"101\"\n",
		"pbx_password = \"secret\"\n", "[[pbx]]\nname = \"192.0.2.10\"\nuri = \"sip:192.0.2.10\"\n", "name = \"Front office\"\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the file lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "owner") {
		t.Errorf("the owner is named twice:\n%s", text)
	}
}

// TestFirstStartBesideAnotherPhone finds a SIP port when another program has the usual one.
func TestFirstStartBesideAnotherPhone(t *testing.T) {
	taken, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, ConfigName)
	if err := os.WriteFile(file, []byte(strings.Replace(atHome, `sip = "127.0.0.1:0"`, `sip = "`+taken.LocalAddr().String()+`"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	g, _ := fromFile(t, dir)
	if _, err := g.SaveExtension(t.Context(), Extension{URI: "sip:192.0.2.10", Username: "101"}); err != nil {
		t.Fatal(err)
	}
	cfg, err := Load(file)
	if err != nil || cfg.Listen.SIP == taken.LocalAddr().String() || !strings.HasPrefix(cfg.Listen.SIP, "127.0.0.1:") {
		t.Errorf("[listen] sip = %q, %v", cfg.Listen.SIP, err)
	}
	now, err := g.Settings()
	if at := g.signaling.Addr().String(); at != cfg.Listen.SIP || err != nil || len(now.Waiting) > 0 {
		t.Errorf("SIP is at %s, want %s at once; waiting: %v, %v", at, cfg.Listen.SIP, now.Waiting, err)
	}
}
