//go:build e2e

package e2e

import (
	_ "embed"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"text/template"
	"time"
)

//go:embed testdata/kamailio.cfg
var kamailioConfig string

//go:embed testdata/kamailio-web.cfg
var kamailioWebConfig string

// sipUser is an account of the PBX.
type sipUser struct{ Name, Password string }

// pbxUsers are the accounts of every test's PBX: 101 to 109 belong to the
// gateway's users, 200 to 299 to desk phones, "trunk" to a trunk.
var pbxUsers = []sipUser{
	{"101", "pbx-alice-1"}, {"102", "pbx-bob-22"}, {"103", "pbx-carol-3"},
	{"201", "phone-one-1"}, {"202", "phone-two-2"}, {"203", "phone-three-3"}, {"204", "phone-four-4"}, {"290", "phone-silent-9"},
	{"trunk", "trunk-secret-7"},
}

func pbxPassword(user string) string {
	for _, u := range pbxUsers {
		if u.Name == user {
			return u.Password
		}
	}
	return ""
}

// pbx is a Kamailio on loopback.
type pbx struct {
	*process
	dir    string
	listen *port
	host   string
}

// pbxOptions are what tests vary about a PBX. The zero value is a good PBX
// without a peer.
type pbxOptions struct {
	Algorithm     string // digest: "MD5" (default) or "SHA-256"
	PeerPort      int    // SIP port on loopback that needs no password; 0: none
	Fork          [2]int // SIP ports on loopback that ring when 9700 is called
	Presence      bool   // dialogs and voice mail can be subscribed to
	PeerTransport string // how the peer is reached: "udp" (default) or "tcp"
	Path          bool   // keeps Path (RFC 3327) and uses it
	ServiceRoute  bool   // names a way to who registers (RFC 3608), and takes no calls by another
	Host          string // "127.0.0.1" (default) or "[::1]"
	Port          *port  // nil: any
	TLS           *pbxTLS
	Encrypted     bool   // calls may be encrypted, as no phone does by itself
	RTPEngine     string // where it takes commands: then WebRTC clients sign in by WebSocket, at TLS
}

func startPBX(t *testing.T, o pbxOptions) *pbx {
	t.Helper()
	k := &pbx{dir: t.TempDir(), listen: o.Port, host: o.Host}
	if k.listen == nil {
		k.listen = freePort(t)
	}
	if k.host == "" {
		k.host = "127.0.0.1"
	}
	if o.Algorithm == "" {
		o.Algorithm = "MD5"
	}
	if o.PeerTransport == "" {
		o.PeerTransport = "udp"
	}
	tables := ""
	if o.Presence {
		tables = filepath.Join(k.dir, "tables")
		if err := os.CopyFS(tables, os.DirFS("/usr/share/kamailio/dbtext/kamailio")); err != nil {
			missing(t, "kamailio-presence-modules: "+err.Error())
		}
	}
	file, err := os.Create(k.config())
	if err != nil {
		t.Fatalf("write kamailio.cfg: %v", err)
	}
	defer file.Close()
	config := kamailioConfig
	if o.RTPEngine != "" {
		config = kamailioWebConfig
	}
	err = template.Must(template.New("").Parse(config)).Execute(file, map[string]any{
		"Addr": k.addr(), "TLS": o.TLS, "Control": k.control(), "Algorithm": o.Algorithm, "Users": pbxUsers,
		"PeerPort": o.PeerPort, "Fork": o.Fork, "PeerTransport": o.PeerTransport, "Presence": tables, "Path": o.Path, "ServiceRoute": o.ServiceRoute,
		"Encrypted": o.Encrypted, "RTPEngine": o.RTPEngine,
	})
	if err != nil {
		t.Fatalf("write kamailio.cfg: %v", err)
	}
	k.start(t)
	return k
}

func (k *pbx) config() string  { return filepath.Join(k.dir, "kamailio.cfg") }
func (k *pbx) control() string { return filepath.Join(k.dir, "ctl") }

// start runs Kamailio, for the first time or again after stop or kill.
func (k *pbx) start(t *testing.T) {
	t.Helper()
	k.listen.release()
	os.Remove(k.control())
	k.process = start(t, "kamailio", exec.Command(program(t, "kamailio"),
		"-DD", "-E", "-f", k.config(), "-Y", k.dir, "-w", k.dir, "-m", "32", "-M", "4"))
	p := k.process
	t.Cleanup(func() {
		if _, leak, found := strings.Cut(p.output(), "LEAK"); found {
			t.Errorf("the PBX saw the browser's side: %.3000s", leak)
		}
	})
	eventually(t, 20*time.Second, "answer of Kamailio to OPTIONS", func() bool { return k.alive() })
}

// alive tells whether the PBX answers OPTIONS.
func (k *pbx) alive() bool {
	c, err := net.Dial("udp", k.addr())
	if err != nil {
		return false
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(300 * time.Millisecond))
	fmt.Fprintf(c, "OPTIONS sip:%[1]s SIP/2.0\r\nVia: SIP/2.0/UDP %[2]s;branch=z9hG4bK%[3]d;rport\r\nMax-Forwards: 5\r\n"+
		"From: <sip:probe@%[2]s>;tag=%[3]d\r\nTo: <sip:%[1]s>\r\nCall-ID: %[3]d\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
		k.addr(), c.LocalAddr(), time.Now().UnixNano())
	buf := make([]byte, 2048)
	n, err := c.Read(buf)
	return err == nil && strings.HasPrefix(string(buf[:n]), "SIP/2.0 200")
}

// registered tells whether the PBX knows a contact of user.
func (k *pbx) registered(user string) bool { return strings.Contains(k.location(user), "Contact") }

// location is all that the PBX keeps of a user's contacts.
func (k *pbx) location(user string) string {
	out, _ := exec.Command("kamcmd", "-s", "unixs:"+k.control(), "ul.lookup", "location", "s:"+user).CombinedOutput()
	return string(out)
}

// talk waits until a call from one number to another is confirmed, and gives its identifiers, as somebody names them who takes the caller's place.
func (k *pbx) talk(t *testing.T, from, to string) (replaces string) {
	t.Helper()
	eventually(t, patience, "ACK of "+from+" to "+to+" at the PBX", func() bool {
		for line := range strings.Lines(k.output()) {
			if _, id, found := strings.Cut(line, from+" and "+to+" talk in "); found {
				replaces = strings.TrimSpace(id)
			}
		}
		return replaces != ""
	})
	return replaces
}

// wantRegistered waits until users are registered.
func (k *pbx) wantRegistered(t *testing.T, users ...string) {
	t.Helper()
	for _, user := range users {
		eventually(t, 20*time.Second, "registration of "+user+" at the PBX", func() bool { return k.registered(user) })
	}
}

// uri is the SIP address of a number at the PBX.
func (k *pbx) uri(number string) string { return "sip:" + number + "@" + k.addr() }

// addr is where the PBX listens for UDP and TCP.
func (k *pbx) addr() string { return fmt.Sprintf("%s:%d", k.host, k.listen.number) }
